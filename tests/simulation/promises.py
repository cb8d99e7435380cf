"""The promises, held against what really happened. The bookkeeping here is of its own: it takes neither
key, nor reference, nor fold from the code that it checks."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from daemon.clock import to_micros
from daemon.model import DocStatus
from daemon.store import audit, hints, integrations, invoices, links, records
from tests.simulation.parties.party import Record
from tests.simulation.points import Broken

if TYPE_CHECKING:
    from tests.simulation.world import World

GROWING = ("payment", "event", "audit", "observation", "invoice")

PACED_S = 60
"""A send leaves at most so long after its mark: our own rate budget may hold it up."""


class Sent(NamedTuple):
    """A send as it left: true seconds, how wrong our clock was, and the mark's own time."""

    send_no: int
    at_s: float
    off_s: float
    marked_at: int


class Promises:
    def __init__(self, world: World) -> None:
        self._world = world
        self._db: sqlite3.Connection | None = None
        self._counts: dict[str, int] = {}
        self._settled: set[str] = set()
        self._last_send: dict[tuple[str, str], Sent] = {}
        self._succeeded: dict[str, int] = {}
        self._refused = False

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
        if not self._world.party.writes(request):
            return
        party = self._world.party
        rows = self._query(
            "SELECT key, subject, operation, revision, send_no, last_sent_at FROM step WHERE state='sending'"
        )
        if party.keys_of(request, "") is None:  # what was marked last is what is being sent
            since = to_micros(self._world.clock.now()) - PACED_S * 1_000_000
            last = max((row[5] for row in rows), default=0)
            marked = [row for row in rows if row[5] == last >= since]
        else:
            marked = [row for row in rows if party.keys_of(request, row[0])]
        if not marked:
            raise Broken(f"{request.method} {request.url.path} left without a committed mark")
        for key, subject, operation, revision, send_no, at in marked:
            if key != self.key_of(subject.partition(":")[2], operation, revision, send_no):
                raise Broken(f"the key of {subject}/{operation} is not the one that its send has by rule")
            self._insist_on_quiet(subject, operation, send_no, at)

    def _insist_on_quiet(self, subject: str, operation: str, send_no: int, marked_at: int) -> None:
        """Not held against a daemon whose clock was set meanwhile: after a restart it cannot know."""
        now_s, off_s = self._world.time.elapsed_s, self._world.clock.off_s
        before = self._last_send.get((subject, operation), Sent(send_no, 0.0, 0.0, 0))
        if before.marked_at == marked_at:
            return
        settle_s = self._world.party.settle_s()
        if send_no > before.send_no and now_s - before.at_s < settle_s and off_s == before.off_s:
            raise Broken(
                f"{subject}/{operation} was sent anew {now_s - before.at_s:.0f} s after its last send"
            )
        self._last_send[subject, operation] = Sent(send_no, now_s, off_s, marked_at)

    # --- tokens ---------------------------------------------------------------------------------------

    def before_refresh(self, request: httpx.Request) -> None:
        """A refresh token whose successor was answered and is committed is not used again, unless that one
        was refused."""
        token = self._world.party.refresh_token(request)
        if token is None or self._refused or self._world.restored or token not in self._succeeded:
            return
        if self._refreshed_at() != self._succeeded[token]:
            raise Broken("a refresh token was used again, though its successor was committed")

    def after_refresh(self, request: httpx.Request, response: httpx.Response) -> None:
        """The answer has come through to the daemon; nothing of it is committed yet."""
        token = self._world.party.refresh_token(request)
        if token is None:
            return
        if response.status_code in (400, 401):
            self._refused = True
        with suppress(ValueError):  # garbled on the way: no successor came
            if response.status_code == 200 and response.json()["refresh_token"] != token:
                self._refused = False
                self._succeeded.setdefault(token, self._refreshed_at())

    def _refreshed_at(self) -> int:
        return int(self._query("SELECT MAX(refreshed_at) FROM oauth_grant")[0][0])

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
        record = self._world.party.record(ref)
        if record is None or record.status is DocStatus.DRAFT:
            raise Broken(f"{ref} is shown as synced, but is {'gone' if record is None else 'a draft'}")
        if record.settled:
            self._settled.add(ref)
        if not record.sent and ref not in self._settled:  # who has paid already is sent nothing more
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
        reference = "WB-" + self.key_of(number, "create", 0, 0)[:16]
        there = [record for record in self._world.party.records() if record.reference == reference]
        if len(there) > 1:
            raise Broken(f"{number} exists {len(there)} times at the provider: {[r.status for r in there]}")
        if not there:
            if link.void_requested_at is None or invoice.payment_status != "void":
                raise Broken(f"{number} is not at the provider; here it is {link.state} ({link.fault_code})")
            return
        self._agrees(invoice, link, there[0])

    def _agrees(self, invoice: records.Invoice, link: records.Link, there: Record) -> None:
        number = invoice.number
        if there.status is DocStatus.VOID and (link.state, link.fault_code) == ("failed", "WB-PUSH-MISMATCH"):
            return  # found void after a restore: a person must look
        if there.status is DocStatus.DRAFT and link.fault_code == "WB-PUSH-VOIDED":
            return  # never live, and wanted no more
        if link.state != "synced" or link.external_id != there.ref:
            raise Broken(f"{number} is {there.status} there, here {link.state} ({link.fault_code})")
        if there.total != invoice.total_minor and there.status is not DocStatus.VOID:
            raise Broken(f"{number} is over {there.total} there and {invoice.total_minor} here")
        if there.sent > 1 and there.told:
            raise Broken(f"{number} was sent {there.sent} times")
        difference = self._world.party.difference(invoice, there)
        if difference:
            raise Broken(f"{number}: {difference}")

    def _one_payer_each(self) -> None:
        party = self._world.party
        ours: set[str] = set()
        for n in (1, 2):
            there = party.payers("WB-" + self.key_of(f"sub-{n}", "payer", 0, 0)[:16])
            if there is None:
                return
            if len(there) > 1:
                raise Broken(f"subscriber {n} is {len(there)} payers at the provider")
            ours |= set(there)
        for record in party.records():
            if record.payer not in ours:
                raise Broken(f"{record.number} is billed to a stranger")

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
        in months that is a second net does not count, nor the next of those that replace a feed."""
        pushes = "SELECT next_push_at FROM link WHERE next_push_at IS NOT NULL"
        reads = """SELECT next_pull_at FROM link WHERE next_pull_at IS NOT NULL
                   AND next_pull_at - COALESCE(last_pulled_at, pushed_at) NOT BETWEEN ? AND ?"""
        waiting = "SELECT received_at FROM hint WHERE used_at IS NULL"
        again = [int(seconds * 1_000_000) for seconds in self._world.party.reread_s()]
        times = [row[0] for row in self._query(f"{pushes} UNION ALL {reads}", *again)]
        times += [row[0] for row in self._query(waiting)] if not times else []
        if not times:
            return None
        # A dead daemon's lease, written by a clock that was ahead, is waited for too.
        resume = max(
            self._query("SELECT COALESCE(resume_at, 0), COALESCE(lease_until, 0) FROM integration")[0]
        )
        return (max(min(times), resume) - to_micros(self._world.clock.now())) / 1e6

    def brake_is_on(self) -> bool:
        (brake,) = self._query("SELECT brake FROM integration")[0]
        return brake is not None and "released" not in brake

    def waits_for_its_owner(self) -> bool:
        """Whether the grant is dead: lost by a restore, or by a daemon that slept through the time in which
        a lost answer can be asked for again. Nothing else may lose one."""
        (state,) = self._query("SELECT state FROM integration")[0]
        if state != "needs_reconnect":
            return False
        if not (self._world.restored or self._world.party.may_be_lost()):
            raise Broken("the grant was lost, and no backup was restored")
        return True

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

    def key_of(self, reference: str, operation: str, revision: int, send_no: int) -> str:
        """The key as the protocol defines it; our names in these worlds need no escapes."""
        account = self._world.party.account()
        text = f"wb1|wisp-1|{reference}|{account}|{operation}|{revision}|{send_no}"
        return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode()[:32]
