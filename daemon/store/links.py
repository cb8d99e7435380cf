"""Links: an invoice on its way to, and at, the integration that it was first pushed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

import peewee as pw

from daemon.clock import to_micros
from daemon.errors import InvalidInput, LeaseLost, NotFound
from daemon.model import CLOSED, PaymentStatus, SyncState
from daemon.model.states import Duty
from daemon.store import plain, receipts, records, steps
from daemon.store.integrations import running
from daemon.store.tables import Customer, Integration, Invoice, Link, Payment

S = SyncState

SPREAD = 0.2
"""Of the time between two reads of an open invoice."""
SOON = 0.25
"""Of that time too: a little more than SPREAD, since a read of many lasts."""


def of_invoice(invoice_id: str) -> records.Link:
    found = records.Link.first(Link.invoice_id == invoice_id)
    if found is None:
        raise NotFound("link of invoice", invoice_id)
    return found


def of_invoices(invoice_ids: Sequence[str]) -> dict[str, records.Link]:
    return {row.invoice_id: row for row in records.Link.by("invoice_id", invoice_ids)}


def hold(link_id: str) -> records.Link:
    """Inside a transaction: the link as it is now, which nobody else changes until its end."""
    plain.hold(Link, link_id)
    return get(link_id)


def get(link_id: str) -> records.Link:
    found = records.Link.first(Link.id == link_id)
    if found is None:
        raise NotFound("link", link_id)
    return found


def by_refs(integration_id: str, refs: Sequence[str]) -> dict[str, records.Link]:
    """By external id."""
    if not refs:
        return {}
    where = (Link.integration_id == integration_id) & Link.external_id.in_(list(refs))
    return {row.external_id or "": row for row in records.Link.select(where)}


def latest_of_customer(integration_id: str, customer_id: str, *, limit: int) -> list[records.Link]:
    """The customer's newest invoices that are at this integration."""
    mine = (Link.integration_id == integration_id) & (Link.customer_id == customer_id)
    order = (Link.pushed_at.desc(), Link.id.desc())
    return list(records.Link.select(mine & Link.external_id.is_null(False), order=order, limit=limit))


def settled_by(integration_id: str, payments: Sequence[str]) -> list[str]:
    """Ids of the links whose invoices know a fact of one of these payments."""
    ids: set[str] = set()
    for start in range(0, len(payments), 100):
        some = payments[start : start + 100]
        # "180:" to "180;": everything that begins with "180:", found by the index.
        parts = [(Payment.external_id >= f"{x}:") & (Payment.external_id < f"{x};") for x in some]
        facts = reduce(or_, parts, Payment.external_id.in_(some))
        query = (
            Link.select(Link.id)
            .join(Payment, on=(Payment.invoice_id == Link.invoice_id))
            .where((Payment.integration_id == integration_id) & facts)
        )
        ids |= {row.id for row in query}
    return sorted(ids)


# --- push ---------------------------------------------------------------------------------------------


def assign(now: datetime) -> int:
    """Inside a transaction: give unassigned links the integration that serves their customer: the
    customer's own (once approved), else the tenant's default. Returns how many were assigned."""
    unassigned = Link.integration_id.is_null()
    tenants = {row.tenant_id for row in Link.select(Link.tenant_id).where(unassigned).distinct()}
    if not tenants:
        return 0
    serves = Integration.duty == Duty.SERVES.value
    serving = Integration.select().where(running() & serves)
    count = 0
    for row in serving.where(Integration.tenant_id.in_(sorted(tenants)) & Integration.approved):
        mine = belongs_to(row)
        if not row.create_automatically:
            unasked = unassigned & mine & Link.void_requested_at.is_null()
            Link.update(next_push_at=None).where(unasked).execute()
        count += Link.update(integration_id=row.id).where(unassigned & mine).execute()
    return count


def belongs_to(row: Integration | records.Integration) -> pw.Expression:
    """The links of the customers whom this integration serves: the customer's own, or everybody's that has
    none of their own."""
    if row.customer_id is not None:
        return Link.customer_id == row.customer_id
    with_own = Integration.select(Integration.customer_id).where(
        (Integration.tenant_id == row.tenant_id)
        & Integration.customer_id.is_null(False)
        & Integration.removed_at.is_null()
        & (Integration.duty == Duty.SERVES.value)
    )
    return (Link.tenant_id == row.tenant_id) & Link.customer_id.not_in(with_own)


def due_for_push(integration_id: str, now: datetime, *, limit: int) -> list[records.Link]:
    """Those to be voided come first: behind a long queue they could be paid meanwhile."""
    where = (Link.integration_id == integration_id) & (Link.next_push_at <= now)
    order = (Link.void_requested_at.is_null(), Link.next_push_at, Link.id)
    return list(records.Link.select(where, order=order, limit=limit))


def sending(link_id: str, integration_id: str, now: datetime) -> None:
    """Inside the transaction of a push's first mark: from here on something may be at the provider. Raises
    LeaseLost where it goes to another integration by now: nothing was marked, nothing may be sent.

    It stays due: where its integration was parked between the choice and this mark, and the daemon dies
    before it is told what became of it, nobody else would come back to it."""
    marked = plain.execute(
        "UPDATE link SET state = ?, first_tried_at = COALESCE(first_tried_at, ?), "
        "next_push_at = COALESCE(next_push_at, ?) WHERE id = ? AND integration_id = ? AND pushed_at IS NULL",
        S.SENDING.value,
        to_micros(now),
        to_micros(now),
        link_id,
        integration_id,
    )
    if not marked and get(link_id).integration_id != integration_id:
        raise LeaseLost("it goes to another integration now")


def synced(
    link_id: str,
    *,
    reference: str,
    external_id: str,
    number: str | None,
    now: datetime,
    next_pull_at: datetime | None,
) -> None:
    """Inside a transaction: the invoice is live at the provider and was sent. Where it was asked to be
    voided meanwhile, that comes next."""
    values = {
        "state": S.SYNCED.value,
        "reference": reference,
        "external_id": external_id,
        "external_number": number,
        "pushed_at": now,
        "next_push_at": None,
        "next_pull_at": next_pull_at,
        "fault_code": None,
        "fault_text": None,
    }
    plain.update(Link, "id", link_id, values)
    voiding = "UPDATE link SET next_push_at = ? WHERE id = ? AND void_requested_at IS NOT NULL"
    plain.execute(voiding, to_micros(now), link_id)


def fell_short(
    link_id: str,
    integration_id: str,
    state: SyncState,
    *,
    code: str,
    text: str,
    next_push_at: datetime | None,
    counted: bool,
) -> None:
    """Inside a transaction: a push that did not get through, and when it is tried again (None: when a
    person, or the integration's return, asks for it). `counted`: something may have been sent. Where it
    goes to another integration by now, it is none of this one's business."""
    Link.update(
        state=state.value,
        fault_code=code,
        fault_text=text[:500],
        next_push_at=next_push_at,
        attempts=Link.attempts + int(counted),
    ).where((Link.id == link_id) & (Link.integration_id == integration_id)).execute()


def push_at(link_id: str, moment: datetime) -> None:
    """Inside a transaction: the next try."""
    Link.update(next_push_at=moment).where(Link.id == link_id).execute()


def ask_again(link: records.Link, invoice_reference: str, *, now: datetime) -> None:
    """Inside a transaction: a person asks for this link to be pushed (again) at once."""
    customer = Customer.get_by_id(link.customer_id)
    if link.integration_id is not None:
        steps.reopen(link.integration_id, invoice_reference, customer.reference)
    if link.state in (S.FAILED.value, S.PARKED.value, S.PENDING.value, S.UNCONFIRMED.value, S.SENDING.value):
        state = S.PENDING.value if link.state in (S.FAILED.value, S.PARKED.value) else link.state
        Link.update(
            state=state, next_push_at=now, first_tried_at=None, attempts=0, fault_code=None, fault_text=None
        ).where(Link.id == link.id).execute()


def refused_for_its_payer(link: records.Link, invoice_reference: str, *, now: datetime) -> None:
    """Inside a transaction: what was being sent was refused because of whom it is for, who is another now: it
    is sent anew. What is in doubt all the same, the journal knows."""
    Link.update(state=S.PENDING.value).where(Link.id == link.id).execute()
    ask_again(get(link.id), invoice_reference, now=now)


def ask_all(tenant_id: str | None, now: datetime) -> int:
    """Inside a transaction: whatever is pending (and neither refused nor withdrawn) is to be pushed at once;
    returns how many. The journal still decides what may be sent again."""
    unpaid = (PaymentStatus.OPEN.value, PaymentStatus.DRAFT.value)
    where = (Link.state == S.PENDING.value) & Link.void_requested_at.is_null()
    where &= Link.invoice_id.in_(Invoice.select(Invoice.id).where(Invoice.payment_status.in_(unpaid)))
    if tenant_id is not None:
        where &= Link.tenant_id == tenant_id
    return int(Link.update(next_push_at=now).where(where).execute())


def request_void(link: records.Link, *, now: datetime) -> None:
    """Inside a transaction: ask `jobs.push` to withdraw the invoice. Raises InvalidInput where it was
    asked before."""
    if link.void_requested_at is not None:
        raise InvalidInput("WB-INVOICE-STATE", "voiding this invoice was asked for already")
    Link.update(void_requested_at=now, next_push_at=now).where(Link.id == link.id).execute()


def voided(link_id: str, *, code: str | None) -> None:
    """Inside a transaction: nothing is left to push; `code` says so where it never left."""
    Link.update(next_push_at=None, fault_code=code, fault_text=None).where(Link.id == link_id).execute()


def void_refused(link_id: str, *, code: str, text: str, next_push_at: datetime | None) -> None:
    """Inside a transaction: the wish is dropped where it is refused for good (no next try)."""
    values: dict[str, Any] = {"fault_code": code, "fault_text": text[:500], "next_push_at": next_push_at}
    if next_push_at is None:
        values["void_requested_at"] = None
    Link.update(values).where(Link.id == link_id).execute()


# --- pull ---------------------------------------------------------------------------------------------


def due_for_pull(
    integration_id: str, now: datetime, *, limit: int, soon_s: float = 0.0
) -> list[records.Link]:
    """Where one is due, those that will be within `soon_s` come with it: one list shows them all, and each
    alone would cost the same list again."""
    of_it = Link.integration_id == integration_id
    if soon_s and Link.select().where(of_it & (Link.next_pull_at <= now)).exists():
        now += timedelta(seconds=soon_s)
    return list(records.Link.select(of_it & (Link.next_pull_at <= now), order=Link.next_pull_at, limit=limit))


def any_under_way(integration_id: str) -> bool:
    """Whether a push has not come to its end, so that its document may exist without our knowing its id."""
    states = (S.SENDING.value, S.UNCONFIRMED.value)
    goes_on = Link.state.in_(states) & Link.next_push_at.is_null(False)
    return Link.select().where((Link.integration_id == integration_id) & goes_on).exists()


def read_all_open(integration_id: str, now: datetime) -> int:
    """Inside a transaction: every link whose invoice is not void is due for a read: what was paid, or
    refunded, may have been given back meanwhile, or have bounced."""
    # EXISTS: with IN, SQLite would gather the invoices of all tenants, in a transaction that writes.
    not_void = Invoice.select(pw.SQL("1")).where(
        (Invoice.id == Link.invoice_id) & (Invoice.payment_status != PaymentStatus.VOID.value)
    )
    there = (Link.integration_id == integration_id) & Link.external_id.is_null(False)
    return int(Link.update(next_pull_at=now).where(there & pw.fn.EXISTS(not_void)).execute())


def read_by(integration_id: str, moment: datetime) -> int:
    """Inside a transaction: what is followed is due for a read then, unless it is due before."""
    later = (Link.integration_id == integration_id) & (Link.next_pull_at > moment)
    return int(Link.update(next_pull_at=moment).where(later).execute())


def mark_pulled(links: Sequence[tuple[str, str]], *, now: datetime, reread_s: float, spread: float) -> None:
    """Inside a transaction: these (link id, payment status) were read. Open ones are read again after
    `reread_s`, spread over SPREAD of it; closed ones when something points at them."""
    closed = {status.value for status in CLOSED}
    open_ids = [link_id for link_id, status in links if status not in closed]
    shut_ids = [link_id for link_id, status in links if status in closed]
    later = now + timedelta(seconds=reread_s * (1 + SPREAD * spread))
    if open_ids:
        Link.update(last_pulled_at=now, next_pull_at=later).where(Link.id.in_(open_ids)).execute()
    if shut_ids:
        Link.update(last_pulled_at=now, next_pull_at=None).where(Link.id.in_(shut_ids)).execute()


def postpone(ids: Sequence[str], until: datetime) -> None:
    """Inside a transaction: these are to be read at `until`."""
    Link.update(next_pull_at=until).where(Link.id.in_(list(ids))).execute()


def count_by_state(tenant_id: str | None = None) -> dict[str, int]:
    query = Link.select(Link.state, pw.fn.COUNT(pw.SQL("1"))).group_by(Link.state)
    if tenant_id is not None:
        query = query.where(Link.tenant_id == tenant_id)
    rows: Any = query.tuples()
    return dict(rows)


def count_followed(ids: Sequence[str]) -> dict[str, int]:
    """Per integration: how many links are read again and again."""
    query = (
        Link.select(Link.integration_id, pw.fn.COUNT(pw.SQL("1")))
        .where(Link.integration_id.in_(list(ids)) & Link.next_pull_at.is_null(False))
        .group_by(Link.integration_id)
    )
    rows: Any = query.tuples()
    return dict.fromkeys(ids, 0) | dict(rows)


def unassigned(tenant_id: str | None = None) -> int:
    where = Link.integration_id.is_null()
    if tenant_id is not None:
        where &= Link.tenant_id == tenant_id
    return int(Link.select().where(where).count())


def all_closed(integration_id: str) -> bool:
    """Whether no invoice at this integration is still open or on its way there (who paid in cash meanwhile
    may have it all the same), and nothing is to be recorded there."""
    closed = [status.value for status in CLOSED]
    still_open = (
        Link.select()
        .join(Invoice, on=(Invoice.id == Link.invoice_id))
        .where((Link.integration_id == integration_id) & Invoice.payment_status.not_in(closed))
    )
    if still_open.exists() or any_under_way(integration_id):
        return False
    return not receipts.is_awaited(integration_id)
