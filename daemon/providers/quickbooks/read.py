"""From QuickBooks' documents to observations: pure.

An invoice has no status. It is void where all its amounts are zero although it was billed over something,
settled where its balance is zero; what settled it, money or a credit memo, only its payments tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_FLOOR, Decimal

from daemon.errors import Garbled
from daemon.model import DocStatus, Document, Fact, FactKind, Links, Mode, Observation
from daemon.model.days import bare
from daemon.money import Money
from daemon.providers.quickbooks.drafts import read_note
from daemon.providers.quickbooks.numbers import as_money, decimal_in, plain, smallest
from daemon.providers.quickbooks.shapes import part, rows, text, value_of
from daemon.providers.quickbooks.words import PARTY, VOIDED

_KEPT = (
    *("Id", "SyncToken", "MetaData", "domain", "DocNumber", "TxnDate", "DueDate", "TotalAmt", "Balance"),
    *("Deposit", "HomeTotalAmt", "HomeBalance", "ExchangeRate", "EmailStatus", "DeliveryInfo", "LinkedTxn"),
    *("TxnTaxDetail", "GlobalTaxCalculation", "UnappliedAmt", "status"),
)
_PAYMENT_KEPT = (*_KEPT, "Line", "PaymentRefNum")
_APP = {Mode.LIVE: "https://app.qbo.intuit.com", Mode.SANDBOX: "https://app.sandbox.qbo.intuit.com"}
SETTLING = frozenset({FactKind.PAYMENT, FactKind.CREDIT})
ZERO = Decimal(0)
_VERSION = 18
"""Digits of a number that any database takes."""


@dataclass(frozen=True, slots=True)
class View:
    """What an observation needs to know of the integration."""

    realm: str
    mode: Mode
    home_currency: str


@dataclass(frozen=True, slots=True)
class Share:
    """What one payment put on one invoice: as money, as credit, and when."""

    payment: str
    cash: Decimal
    credit: Decimal
    at: datetime | None
    method: str | None
    reference: str | None


def observe(doc: Document, view: View, payments: Mapping[str, Document]) -> Observation:
    """An invoice with the payments that it links to, as far as they were read. Raises Garbled."""
    currency = currency_of(doc, view)
    total, balance = _amount(doc, "TotalAmt"), _amount(doc, "Balance")
    reference, billed = read_note(doc.get("PrivateNote"))
    status = _status(doc, total, balance, billed)
    settled = ZERO if status is DocStatus.VOID else total - balance
    facts, paid, covers = _settled_by(doc, currency, settled, payments)
    return Observation(
        ref=ref_of(doc),
        status=status,
        total=as_money(total, currency),
        paid_total=as_money(paid, currency),
        facts=facts,
        covers=covers,
        as_of=moment(part(doc, "MetaData").get("LastUpdatedTime")),
        version=version_of(doc),
        number=text(doc, "DocNumber"),
        our_reference=reference,
        payer_ref=value_of(doc.get("CustomerRef")),
        due_on=_day(doc.get("DueDate")),
        links=links(doc, view),
        raw=_raw(doc, payments),
    )


def remembered(doc: Document) -> Document:
    """What the journal keeps of an invoice: enough to observe it."""
    kept = {name: doc[name] for name in (*_KEPT, "PrivateNote") if name in doc}
    for name in ("CustomerRef", "CurrencyRef"):
        if value_of(doc.get(name)):
            kept[name] = {"value": value_of(doc[name])}
    if is_void(doc):
        kept["Line"] = []
    found: Document = plain(kept)
    return found


def ref_of(doc: Document) -> str:
    ref = doc.get("Id")
    if not isinstance(ref, str) or not ref:
        raise Garbled("QuickBooks' object has no Id", party=PARTY)
    return ref


def currency_of(doc: Document, view: View) -> str:
    """A company of one currency may not name it."""
    return value_of(doc.get("CurrencyRef")) or view.home_currency


def version_of(doc: Document) -> int | None:
    text = doc.get("SyncToken")
    counts = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _VERSION
    return int(text) if counts and isinstance(text, str) else None


def moment(text: object) -> datetime | None:
    """A time with an offset, with or without a colon, in UTC."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def links(doc: Document, view: View) -> Links:
    pay = doc.get("InvoiceLink")
    view_url = f"{_APP[view.mode]}/app/invoice?txnId={ref_of(doc)}&companyId={view.realm}"
    return Links(
        pay_url=pay if isinstance(pay, str) and pay.startswith("https://") else None, view_url=view_url
    )


def linked_payments(doc: Document) -> list[str]:
    """Ids of the payments that an invoice links to, each once: one may have several lines to it."""
    names = (
        str(link["TxnId"])
        for link in rows(doc, "LinkedTxn")
        if link.get("TxnType") == "Payment" and link.get("TxnId")
    )
    return list(dict.fromkeys(names))


def is_void(doc: Document) -> bool:
    _reference, billed = read_note(doc.get("PrivateNote"))
    return _status(doc, _amount(doc, "TotalAmt"), _amount(doc, "Balance"), billed) is DocStatus.VOID


# --- status -------------------------------------------------------------------------------------------


def _status(doc: Document, total: Decimal, balance: Decimal, billed: Money | None) -> DocStatus:
    """`billed`: what was billed by our note; the word before it may be in another language, or gone."""
    if balance < 0 or total < 0:
        return DocStatus.UNKNOWN
    if balance > 0:
        return DocStatus.OPEN
    if total > 0:
        return DocStatus.PAID
    marked = str(doc.get("PrivateNote") or "").startswith(VOIDED)
    over_something = billed is not None and billed.minor > 0
    return (
        DocStatus.VOID if _all_zero(doc) and (marked or over_something or _no_pieces(doc)) else DocStatus.PAID
    )


def _all_zero(doc: Document) -> bool:
    return all(decimal_in(line, "Amount") == 0 for line in _sales_lines(doc))


def _no_pieces(doc: Document) -> bool:
    """A void takes the quantities too; we never send an invoice over nothing without a piece."""
    lines = _sales_lines(doc)
    details = [part(line, "SalesItemLineDetail") for line in lines]
    return bool(lines) and all("Qty" in one and decimal_in(one, "Qty") == 0 for one in details)


def _sales_lines(doc: Document) -> list[Document]:
    return [line for line in rows(doc, "Line") if line.get("DetailType") == "SalesItemLineDetail"]


# --- what settled it ----------------------------------------------------------------------------------


def _settled_by(
    doc: Document, currency: str, settled: Decimal, payments: Mapping[str, Document]
) -> tuple[tuple[Fact, ...], Decimal, frozenset[FactKind]]:
    """Facts, what counts as paid in all, and the kinds of which none is left out.

    Where a payment was not read, or invoice and payments were read at different moments and do not add up,
    nothing is itemised: all that is settled counts as paid, and the next read tells more.
    """
    ref, refs = ref_of(doc), linked_payments(doc)
    deposit = _deposit(doc, settled)
    if not _add_up(doc, settled, payments):
        return (), settled, frozenset()
    shares = [_share_of(payments[name], ref, smallest(currency)) for name in refs]
    itemised = sum((amounts_on(payments[name])[ref] for name in refs), ZERO)
    facts = [fact for share in shares for fact in _facts(share, ref, currency)]
    facts += _fact(FactKind.PAYMENT, f"{ref}:deposit", deposit, currency)
    credited = sum((share.credit for share in shares), ZERO)
    rest = settled - itemised - deposit
    if any(link.get("TxnType") == "CreditMemo" for link in rows(doc, "LinkedTxn")):
        facts += _fact(FactKind.CREDIT, f"{ref}:credit", rest, currency)
        credited += rest
    over = sum((_left_over(payments[name], ref) for name in refs), ZERO)
    return tuple(facts), settled - credited + over, SETTLING


def adds_up(doc: Document, payments: Mapping[str, Document]) -> bool:
    """Whether invoice and payments can have been read at one moment: all that it links to are there, each
    has a line to it, and together they are no more than what is settled. Raises Garbled."""
    return is_void(doc) or _add_up(doc, _amount(doc, "TotalAmt") - _amount(doc, "Balance"), payments)


def _add_up(doc: Document, settled: Decimal, payments: Mapping[str, Document]) -> bool:
    ref, refs = ref_of(doc), linked_payments(doc)
    on_it = [amounts_on(payments[name]).get(ref, ZERO) for name in refs if name in payments]
    whole = len(on_it) == len(refs) and ZERO not in on_it
    return whole and sum(on_it, ZERO) + _deposit(doc, settled) <= settled


def _deposit(doc: Document, settled: Decimal) -> Decimal:
    return max(decimal_in(doc, "Deposit"), ZERO) if settled else ZERO


def _share_of(payment: Document, ref: str, smallest_amount: Decimal) -> Share:
    """What the payment put on the invoice. Credit memos are applied through a payment that has lines to
    both: its money is TotalAmt less UnappliedAmt, its credit the lines to memos; where it settles several
    invoices with both, the credit is divided by what each got (which is not certain)."""
    on = amounts_on(payment)
    mine, all_of_them = on.get(ref, ZERO), sum(on.values(), ZERO)
    credited = min(_credits_in(payment), all_of_them)
    if len(on) == 1:
        cash = decimal_in(payment, "TotalAmt") - decimal_in(payment, "UnappliedAmt")
        credit = max(ZERO, mine - max(cash, ZERO)) if credited else ZERO
    else:
        credit = _part(credited, on, ref, smallest_amount)
    return Share(
        payment=ref_of(payment),
        cash=mine - credit + _left_over(payment, ref),
        credit=credit,
        at=_happened(payment.get("TxnDate")),
        method=_name(payment.get("PaymentMethodRef")),
        reference=text(payment, "PaymentRefNum"),
    )


def amounts_on(payment: Document) -> dict[str, Decimal]:
    """What a payment put on each invoice."""
    found: dict[str, Decimal] = {}
    for line in rows(payment, "Line"):
        for link in rows(line, "LinkedTxn"):
            if link.get("TxnType") == "Invoice" and link.get("TxnId"):
                found[str(link["TxnId"])] = found.get(str(link["TxnId"]), ZERO) + decimal_in(line, "Amount")
    return found


def _credits_in(payment: Document) -> Decimal:
    return sum(
        (
            decimal_in(line, "Amount")
            for line in rows(payment, "Line")
            if any(link.get("TxnType") == "CreditMemo" for link in rows(line, "LinkedTxn"))
        ),
        ZERO,
    )


def _part(credited: Decimal, on: Mapping[str, Decimal], ref: str, cent: Decimal) -> Decimal:
    """The invoice's part of the credited in whole cents (or yen); what rounding leaves goes to the first
    ones."""
    whole = sum(on.values(), ZERO)
    if not credited or not whole:
        return ZERO
    parts = {name: (credited * one / whole).quantize(cent, ROUND_FLOOR) for name, one in on.items()}
    rest = credited - sum(parts.values(), ZERO)
    for name in sorted(parts):
        extra = min(rest, on[name] - parts[name])
        parts[name] += extra
        rest -= extra
    return parts.get(ref, ZERO)


def _left_over(payment: Document, ref: str) -> Decimal:
    """What a payment of this invoice alone brought beyond it."""
    alone = set(amounts_on(payment)) == {ref}
    return max(decimal_in(payment, "UnappliedAmt"), ZERO) if alone else ZERO


def _facts(share: Share, ref: str, currency: str) -> list[Fact]:
    named = {"at": share.at, "transaction_id": share.reference or share.payment}
    money = _fact(FactKind.PAYMENT, share.payment, share.cash, currency, method=share.method, **named)
    return [*money, *_fact(FactKind.CREDIT, f"{share.payment}:credit", share.credit, currency, **named)]


def _fact(kind: FactKind, external_id: str, amount: Decimal, currency: str, **more: object) -> list[Fact]:
    if amount <= 0:
        return []
    return [Fact(kind, external_id, as_money(amount, currency), **more)]  # type: ignore[arg-type]


def _amount(doc: Document, name: str) -> Decimal:
    if doc.get(name) is None:
        raise Garbled(f"QuickBooks' invoice has no {name}", party=PARTY)
    return decimal_in(doc, name)


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _happened(text: object) -> datetime | None:
    day = _day(text)
    return bare(day) if day else None


def _name(reference: object) -> str | None:
    name = reference.get("name") if isinstance(reference, dict) else None
    return name if isinstance(name, str) else None


def _raw(doc: Document, payments: Mapping[str, Document]) -> Document:
    """Evidence: amounts, dates and ids; no person, no note, no link that opens without a login."""
    invoice = {name: doc[name] for name in _KEPT if name in doc}
    invoice["VoidedNote"] = str(doc.get("PrivateNote") or "").startswith(VOIDED)
    mine = [payments[name] for name in linked_payments(doc) if name in payments]
    kept = [{name: row[name] for name in _PAYMENT_KEPT if name in row} for row in mine]
    found: Document = plain({"invoice": invoice} | ({"payments": kept} if kept else {}))
    return found
