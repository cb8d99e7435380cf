"""From Stripe's documents to observations: pure.

Removed since API version 2025-03-31 and not read: `paid`, `paid_out_of_band`, `charge` and
`payment_intent` of an invoice (https://docs.stripe.com/changelog/basil).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from daemon.clock import from_unix
from daemon.errors import Garbled
from daemon.model import DocStatus, Document, Fact, FactKind, Links, Mode, Observation
from daemon.model.ids import is_our_reference
from daemon.money import Money
from daemon.providers.stripe.money import PARTY, from_minor
from daemon.providers.stripe.words import (
    GONE_REFUNDS,
    INVOICE_KEY,
    LOST_DISPUTE,
    SETTLED_DISPUTES,
    STATUS,
)

_DROPPED = {
    *("customer_address", "customer_email", "customer_name", "customer_phone", "customer_shipping"),
    *("customer_tax_ids", "shipping_details", "account_name", "account_country", "account_tax_ids"),
    *("hosted_invoice_url", "invoice_pdf", "confirmation_secret", "payment_settings", "issuer"),
    *("lines", "custom_fields", "footer", "description", "rendering", "automatic_tax", "default_tax_rates"),
}
"""Who, where and how it looks: nothing of it is evidence, and the two links open without a login."""
_PIECE = ("id", "object", "amount", "currency", "status", "created", "reason", "payment_intent", "charge")


@dataclass(frozen=True, slots=True)
class Around:
    """What was read besides the invoice itself; None where it was not. `losses_seen` says that every
    refund and dispute of its payments is among them, `in_flight_seen` that payments under way are told."""

    payments: tuple[Document, ...] | None = None
    refunds: tuple[Document, ...] = ()
    disputes: tuple[Document, ...] = ()
    credit_notes: tuple[Document, ...] | None = None
    losses_seen: bool = False
    in_flight_seen: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What an observation needs to know of the integration."""

    mode: Mode
    zone: ZoneInfo


@dataclass(slots=True)
class _Facts:
    currency: str
    found: list[Fact] = field(default_factory=list)

    def add(self, kind: FactKind, external_id: str, amount: int, at: int | None, **more: Any) -> None:
        if amount > 0:
            moment = from_unix(at) if at is not None else None
            self.found.append(Fact(kind, external_id, from_minor(amount, self.currency), moment, **more))


def observe(doc: Document, view: View, around: Around) -> Observation:
    """One invoice with what was read around it. Raises Garbled where the document is not an invoice."""
    ref = text(doc, "id")
    currency = text(doc, "currency")
    facts = _Facts(currency)
    _payments(facts, around.payments or ())
    _refunds(facts, around)
    _disputes(facts, around)
    _credits(facts, doc, around)
    _write_off(facts, doc)
    metadata = doc.get("metadata") or {}
    reference = metadata.get(INVOICE_KEY)
    return Observation(
        ref=ref,
        status=STATUS.get(str(doc.get("status")), DocStatus.UNKNOWN),
        total=from_minor(integer(doc, "total"), currency),
        paid_total=paid_total(doc),
        facts=tuple(facts.found),
        covers=_covers(doc, around),
        number=doc.get("number"),
        our_reference=reference if is_our_reference(reference) else None,
        payer_ref=id_of(doc.get("customer")),
        due_on=due_on(doc, view.zone),
        links=_links(doc, view.mode),
        raw=_raw(doc, around),
        successor=id_of(doc.get("latest_revision")),
    )


def paid_total(doc: Document) -> Money:
    """What counts as paid at Stripe. A payment outside Stripe may or may not be part of `amount_paid`, and
    so may an overpayment: what remains to be paid settles the first, `amount_overpaid` the second."""
    due = integer(doc, "amount_due")
    remaining = integer(doc, "amount_remaining")
    settled = 0 if doc.get("status") in ("void", "draft") else max(0, due - remaining)
    if doc.get("status") == "paid":
        settled = due + integer(doc, "amount_overpaid")
    off_stripe = integer(doc, "amount_paid_off_stripe")
    return from_minor(max(integer(doc, "amount_paid"), settled, off_stripe), text(doc, "currency"))


def due_on(doc: Document, zone: ZoneInfo) -> date | None:
    seconds = doc.get("due_date")
    return from_unix(seconds).astimezone(zone).date() if isinstance(seconds, int) else None


def due_date(day: date, zone: ZoneInfo) -> int:
    """The last second of the due day in the account's zone, in unix seconds."""
    return int(datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=zone).timestamp())


def scrubbed(doc: Document) -> Document:
    """What of an invoice is kept: no person, no link that opens without a login, no nulls."""
    kept = {key: value for key, value in doc.items() if key not in _DROPPED and value is not None}
    if isinstance(doc.get("payments"), dict):
        kept["payments"] = [_payment_piece(row) for row in inline_payments(doc)]
    return kept


def inline_payments(doc: Document) -> list[Document]:
    """The payments that came with the invoice; further pages are told by `more_payments`."""
    payments = doc.get("payments")
    if isinstance(payments, list):
        return payments
    return list(payments.get("data") or ()) if isinstance(payments, dict) else []


def more_payments(doc: Document) -> bool:
    payments = doc.get("payments")
    if isinstance(payments, list):
        return False
    return not isinstance(payments, dict) or bool(payments.get("has_more"))


def has_credit_notes(doc: Document) -> bool:
    return any(integer(doc, f"{when}_payment_credit_notes_amount") for when in ("pre", "post"))


def is_paid(payment: Document) -> bool:
    return payment.get("status") == "paid"


def source_of(row: Document) -> str | None:
    """The payment intent, else the charge, of an invoice payment, a refund or a dispute."""
    inner = row.get("payment")
    holder = inner if isinstance(inner, dict) else row
    return id_of(holder.get("payment_intent")) or id_of(holder.get("charge"))


def id_of(value: object) -> str | None:
    """An id that may have been expanded into its object."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def text(doc: Document, name: str) -> str:
    value = doc.get(name)
    if not isinstance(value, str) or not value:
        raise Garbled(f"Stripe's invoice has no {name}", party=PARTY)
    return value


def integer(doc: Document, name: str) -> int:
    """An amount; what is absent or null counts as 0."""
    value = doc.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise Garbled(f"Stripe's {name} is not a whole number", party=PARTY)
    return value


def _payments(facts: _Facts, payments: Iterable[Document]) -> None:
    for row in payments:
        inner = row.get("payment") or {}
        intent = inner.get("payment_intent")
        times = row.get("status_transitions") or {}
        at = times.get("paid_at") or row.get("created")
        named = {
            "method": _method(inner),
            "transaction_id": source_of(row) or id_of(inner.get("payment_record")),
        }
        if is_paid(row):
            facts.add(FactKind.PAYMENT, text(row, "id"), integer(row, "amount_paid"), at, **named)
        elif isinstance(intent, dict) and intent.get("status") == "processing":
            amount = integer(row, "amount_requested") or integer(intent, "amount")
            facts.add(FactKind.IN_FLIGHT, text(row, "id"), amount, row.get("created"), **named)


def _method(inner: Document) -> str | None:
    """Certain only where the payment allowed a single one; the charge would tell it for one more read."""
    intent = inner.get("payment_intent")
    if not isinstance(intent, dict):
        return "outside Stripe" if inner.get("type") == "payment_record" else None
    types = intent.get("payment_method_types")
    return types[0] if isinstance(types, list) and len(types) == 1 else None


def _refunds(facts: _Facts, around: Around) -> None:
    for row in around.refunds:
        if row.get("status") not in GONE_REFUNDS:
            facts.add(
                FactKind.REFUND,
                text(row, "id"),
                integer(row, "amount"),
                row.get("created"),
                transaction_id=source_of(row),
            )


def _disputes(facts: _Facts, around: Around) -> None:
    paid = {source_of(row): integer(row, "amount_paid") for row in around.payments or () if is_paid(row)}
    for row in around.disputes:
        status, source = row.get("status"), source_of(row)
        if status in SETTLED_DISPUTES:
            continue
        # A dispute may be counted in another currency, and of a payment that settled several invoices.
        ceiling = paid.get(source, 0)
        amount = ceiling if row.get("currency") != facts.currency else min(integer(row, "amount"), ceiling)
        if status == LOST_DISPUTE:
            facts.add(
                FactKind.REVERSAL,
                text(row, "id"),
                amount,
                row.get("created"),
                transaction_id=source,
                reverses=FactKind.PAYMENT,
            )
        else:
            facts.add(FactKind.DISPUTE, text(row, "id"), amount, row.get("created"), transaction_id=source)


def _credits(facts: _Facts, doc: Document, around: Around) -> None:
    """Credit notes before payment lower what is due; after payment they give money back: refunds tell
    their own part, the rest went to the customer's balance or was paid out elsewhere."""
    for note in around.credit_notes or ():
        if note.get("status") == "void":
            continue
        ref, at = text(note, "id"), note.get("created")
        facts.add(FactKind.CREDIT, ref, integer(note, "pre_payment_amount"), at, method="credit note")
        by_refund = sum(integer(row, "amount_refunded") for row in note.get("refunds") or ())
        rest = integer(note, "post_payment_amount") - by_refund
        facts.add(FactKind.REFUND, ref, rest, at, method="credit note")
    starting, ending = doc.get("starting_balance"), doc.get("ending_balance")
    if isinstance(starting, int) and isinstance(ending, int) and doc.get("status") != "void":
        at = (doc.get("status_transitions") or {}).get("finalized_at")
        facts.add(FactKind.CREDIT, f"{doc['id']}:balance", ending - starting, at, method="credit balance")


def _write_off(facts: _Facts, doc: Document) -> None:
    if doc.get("status") == "uncollectible":
        at = (doc.get("status_transitions") or {}).get("marked_uncollectible_at")
        amount = integer(doc, "amount_remaining")
        facts.add(FactKind.WRITE_OFF, f"{doc['id']}:uncollectible", amount, at)


def _covers(doc: Document, around: Around) -> frozenset[FactKind]:
    kinds = {FactKind.WRITE_OFF}
    if around.payments is None:
        return frozenset(kinds)
    kinds.add(FactKind.PAYMENT)
    losses_seen = around.losses_seen or not any(is_paid(row) for row in around.payments)
    notes_seen = not has_credit_notes(doc) or _all_notes(doc, around.credit_notes or ())
    if notes_seen:
        kinds.add(FactKind.CREDIT)
    if notes_seen and losses_seen:
        kinds.add(FactKind.REFUND)
    if losses_seen:
        kinds |= {FactKind.DISPUTE, FactKind.REVERSAL}
    if around.in_flight_seen or all(row.get("status") != "open" for row in around.payments):
        kinds.add(FactKind.IN_FLIGHT)
    return frozenset(kinds)


def _all_notes(doc: Document, notes: Iterable[Document]) -> bool:
    """Whether these are all the invoice's credit notes: a list may be older than the invoice beside it."""
    valid = [note for note in notes if note.get("status") != "void"]
    return all(
        sum(integer(note, f"{when}_payment_amount") for note in valid)
        == integer(doc, f"{when}_payment_credit_notes_amount")
        for when in ("pre", "post")
    )


def _links(doc: Document, mode: Mode) -> Links:
    test = "" if mode is Mode.LIVE else "test/"
    return Links(
        pay_url=doc.get("hosted_invoice_url"),
        pdf_url=doc.get("invoice_pdf"),
        view_url=f"https://dashboard.stripe.com/{test}invoices/{doc['id']}",
    )


def _raw(doc: Document, around: Around) -> Document:
    raw: Document = {"invoice": scrubbed(doc)}
    for name in ("refunds", "disputes", "credit_notes"):
        rows = getattr(around, name)
        if rows:
            raw[name] = [_piece(row) for row in rows]
    if around.payments and more_payments(doc):
        raw["payments"] = [_payment_piece(row) for row in around.payments]
    return raw


def _piece(row: Document) -> Document:
    return {key: row[key] for key in _PIECE if row.get(key) is not None}


def _payment_piece(row: Document) -> Document:
    inner = dict(row.get("payment") or {})
    if isinstance(inner.get("payment_intent"), dict):
        inner["payment_intent"] = _piece(inner["payment_intent"])
    return {**row, "payment": inner}
