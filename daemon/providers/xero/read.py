"""From Xero's invoices to observations: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from daemon.errors import Garbled
from daemon.model import DocStatus, Document, Fact, FactKind, Links, Observation
from daemon.model.days import bare
from daemon.model.ids import is_our_reference
from daemon.providers.xero.numbers import amount, day, moment, money, plain
from daemon.providers.xero.words import PARTY, STATUS, is_guid

_KEPT = (
    "Type",
    "InvoiceID",
    "InvoiceNumber",
    "Reference",
    "Status",
    "CurrencyCode",
    "SubTotal",
    "TotalTax",
    "Total",
    "AmountDue",
    "AmountPaid",
    "AmountCredited",
    "SentToContact",
    "Date",
    "DateString",
    "DueDate",
    "DueDateString",
    "FullyPaidOnDate",
    "UpdatedDateUTC",
    "StatusAttributeString",
)
_PIECES = {
    "Payments": ("PaymentID", "Date", "Amount", "BatchPaymentID", "Status"),
    "CreditNotes": ("CreditNoteID", "Date", "AppliedAmount"),
    "Prepayments": ("PrepaymentID", "Date", "AppliedAmount"),
    "Overpayments": ("OverpaymentID", "Date", "AppliedAmount"),
}
"""No person, no link, no text that somebody wrote."""


def observe(doc: Document, short_code: str = "", *, pay_url: str | None = None) -> Observation:
    """One invoice. Raises Garbled where the document is not a sales invoice. One that does not tell what
    is paid takes nothing away."""
    ref = doc.get("InvoiceID")
    currency = doc.get("CurrencyCode")
    if not isinstance(ref, str) or not is_guid(ref) or doc.get("Type") != "ACCREC":
        raise Garbled("Xero's answer is not a sales invoice", party=PARTY)
    if not isinstance(currency, str):
        raise Garbled("Xero's invoice has no currency", party=PARTY)
    ref = ref.lower()
    status = STATUS.get(str(doc.get("Status")), DocStatus.UNKNOWN)
    if status is DocStatus.MISSING:
        return replace(Observation.missing(ref), as_of=moment(doc, "UpdatedDateUTC"), raw=scrubbed(doc))
    is_told = doc.get("AmountPaid") is not None
    reference, contact = doc.get("Reference"), doc.get("Contact")
    return Observation(
        ref=ref,
        status=status,
        total=money(amount(doc, "Total"), currency),
        paid_total=money(_cash_total(doc), currency) if is_told else None,
        facts=_added([*_cash(doc, currency), *_credits(doc, currency)]),
        covers=_covers(doc) if is_told else frozenset(),
        as_of=moment(doc, "UpdatedDateUTC"),
        number=_text(doc, "InvoiceNumber"),
        our_reference=reference if is_our_reference(reference) else None,
        payer_ref=_contact_id(contact),
        due_on=day(doc, "DueDate"),
        links=Links(pay_url=pay_url, view_url=view_url(ref, short_code)),
        raw=scrubbed(doc),
    )


def _contact_id(contact: object) -> str | None:
    ref = contact.get("ContactID") if isinstance(contact, dict) else None
    return ref.lower() if isinstance(ref, str) and ref else None


def _text(doc: Document, name: str) -> str | None:
    value = doc.get(name)
    return value if isinstance(value, str) and value else None


def view_url(ref: str, short_code: str) -> str | None:
    return f"https://go.xero.com/app/{short_code}/invoicing/view/{ref}" if short_code else None


def scrubbed(doc: Document) -> Document:
    """What of an invoice is kept, as JSON; it can be observed again."""
    kept = {name: plain(doc[name]) for name in _KEPT if doc.get(name) is not None}
    contact = doc.get("Contact")
    if isinstance(contact, dict) and contact.get("ContactID"):
        kept["Contact"] = {"ContactID": plain(contact["ContactID"])}
    for name, parts in _PIECES.items():
        if isinstance(doc.get(name), list):
            kept[name] = [
                {part: plain(row[part]) for part in parts if row.get(part) is not None}
                for row in _listed(doc, name)
            ]
    return kept


def _listed(doc: Document, name: str) -> list[Document]:
    found = doc.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


# --- money --------------------------------------------------------------------------------------------


def _cash(doc: Document, currency: str) -> Iterator[Fact]:
    """Payments, and money that came before the invoice or was paid too much on another."""
    for row in _listed(doc, "Payments"):
        if row.get("Status") != "DELETED":
            yield from _fact(
                FactKind.PAYMENT,
                row,
                "PaymentID",
                "Amount",
                currency,
                transaction_id=_text(row, "BatchPaymentID"),
            )
    for name, method in (("Prepayment", "prepayment"), ("Overpayment", "overpayment")):
        for row in _listed(doc, f"{name}s"):
            yield from _fact(FactKind.PAYMENT, row, f"{name}ID", "AppliedAmount", currency, method=method)


def _credits(doc: Document, currency: str) -> Iterator[Fact]:
    """Credit notes; and what Xero counts as credited without saying by what."""
    for row in _listed(doc, "CreditNotes"):
        yield from _fact(
            FactKind.CREDIT, row, "CreditNoteID", "AppliedAmount", currency, method="credit note"
        )
    rest = amount(doc, "AmountCredited") - _applied(doc, "CreditNotes", "Prepayments", "Overpayments")
    if rest > 0:
        yield Fact(FactKind.CREDIT, f"{doc['InvoiceID']}:credited", money(rest, currency))


def _added(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """A credit note that was allocated twice to one invoice is listed twice: one fact, over the sum."""
    found: dict[tuple[FactKind, str], Fact] = {}
    for fact in facts:
        key = (fact.kind, fact.external_id)
        found[key] = replace(fact, amount=found[key].amount + fact.amount) if key in found else fact
    return tuple(found.values())


def _fact(
    kind: FactKind, row: Document, id_name: str, amount_name: str, currency: str, **more: Any
) -> Iterator[Fact]:
    ref, value = row.get(id_name), amount(row, amount_name)
    if not isinstance(ref, str) or not ref:
        raise Garbled(f"Xero's payment has no {id_name}", party=PARTY)
    on = day(row, "Date")
    if value > 0:
        yield Fact(kind, ref, money(value, currency), bare(on) if on else None, **more)


def _applied(doc: Document, *names: str) -> Decimal:
    return sum((amount(row, "AppliedAmount") for name in names for row in _listed(doc, name)), Decimal(0))


def _cash_total(doc: Document) -> Decimal:
    """AmountCredited counts credit notes, prepayments and overpayments together; the last two are cash."""
    return amount(doc, "AmountPaid") + _applied(doc, "Prepayments", "Overpayments")


def _covers(doc: Document) -> frozenset[FactKind]:
    """What is itemised in full: a summary, or a list without pages, leaves the items out."""
    kinds = set()
    paid = sum(
        (amount(row, "Amount") for row in _listed(doc, "Payments") if row.get("Status") != "DELETED"),
        Decimal(0),
    )
    whole = _applied(doc, "CreditNotes", "Prepayments", "Overpayments") == amount(doc, "AmountCredited")
    if whole and paid == amount(doc, "AmountPaid"):
        kinds.add(FactKind.PAYMENT)
    if whole:
        kinds.add(FactKind.CREDIT)
    return frozenset(kinds)
