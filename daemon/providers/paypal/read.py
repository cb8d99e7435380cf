"""From PayPal's documents to observations: pure.

An invoice does not say that it is disputed; payments have the resolution of a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from daemon.errors import Garbled
from daemon.model import DocStatus, Document, Fact, FactKind, Links, Observation
from daemon.model.days import bare
from daemon.model.ids import is_our_reference
from daemon.money import Money
from daemon.providers.paypal.drafts import PAYER_MARK
from daemon.providers.paypal.money import PARTY, from_doc
from daemon.providers.paypal.words import (
    LOST_OUTCOMES,
    PENDING,
    REFUNDED,
    RESOLVED,
    SETTLED,
    STATUS,
)

_DETAIL = ("invoice_number", "reference", "invoice_date", "currency_code", "payment_term")
_TIMES = ("create_time", "last_update_time", "first_sent_time", "last_sent_time", "cancel_time")
_URLS = ("recipient_view_url", "invoicer_view_url")
_PAYMENT = ("type", "payment_id", "payment_date", "method", "amount")
_REFUND = ("type", "refund_id", "refund_date", "method", "amount")
_DISPUTE = ("dispute_id", "status", "dispute_amount", "dispute_outcome", "create_time", "update_time")
_ALWAYS = frozenset({FactKind.CREDIT, FactKind.WRITE_OFF, FactKind.IN_FLIGHT, FactKind.REFUND})


@dataclass(frozen=True, slots=True)
class Losses:
    """Disputes by the transaction that they are about; `seen` names the transactions that were asked for."""

    disputes: Mapping[str, tuple[Document, ...]] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()

    def of(self, source: str) -> tuple[Document, ...]:
        return self.disputes.get(source, ())


def observe(doc: Document, losses: Losses, *, whole: bool = True) -> Observation:
    """One invoice. `whole` is False for a row of a search that does not say when it changed: it may be
    older than what is known, so that what it leaves out is not gone. Raises Garbled."""
    ref, status = text(doc, "id"), str(doc.get("status"))
    total = from_doc(doc.get("amount"), "total")
    detail = part(doc, "detail")
    reference, memo = detail.get("reference"), detail.get("memo")
    facts = _facts(ref, doc, status, total, losses)
    return Observation(
        ref=ref,
        status=STATUS.get(status, DocStatus.UNKNOWN),
        total=total,
        paid_total=None if status == PENDING else paid_total(doc, total),
        facts=facts,
        covers=_covers(doc, status, losses) if whole else frozenset(fact.kind for fact in facts),
        as_of=moment(part(detail, "metadata").get("last_update_time")),
        number=detail.get("invoice_number") if isinstance(detail.get("invoice_number"), str) else None,
        our_reference=reference if is_our_reference(reference) else None,
        payer_ref=payer_of(memo),
        due_on=day(part(detail, "payment_term").get("due_date")),
        links=_links(doc),
        raw=_raw(doc, losses),
    )


def paid_total(doc: Document, total: Money) -> Money:
    """Before refunds. Where PayPal lists no payments, the state tells."""
    paid = part(doc, "payments").get("paid_amount")
    if paid is not None:
        return from_doc(paid, "paid amount")
    rows = transactions(doc, "payments")
    if rows and all(row.get("amount") is not None for row in rows):
        amounts = [from_doc(row["amount"], "payment") for row in rows]
        if {amount.currency for amount in amounts} == {total.currency}:
            return Money.total(amounts, total.currency)
    return total if doc.get("status") in (*SETTLED, *REFUNDED) else Money(0, total.currency)


def sources(doc: Document) -> list[str]:
    """The transactions by which an invoice was paid through PayPal: what can be disputed."""
    return [
        row["payment_id"]
        for row in transactions(doc, "payments")
        if row.get("type") != "EXTERNAL" and isinstance(row.get("payment_id"), str)
    ]


def transactions(doc: Document, name: str) -> list[Document]:
    rows = part(doc, name).get("transactions") or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Garbled(f"PayPal's {name} are not a list", party=PARTY)
    return rows


def payer_of(memo: object) -> str | None:
    if isinstance(memo, str) and memo.startswith(PAYER_MARK):
        return memo.removeprefix(PAYER_MARK) or None
    return None


def remembered(doc: Document) -> Document:
    """What the journal keeps of an invoice: enough to observe it."""
    kept = scrubbed(doc)
    metadata = part(part(doc, "detail"), "metadata")
    kept["detail"]["metadata"] |= {name: metadata[name] for name in _URLS if metadata.get(name)}
    return kept


def scrubbed(doc: Document) -> Document:
    """What of an invoice is kept: no person, no text, no link that opens without a login."""
    detail = part(doc, "detail")
    metadata = part(detail, "metadata")
    kept: Document = {name: doc[name] for name in ("id", "status", "due_amount", "gratuity") if name in doc}
    if isinstance(doc.get("amount"), dict):
        kept["amount"] = {name: doc["amount"].get(name) for name in ("currency_code", "value")}
    kept["detail"] = {name: detail[name] for name in _DETAIL if name in detail}
    if payer_of(detail.get("memo")):
        kept["detail"]["memo"] = detail["memo"]
    kept["detail"]["metadata"] = {name: metadata[name] for name in _TIMES if name in metadata}
    for name, whole, fields in (("payments", "paid_amount", _PAYMENT), ("refunds", "refund_amount", _REFUND)):
        if doc.get(name):
            rows = [{key: row[key] for key in fields if key in row} for row in transactions(doc, name)]
            kept[name] = {whole: part(doc, name).get(whole), "transactions": rows}
    return kept


def text(doc: Document, name: str) -> str:
    value = doc.get(name)
    if not isinstance(value, str) or not value:
        raise Garbled(f"PayPal's invoice has no {name}", party=PARTY)
    return value


def part(doc: Document, name: str) -> Document:
    """An object inside; empty where it is absent."""
    value = doc.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Garbled(f"PayPal's {name} is not an object", party=PARTY)
    return value


def day(value: object) -> date | None:
    """`2026-11-22`, whatever follows it."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def moment(value: object) -> datetime | None:
    """An internet date and time, in UTC."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None


# --- facts --------------------------------------------------------------------------------------------


def _facts(ref: str, doc: Document, status: str, total: Money, losses: Losses) -> tuple[Fact, ...]:
    rows = transactions(doc, "payments")
    if status == PENDING:
        # Which of the payments is not money yet is not told: none is taken for money before it is.
        return (Fact(FactKind.IN_FLIGHT, f"{ref}:pending", _pending(doc, rows, total)),)
    facts = [*_payments(ref, doc, rows), *_refunds(ref, doc, total)]
    for row in rows:
        facts += _disputes(row, losses)
    return tuple(fact for fact in facts if fact.amount.minor > 0)


def _pending(doc: Document, rows: list[Document], total: Money) -> Money:
    """What is due, or else the last payment, which is then counted already."""
    if isinstance(doc.get("due_amount"), dict):
        due = from_doc(doc["due_amount"], "due amount")
        if due.minor > 0:
            return due
    if rows and rows[-1].get("amount") is not None:
        return from_doc(rows[-1]["amount"], "payment")
    return total


def _payments(ref: str, doc: Document, rows: list[Document]) -> Iterable[Fact]:
    for place, row in enumerate(rows):
        amount = row.get("amount")
        if amount is None and len(rows) == 1:
            amount = part(doc, "payments").get("paid_amount")
        if amount is None:
            continue  # the balance tells it
        external = row.get("type") == "EXTERNAL"
        yield Fact(
            FactKind.PAYMENT,
            str(row.get("payment_id") or f"{ref}:payment:{place}"),
            from_doc(amount, "payment"),
            _happened(row.get("payment_date")),
            method=_method(row),
            transaction_id=None if external else row.get("payment_id"),
        )


def _refunds(ref: str, doc: Document, total: Money) -> Iterable[Fact]:
    told = 0
    for place, row in enumerate(transactions(doc, "refunds")):
        if row.get("amount") is None:
            continue
        amount = from_doc(row["amount"], "refund")
        told += amount.minor
        yield Fact(
            FactKind.REFUND,
            str(row.get("refund_id") or f"{ref}:refund:{place}"),
            amount,
            _happened(row.get("refund_date")),
            transaction_id=row.get("refund_id"),
        )
    whole = _refunded(doc, total)
    yield Fact(FactKind.REFUND, f"{ref}:refunds", Money(whole.minor - told, whole.currency))


def _refunded(doc: Document, total: Money) -> Money:
    """All that was given back, as the sum or else the state tells; 0 where neither does."""
    whole = part(doc, "refunds").get("refund_amount")
    if whole is not None:
        return from_doc(whole, "refunds")
    is_whole = doc.get("status") in ("REFUNDED", "MARKED_AS_REFUNDED")
    return paid_total(doc, total) if is_whole else Money(0, total.currency)


def _disputes(row: Document, losses: Losses) -> Iterable[Fact]:
    source = row.get("payment_id")
    if not isinstance(source, str) or row.get("amount") is None:
        return
    paid = from_doc(row["amount"], "payment")
    for dispute in losses.of(source):
        ref, at = str(dispute.get("dispute_id")), moment(dispute.get("create_time"))
        outcome = part(dispute, "dispute_outcome")
        if dispute.get("status") != RESOLVED:
            amount = _at_most(dispute.get("dispute_amount"), paid)
            yield Fact(FactKind.DISPUTE, ref, amount, at, transaction_id=source)
        elif outcome.get("outcome_code") in LOST_OUTCOMES:
            told = outcome.get("amount_refunded") or dispute.get("dispute_amount")
            yield Fact(
                FactKind.REVERSAL,
                ref,
                _at_most(told, paid),
                at,
                transaction_id=source,
                reverses=FactKind.PAYMENT,
            )


def _at_most(told: object, paid: Money) -> Money:
    """A dispute may be counted in another currency, or not tell how much it is about."""
    if not isinstance(told, dict):
        return paid
    amount = from_doc(told, "dispute")
    return min(amount, paid) if amount.currency == paid.currency else paid


def _covers(doc: Document, status: str, losses: Losses) -> frozenset[FactKind]:
    if status == PENDING:
        return frozenset({FactKind.IN_FLIGHT})
    kinds = set(_ALWAYS) | {FactKind.PAYMENT}
    if losses.seen.issuperset(sources(doc)):
        kinds |= {FactKind.DISPUTE, FactKind.REVERSAL}
    return frozenset(kinds)


def _method(row: Document) -> str | None:
    method = row.get("method")
    return method.lower().replace("_", " ") if isinstance(method, str) else None


def _happened(value: object) -> datetime | None:
    found = day(value)
    return bare(found) if found else None


def _links(doc: Document) -> Links:
    metadata = part(part(doc, "detail"), "metadata")
    return Links(pay_url=page(metadata.get(_URLS[0])), view_url=page(metadata.get(_URLS[1])))


def page(url: object) -> str | None:
    """An address that people can open: the API's own ones, which an answer may hold as well, are none."""
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        return None
    return None if "/v2/invoicing/" in url or "://api" in url else url


def _raw(doc: Document, losses: Losses) -> dict[str, Any]:
    raw: dict[str, Any] = {"invoice": scrubbed(doc)}
    found = [one for source in sources(doc) for one in losses.of(source)]
    if found:
        raw["disputes"] = [{key: one[key] for key in _DISPUTE if key in one} for one in found]
    return raw
