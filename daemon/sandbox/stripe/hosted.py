"""The pages a subscriber sees: the hosted invoice with a button that pays, its PDF, a receipt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from daemon.money import Money
from daemon.sandbox.stripe import payments
from daemon.sandbox.stripe.errors import StripeError
from daemon.sandbox.stripe.http import Answer
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.records import CreditNote, Invoice

_PATH = re.compile(
    r"/(?P<what>i|cn)/(?P<account>acct_\w+)/(?P<mode>test|live)_(?P<id>\w{24})(?P<secret>\w{16})(?P<verb>/pay|/pdf)?"
)
_RECEIPT = re.compile(r"/receipts/(?P<account>acct_\w+)/(?P<charge>ch_\w+)")

Ledgers = Mapping[tuple[str, str], Ledger]


def answer(ledgers: Ledgers, method: str, path: str) -> Answer:
    """No Authorization here: whoever has the link may look and pay."""
    match = _PATH.fullmatch(path)
    if match is None:
        return _receipt(ledgers, method, path)
    ledger = ledgers.get((match["account"], match["mode"]))
    if ledger is None:
        return _missing()
    show = _note if match["what"] == "cn" else _invoice
    return show(ledger, match, method, path)


def _note(ledger: Ledger, match: re.Match[str], method: str, path: str) -> Answer:
    note = ledger.credit_notes.get("cn_" + match["id"])
    if note is None or note.secret != match["secret"] or match["verb"] != "/pdf" or method != "GET":
        return _missing()
    return Answer(200, pdf(_note_lines(note)), content_type="application/pdf")


def _invoice(ledger: Ledger, match: re.Match[str], method: str, path: str) -> Answer:
    invoice = ledger.invoices.get("in_" + match["id"])
    if invoice is None or invoice.finalized_at is None or invoice.secret != match["secret"]:
        return _missing()
    if (method, match["verb"]) == ("GET", "/pdf"):
        return Answer(200, pdf(_lines(invoice)), content_type="application/pdf")
    if (method, match["verb"]) == ("POST", "/pay"):
        return _pay(ledger, invoice, path.removesuffix("/pay"))
    if (method, match["verb"]) == ("GET", None):
        return _html(200, _invoice_page(invoice, path))
    return _missing()


def _pay(ledger: Ledger, invoice: Invoice, back: str) -> Answer:
    try:
        payments.begin(ledger, invoice, invoice.amount_remaining, "card", processing=False)
    except StripeError as error:
        return _html(409, f"<h1>Not paid</h1><p>{escape(error.message)}</p>")
    return Answer(303, b"", [("Location", back)], content_type="text/html; charset=utf-8")


def _receipt(ledgers: Ledgers, method: str, path: str) -> Answer:
    match = _RECEIPT.fullmatch(path)
    if match is None or method != "GET":
        return _missing()
    for mode in ("test", "live"):
        ledger = ledgers.get((match["account"], mode))
        payment = ledger.payment_of_charge(match["charge"]) if ledger else None
        if payment is not None and payment.charge_status == "succeeded":
            paid = _money(payment.amount, payment.currency)
            return _html(
                200, f"<h1>Receipt</h1><p>{paid} received by {escape(payment.method or 'card')}.</p>"
            )
    return _missing()


def _invoice_page(invoice: Invoice, path: str) -> str:
    lines = "".join(
        f"<tr><td>{escape(line.description or '')}</td><td>{_money(line.amount, invoice.currency)}</td></tr>"
        for line in invoice.lines
    )
    rest = _money(invoice.amount_remaining, invoice.currency)
    button = ""
    if invoice.status in ("open", "uncollectible") and invoice.amount_remaining:
        button = f'<form method="post" action="{escape(path)}/pay"><button>Pay {rest}</button></form>'
    return (
        f"<h1>Invoice {escape(invoice.number or '')}</h1>"
        "<p>A sandbox: no real money moves here.</p>"
        f"<p>For {escape(invoice.who.name or invoice.who.email or '')}. Status: {invoice.status}.</p>"
        f"<table>{lines}</table>"
        f"<p>Total {_money(invoice.total, invoice.currency)}, to pay {rest}.</p>"
        f'{button}<p><a href="{escape(path)}/pdf">PDF</a></p>'
    )


def _lines(invoice: Invoice) -> list[str]:
    return [
        f"Invoice {invoice.number}",
        f"For {invoice.who.name or invoice.who.email or invoice.customer}",
        *(f"{line.description or ''}: {_money(line.amount, invoice.currency)}" for line in invoice.lines),
        f"Total {_money(invoice.total, invoice.currency)}",
        f"To pay {_money(invoice.amount_remaining, invoice.currency)}",
    ]


def _note_lines(note: CreditNote) -> list[str]:
    return [f"Credit note {note.number}", f"Amount {_money(note.amount, note.currency)}", note.memo or ""]


def _money(minor: int, currency: str) -> str:
    return str(Money(minor, currency.upper()))


STYLE = (
    ":root{color-scheme:light dark}body{font:17px/1.5 system-ui,sans-serif;margin:0}"
    "main{max-width:26rem;margin:2rem auto;padding:1.5rem;border:1px solid #8884;border-radius:.75rem}"
    "h1{font-size:1.35rem;margin-top:0}table{width:100%}td:last-child{text-align:right}"
    "button{font:inherit;padding:.6rem 1.2rem;width:100%}@media(max-width:30rem){main{border:0;margin:0}}"
)


def _html(status: int, body: str) -> Answer:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<body><main>{body}</main></body></html>"
    )
    return Answer(status, page.encode(), content_type="text/html; charset=utf-8")


def _missing() -> Answer:
    return _html(404, "<h1>Not found</h1>")


def pdf(lines: list[str]) -> bytes:
    """One A4 page of text in a font every reader has; what Latin-1 lacks becomes a question mark."""
    shown = b"\n".join(b"(%s) Tj T*" % _pdf_text(line) for line in lines[:60])
    content = b"BT /F1 11 Tf 13 TL 56 786 Td\n" + shown + b"\nET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _pdf_text(text: str) -> bytes:
    plain = text.encode("latin-1", "replace")
    return plain.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
