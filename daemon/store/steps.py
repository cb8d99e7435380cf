"""Steps: the rows of the journal, each a durable step of a subject (an invoice, or a payer)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime

from daemon.model import Document, StepState
from daemon.policy import StepView
from daemon.store import plain
from daemon.store.tables import Step


@dataclass(frozen=True, slots=True)
class Row:
    """A step as read, or as it would be inserted by its first mark (`id` is None)."""

    id: int | None
    operation: str
    revision: int
    state: StepState
    key: str
    send_no: int
    body: Document
    result: Document | None = None
    key_first_sent_at: datetime | None = None
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    attempts: int = 0
    replayed: bool = False
    ambiguous: bool = False
    fault_code: str | None = None
    fault_text: str | None = None

    @property
    def view(self) -> StepView:
        return StepView(
            self.state,
            self.send_no,
            self.key_first_sent_at,
            self.last_sent_at,
            self.replayed,
            self.ambiguous,
        )


def invoice_subject(reference: str) -> str:
    return f"invoice:{reference}"


def payer_subject(reference: str) -> str:
    return f"customer:{reference}"


def put(row: Row, *, tenant_id: str, integration_id: str, subject: str) -> int:
    """Inside a transaction: write the row as it is now; returns its id."""
    values = {name: getattr(row, name) for name in _VALUES} | {"state": row.state.value}
    if row.id is not None:
        plain.update(Step, "id", row.id, values)
        return row.id
    identity = {
        "tenant_id": tenant_id,
        "integration_id": integration_id,
        "subject": subject,
        "operation": row.operation,
        "revision": row.revision,
    }
    return plain.insert(Step, identity | values)


def read(integration_id: str, subjects: Sequence[str]) -> dict[str, dict[str, Row]]:
    """The latest revision of each step of each subject, by operation."""
    found: dict[str, dict[str, Row]] = {subject: {} for subject in subjects}
    within = ("integration_id", integration_id)
    rows = plain.select(Step, ("subject", *_COLUMNS), "subject", subjects, within=within, order="revision")
    for subject, *values in rows:
        row = Row(*values)
        found[subject][row.operation] = replace(row, state=StepState(row.state))
    return found


def of_invoice(integration_id: str, reference: str) -> list[Row]:
    """The steps of an invoice, oldest first, for its timeline."""
    subject = invoice_subject(reference)
    return sorted(read(integration_id, [subject])[subject].values(), key=lambda row: row.id or 0)


def reopen(integration_id: str, invoice: str, customer: str) -> int:
    """Inside a transaction: let a person's "try again" reach the steps that stopped, the invoice's and
    its payer's. A refused one starts anew under the next revision; a stuck one looks before anything
    else."""
    subjects = [invoice_subject(invoice), payer_subject(customer)]
    subject = (Step.integration_id == integration_id) & Step.subject.in_(subjects)
    refused = (
        Step.update(
            revision=Step.revision + 1,
            state=StepState.NEW.value,
            send_no=0,
            key_first_sent_at=None,
            first_sent_at=None,
            last_sent_at=None,
            attempts=0,
            replayed=False,
            ambiguous=False,
        )
        .where(subject & (Step.state == StepState.REJECTED.value))
        .execute()
    )
    stuck = (
        Step.update(state=StepState.SENDING.value, replayed=True)
        .where(subject & (Step.state == StepState.STUCK.value))
        .execute()
    )
    return int(refused + stuck)


def make_payer_anew(integration_id: str, customer: str) -> None:
    """Inside a transaction: the payer of this customer (the platform's reference) is no more; the step that
    made it is walked again, under the next revision."""
    mine = (Step.integration_id == integration_id) & (Step.subject == payer_subject(customer))
    Step.update(
        revision=Step.revision + 1,
        state=StepState.NEW.value,
        send_no=0,
        key_first_sent_at=None,
        first_sent_at=None,
        last_sent_at=None,
        attempts=0,
        replayed=False,
        ambiguous=False,
        result=None,
    ).where(mine & (Step.state == StepState.DONE.value)).execute()


_COLUMNS = tuple(field.name for field in fields(Row))
_VALUES = tuple(name for name in _COLUMNS if name not in ("id", "operation", "revision", "state"))
