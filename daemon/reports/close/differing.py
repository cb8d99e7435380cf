"""Where the two books of a month differ: each invoice in a sentence, with the command that settles it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from daemon.jobs.remedies import settling
from daemon.model import RUNNING, SyncState
from daemon.model.differences import Kind
from daemon.money import Money
from daemon.reports.close.reckoning import Month, ledger, withdrawn
from daemon.store import records
from daemon.store.differences import Difference
from daemon.store.reporting.close import Line

OF_MONEY = frozenset({Kind.AMOUNT_EDITED, Kind.DELETED_THERE, Kind.STATUS_UNKNOWN})
OF_AN_INVOICE = OF_MONEY | {Kind.UNKNOWN_HERE}
NOT_HERE = frozenset({Kind.UNKNOWN_HERE, Kind.DUPLICATE})
"""Documents that the provider has beyond those of ours."""


@dataclass(frozen=True, slots=True)
class Apart:
    """One difference. `amount` is by how much the provider's ledger is off; None where that is not known.
    `read_at` is when the invoice was read there."""

    integration_id: str | None
    currency: str
    number: str | None
    invoice_id: str | None
    amount: Money | None
    sentence: str
    command: str
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is at hand beside the lines: integrations by id, and what waits for a person, by invoice."""

    integrations: Mapping[str, records.Integration]
    waiting: Mapping[str, Difference]


def apart(lines: Iterable[Line], month: Month, known: Known) -> list[Apart]:
    """Of the invoices that are dated in the month."""
    return [one for line in lines if month.has(line.issued_on) for one in _of(line, known)]


def beyond(
    rows: Iterable[Difference], month: Month, issued: Mapping[str, date], currency: str
) -> list[Apart]:
    """Documents that the provider has and we do not: in the month of the invoice that they double, else in
    the one in which they were found. `currency` stands for one that is not known."""
    return [
        Apart(
            row.integration_id,
            row.amount.currency if row.amount else currency,
            None,
            None,
            row.amount,
            row.sentence,
            _command(row),
        )
        for row in rows
        if _is_beyond(row, month, issued)
    ]


def _is_beyond(row: Difference, month: Month, issued: Mapping[str, date]) -> bool:
    if row.invoice_id is None:
        return row.kind in NOT_HERE and month.since <= row.found_at < month.until
    dated = issued.get(row.invoice_id)
    return row.kind == Kind.DUPLICATE and dated is not None and month.has(dated)


def _of(line: Line, known: Known) -> Iterator[Apart]:
    if withdrawn(line):
        return
    there, row = ledger(line), known.waiting.get(line.invoice_id)
    if row is not None and row.kind == Kind.UNKNOWN_HERE and line.sync != SyncState.SYNCED:
        yield _apart(line, -line.total, row.sentence, _command(row))
    elif line.sync != SyncState.SYNCED:
        yield _apart(line, -line.total, *_unsent(line, known))
    elif there is None:
        yield _apart(line, None, "It was not read at the provider yet.", "wispbill pull")
    elif there != line.total:
        if row is not None and row.kind in OF_MONEY:
            yield _apart(line, there - line.total, row.sentence, _command(row))
        else:
            yield _apart(line, there - line.total, _told(line, there, known), _sweep(line))


def _apart(line: Line, minor: int | None, sentence: str, command: str) -> Apart:
    amount = Money(minor, line.currency) if minor is not None else None
    return Apart(
        line.integration_id,
        line.currency,
        line.number,
        line.invoice_id,
        amount,
        sentence,
        command,
        line.read_at,
    )


def _unsent(line: Line, known: Known) -> tuple[str, str]:
    """Why it is not there yet, and what brings it there."""
    at = known.integrations.get(line.integration_id or "")
    if line.sync == SyncState.FAILED:
        return (
            f"It was refused: {line.fault_code}: {line.fault_text}",
            f"wispbill invoices sync {line.invoice_id}",
        )
    if at is None:
        return "No integration takes it.", "wispbill integrations add stripe"
    if at.state not in RUNNING:
        return f"It waits for {at.id}, which is {at.state.replace('_', ' ')}.", settling(at)
    if line.sync in (SyncState.SENDING, SyncState.UNCONFIRMED):
        return "It is on its way; whether it landed is looked for.", "wispbill push"
    if not at.create_automatically:
        return "It is sent when somebody asks.", f"wispbill invoices sync {line.invoice_id}"
    return "It was not sent yet.", "wispbill push"


def _told(line: Line, there: int, known: Known) -> str:
    at = known.integrations.get(line.integration_id or "")
    name = at.provider if at else "the provider"
    if line.doc_status in ("void", "missing"):
        how = "calls it void" if line.doc_status == "void" else "no longer has it"
        return f"{name} {how}; here it stands as {line.payment_status.replace('_', ' ')}."
    return f"{name} has it over {Money(there, line.currency)}, we billed {Money(line.total, line.currency)}."


def _sweep(line: Line) -> str:
    """The comparison says what it is, and what to do about it."""
    return f"wispbill sweep --integration {line.integration_id}"


def _command(row: Difference) -> str:
    return row.command.replace("{id}", row.id)
