"""How an invoice and a service stand, in words for the person who pays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from daemon.model import PaymentStatus, SyncState
from daemon.model.dunning import ServiceStatus
from daemon.money import Money
from daemon.store import records
from daemon.web.pages.rendering import Reader

P = PaymentStatus
OWED = (P.OPEN, P.PARTIALLY_PAID)


@dataclass(frozen=True, slots=True)
class Told:
    """`word` stands on a chip whose colour is `kind` (good, warn, bad, note, or nothing); `sentence` says the
    rest. `is_owed`: there is something to pay now."""

    word: str
    kind: str
    sentence: str
    is_owed: bool = False


def told(row: records.Invoice, link: records.Link, reader: Reader, today: date) -> Told:
    """Of the three states, what concerns the payer."""
    status = P(row.payment_status)
    if status in OWED and link.external_id is None and link.state != SyncState.SYNCED:
        return Told("Being prepared", "note", f"{_due(row, reader, today)} {_not_there(link)}")
    if status in OWED:
        return _owed(row, reader, today)
    if status in SAME_FOR_ALL:
        return SAME_FOR_ALL[status]
    return _moved(row, status, reader, today)


SAME_FOR_ALL = {
    P.DISPUTED: Told(
        "Disputed", "warn", "The payment is disputed with the bank. Nothing is asked of you now."
    ),
    P.VOID: Told("Cancelled", "", "It was withdrawn. Nothing is owed."),
    P.UNCOLLECTIBLE: Told("Written off", "", "Nothing is asked for any more."),
    P.UNKNOWN: Told("Being checked", "note", "Its payment status is being read again."),
}


def _moved(row: records.Invoice, status: PaymentStatus, reader: Reader, today: date) -> Told:
    """Where money came, is on its way, or went back; or where it is a draft yet."""
    match status:
        case P.PAID:
            return Told("Paid", "good", _paid(row, reader))
        case P.OVERPAID:
            over = reader.money(Money(row.paid_minor - row.total_minor, row.currency))
            return Told("Paid", "good", f"{_paid(row, reader)} That is {over} more than it asks.")
        case P.IN_FLIGHT:
            coming = reader.money(Money(row.due_minor, row.currency))
            sentence = f"{coming} is on its way from the bank; that can take some days."
            return Told("Payment on its way", "note", sentence)
        case P.REFUNDED:
            back = reader.money(Money(row.refunded_minor, row.currency))
            return Told("Refunded", "", f"{back} was paid back. Nothing is owed.")
    return Told("Being prepared", "note", _due(row, reader, today))


def _owed(row: records.Invoice, reader: Reader, today: date) -> Told:
    late = today > row.due_on
    if row.payment_status == P.PARTIALLY_PAID:
        sentence = _due(row, reader, today)
        return Told("Part paid", "bad" if late else "warn", sentence, is_owed=True)
    if late:
        return Told("Overdue", "bad", _due(row, reader, today), is_owed=True)
    if today == row.due_on:
        return Told("Due today", "warn", _due(row, reader, today), is_owed=True)
    return Told("To pay", "note", _due(row, reader, today), is_owed=True)


def _due(row: records.Invoice, reader: Reader, today: date) -> str:
    """`Part paid: $20.00 of $50.00, due 15 January 2027`"""
    total, paid = Money(row.total_minor, row.currency), Money(row.paid_minor, row.currency)
    amount = reader.money(Money(row.due_minor, row.currency))
    if row.payment_status == P.PARTIALLY_PAID:
        amount = f"Part paid: {reader.money(paid)} of {reader.money(total)}"
    days = (today - row.due_on).days
    if days <= 0:
        return f"{amount}, due {'today' if days == 0 else reader.day(row.due_on)}."
    return f"{amount}, due since {reader.day(row.due_on)}, {days} day{'s' if days > 1 else ''} ago."


def _paid(row: records.Invoice, reader: Reader) -> str:
    paid = reader.money(Money(row.paid_minor, row.currency))
    when = f" on {reader.day(row.paid_at.astimezone(reader.zone).date())}" if row.paid_at else ""
    how = f", by {row.payment_method.replace('_', ' ')}" if row.payment_method else ""
    return f"{paid} was paid{when}{how}."


def _not_there(link: records.Link) -> str:
    if link.state == SyncState.FAILED:
        return "It could not be handed over for payment yet; your internet provider looks after that."
    return "You can pay it as soon as it has been handed over for payment."


# --- service -------------------------------------------------------------------------------------------

SERVICE = {
    ServiceStatus.ACTIVE: ("Your internet is on", "good", "Working"),
    ServiceStatus.WARNED: ("Your internet is on, and something is overdue", "warn", "Reminder"),
    ServiceStatus.THROTTLED: ("Your internet is slowed down", "warn", "Slowed down"),
    ServiceStatus.SUSPENDED: ("Your internet is switched off", "bad", "Switched off"),
    ServiceStatus.CLOSED: ("Your connection is closed", "", "Closed"),
}
"""Heading, colour, and the word on a chip."""

WORSE = {
    ServiceStatus.WARNED: "you get a reminder",
    ServiceStatus.THROTTLED: "your internet is slowed down",
    ServiceStatus.SUSPENDED: "your internet is switched off",
}
