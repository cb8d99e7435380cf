"""Stripe: what really happened there is known fact by fact."""

from __future__ import annotations

import base64
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from daemon.clock import to_unix
from daemon.model import DocStatus, FactKind
from daemon.providers.stripe import feed, wire_client
from daemon.providers.stripe import pull as reading
from daemon.reconcile import effective
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.stripe import StripeDouble
from daemon.sandbox.stripe.records import Dispute, Endpoint, Invoice, Payment, Refund
from daemon.sandbox.transport import SandboxTransport
from daemon.store import changes, records
from tests.simulation.chance import Chance, TrueTime
from tests.simulation.parties.party import HOOK_FAULTS, Party, Record
from tests.simulation.points import Plan

WEBHOOK_SECRET = "whsec_simulation0123456789"
OURS = "wispbill_invoice"
OUR_PAYER = "wispbill_customer"
TOLD_S = 29 * 86400
"""That an invoice was sent, Stripe tells for 30 days; after a restore later than that it is sent again."""

Books = dict[tuple[FactKind, str], int]
"""Money facts that count, in minor units."""

STATUS = {
    "draft": DocStatus.DRAFT,
    "open": DocStatus.OPEN,
    "paid": DocStatus.PAID,
    "void": DocStatus.VOID,
    "uncollectible": DocStatus.UNCOLLECTIBLE,
}


class Unchecked(dict[str, str]):
    """A provider that does not mind a number used twice, as the protocol must not lean on that."""

    def setdefault(self, _number: str, owner: str = "") -> str:
        return owner


class StripeParty(Party):
    """Our account at the double, its payers and their banks, and the people at its dashboard."""

    provider = "stripe"

    def __init__(self, time: TrueTime, entropy: Chance, people: Chance) -> None:
        super().__init__(time, entropy, people)
        self._double = StripeDouble(time, entropy, faults=self.faults)
        key = self.credentials()["secret_key"]
        self._books = self._double.add_account(key, self.account(), default_currency="eur", country="DE")
        self._ledger: Any = self._books._ledger
        self.transport = SandboxTransport(self._double, time)
        self.sent: Counter[str] = Counter()
        self.stranger: str | None = None
        self._stale = 0.0
        self._count_sent()

    @classmethod
    def account(cls) -> str:
        return "acct_simulation0001"

    @classmethod
    def credentials(cls) -> dict[str, Any]:
        return {"secret_key": "sk_test_simulation0123456789"}

    @classmethod
    def webhook_secret(cls) -> str:
        return WEBHOOK_SECRET

    def _count_sent(self) -> None:
        emit = self._ledger.emit

        def counting(name: str, kind: str, subject: Any, before: Any = None) -> Any:
            if name == "invoice.sent":
                self.sent[subject.id] += 1
            return emit(name, kind, subject, before)

        self._ledger.emit = counting

    # --- bad days -------------------------------------------------------------------------------------

    def misbehave(self, plan: Plan) -> None:
        people = self.people
        by_feed = plan.needs(
            "pull.feed:after-commit"
        )  # and hardly by webhooks, in pages that are whole polls
        wire_client.PAGE = 3
        feed.PAGE = 1 if plan.needs("feed:page-n") else 30 if by_feed else 3
        reading.SINGLE_READS = people.choice((1, 50))
        most = people.choice((0.0, 0.02, 0.08))
        if plan.needs("push.fault", "push.fell_short"):
            most = 0.15
        if plan.needs("pull.hold"):
            most = 0.0
        self.faults.set_odds({kind: people.between(0, most) for kind in self.faults_of + HOOK_FAULTS})
        self._stale = 0.0 if plan.needs("pull.hold") else people.choice((0.0, 0.4))
        if people.happens(0.5):
            self._ledger.numbers = Unchecked()
        if people.happens(0.1 if by_feed else 0.5):
            self._ledger.endpoints.put(
                Endpoint(
                    "we_1",
                    self._ledger.next_seq(),
                    self._ledger.now,
                    f"{self.base_url()}/hook",
                    ("*",),
                    WEBHOOK_SECRET,
                )
            )
        if people.happens(0.3) or plan.needs("pull.foreign"):
            self.stranger = self._meet_stranger()

    def behave(self) -> None:
        self.faults.clear()
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
        if self.people.happens(self._stale):
            self.faults.add(Fault(FaultKind.STALE_LIST, on="GET /v1/events"))
        if self.stranger and self.people.happens(0.9 if plan.needs("pull.foreign") else 0.3):
            yield from self.deed("a stranger pays", lambda: self._books.pay(self.stranger or "", 500))
        if plan.needs("pull.hold"):
            live = [invoice for invoice in self._ours() if invoice.status == "open" and self.sent[invoice.id]]
            for invoice in live if len(live) > 1 else ():
                yield from self.deed(f"{invoice.id} voided", lambda i=invoice: self._books.void(i.id))
            return
        ours = self._ours()
        if not ours:
            return
        invoice = self.people.choice(ours)
        name, deed = self.people.choice(self._deeds(invoice))
        yield from self.deed(f"{invoice.id} {name}", deed)

    def pay_by_number(self, number: str) -> Iterator[str]:
        for invoice in self._ours():
            if invoice.number == number:
                yield from self.deed(f"{invoice.id} paid", lambda i=invoice: self._books.pay(i.id))

    def _deeds(self, invoice: Invoice) -> list[tuple[str, Callable[[], object]]]:
        books, ref, people = self._books, invoice.id, self.people
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

    def _ours(self) -> list[Invoice]:
        return [invoice for invoice in self._ledger.invoices if OURS in invoice.metadata]

    def payers(self, reference: str) -> list[str]:
        """The customers that carry our reference."""
        return [c.id for c in self._ledger.customers if c.metadata.get(OUR_PAYER) == reference]

    def records(self) -> list[Record]:
        return [self._record(invoice) for invoice in self._ours()]

    def record(self, ref: str) -> Record | None:
        found: Invoice | None = self._ledger.invoices.get(ref)
        return None if found is None else self._record(found)

    def _record(self, invoice: Invoice) -> Record:
        ended = invoice.status in ("void", "uncollectible", "paid")
        return Record(
            ref=invoice.id,
            number=str(invoice.number),
            reference=invoice.metadata.get(OURS, ""),
            payer=invoice.customer,
            status=STATUS[invoice.status],
            total=invoice.total,
            sent=self.sent[invoice.id],
            settled=ended or invoice.paid_at is not None,
            told=to_unix(self.time.now()) - (invoice.finalized_at or 0) < TOLD_S,
        )

    def feeds(self, request_url: str) -> str | None:
        if "/v1/events" not in request_url:
            return None
        return "feed:page-n" if "starting_after" in request_url else "feed:page-1"

    def keys_of(self, request: httpx.Request, expected: str) -> bool | None:
        key = request.headers.get("idempotency-key")
        return None if key is None else key in forms_of(expected)

    def difference(self, invoice: records.Invoice, record: Record) -> str | None:
        doc: Invoice = self._ledger.invoices.get(record.ref)
        there, here = self._facts(doc), _booked(invoice.id)
        if there != here:
            return _difference(there, here)
        said = (invoice.payment_status, invoice.paid_minor, invoice.due_minor)
        stands = standing(doc, there)
        return None if said == stands else f"{stands} (status, paid, due) there; here it is {said}"

    def _facts(self, invoice: Invoice) -> Books:
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


def forms_of(key: str) -> list[str]:
    """The key, and those of the second forms of a request, for an invoice whose due day has passed."""
    texts = [f"{key}|{form}" for form in ("due now", "late")]
    return [key, *(base64.b32encode(hashlib.sha256(t.encode()).digest()).decode()[:32] for t in texts)]


def standing(doc: Invoice, facts: Books) -> tuple[str, int, int]:
    """Where an invoice stands with these facts: (status, paid, due) in minor units."""

    def add(kind: FactKind) -> int:
        return sum(amount for (k, _ref), amount in facts.items() if k is kind)

    paid = max(0, add(FactKind.PAYMENT) - add(FactKind.REVERSAL))
    owed = max(0, doc.total - add(FactKind.CREDIT) - add(FactKind.WRITE_OFF))
    status = next(_statuses(doc, paid, owed, add))
    settled = status in ("void", "uncollectible", "refunded")
    return status, paid, 0 if settled else max(0, owed - paid)


def _statuses(doc: Invoice, paid: int, owed: int, add: Any) -> Iterator[str]:
    """Every status that fits, the one that counts first."""
    if add(FactKind.DISPUTE):
        yield "disputed"
    if doc.status == "uncollectible" and add(FactKind.WRITE_OFF):
        yield "uncollectible"
    if paid and add(FactKind.REFUND) >= paid and owed <= paid:
        yield "refunded"
    if paid - add(FactKind.REFUND) > owed:
        yield "overpaid"
    if paid and paid >= owed:
        yield "paid"
    if doc.status in ("void", "uncollectible"):
        yield doc.status
    if owed == 0:
        yield "paid"
    if add(FactKind.IN_FLIGHT):
        yield "in_flight"
    yield "partially_paid" if paid else "open"


def _booked(invoice_id: str) -> Books:
    facts = effective(changes.facts_of([invoice_id]).get(invoice_id, ()))
    return {(fact.kind, fact.external_id): fact.amount.minor for fact in facts}


def _difference(there: Books, here: Books) -> str:
    lost = [f"{kind.value} {ref} of {there[kind, ref]}" for kind, ref in there if (kind, ref) not in here]
    made_up = [f"{kind.value} {ref} of {here[kind, ref]}" for kind, ref in here if (kind, ref) not in there]
    other = [
        f"{k[0].value} {k[1]}: {there[k]} there, {here[k]} here"
        for k in there
        if here.get(k, there[k]) != there[k]
    ]
    parts = (("not seen", lost), ("made up", made_up), ("otherwise", other))
    return "; ".join(f"{name}: {', '.join(items)}" for name, items in parts if items)
