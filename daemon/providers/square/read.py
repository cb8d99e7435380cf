"""From Square's documents to observations: pure.

An invoice tells what is owed and what counts as paid; the tenders of its order are the payments; refunds
and disputes are told elsewhere, by payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from daemon.errors import Garbled
from daemon.model import DocStatus, Document, Fact, FactKind, Links, Mode, Observation
from daemon.model.ids import is_our_reference
from daemon.money import Money
from daemon.providers.square.drafts import money
from daemon.providers.square.words import (
    GONE_REFUND,
    GONE_TENDER,
    LOST_DISPUTE,
    PARTY,
    PENDING_TENDER,
    REFUNDED,
    SETTLED_DISPUTE,
    STATUS,
)

_KEPT = (
    *("id", "version", "location_id", "order_id", "invoice_number", "status", "delivery_method", "timezone"),
    *("created_at", "updated_at", "scheduled_at", "sale_or_service_date", "next_payment_amount_money"),
)
_REQUEST = (
    *("uid", "request_type", "due_date", "computed_amount_money", "total_completed_amount_money"),
    "rounding_adjustment_included_money",
)
_ORDER = ("id", "version", "state", "reference_id", "created_at", "updated_at", "total_money")
_TENDER = ("id", "payment_id", "type", "created_at", "amount_money", "tip_money")
_PIECE = (
    "id",
    "payment_id",
    "status",
    "state",
    "amount_money",
    "disputed_payment",
    "created_at",
    "updated_at",
)
_DASHBOARD = {
    Mode.LIVE: "https://app.squareup.com/dashboard/invoices/",
    Mode.SANDBOX: "https://app.squareupsandbox.com/dashboard/invoices/",
}


@dataclass(frozen=True, slots=True)
class View:
    """What an observation needs to know of the integration."""

    mode: Mode
    location_id: str


@dataclass(frozen=True, slots=True)
class Losses:
    """Refunds and disputes by payment id; `refunds_seen` says that none was left out."""

    refunds: dict[str, list[Document]] = field(default_factory=dict)
    disputes: dict[str, list[Document]] = field(default_factory=dict)
    refunds_seen: bool = True


@dataclass(frozen=True, slots=True)
class Tender:
    """A payment on an order, without its tip. `id` is the payment's."""

    id: str
    amount: Money
    at: datetime | None
    method: str | None
    pending: bool


def observe(
    doc: Document, view: View, order: Document | None, losses: Losses | None, *, reference: str | None = None
) -> Observation:
    """One invoice with what was read around it; None where it was not read. `reference` is ours, where it is
    known without the order. Raises Garbled where the document is not an invoice of our location."""
    ref, status = text(doc, "id"), str(doc.get("status"))
    if doc.get("location_id") != view.location_id:
        raise Garbled("Square's answer is an invoice of another location", party=PARTY)
    total = total_of(doc)
    settled, pending = split(doc, order)
    paid = _paid(doc, settled, total)
    facts = [_payment(tender, FactKind.PAYMENT) for tender in settled]
    facts += [_payment(tender, FactKind.IN_FLIGHT) for tender in pending]
    if status == "PAYMENT_PENDING" and not pending:
        facts += _unseen_flight(ref, total - _sum(settled, total.currency))
    facts += _refunds(settled, losses) + _disputes(settled, losses)
    reference = reference if order is None else order.get("reference_id")
    return Observation(
        ref=ref,
        status=_status(status, paid, total),
        total=total,
        paid_total=paid if order is not None or status != "PAYMENT_PENDING" else None,
        facts=tuple(fact for fact in facts if fact.amount.minor > 0),
        covers=_covers(status, order, settled, losses),
        as_of=moment(doc.get("updated_at")),
        version=whole(doc, "version"),
        number=doc.get("invoice_number"),
        our_reference=reference if is_our_reference(reference) else None,
        payer_ref=recipient(doc),
        due_on=due_on(doc),
        links=Links(pay_url=_link(doc), view_url=f"{_DASHBOARD[view.mode]}{ref}"),
        raw=_raw(doc, order, settled, losses),
    )


def _status(word: str, paid: Money, total: Money) -> DocStatus:
    """What is refunded may have been paid only in part."""
    if word in REFUNDED and paid < total:
        return DocStatus.OPEN
    return STATUS.get(word, DocStatus.UNKNOWN)


def split(doc: Document, order: Document | None) -> tuple[list[Tender], list[Tender]]:
    """The settled and the pending payments, oldest first. While the invoice waits for a bank, a tender
    beyond what counts as completed is pending whatever it says."""
    found = tenders_of(order) if order is not None else []
    found[-1:] = [_unrounded(doc, one) for one in found[-1:]]
    settled = [one for one in found if not one.pending]
    pending = [one for one in found if one.pending]
    if doc.get("status") == "PAYMENT_PENDING":
        done = completed(doc)
        while settled and not pending and done < _sum(settled, done.currency):
            pending.insert(0, settled.pop())
    return settled, pending


def tenders_of(order: Document) -> list[Tender]:
    rows = order.get("tenders") or []
    if not isinstance(rows, list):
        raise Garbled("Square's tenders are not a list", party=PARTY)
    found = []
    for row in rows:
        status = _tender_status(row)
        if status not in GONE_TENDER and row.get("type") != "NO_SALE":
            found.append(_tender(row, pending=status in PENDING_TENDER))
    return sorted(found, key=lambda one: (one.at is not None, one.at))


def _tender(row: Document, *, pending: bool) -> Tender:
    amount = money(row.get("amount_money"), "a payment")
    if row.get("tip_money"):
        amount -= money(row["tip_money"], "a tip")
    kind = row.get("type")
    return Tender(
        id=str(row.get("payment_id") or text(row, "id")),
        amount=amount,
        at=moment(row.get("created_at")),
        method=kind.lower() if isinstance(kind, str) else None,
        pending=pending,
    )


def _tender_status(row: Document) -> str | None:
    """Cards, bank accounts and the like tell their status in details of their own."""
    details = [one for name, one in row.items() if name.endswith("_details") and isinstance(one, dict)]
    return next((str(one["status"]) for one in details if one.get("status")), None)


def _unrounded(doc: Document, tender: Tender) -> Tender:
    """Cash that a till rounded (CAD, AUD), as what it settled."""
    rounding = _requests_sum(doc, "rounding_adjustment_included_money")
    if not rounding.minor or tender.method != "cash":
        return tender
    return Tender(tender.id, tender.amount - rounding, tender.at, tender.method, tender.pending)


def total_of(doc: Document) -> Money:
    return _requests_sum(doc, "computed_amount_money")


def completed(doc: Document) -> Money:
    return _requests_sum(doc, "total_completed_amount_money")


def _paid(doc: Document, settled: Sequence[Tender], total: Money) -> Money:
    """What counts as paid before refunds, whether or not Square takes those off its own count."""
    rounding = _requests_sum(doc, "rounding_adjustment_included_money")
    told = completed(doc) - rounding
    if doc.get("status") == "PAYMENT_PENDING":
        return _sum(settled, total.currency)
    return max(told, _sum(settled, total.currency), Money(0, total.currency))


def _requests_sum(doc: Document, name: str) -> Money:
    rows = requests_of(doc)
    currency = money(rows[0].get("computed_amount_money"), "an invoice's amount").currency
    amounts = [money(row[name], name) for row in rows if row.get(name) is not None]
    if any(one.currency != currency for one in amounts):
        raise Garbled("Square tells one invoice in two currencies", party=PARTY)
    return Money.total(amounts, currency)


def requests_of(doc: Document) -> list[Document]:
    rows = doc.get("payment_requests")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Garbled("Square's invoice has no payment request", party=PARTY)
    return rows


def due_on(doc: Document) -> date | None:
    """The last of its due dates."""
    days = [row.get("due_date") for row in requests_of(doc)]
    try:
        return max((date.fromisoformat(day) for day in days if isinstance(day, str)), default=None)
    except ValueError as error:
        raise Garbled("Square's due date is not a date", party=PARTY) from error


def recipient(doc: Document) -> str | None:
    found = doc.get("primary_recipient")
    ref = found.get("customer_id") if isinstance(found, dict) else None
    return ref if isinstance(ref, str) and ref else None


def scrubbed(doc: Document) -> Document:
    """What of an invoice is kept: no person, no link that opens without a login."""
    kept = _some(doc, _KEPT)
    kept["payment_requests"] = [_some(row, _REQUEST) for row in requests_of(doc)]
    if payer := recipient(doc):
        kept["primary_recipient"] = {"customer_id": payer}
    return kept


def text(doc: Document, name: str) -> str:
    value = doc.get(name)
    if not isinstance(value, str) or not value:
        raise Garbled(f"Square's answer has no {name}", party=PARTY)
    return value


def whole(doc: Document, name: str) -> int:
    value = doc.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Garbled(f"Square's {name} is not a whole number", party=PARTY)
    return value


def moment(value: Any) -> datetime | None:
    """RFC 3339; None where there is none. Raises Garbled."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Garbled("Square's time is not a time", party=PARTY) from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _payment(tender: Tender, kind: FactKind) -> Fact:
    return Fact(kind, tender.id, tender.amount, tender.at, method=tender.method, transaction_id=tender.id)


def _unseen_flight(ref: str, rest: Money) -> list[Fact]:
    """Something is on its way that no tender tells of yet."""
    return [Fact(FactKind.IN_FLIGHT, f"{ref}:pending", rest)] if rest.minor > 0 else []


def _refunds(settled: Sequence[Tender], losses: Losses | None) -> list[Fact]:
    found = []
    for tender in settled if losses else ():
        for row in losses.refunds.get(tender.id, ()) if losses else ():
            if row.get("status") not in GONE_REFUND:
                amount = money(row.get("amount_money"), "a refund")
                at = moment(row.get("created_at"))
                found.append(Fact(FactKind.REFUND, text(row, "id"), amount, at, transaction_id=tender.id))
    return found


def _disputes(settled: Sequence[Tender], losses: Losses | None) -> list[Fact]:
    """Up to what the payment was: a dispute may be about more, the tip."""
    found = []
    for tender in settled if losses else ():
        for row in losses.disputes.get(tender.id, ()) if losses else ():
            state, at = row.get("state"), moment(row.get("created_at"))
            amount = money(row.get("amount_money"), "a dispute")
            amount = (
                min(amount, tender.amount) if amount.currency == tender.amount.currency else tender.amount
            )
            if state in LOST_DISPUTE:
                reverses = FactKind.PAYMENT
                found.append(_dispute(FactKind.REVERSAL, row, amount, at, tender, reverses=reverses))
            elif state not in SETTLED_DISPUTE:
                found.append(_dispute(FactKind.DISPUTE, row, amount, at, tender))
    return found


def _dispute(
    kind: FactKind,
    row: Document,
    amount: Money,
    at: datetime | None,
    tender: Tender,
    reverses: FactKind | None = None,
) -> Fact:
    ref = str(row.get("id") or text(row, "dispute_id"))
    return Fact(kind, ref, amount, at, transaction_id=tender.id, reverses=reverses)


def _covers(
    status: str, order: Document | None, settled: Sequence[Tender], losses: Losses | None
) -> frozenset[FactKind]:
    """Square knows no credits and no write-offs, so that their absence says nothing."""
    if order is None:
        return frozenset()
    kinds = {FactKind.PAYMENT, FactKind.IN_FLIGHT}
    if losses is not None:
        kinds |= {FactKind.DISPUTE, FactKind.REVERSAL}
        refunded = any(losses.refunds.get(tender.id) for tender in settled)
        if losses.refunds_seen and (status not in REFUNDED or refunded):
            kinds.add(FactKind.REFUND)
    return frozenset(kinds)


def _sum(tenders: Sequence[Tender], currency: str) -> Money:
    if any(one.amount.currency != currency for one in tenders):
        raise Garbled("Square tells a payment in another currency than its invoice", party=PARTY)
    return Money.total((one.amount for one in tenders), currency)


def _link(doc: Document) -> str | None:
    """It expires; a read gives a fresh one."""
    url = doc.get("public_url")
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _raw(doc: Document, order: Document | None, settled: Sequence[Tender], losses: Losses | None) -> Document:
    raw: Document = {"invoice": scrubbed(doc)}
    if order is not None:
        rows = order.get("tenders") or []
        details = [{**_some(row, _TENDER), "status": _tender_status(row)} for row in rows]
        raw["order"] = {**_some(order, _ORDER), "tenders": details}
    for name in ("refunds", "disputes"):
        rows = [row for one in settled for row in getattr(losses, name).get(one.id, ())] if losses else []
        if rows:
            raw[name] = [_some(row, _PIECE) for row in rows]
    return raw


def _some(doc: Document, names: Sequence[str]) -> Document:
    return {name: doc[name] for name in names if doc.get(name) is not None}
