"""The canonical invoice: what a mapping may point at, and the body that goes out where there is none.

Amounts are Money and dates are dates until they are written, so that nothing is lost on the way.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from daemon.model import Document, InvoiceDraft, LineDraft, PayerDraft
from daemon.money import Money

CREATED, VOID, TEST = "invoice.created", "invoice.void", "connection.test"

_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")

DEFAULT: Document = {
    "type": {"$path": "/type"},
    "timestamp": {"$path": "/timestamp"},
    "data": {
        "reference": {"$path": "/reference"},
        "platform_reference": {"$path": "/platform_reference"},
        "number": {"$path": "/number"},
        "currency": {"$path": "/currency"},
        "issue_date": {"$path": "/issue_date"},
        "due_date": {"$path": "/due_date"},
        "customer": {
            "reference": {"$path": "/customer/reference"},
            "platform_reference": {"$path": "/customer/platform_reference"},
            "name": {"$path": "/customer/name"},
            "email": {"$path": "/customer/email", "$omit_if_missing": True},
            "phone": {"$path": "/customer/phone", "$omit_if_missing": True},
        },
        "lines": {
            "$each": "/lines",
            "$do": {
                "description": {"$path": "description"},
                "quantity": {"$path": "quantity", "$omit_if_missing": True},
                "net": {"$path": "net"},
                "tax": {"$path": "tax"},
                "amount": {"$path": "amount"},
                "tax_rate": {"$path": "tax_rate", "$omit_if_missing": True},
            },
        },
        "subtotal": {"$path": "/subtotal"},
        "tax": {"$path": "/tax"},
        "total": {"$path": "/total"},
        "memo": {"$path": "/memo", "$omit_if_missing": True},
    },
}
"""The documented default: amounts as decimal strings, dates as 2026-11-22."""


def canonical(draft: InvoiceDraft, now: datetime) -> Document:
    """The invoice as a mapping sees it. `now` is the time of the event."""
    subtotal = Money.total((line.net for line in draft.lines), draft.currency)
    return {
        "type": CREATED,
        "timestamp": now.replace(microsecond=0),
        "reference": draft.reference,
        "platform_reference": draft.platform_reference,
        "number": draft.number,
        "currency": draft.currency,
        "issue_date": draft.issued_on,
        "due_date": draft.due_on,
        "customer": _customer(draft.payer),
        "lines": [_line(place, line) for place, line in enumerate(draft.lines, 1)],
        "subtotal": subtotal,
        "tax": draft.total - subtotal,
        "total": draft.total,
        "memo": draft.memo,
    }


def _customer(payer: PayerDraft) -> Document:
    return {
        "reference": payer.external_id or payer.reference,
        "platform_reference": payer.platform_reference,
        "name": payer.name,
        "email": payer.email,
        "phone": payer.phone,
        "address": {name: payer.address.get(name) for name in _ADDRESS},
    }


def _line(place: int, line: LineDraft) -> Document:
    return {
        "position": place,
        "description": line.description,
        "quantity": line.quantity,
        "net": line.net,
        "tax": line.tax,
        "amount": line.gross,
        "tax_rate": line.tax_rate,
    }


def sample_draft(currency: str = "EUR") -> InvoiceDraft:
    """An invoice with everything that one can have: what a mapping is tried with."""
    net, tax = Money(15000, currency), Money(2850, currency)
    address = dict.fromkeys(_ADDRESS, "Sample")
    return InvoiceDraft(
        reference="WB-SAMPLE234567ABCD",
        platform_reference="sample-1",
        number="SAMPLE-1",
        payer=PayerDraft(
            "WB-SAMPLEPAYER2345",
            "sample-customer",
            "Subscriber 0001",
            "subscriber0001@example.com",
            "+15550100",
            address,
        ),
        currency=currency,
        total=net + tax,
        issued_on=date(2026, 1, 1),
        due_on=date(2026, 1, 15),
        lines=(LineDraft("Internet", net, tax, "standard", "1"),),
        memo="Sample",
    )


def at(document: Any, pointer: str) -> Any:
    """What stands at a JSON pointer (RFC 6901), or at a relative name inside `$do`; raises KeyError."""
    found = document
    for part in pointer.removeprefix("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict):
            raise KeyError(pointer)
        found = found[name]
    return found
