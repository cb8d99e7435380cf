"""Invoices: the list with its filters, and one with its states, its facts and its whole story."""

from __future__ import annotations

from daemon.errors import InvalidInput, NotFound
from daemon.jobs import receipts as entering
from daemon.jobs import wishes
from daemon.jobs.papers import paper_of
from daemon.model import PaymentStatus, SyncState
from daemon.money import Money
from daemon.store import invoices, receipts, records, sessions, views
from daemon.timeline import next_step, timeline
from daemon.web.api.connecting import one_of_few
from daemon.web.dashboard import words
from daemon.web.dashboard.roles import OFFICE, READERS
from daemon.web.dashboard.rows import answer, rows_of
from daemon.web.dashboard.within import LIMIT, Desk, Spot, day_of
from daemon.web.dashboard.words import METHODS, RECEIPTS
from daemon.web.pages import Answer, File, Go


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
        receipts=receipts.of_invoice(found.id),
        payable=found.due_minor > 0,
        methods=METHODS,
        states=RECEIPTS,
        once=sessions.secret(desk.house.entropy)[:24],
        today=desk.visit.reader.today(desk.now),
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


def paid(desk: Desk) -> Answer:
    """A payment that was made outside is entered; the same form again is the same payment. Raises
    InvalidInput, in plain words, where this invoice cannot take it."""
    row, form = _named(desk), desk.visit.form
    note, once = form.get("note"), form.get("once")
    if not (note or "-").isprintable() or not (once.isascii() and once.isprintable() and len(once) <= 40):
        raise InvalidInput("WB-INPUT", "note: one line of printable characters", field="note")
    wanted = entering.Given(
        amount=form.get("amount"),
        method=form.get("method"),
        paid_on=day_of(form.get("paid_on"), "paid_on"),
        note=note,
        reference=once or None,
    )
    made, is_new = entering.enter(desk.house, row, wanted, actor=desk.actor)
    amount = desk.visit.reader.money(made.amount)
    desk.visit.say("good", f"{amount} is entered and counts." if is_new else "It was entered already.")
    return Go(desk.path(f"invoices/{row.id}"))


def take_back(desk: Desk) -> Answer:
    """Raises InvalidInput where the provider has it in its books; NotFound for another invoice's."""
    row, name = _named(desk), desk.visit.path["paymentId"]
    made = receipts.get(desk.tenant.id, name)
    if made.invoice_id != row.id or made.id != name:
        raise NotFound("payment", name)
    entering.take_back(desk.house, made, actor=desk.actor)
    desk.visit.say("good", "It is taken back: the amount is owed again.")
    return Go(desk.path(f"invoices/{row.id}"))


def printed(desk: Desk) -> Answer:
    """The invoice as PDF: the provider's, else ours."""
    row = _named(desk)
    with one_of_few():
        return File(paper_of(desk.house, row).pdf, "application/pdf", f"invoice-{row.number}.pdf")


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
    Spot("GET", f"{ONE}/pdf", printed, READERS),
    Spot("POST", f"{ONE}/payments", paid, OFFICE),
    Spot("POST", f"{ONE}/payments/{{paymentId}}/take-back", take_back, OFFICE),
)
