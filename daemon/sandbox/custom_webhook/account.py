"""One customer's system as people there act on it: payers, the office, and its own signed hints."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from daemon.clock import Clock, Entropy, to_unix
from daemon.errors import Unsupported
from daemon.model import DocStatus
from daemon.sandbox.custom_webhook.invoices import Invoice, Receipt
from daemon.sandbox.double import Hands, Standing
from daemon.sandbox.outbox import Outbox, Posting


@dataclass
class CustomAccount(Hands):
    """`secrets` are whsec_ secrets that our requests may be signed with, `format` json or xml, `hint_url` and
    `hint_secret` where and how it signs hints. `silent_ids`: it accepts invoices without telling an id."""

    id: str
    api_key: str
    secrets: list[str]
    clock: Clock
    entropy: Entropy
    outbox: Outbox
    format: str = "json"
    hint_url: str = ""
    hint_secret: str = ""
    silent_ids: bool = False
    revoked: bool = False
    gone: bool = False
    invoices: dict[str, Invoice] = field(default_factory=dict)
    answered: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The invoice made of an event, and the hash of its body, by webhook-id: what a repeat is known by."""
    _count: int = 0

    # --- what is there --------------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        return [
            Standing(
                ref=one.id,
                number=one.number,
                reference=one.reference,
                payer=one.customer,
                currency=one.currency,
                total=one.total,
                paid=one.paid,
                refunded=one.refunded,
                status=one.standing,
                sent=one.sent,
            )
            for one in self.invoices.values()
        ]

    def payers(self) -> int:
        return len({one.customer for one in self.invoices.values() if one.customer})

    def by_reference(self, reference: str) -> Invoice | None:
        return self._only(lambda one: one.reference == reference)

    def by_number(self, number: str) -> Invoice | None:
        return self._only(lambda one: one.number == number)

    def _only(self, fits: Callable[[Invoice], bool]) -> Invoice | None:
        return next((one for one in self.invoices.values() if fits(one) and not one.deleted), None)

    def add(
        self,
        *,
        reference: str,
        number: str,
        customer: str,
        currency: str,
        total: int,
        due: str,
        sent: int = 1,
    ) -> Invoice:
        invoice = Invoice(
            self._new_id("inv"),
            reference,
            number,
            customer,
            currency,
            total,
            due,
            self.clock.now(),
            sent=sent,
        )
        self.invoices[invoice.id] = invoice
        return invoice

    # --- what people do -------------------------------------------------------------------------------

    def pay(self, ref: str, amount: int | None = None) -> str:
        invoice = self._live(ref)
        amount = invoice.due if amount is None else amount
        if not 0 < amount <= invoice.due:
            raise ValueError(f"{amount} is not between 1 and {invoice.due}")
        return self._receive(invoice, amount)

    def overpay(self, ref: str, amount: int) -> str:
        invoice = self._live(ref)
        return self._receive(invoice, invoice.due + amount)

    def pay_several(self, amounts: dict[str, int]) -> str:
        """The same receipt on each of the invoices."""
        name = self._new_id("pay")
        for ref, amount in amounts.items():
            self._receive(self._live(ref), amount, name)
        return name

    def _receive(self, invoice: Invoice, amount: int, name: str | None = None) -> str:
        receipt = Receipt(name or self._new_id("pay"), amount, self.clock.now())
        invoice.payments.append(receipt)
        self._changed(invoice)
        return receipt.id

    def refund(self, ref: str, amount: int | None = None) -> None:
        invoice = self._live(ref)
        amount = invoice.payments[-1].amount if amount is None else amount
        if not 0 < amount <= invoice.paid - invoice.refunded:
            raise ValueError("more than was paid")
        invoice.refunds.append(Receipt(self._new_id("ref"), amount, self.clock.now()))
        self._changed(invoice)

    def reverse(self, ref: str) -> None:
        invoice = self._live(ref)
        invoice.payments.pop()
        self._changed(invoice)

    def credit(self, ref: str, amount: int) -> None:
        invoice = self._live(ref)
        if amount > invoice.due:
            raise ValueError("more than is due")
        invoice.credited += amount
        self._changed(invoice)

    def dispute(self, ref: str) -> None:
        raise Unsupported

    def void(self, ref: str) -> None:
        invoice = self._live(ref)
        if invoice.paid:
            raise ValueError("it has payments")
        self.mark(ref, "void")

    def mark(self, ref: str, word: str) -> None:
        """The office chooses a state by hand, whatever the amounts say."""
        invoice = self._live(ref)
        invoice.word = word
        self._changed(invoice)

    def delete(self, ref: str) -> None:
        invoice = self._live(ref)
        invoice.deleted = True
        self._changed(invoice)

    def edit(self, ref: str, total: int) -> None:
        invoice = self._live(ref)
        invoice.total = total
        self._changed(invoice)

    def strangers(self, number: str, total: int) -> str:
        due = (self.clock.now() + timedelta(days=14)).date().isoformat()
        return self.add(
            reference="", number=number, customer="", currency="USD", total=total, due=due, sent=0
        ).id

    def _live(self, ref: str) -> Invoice:
        invoice = self.invoices[ref]
        if invoice.deleted:
            raise KeyError(ref)
        if invoice.standing is DocStatus.VOID:
            raise ValueError("it is void")
        return invoice

    def _new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count:06d}{self.entropy.bytes(4).hex()}"

    # --- hints ----------------------------------------------------------------------------------------

    def _changed(self, invoice: Invoice) -> None:
        invoice.updated_at = self.clock.now()
        event = self._new_id("msg").replace("_", "")
        self.outbox.put(event, "invoice.status", lambda forged: self._hint(event, invoice.id, forged))

    def _hint(self, event: str, ref: str, forged: bool) -> Posting | None:
        """It names an amount too, a wrong one: whoever believes it is caught."""
        if not self.hint_url:
            return None
        document = {"type": "invoice.status", "data": {"invoice": ref, "status": "paid", "paid": "999999.99"}}
        body = json.dumps(document).encode()
        at = str(to_unix(self.clock.now()))
        secret = (
            "whsec_" + base64.b64encode(b"somebody else's secret!!").decode() if forged else self.hint_secret
        )
        headers = {
            "content-type": "application/json",
            "webhook-id": event,
            "webhook-timestamp": at,
            "webhook-signature": signature(secret, event, at, body),
        }
        return Posting(self.hint_url, headers, body, event)


def signature(secret: str, event: str, at: str, body: bytes) -> str:
    """Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
