"""The promises, held against what really happened. The bookkeeping here is of its own: it takes neither
key, nor reference, nor fold from the code that it checks."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx

from daemon.clock import to_micros, to_unix
from daemon.model import FactKind
from daemon.reconcile import effective
from daemon.sandbox.stripe.records import Invoice
from daemon.store import audit, changes, hints, integrations, invoices, links, records
from tests.simulation.account import ACCOUNT, OURS, Books
from tests.simulation.points import Broken

if TYPE_CHECKING:
    from tests.simulation.world import World

SETTLE_S = 120.0
"""Stripe gives a request up after 80 s; what is looked for and not found is not sent anew before."""
TOLD_S = 29 * 86400
"""That an invoice was sent, Stripe tells for 30 days; after a restore later than that it is sent again."""

GROWING = ("payment", "event", "audit", "observation", "invoice")


class Promises:
    def __init__(self, world: World) -> None:
        self._world = world
        self._db: sqlite3.Connection | None = None
        self._counts: dict[str, int] = {}
        self._last_send: dict[tuple[str, str], tuple[int, float, float]] = {}

    def _query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """By a connection of our own: it sees what is committed, and nothing else."""
        if self._db is None:
            self._db = sqlite3.connect(self._world.path, isolation_level=None)
        return self._db.execute(sql, values).fetchall()

    def forget_connection(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def after_a_restore(self) -> None:
        self.forget_connection()
        self._counts.clear()

    # --- before a byte leaves -------------------------------------------------------------------------

    def before_send(self, request: httpx.Request) -> None:
        """A write is marked, under its key, in a committed row, before it leaves; the key is computed from
        what is the same after a restore; and an unanswered one is not repeated as new before its time."""
        key = request.headers.get("idempotency-key")
        if key is None:
            return
        marked = self._marked(key)
        if marked is None:
            raise Broken(f"{request.method} {request.url.path} left without a committed mark")
        subject, operation, revision, send_no = marked
        reference = subject.partition(":")[2]
        expected = key_of(reference, operation, revision, send_no)
        if key not in forms_of(expected):
            raise Broken(f"the key of {subject}/{operation} is not the one that its send has by rule")
        self._insist_on_quiet(subject, operation, send_no)

    def _marked(self, key: str) -> tuple[str, str, int, int] | None:
        rows = self._query(
            "SELECT key, subject, operation, revision, send_no FROM step WHERE state='sending'"
        )
        for row in rows:
            if key in forms_of(row[0]):
                return row[1], row[2], row[3], row[4]
        return None

    def _insist_on_quiet(self, subject: str, operation: str, send_no: int) -> None:
        """Not held against a daemon whose clock was set meanwhile: after a restart it cannot know."""
        now_s, off_s = self._world.time.elapsed_s, self._world.clock.off_s
        before, at_s, was_off_s = self._last_send.get((subject, operation), (send_no, 0.0, 0.0))
        if send_no > before and now_s - at_s < SETTLE_S and off_s == was_off_s:
            raise Broken(f"{subject}/{operation} was sent anew {now_s - at_s:.0f} s after its last send")
        self._last_send[subject, operation] = (send_no, now_s, off_s)

    # --- at any moment --------------------------------------------------------------------------------

    def meanwhile(self) -> None:
        """Nothing is deleted, and nothing half-made passes for sent."""
        for table in GROWING:
            (count,) = self._query(f"SELECT COUNT(*) FROM {table}")[0]
            if count < self._counts.get(table, 0):
                raise Broken(f"rows of {table} are gone")
            self._counts[table] = count
        for (ref,) in self._query("SELECT external_id FROM link WHERE state='synced'"):
            self._insist_on_sent(ref)

    def _insist_on_sent(self, ref: str) -> None:
        invoice = self._world.account.invoice(ref)
        if invoice is None or invoice.status == "draft":
            raise Broken(f"{ref} is shown as synced, but is {'gone' if invoice is None else 'a draft'}")
        over = invoice.paid_at is not None or invoice.status in ("void", "uncollectible", "paid")
        if not self._world.account.sent[ref] and not over:
            raise Broken(f"{ref} is shown as synced, but was never sent")

    # --- at the end -----------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        self.meanwhile()
        with self._world.at_the_wheel(self._world.daemons[0]):
            house = self._world.daemons[0].house
            self._world.daemons[0].take_the_wheel()
            for bill in self._world.bills:
                self._kept_for(bill["number"])
            self._one_payer_each()
            self._kept_in_general()
            house.store.close()
        self.forget_connection()

    def _kept_for(self, number: str) -> None:
        invoice = invoices.get(None, number)
        link = links.of_invoice(invoice.id)
        reference = "WB-" + key_of(number, "create", 0, 0)[:16]
        there = [doc for doc in self._world.account.ours() if doc.metadata[OURS] == reference]
        if len(there) > 1:
            raise Broken(f"{number} exists {len(there)} times at the provider: {[d.status for d in there]}")
        if not there:
            if link.void_requested_at is None or invoice.payment_status != "void":
                raise Broken(f"{number} is not at the provider; here it is {link.state} ({link.fault_code})")
            return
        self._agrees(invoice, link, there[0])

    def _agrees(self, invoice: records.Invoice, link: records.Link, doc: Invoice) -> None:
        number = invoice.number
        if doc.status == "void" and (link.state, link.fault_code) == ("failed", "WB-PUSH-MISMATCH"):
            return  # found void after a restore: a person must look
        if doc.status == "draft" and link.fault_code == "WB-PUSH-VOIDED":
            return  # never live, and wanted no more
        if link.state != "synced" or link.external_id != doc.id:
            raise Broken(f"{number} is {doc.status} there, here {link.state} ({link.fault_code})")
        if doc.total != invoice.total_minor:
            raise Broken(f"{number} is over {doc.total} there and {invoice.total_minor} here")
        told = to_unix(self._world.time.now()) - (doc.finalized_at or 0) < TOLD_S
        if self._world.account.sent[doc.id] > 1 and told:
            raise Broken(f"{number} was sent {self._world.account.sent[doc.id]} times")
        there = self._world.account.books(doc)
        here = _booked(invoice.id)
        if there != here:
            raise Broken(f"{number}: {_difference(there, here)}")
        status, paid, due = standing(doc, there)
        said = (invoice.payment_status, invoice.paid_minor, invoice.due_minor)
        if said != (status, paid, due):
            raise Broken(f"{number} is {status}, {paid} paid, {due} due; here it is {said}")

    def _one_payer_each(self) -> None:
        for n in (1, 2):
            reference = "WB-" + key_of(f"sub-{n}", "payer", 0, 0)[:16]
            there = self._world.account.payers(reference)
            if len(there) > 1:
                raise Broken(f"subscriber {n} is {len(there)} payers at the provider")
            billed = {
                d.customer
                for d in self._world.account.ours()
                if d.who.metadata.get("wispbill_customer") == reference
            }
            if billed - set(there):
                raise Broken(f"subscriber {n} is billed as somebody else")
        for doc in self._world.account.ours():
            if "wispbill_customer" not in doc.who.metadata:
                raise Broken(f"{doc.number} is billed to a stranger")

    def _kept_in_general(self) -> None:
        _count, broken = audit.verify()
        if broken:
            raise Broken(f"the audit chain breaks at {broken[0].seq}: {broken[0].reason}")
        if hints.count_waiting():
            raise Broken("hints are waiting, and nobody looks")
        (integration,) = integrations.listing()
        if integration.state != "active":
            raise Broken(f"the integration is {integration.state}: {integration.fault_text}")

    # --- rest -----------------------------------------------------------------------------------------

    def next_due_s(self) -> float | None:
        """Seconds until something is due, by our clock; None where nothing but the next poll is. The read
        in months that is a second net does not count."""
        pushes = "SELECT next_push_at FROM link WHERE next_push_at IS NOT NULL"
        reads = """SELECT next_pull_at FROM link WHERE next_pull_at IS NOT NULL
                   AND next_pull_at - COALESCE(last_pulled_at, pushed_at) < 2592000000000"""
        waiting = "SELECT received_at FROM hint WHERE used_at IS NULL"
        times = [row[0] for row in self._query(f"{pushes} UNION ALL {reads}")]
        times += [row[0] for row in self._query(waiting)] if not times else []
        if not times:
            return None
        resume = self._query("SELECT resume_at FROM integration")[0][0] or 0
        return (max(min(times), resume) - to_micros(self._world.clock.now())) / 1e6

    def brake_is_on(self) -> bool:
        (brake,) = self._query("SELECT brake FROM integration")[0]
        return brake is not None and "released" not in brake

    def polled_at(self) -> int | None:
        at: int | None = self._query("SELECT polled_at FROM integration")[0][0]
        return at

    def has_cursor(self) -> bool:
        return self._query("SELECT cursor FROM integration")[0][0] is not None

    def synced_numbers(self) -> list[str]:
        """Of the invoices that are at the provider, and that nobody wants voided."""
        sql = """SELECT number FROM invoice JOIN link ON link.invoice_id = invoice.id
                 WHERE link.state = 'synced' AND void_requested_at IS NULL ORDER BY number"""
        return [row[0] for row in self._query(sql)]

    def unrest(self) -> str:
        rows = self._query("SELECT state, fault_code, attempts FROM link WHERE next_push_at IS NOT NULL")
        waiting = self._query("SELECT COUNT(*) FROM hint WHERE used_at IS NULL")[0][0]
        return f"links {rows}, {waiting} hints waiting"


def key_of(reference: str, operation: str, revision: int, send_no: int) -> str:
    """The key as the protocol defines it; our names in these worlds need no escapes."""
    text = f"wb1|wisp-1|{reference}|{ACCOUNT}|{operation}|{revision}|{send_no}"
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:32]


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
