"""Classes of difference: what an observation says against what we hold, one invoice at a time.

What the ordinary road repairs (it is applied as a pull would apply it) is only told. What we cannot repair
waits for a person, with one proposed action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.model import CLOSED, DocStatus, FactKind, PaymentStatus
from daemon.model.differences import Kind
from daemon.money import Money
from daemon.reconcile import Change
from daemon.store.changes import Applied
from daemon.store.differences import Found

OF_A_LINK = frozenset(
    {
        Kind.DELETED_THERE,
        Kind.AMOUNT_EDITED,
        Kind.DUE_MOVED,
        Kind.STATUS_UNKNOWN,
        Kind.SENT_DIFFERENTLY,
    }
)
"""These wait for a person, and are gone when a read of their invoice no longer shows them."""

LISTED = frozenset({Kind.UNKNOWN_HERE, Kind.DUPLICATE})
"""These wait too, and are gone when the provider's list no longer shows them."""

LATEST = timedelta(hours=14 + 24)
"""Where a day begins first it is 14 hours ahead of UTC; and where a provider refuses a date that is over by
its own clock, its adapter asks for the day after."""

SETTLE = 'wispbill exceptions settle {id} --note "…"'
"""`{id}` stands for the id of the difference."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, as far as it is not in the invoice. `payer` is asked for only where it matters, `zone`
    is the tenant's, `numbered_there` says that the provider gives numbers of its own,
    `can_void` that it lets an invoice be withdrawn."""

    payer: str | None
    zone: ZoneInfo
    payer_then: Callable[[], str | None]
    label: str
    numbered_there: bool = False
    can_void: bool = True


def differences(item: Applied, sent: Sent) -> Iterator[Found]:
    """All between one document and its invoice."""
    if item.change is not None:
        yield from _repaired(item, item.change)
    status = item.observation.status
    if status is DocStatus.MISSING:
        yield from _deleted(item, sent)
    elif status is DocStatus.UNKNOWN:
        yield _found(
            item,
            Kind.STATUS_UNKNOWN,
            f"{sent.label} says something about it that wispbill does not understand; nothing was changed. "
            "Look at the invoice there.",
            f"wispbill explain {item.subject.invoice.id}",
        )
    elif status is not DocStatus.VOID:
        yield from _of_the_document(item, sent)


# --- repaired -----------------------------------------------------------------------------------------

_TOLD = {
    FactKind.PAYMENT: Kind.PAID_THERE,
    FactKind.IN_FLIGHT: Kind.PAID_THERE,
    FactKind.REFUND: Kind.REFUNDED,
    FactKind.CREDIT: Kind.CREDITED,
    FactKind.WRITE_OFF: Kind.VOID_THERE,
    FactKind.DISPUTE: Kind.DISPUTED,
    FactKind.REVERSAL: Kind.TAKEN_BACK,
}


def _repaired(item: Applied, change: Change) -> Iterator[Found]:
    """One for each class, the amounts of its facts added up."""
    sums: dict[Kind, Money] = {}
    for known in change.new_facts:
        kind = _TOLD[known.fact.kind]
        amount = known.fact.amount
        sums[kind] = sums[kind] + amount if kind in sums else amount
    after = change.standing.status
    closed_there = after in (PaymentStatus.VOID, PaymentStatus.UNCOLLECTIBLE)
    if closed_there and change.before is not after and item.subject.link.void_requested_at is None:
        invoice = item.subject.invoice
        sums.setdefault(Kind.VOID_THERE, Money(invoice.total_minor, invoice.currency))
    for kind, amount in sums.items():
        yield _found(item, kind, change.sentence, amount=amount, repaired=True)


# --- for a person -------------------------------------------------------------------------------------


def _deleted(item: Applied, sent: Sent) -> Iterator[Found]:
    """One that is closed here is owed no more: where its document is, nobody asks."""
    invoice = item.subject.invoice
    if PaymentStatus(invoice.payment_status) in CLOSED:
        return
    told = f"{sent.label} no longer has the invoice; here it stands as {_words(invoice.payment_status)}. "
    if sent.can_void and not invoice.paid_minor:
        way = "If it is owed no more, void it here; else void it and enter it anew under another number."
        command = f"wispbill invoices void {invoice.id}"
    else:
        way, command = "It cannot be voided there any more: put it back there, or settle this.", SETTLE
    amount = Money(invoice.due_minor, invoice.currency)
    yield _found(item, Kind.DELETED_THERE, told + way, command, amount=amount)


def _of_the_document(item: Applied, sent: Sent) -> Iterator[Found]:
    seen, invoice = item.observation, item.subject.invoice
    total = Money(invoice.total_minor, invoice.currency)
    if seen.total is not None and seen.total != total:
        yield _found(
            item,
            Kind.AMOUNT_EDITED,
            f"{sent.label} has a total of {seen.total}, we asked for {total}: it was edited there. Put it "
            "back there, or void it and enter it anew under another number.",
            f"wispbill invoices void {invoice.id}" if _can_void(item, sent) else SETTLE,
            amount=_apart(seen.total, total),
            fingerprint=str(seen.total),
        )
    if seen.due_on is not None and _still_owed(item) and seen.due_on not in _due_days(item, sent):
        yield _found(
            item,
            Kind.DUE_MOVED,
            f"At {sent.label} it is due on {seen.due_on}, we asked for {invoice.due_on}: the date was moved "
            "there. The later one counts for cut-offs.",
            SETTLE,
            fingerprint=seen.due_on.isoformat(),
        )
    strange = list(_strange(item, sent))
    if strange:
        yield _found(
            item,
            Kind.SENT_DIFFERENTLY,
            f"The document at {sent.label} is not as it was sent: {'; '.join(strange)}. Put it right there.",
            SETTLE,
            fingerprint="|".join(strange),
        )


def _can_void(item: Applied, sent: Sent) -> bool:
    """What was paid can no longer be voided."""
    paid = item.observation.paid_total
    has_money = (paid is not None and paid.minor > 0) or item.subject.invoice.paid_minor > 0
    return sent.can_void and not has_money


def _still_owed(item: Applied) -> bool:
    after = item.change.standing.status if item.change else item.subject.invoice.payment_status
    return PaymentStatus(after) not in CLOSED


def _due_days(item: Applied, sent: Sent) -> set[date]:
    """What may have been asked for: a date that had passed was sent as the day of sending, which at one that
    keeps to a zone of its own may be the day after."""
    link, due_on = item.subject.link, item.subject.invoice.due_on
    days = {due_on}
    last = link.pushed_at
    first = link.first_tried_at or last
    if first is not None and last is not None:
        day, end = _day(min(first, last), sent.zone), (last + LATEST).date()
        while day <= end:
            days.add(max(day, due_on))
            day += timedelta(days=1)
    return days


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _strange(item: Applied, sent: Sent) -> Iterator[str]:
    seen, link, invoice = item.observation, item.subject.link, item.subject.invoice
    if seen.status is DocStatus.DRAFT:
        yield "it is a draft, which nobody is asked to pay"
    if not sent.numbered_there and seen.number not in (None, "", invoice.number):
        yield f"its number is {str(seen.number)[:40]}, ours {invoice.number}"
    if seen.our_reference is not None and link.reference not in (None, seen.our_reference):
        yield f"it carries the reference {seen.our_reference}, ours is {link.reference}"
    another = seen.payer_ref is not None and sent.payer not in (None, seen.payer_ref)
    if another and sent.payer_then() not in (None, seen.payer_ref):  # not a preset given since
        yield f"it bills the payer {str(seen.payer_ref)[:60]}, ours is {sent.payer}"


def _found(
    item: Applied,
    kind: Kind,
    sentence: str,
    command: str = "",
    *,
    amount: Money | None = None,
    fingerprint: str = "",
    repaired: bool = False,
) -> Found:
    invoice = item.subject.invoice
    return Found(
        kind=kind.value,
        ref=item.observation.ref,
        sentence=sentence,
        fingerprint=fingerprint or kind.value,
        command=command,
        repaired=repaired,
        link_id=item.subject.link.id,
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        amount=amount if amount is not None else Money(invoice.due_minor, invoice.currency),
    )


def _apart(one: Money, other: Money) -> Money:
    """In the invoice's currency: another one was told apart before (`reconcile.understood`)."""
    return Money(abs(one.minor - other.minor), other.currency)


def _words(status: str) -> str:
    return status.replace("_", " ")
