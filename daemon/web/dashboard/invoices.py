"""Invoices: the list with its filters, and one with its states, its facts and its whole story."""

from __future__ import annotations

from daemon.errors import InvalidInput, NotFound
from daemon.jobs import wishes
from daemon.model import PaymentStatus, SyncState
from daemon.money import Money
from daemon.store import invoices, records, views
from daemon.timeline import next_step, timeline
from daemon.web.dashboard import words
from daemon.web.dashboard.roles import OFFICE, READERS
from daemon.web.dashboard.rows import answer, rows_of
from daemon.web.dashboard.within import LIMIT, Desk, Spot
from daemon.web.pages import Answer, Go


def listed(desk: Desk) -> Answer:
    query = desk.visit.query
    status, sync, after = query.get("status"), query.get("sync"), query.get("after")
    if status not in ("", *PaymentStatus) or sync not in ("", *SyncState):
        raise InvalidInput("WB-INPUT", "there is no such state")
    found = invoices.listing(
        desk.tenant.id, limit=LIMIT + 1, after=after, status=status or None, sync=sync or None
    )
    more = found[LIMIT - 1].id if len(found) > LIMIT else None
    return desk.view(
        "invoices",
        "Invoices",
        rows=rows_of(desk, found[:LIMIT]),
        status=status,
        sync=sync,
        after=after,
        more=more,
        payments=words.PAYMENT,
        syncs=words.SYNC,
    )


def one(desk: Desk) -> Answer:
    found = _named(desk)
    [row] = rows_of(desk, [found], proven=True)
    lines = [
        (line, Money(line.net_minor, found.currency), Money(line.tax_minor, found.currency))
        for line in invoices.lines_of(found.id)
    ]
    facts = views.payments_of([found.id])[found.id]
    return desk.view(
        "invoice",
        f"Invoice {found.number}",
        row=row,
        answer=answer(desk, row),
        lines=lines,
        facts=[(fact, Money(fact.amount_minor, fact.currency)) for fact in facts],
        timeline=list(reversed(timeline(found))),
        next=next_step(found, desk.now),
        voidable=found.payment_status in wishes.VOIDABLE,
    )


def sync(desk: Desk) -> Answer:
    row = _named(desk)
    desk.write("invoices.sync", lambda: wishes.sync(row, actor=desk.actor, now=desk.now), wake="push")
    desk.house.wake("pull")
    desk.visit.say("good", f"Invoice {row.number} is sent or read as soon as its billing system allows.")
    return Go(desk.path(f"invoices/{row.id}"))


def void(desk: Desk) -> Answer:
    """Raises InvalidInput where it is paid, or was asked for already."""
    row = _named(desk)
    if desk.visit.form.get("sure") != row.number:
        raise InvalidInput("WB-INPUT", "type the number of the invoice to void it", field="sure")
    desk.write("invoices.void", lambda: wishes.void(row, actor=desk.actor, now=desk.now), wake="push")
    desk.visit.say("good", f"Invoice {row.number} is withdrawn, here and at its billing system.")
    return Go(desk.path(f"invoices/{row.id}"))


def _named(desk: Desk) -> records.Invoice:
    """That of the path, by its id. Raises NotFound."""
    name = desk.visit.path["invoiceId"]
    row = invoices.find(desk.tenant.id, name)
    if row is None or row.id != name:
        raise NotFound("invoice", name)
    return row


ONE = "invoices/{invoiceId}"
SPOTS = (
    Spot("GET", "invoices", listed, READERS),
    Spot("GET", ONE, one, READERS),
    Spot("POST", f"{ONE}/sync", sync, OFFICE),
    Spot("POST", f"{ONE}/void", void, OFFICE),
)
