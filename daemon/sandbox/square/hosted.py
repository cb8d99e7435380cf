"""The page on which a subscriber pays, plain."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from daemon.money import Money
from daemon.sandbox.double import Route
from daemon.sandbox.http import Answer
from daemon.sandbox.square.hands import SquareAccount
from daemon.sandbox.square.tables import Doc

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Invoice {number}</title></head>
<body><h1>Invoice {number}</h1><p>A sandbox: no real money moves here.</p>
<p>Status: {status}. To pay: {due}.</p>{form}</body></html>
"""
_FORM = '<form method="post"><button>Pay {due}</button></form>'


def answer(accounts: Iterable[SquareAccount], route: Route, ref: str) -> Answer:
    for account in accounts:
        invoice = account.world.invoices.get(ref)
        if invoice is not None and invoice["status"] != "DRAFT":
            if route.method == "POST":
                return _pay(account, invoice)
            return _html(200, _page(invoice))
    return _html(404, "<h1>Not found</h1>")


def _pay(account: SquareAccount, invoice: Doc) -> Answer:
    try:
        account.pay(invoice["id"])
    except ValueError:
        return _html(409, "<h1>Not paid</h1><p>There is nothing to pay on this invoice.</p>")
    back = [("Location", f"/pay-invoice/{invoice['id']}")]
    return Answer(303, b"", back, content_type="text/html; charset=utf-8")


def _page(invoice: Doc) -> str:
    money = invoice["next_payment_amount_money"]
    due = str(Money(money["amount"], money["currency"]))
    return _PAGE.format(
        number=escape(invoice["invoice_number"]),
        status=escape(invoice["status"]),
        due=due,
        form=_FORM.format(due=due) if money["amount"] else "",
    )


def _html(status: int, page: str) -> Answer:
    return Answer(status, page.encode(), content_type="text/html; charset=utf-8")
