"""Matches: who of a provider's customers is proposed for whom of ours, and what was decided.

Until a customer's proposal is decided, nothing of theirs is sent to that integration; whatever decides it,
here or by a payer that is preset, lets their invoices go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import peewee as pw

from daemon.clock import Entropy
from daemon.errors import NotFound
from daemon.model import Document, SyncState
from daemon.model.ids import PROPOSAL, new_id
from daemon.store import audit, events, payers, plain, records, tables
from daemon.store.tables import Link, Payer
from daemon.store.tables import Proposal as Table

MATCH, CREATE = "match", "create"
MATCHED = "matched"
"""The origin of a payer that was found so."""
GONE = "gone"
"""The kind of a proposal that waits because the payer is no more."""
_FORGOTTEN: dict[str, Any] = {"shown": {}, "others": []}
"""Once it is decided, nobody needs to know any more what people there said of themselves."""
WAITS = ("WB-PAYER-UNDECIDED", "WB-PAYER-GONE")
"""What invoices wait under for a decision."""
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Begun(records.Record):
    """When an integration's customers were last listed, and how many there were."""

    table = tables.Matching
    integration_id: str
    tenant_id: str
    payers: int
    begun_at: datetime
    listed_at: datetime
    listed_by: str


@dataclass(frozen=True, slots=True)
class Proposal(records.Record):
    """A proposal as its row says it."""

    table = Table
    id: str
    tenant_id: str
    integration_id: str
    customer_id: str
    kind: str
    external_id: str | None
    score: int
    reasons: Sequence[str]
    shown: Document
    others: Sequence[Document]
    proof: str
    found_at: datetime
    decision: str | None
    decided_payer: str | None
    decided_by: str | None
    decided_at: datetime | None

    @property
    def candidates(self) -> dict[str, Document]:
        """What the proposed payer, and each further one, says of itself."""
        first = {self.external_id: self.shown} if self.external_id else {}
        return first | {str(one["payer"]): one["shown"] for one in self.others}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A proposal as a comparison made it."""

    customer_id: str
    kind: str
    proof: str
    external_id: str | None = None
    score: int = 0
    reasons: Sequence[str] = ()
    shown: Document = field(default_factory=dict)
    others: Sequence[Document] = ()


# --- reading ------------------------------------------------------------------------------------------


def begun(integration_id: str) -> Begun | None:
    return Begun.first(tables.Matching.integration_id == integration_id)


def of_customer(integration_id: str, customer_id: str) -> Proposal | None:
    return Proposal.first((Table.integration_id == integration_id) & (Table.customer_id == customer_id))


def of_customers(integration_id: str, customer_ids: Iterable[str]) -> dict[str, Proposal]:
    """By customer, decided or not."""
    found: dict[str, Proposal] = {}
    wanted = sorted(set(customer_ids))
    for start in range(0, len(wanted), CHUNK):
        some = Table.customer_id.in_(wanted[start : start + CHUNK])
        rows = Proposal.select((Table.integration_id == integration_id) & some)
        found |= {row.customer_id: row for row in rows}
    return found


def undecided(integration_id: str, customer_ids: Iterable[str]) -> set[str]:
    """Those of them for whom a person must decide first."""
    return {
        name for name, row in of_customers(integration_id, customer_ids).items() if row.decided_at is None
    }


def listing(integration_id: str, *, limit: int, after: str = "", decided: bool = False) -> list[Proposal]:
    """By id, from behind `after`: those that wait, or those that are decided."""
    where = (Table.integration_id == integration_id) & (Table.id > after)
    where &= Table.decided_at.is_null(not decided)
    return list(Proposal.select(where, order=Table.id, limit=limit))


def waiting(integration_id: str) -> list[Proposal]:
    """All that wait for a person, the most alike first."""
    where = (Table.integration_id == integration_id) & Table.decided_at.is_null()
    return list(Proposal.select(where, order=(Table.score.desc(), Table.id)))


def settled(integration_id: str) -> set[str]:
    """The customers of whom it is known who they are there, or that they are to be made."""
    there: Any = Payer.select(Payer.customer_id).where(Payer.integration_id == integration_id).tuples()
    decided: Any = (
        Table.select(Table.customer_id)
        .where((Table.integration_id == integration_id) & Table.decided_at.is_null(False))
        .tuples()
    )
    return {row[0] for row in there} | {row[0] for row in decided}


def counts(tenant_id: str | None) -> dict[str, int]:
    """By integration: how many proposals wait for a person."""
    where = Table.decided_at.is_null()
    if tenant_id is not None:
        where &= Table.tenant_id == tenant_id
    query = Table.select(Table.integration_id, pw.fn.COUNT(Table.id)).where(where)
    rows: Any = query.group_by(Table.integration_id).tuples()
    return dict(rows)


# --- proposals ----------------------------------------------------------------------------------------


def listed(integration: records.Integration, *, payers: int, actor: str, now: datetime) -> None:
    """Inside a transaction: the integration's customers were listed."""
    values = {"payers": payers, "listed_at": now, "listed_by": actor}
    if not plain.update(tables.Matching, "integration_id", integration.id, values):
        names = {"integration_id": integration.id, "tenant_id": integration.tenant_id, "begun_at": now}
        plain.insert(tables.Matching, names | values)
    audit.append(
        integration.tenant_id,
        actor=actor,
        action="integration.payers_listed",
        subject=integration.id,
        data={"payers": payers},
        now=now,
    )


def propose(
    integration: records.Integration, drawn: Sequence[Drawn], *, now: datetime, entropy: Entropy
) -> None:
    """Inside a transaction: proposals that wait, in the place of those that wait already."""
    known = of_customers(integration.id, [one.customer_id for one in drawn])
    for one in drawn:
        values = asdict(one) | {"found_at": now}
        row = known.get(one.customer_id)
        if row is None:
            names = {"tenant_id": integration.tenant_id, "integration_id": integration.id}
            plain.insert(Table, {"id": new_id(PROPOSAL, now, entropy)} | names | values)
        elif row.decided_at is None:
            plain.update(Table, "id", row.id, values)


def withdraw(integration: records.Integration, customer_ids: Sequence[str], *, now: datetime) -> None:
    """Inside a transaction: nobody is proposed for these any more. They are made anew there."""
    names = list(customer_ids)
    mine = (Table.integration_id == integration.id) & Table.customer_id.in_(names)
    Table.delete().where(mine & Table.decided_at.is_null()).execute()
    _resume(integration.id, names, now)


def lost(
    integration: records.Integration,
    customer: records.Customer,
    old: str,
    *,
    proof: str,
    why: str,
    now: datetime,
    entropy: Entropy,
) -> bool:
    """Inside a transaction: the customer's payer is no more. Who it is now, a person says. False, and nothing
    done, where it is another by now, or that was written already."""
    if not payers.forget(integration.id, customer.id, only=old):
        return False
    mine = (Table.integration_id == integration.id) & (Table.customer_id == customer.id)
    Table.delete().where(mine).execute()
    drawn = Drawn(customer.id, GONE, proof, reasons=(why,))
    propose(integration, [drawn], now=now, entropy=entropy)
    _tell(integration, customer.id, "payer_lost", {"payer": old, "sentence": f"{why}."}, "daemon", now)
    return True


def moved(
    integration: records.Integration, customer_id: str, old: str, new: str, *, label: str, now: datetime
) -> None:
    """Inside a transaction: the provider merged the customer's payer into another, who is billed now."""
    known = (
        "UPDATE payer SET external_id = ? WHERE integration_id = ? AND customer_id = ? AND external_id = ?"
    )
    if not plain.execute(known, new, integration.id, customer_id, old):
        return  # by another invoice already, or a person said who it is
    said = {"sentence": f"{label} merged its customer {old} into {new}, who is billed from now on."}
    _tell(integration, customer_id, "payer_moved", {"from": old, "to": new} | said, "daemon", now)


# --- decisions ----------------------------------------------------------------------------------------


def decide(
    integration: records.Integration,
    drawn: Drawn | Proposal,
    decision: str,
    payer: str | None,
    *,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> None:
    """Inside a transaction: the customer is this payer, or is to be made anew; invoices that waited for it go
    on. A payer that is known is replaced."""
    customer_id = drawn.customer_id
    if payer is not None:
        payers.note(
            tenant_id=integration.tenant_id,
            integration_id=integration.id,
            customer_id=customer_id,
            external_id=payer,
            origin=MATCHED,
            now=now,
            entropy=entropy,
        )
    else:
        payers.forget(integration.id, customer_id)
    _write_decision(integration, drawn, decision, payer, actor=actor, now=now, entropy=entropy)
    data = {"payer": payer, "score": drawn.score, "reason": "; ".join(drawn.reasons)}
    who = f"the provider's customer {payer}" if payer else "nobody who is at the provider yet"
    said = {"sentence": f"The customer is {who}."}
    _tell(integration, customer_id, "matched" if payer else "not_matched", data | said, actor, now)
    _resume(integration.id, [customer_id], now)


def _write_decision(
    integration: records.Integration,
    drawn: Drawn | Proposal,
    decision: str,
    payer: str | None,
    *,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> None:
    values: dict[str, Any] = {
        "decision": decision,
        "decided_payer": payer,
        "decided_by": actor,
        "decided_at": now,
    } | _FORGOTTEN
    mine = (Table.integration_id == integration.id) & (Table.customer_id == drawn.customer_id)
    if Table.update(values).where(mine).execute():
        return
    if isinstance(drawn, Drawn):
        names = {"tenant_id": integration.tenant_id, "integration_id": integration.id, "found_at": now}
        plain.insert(Table, {"id": new_id(PROPOSAL, now, entropy)} | names | asdict(drawn) | values)


def answered(integration_id: str, customer_id: str, payer: str, *, actor: str, now: datetime) -> None:
    """Inside a transaction: a person preset the payer, which answers whatever was asked."""
    values = _FORGOTTEN | {"decision": MATCH, "decided_payer": payer, "decided_by": actor, "decided_at": now}
    mine = (Table.integration_id == integration_id) & (Table.customer_id == customer_id)
    Table.update(values).where(mine & Table.decided_at.is_null()).execute()
    _resume(integration_id, [customer_id], now)


def hold(integration_id: str, customer_id: str) -> Proposal:
    """Inside a transaction: the proposal as it is now, and nobody else decides it until the end. Raises
    NotFound."""
    row = of_customer(integration_id, customer_id)
    if row is None:
        raise NotFound("proposal for customer", customer_id)
    plain.hold(Table, row.id)
    return of_customer(integration_id, customer_id) or row


def _resume(integration_id: str, customer_ids: Sequence[str], now: datetime) -> None:
    """What waited for the decision is pushed."""
    names = list(customer_ids)
    for start in range(0, len(names), CHUNK):
        mine = (Link.integration_id == integration_id) & Link.customer_id.in_(names[start : start + CHUNK])
        waits = (Link.state == SyncState.PARKED.value) & Link.fault_code.in_(WAITS)
        Link.update(state=SyncState.PENDING.value, next_push_at=now, fault_code=None, fault_text=None).where(
            mine & waits
        ).execute()


def _tell(
    integration: records.Integration,
    customer_id: str,
    what: str,
    data: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> None:
    kept = {name: value for name, value in data.items() if name != "sentence"}
    audit.append(
        integration.tenant_id,
        actor=actor,
        action=f"customer.{what}",
        subject=customer_id,
        data=kept | {"integration": integration.id},
        now=now,
    )
    events.append(
        integration.tenant_id,
        f"customer.{what}",
        now=now,
        customer_id=customer_id,
        integration_id=integration.id,
        data=dict(data),
    )
