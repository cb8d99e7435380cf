"""The other side: the account at the provider, with everybody who acts on it without asking us."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from daemon.model import FactKind
from daemon.sandbox.faults import Fault, FaultKind, Faults
from daemon.sandbox.stripe import StripeDouble
from daemon.sandbox.stripe.records import Dispute, Endpoint, Invoice, Payment, Refund
from daemon.sandbox.transport import SandboxTransport
from tests.simulation.chance import Chance, TrueTime
from tests.simulation.points import Plan

ACCOUNT = "acct_simulation0001"
SECRET_KEY = "sk_test_simulation0123456789"
WEBHOOK_SECRET = "whsec_simulation0123456789"
BASE_URL = "http://stripe.simulation"
OURS = "wispbill_invoice"
OUR_PAYER = "wispbill_customer"

Books = dict[tuple[FactKind, str], int]
"""Money facts that count, in minor units."""

PROVIDER_FAULTS = (
    FaultKind.THROTTLED,
    FaultKind.LOCK_TIMEOUT,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_STORED,
    FaultKind.ERROR_AFTER,
    FaultKind.GARBLED,
)
HOOK_FAULTS = (
    FaultKind.HOOK_DROPPED,
    FaultKind.HOOK_DUPLICATED,
    FaultKind.HOOK_DELAYED,
    FaultKind.HOOK_REORDERED,
    FaultKind.HOOK_FORGED,
)


class Unchecked(dict[str, str]):
    """A provider that does not mind a number used twice, as the protocol must not lean on that."""

    def setdefault(self, _number: str, owner: str = "") -> str:
        return owner


class Account:
    """Our account at the double, its payers and their banks, and the people at its dashboard."""

    def __init__(self, time: TrueTime, entropy: Chance, people: Chance) -> None:
        self._people = people
        self._faults = Faults(entropy=entropy)
        self._double = StripeDouble(time, entropy, faults=self._faults)
        self._books = self._double.add_account(SECRET_KEY, ACCOUNT, default_currency="eur", country="DE")
        self._ledger: Any = self._books._ledger
        self.transport = SandboxTransport(self._double, time)
        self.sent: Counter[str] = Counter()
        self.stranger: str | None = None
        self._stale = 0.0
        self._count_sent()

    def _count_sent(self) -> None:
        emit = self._ledger.emit

        def counting(name: str, kind: str, subject: Any, before: Any = None) -> Any:
            if name == "invoice.sent":
                self.sent[subject.id] += 1
            return emit(name, kind, subject, before)

        self._ledger.emit = counting

    # --- bad days -------------------------------------------------------------------------------------

    def misbehave(self, plan: Plan) -> None:
        people = self._people
        most = people.choice((0.0, 0.02, 0.08))
        if plan.needs("push.fault", "push.fell_short"):
            most = 0.15
        if plan.needs("pull.hold"):
            most = 0.0
        self._faults.set_odds({kind: people.between(0, most) for kind in PROVIDER_FAULTS + HOOK_FAULTS})
        self._stale = 0.0 if plan.needs("pull.hold") else people.choice((0.0, 0.4))
        if people.happens(0.5):
            self._ledger.numbers = Unchecked()
        if people.happens(0.5):
            self._ledger.endpoints.put(
                Endpoint(
                    "we_1",
                    self._ledger.next_seq(),
                    self._ledger.now,
                    f"{BASE_URL}/hook",
                    ("*",),
                    WEBHOOK_SECRET,
                )
            )
        if people.happens(0.3) or plan.needs("pull.foreign"):
            self.stranger = self._meet_stranger()

    def behave(self) -> None:
        self._faults.clear()
        for endpoint in list(self._ledger.endpoints):
            self._ledger.endpoints.remove(endpoint.id)

    def _meet_stranger(self) -> str:
        """Somebody of whom we know nothing has the e-mail address of our subscriber, and an invoice."""
        (invoice_id,) = self._books.seed(1)
        return invoice_id

    # --- what people do -------------------------------------------------------------------------------

    def act(self, plan: Plan) -> Iterator[str]:
        """Somebody does something with one of our invoices; yields what, for the trace. Its event may be
        listed late; other lists show at once, as Stripe says."""
        if self._people.happens(self._stale):
            self._faults.add(Fault(FaultKind.STALE_LIST, on="GET /v1/events"))
        if self.stranger and self._people.happens(0.9 if plan.needs("pull.foreign") else 0.3):
            yield from self._try("a stranger pays", lambda: self._books.pay(self.stranger or "", 500))
        if plan.needs("pull.hold"):
            live = [invoice for invoice in self.ours() if invoice.status == "open" and self.sent[invoice.id]]
            for invoice in live if len(live) > 1 else ():
                yield from self._try(f"{invoice.id} voided", lambda i=invoice: self._books.void(i.id))
            return
        ours = self.ours()
        if not ours:
            return
        invoice = self._people.choice(ours)
        name, deed = self._people.choice(self._deeds(invoice))
        yield from self._try(f"{invoice.id} {name}", deed)

    def pay_by_number(self, number: str) -> Iterator[str]:
        for invoice in self.ours():
            if invoice.number == number:
                yield from self._try(f"{invoice.id} paid", lambda i=invoice: self._books.pay(i.id))

    def _try(self, what: str, deed: Callable[[], object]) -> Iterator[str]:
        try:
            deed()
        except (ValueError, KeyError):
            return
        yield what

    def _deeds(self, invoice: Invoice) -> list[tuple[str, Callable[[], object]]]:
        books, ref, people = self._books, invoice.id, self._people
        if invoice.status == "draft":
            return [("looked at", lambda: None)]
        rest = invoice.amount_remaining
        deeds: list[tuple[str, Callable[[], object]]] = [
            ("paid", lambda: books.pay(ref)),
            ("paid", lambda: books.pay(ref)),
            ("paid in part", lambda: books.pay(ref, max(1, rest // 3))),
            ("debited", lambda: books.pay(ref, method="sepa_debit", processing=True)),
            ("paid outside", lambda: books.pay_out_of_band(ref)),
            ("refunded", lambda: books.refund(ref)),
            ("refunded in part", lambda: books.refund(ref, max(1, invoice.total // 4))),
            ("disputed", lambda: books.dispute(ref)),
            ("credited", lambda: books.credit(ref, max(1, rest // 2))),
        ]
        if self.sent[ref]:
            deeds += [
                ("voided", lambda: books.void(ref)),
                ("given up", lambda: books.mark_uncollectible(ref)),
            ]
        for payment in self._payments(invoice):
            if payment.status == "open" and payment.intent_status == "processing":
                deeds += [
                    ("debit settled", lambda p=payment: books.settle(p)),
                    ("debit settled", lambda p=payment: books.settle(p)),
                    ("debit failed", lambda p=payment: books.fail(p)),
                ]
        for dispute in self._disputes(invoice):
            won = people.happens(0.5)
            deeds += [("dispute closed", lambda d=dispute, w=won: books.close_dispute(d.id, w))] * 4
        for refund in self._refunds(invoice):
            deeds.append(("refund failed", lambda r=refund: books.fail_refund(r.id)))
        return deeds

    # --- webhooks -------------------------------------------------------------------------------------

    def deliveries(self) -> Iterator[tuple[dict[str, Any], Callable[[bool], None]]]:
        """(WSGI environment of the POST, how to report whether it was answered 2xx)."""
        for _ in range(6):
            delivery = self._double.next_delivery()
            if delivery is None:
                return
            environ = {
                "REQUEST_METHOD": "POST",
                "CONTENT_TYPE": delivery.headers["Content-Type"],
                "CONTENT_LENGTH": str(len(delivery.body)),
                "HTTP_STRIPE_SIGNATURE": delivery.headers["Stripe-Signature"],
                "REMOTE_ADDR": "192.0.2.1",
                "wsgi.input": io.BytesIO(delivery.body),
            }

            def report(ok: bool, delivery: Any = delivery) -> None:
                (self._double.delivered if ok else self._double.failed)(delivery)

            yield environ, report

    # --- the truth ------------------------------------------------------------------------------------

    def ours(self) -> list[Invoice]:
        return [invoice for invoice in self._ledger.invoices if OURS in invoice.metadata]

    def payers(self, reference: str) -> list[str]:
        """The customers that carry our reference."""
        return [c.id for c in self._ledger.customers if c.metadata.get(OUR_PAYER) == reference]

    def invoice(self, ref: str) -> Invoice | None:
        found: Invoice | None = self._ledger.invoices.get(ref)
        return found

    def books(self, invoice: Invoice) -> Books:
        """What really happened to an invoice's money."""
        facts: Books = {}
        for payment in self._payments(invoice):
            if payment.status == "paid":
                facts[FactKind.PAYMENT, payment.id] = payment.amount_paid or 0
                self._losses(facts, invoice, payment)
            elif payment.status == "open" and payment.intent_status == "processing":
                facts[FactKind.IN_FLIGHT, payment.id] = payment.amount
        self._credits(facts, invoice)
        outside = invoice.paid_off
        if outside:
            facts[FactKind.PAYMENT, "balance"] = outside
        if invoice.status == "uncollectible":
            facts[FactKind.WRITE_OFF, f"{invoice.id}:uncollectible"] = invoice.amount_remaining
        return {key: amount for key, amount in facts.items() if amount > 0}

    def _losses(self, facts: Books, invoice: Invoice, payment: Payment) -> None:
        for refund in self._ledger.refunds:
            if refund.charge == payment.charge and refund.status not in ("failed", "canceled"):
                facts[FactKind.REFUND, refund.id] = refund.amount
        for dispute in self._ledger.disputes:
            if dispute.charge == payment.charge and dispute.status != "won":
                kind = FactKind.REVERSAL if dispute.status == "lost" else FactKind.DISPUTE
                facts[kind, dispute.id] = min(dispute.amount, payment.amount_paid or 0)

    def _credits(self, facts: Books, invoice: Invoice) -> None:
        for note in self._ledger.credit_notes.where("invoice", invoice.id):
            if note.status != "void":
                facts[FactKind.CREDIT, note.id] = note.before
                facts[FactKind.REFUND, note.id] = note.after - note.refund_amount
        if invoice.ending_balance is not None and invoice.status != "void":
            facts[FactKind.CREDIT, f"{invoice.id}:balance"] = (
                invoice.ending_balance - invoice.starting_balance
            )

    def _payments(self, invoice: Invoice) -> list[Payment]:
        return list(self._ledger.payments.where("invoice", invoice.id))

    def _disputes(self, invoice: Invoice) -> list[Dispute]:
        charges = {payment.charge for payment in self._payments(invoice)}
        return [d for d in self._ledger.disputes if d.charge in charges and d.status not in ("won", "lost")]

    def _refunds(self, invoice: Invoice) -> list[Refund]:
        charges = {payment.charge for payment in self._payments(invoice)}
        return [r for r in self._ledger.refunds if r.charge in charges and r.status == "succeeded"]
