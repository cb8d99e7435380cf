"""The page on which a subscriber pays, plain."""

from __future__ import annotations

from html import escape

from daemon.sandbox.http import Answer
from daemon.sandbox.paypal.ledger import LIVE, Invoice, Ledger
from daemon.sandbox.paypal.money import rounded
from daemon.sandbox.paypal.render import due

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Invoice {number}</title></head>
<body><h1>{name}</h1><p>Invoice {number}: {status}</p><p>Due: {due} {currency}</p>{form}</body></html>
"""
_FORM = '<form method="post"><button>Pay now</button></form>'


def page(ledger: Ledger, invoice: Invoice, *, pays: bool = True) -> Answer:
    """`pays`: with the button that pays what is due."""
    body = _PAGE.format(
        number=escape(invoice.number),
        name=escape(ledger.name),
        status=escape(invoice.status),
        due=rounded(due(ledger, invoice), invoice.currency),
        currency=invoice.currency,
        form=_FORM if pays and invoice.status in LIVE else "",
    )
    return Answer(200, body.encode(), content_type="text/html; charset=utf-8")
