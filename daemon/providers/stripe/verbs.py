"""What is done to an invoice that stands at Stripe: void it, mark it as paid elsewhere, fetch its PDF."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from daemon.errors import Garbled, Missing, Unsupported
from daemon.model import DocStatus, Document, Journal, Observation
from daemon.money import Money
from daemon.providers.stripe.money import PARTY, to_minor
from daemon.providers.stripe.pull import Reader
from daemon.providers.stripe.push import WITH_PAYMENTS
from daemon.providers.stripe.read import integer, is_paid, paid_total, source_of, text
from daemon.providers.stripe.wire_client import Api
from daemon.wire import Wire, raise_for

_REDIRECTS = 3
_OVER = ("void", "deleted")


class Verbs:
    def __init__(self, api: Api, reader: Reader, wire: Wire, base_url: str) -> None:
        self._api, self._reader, self._wire, self._base = api, reader, wire, base_url

    def void(self, ref: str, journal: Journal) -> Observation:
        """A draft is deleted there, which is void to us. Raises Rejected where money has come in."""
        done = journal.once("void", {"invoice": ref}, self._void, self._is_void, lag_s=0)
        if done["status"] == "deleted":
            return Observation(ref=ref, status=DocStatus.VOID, covers=frozenset())
        return self._reader.observe(self._reader.document(ref))

    def _void(self, body: Document, key: str) -> Document:
        done = self._is_void(body)
        if done is not None:
            return done
        ref = body["invoice"]
        if self._api.get("invoices", ref).get("status") == "draft":
            self._api.delete("invoices", ref)
            return {"status": "deleted"}
        return {"status": text(self._api.post("invoices", ref, "void", key=key), "status")}

    def _is_void(self, body: Document) -> Document | None:
        try:
            doc = self._api.get("invoices", body["invoice"])
        except Missing:
            return {"status": "deleted"}
        status = "deleted" if doc.get("deleted") else str(doc.get("status"))
        return {"status": status} if status in _OVER else None

    def record_payment(self, ref: str, amount: Money, journal: Journal) -> Observation:
        """Stripe marks the whole remainder as paid, or nothing; raises Unsupported for a part."""
        doc = self._reader.document(ref)
        remaining, cents = integer(doc, "amount_remaining"), to_minor(amount)
        if doc.get("status") == "open" and remaining != cents:
            raise Unsupported(
                f"Stripe can only mark the whole remainder as paid elsewhere, not {amount} of it; "
                "record it here, and close the invoice there"
            )
        journal.once("record_payment", {"invoice": ref, "amount": cents}, self._pay, self._is_paid, lag_s=0)
        return self._reader.observe(self._reader.document(ref))

    def _pay(self, body: Document, key: str) -> Document:
        doc = self._api.post("invoices", body["invoice"], "pay", key=key, paid_out_of_band=True)
        return {"status": text(doc, "status")}

    def _is_paid(self, body: Document) -> Document | None:
        """Paid, and by that much more than came in through Stripe."""
        doc = self._api.get("invoices", body["invoice"], expand=WITH_PAYMENTS)
        if doc.get("status") != "paid":
            return None
        rows = (doc.get("payments") or {}).get("data") or ()
        through = sum(integer(row, "amount_paid") for row in rows if is_paid(row) and source_of(row))
        beside = to_minor(paid_total(doc)) - through
        return {"status": "paid"} if beside >= body["amount"] else None

    def document(self, ref: str) -> bytes:
        """The PDF, by a link fetched anew (it expires) and without our key, which is not for that host."""
        url = self._api.get("invoices", ref).get("invoice_pdf")
        if not isinstance(url, str):
            raise Unsupported("Stripe makes the PDF when an invoice is finalised")
        for _ in range(_REDIRECTS + 1):
            self._insist_on_stripe(url)
            reply = self._wire.request("GET", url, scope="pdf")
            if reply.status_code not in (301, 302, 303, 307, 308):
                raise_for(reply, PARTY)
                if not reply.body.startswith(b"%PDF"):
                    raise Garbled("Stripe's PDF is not a PDF", party=PARTY)
                return reply.body
            url = urljoin(url, reply.headers.get("location", ""))
        raise Garbled("Stripe's PDF is redirected too often", party=PARTY)

    def _insist_on_stripe(self, url: str) -> None:
        """Only Stripe's own hosts over https, or the server that the operator named in Stripe's place."""
        there, base = urlsplit(url), urlsplit(self._base)
        host = there.hostname or ""
        own = (there.scheme, there.netloc) == (base.scheme, base.netloc)
        if not own and not (
            there.scheme == "https" and (host == "stripe.com" or host.endswith(".stripe.com"))
        ):
            raise Garbled("Stripe's PDF is said to be on another host", party=PARTY)
