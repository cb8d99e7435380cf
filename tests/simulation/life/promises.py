"""What must hold at every moment of a life, held against what payers, banks and offices really did.

The bookkeeping is of its own: it takes neither fold, nor calendar, nor guard from the code that it checks.
"""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from daemon.clock import from_micros
from daemon.model.dunning import StandingKind
from daemon.sandbox.double import Standing
from daemon.store import invariants
from tests.simulation.life.books import Bill
from tests.simulation.life.people import Person
from tests.simulation.life.places import Place
from tests.simulation.points import Broken

if TYPE_CHECKING:
    from tests.simulation.life.world import World

READ_WITHIN = timedelta(minutes=15)
"""The guard's age: only so old may the news be that somebody is cut off over."""

SOON = timedelta(hours=1)
"""Within that who paid is served again, once we were told and the provider can be read."""

POLLED = {"realtime": timedelta(minutes=15), "hourly": timedelta(hours=1), "daily": timedelta(days=1)}
GIVES = (StandingKind.PROMISE, StandingKind.EXEMPT)
CUT = ("throttled", "suspended")
MOST_CUTS = 4
"""A day at a tenant, where the brake was not released: one below `enforce.brake_at_least`."""

STEPS = {"throttled": 10, "suspended": 20}
SQUARE_STEPS = {"suspended": 7}
"""Days overdue, by the plan in `world._settings`."""

HOLIDAYS = (date(2026, 5, 1), date(2026, 12, 25), date(2027, 1, 1))
DUE_DAYS = 14


class Promises:
    def __init__(self, world: World) -> None:
        self._world = world
        self._moves = 0
        self._heard: dict[str, datetime] = {}
        self._released: dict[str, datetime] = {}
        self._cuts: dict[str, list[tuple[datetime, str]]] = {}
        self.counts: Counter[str] = Counter()

    # --- what the world tells -------------------------------------------------------------------------

    def heard(self, place: Place, body: bytes) -> None:
        """A webhook was taken: whatever bills it names are looked at from now on."""
        text = body.decode("utf-8", "replace")
        for ref in place.bills:
            if ref in text:
                self._heard[ref] = self._world.time.now()

    def braked(self, tenant_id: str) -> None:
        self.counts["brakes"] += 1

    def released(self, tenant_id: str) -> None:
        self._released[tenant_id] = self._world.time.now()

    # --- at every moment ------------------------------------------------------------------------------

    def meanwhile(self) -> None:
        rows = self._world.eye.ask(
            "SELECT id, tenant_id, customer_id, was, became, cut, at FROM service_move WHERE id > ?",
            self._moves,
        )
        for id_, tenant_id, customer_id, was, became, cut, at in rows:
            self._moves = id_
            person = self._world.by_id[customer_id]
            self._world.tell(f"{person.reference} ({person.habit}) is {became}, was {was}")
            self.counts[became] += 1
            if cut:
                self._insist_on_debt(person, became, from_micros(at))
                self._insist_on_few(tenant_id, customer_id, from_micros(at))
        self._insist_on_restored()

    def _insist_on_debt(self, person: Person, became: str, at: datetime) -> None:
        """Who is cut off owed it at a moment younger than the guard's age, for so many days, and nobody had
        said otherwise; and it is an hour of a day at which that may be."""
        local = at.astimezone(person.zone)
        if not _may_cut(person, local):
            raise Broken(f"{person.reference} was {became} at {local:%a %Y-%m-%d %H:%M} of their zone")
        if person.is_spared(at):
            raise Broken(f"{person.reference} was {became} though the office had said otherwise")
        days = (SQUARE_STEPS if person.place.provider == "square" else STEPS).get(became, 0)
        mine = self._bills_of(person)
        owed = [bill for bill in mine if bill.was_a_debt(at - READ_WITHIN, at)]
        longest = max((bill.overdue_days(at, person.zone) for bill in owed), default=0)
        if longest <= 0:
            raise Broken(f"{person.reference} was {became}, and owes nothing that was due")
        if longest < days:
            raise Broken(f"{person.reference} was {became} after {longest} days overdue, not {days}")

    def _insist_on_few(self, tenant_id: str, customer_id: str, at: datetime) -> None:
        """The brake: no more in a day than may be, but for a day after somebody released it."""
        cuts = self._cuts.setdefault(tenant_id, [])
        cuts.append((at, customer_id))
        today = {one for when, one in cuts if when > at - timedelta(days=1)}
        released = self._released.get(tenant_id)
        if released is not None and released > at - timedelta(days=2):
            return
        served = sum(self._world.tenants[p.place.provider].id == tenant_id for p in self._world.people)
        if len(today) > max(MOST_CUTS, served // 10):
            raise Broken(f"{len(today)} customers of one tenant were cut off within a day")

    def _insist_on_restored(self) -> None:
        sql = "SELECT id, service_status FROM customer WHERE service_status <> 'active'"
        now = self._world.time.now()
        for customer_id, status in self._world.eye.ask(sql):
            person = self._world.by_id[customer_id]
            by = self._restored_by(person, now)
            if by is not None and now > by:
                raise Broken(f"{person.reference} ({person.habit}) owes nothing, and is {status}; since {by}")

    def _restored_by(self, person: Person, now: datetime) -> datetime | None:
        """Until when they are to be served again; None while something is overdue."""
        good = max(person.place.bad_until, self._world.up_since)
        today = now.astimezone(person.zone).date()
        given = [
            since
            for kind, since, until in person.standings
            if kind in GIVES and (until is None or today <= until)
        ]
        if given:
            return max(min(given), good) + SOON
        noticed: list[datetime] = []
        for bill in self._bills_of(person):
            settled = bill.settled_at()
            if settled is None:
                if today > self._late_from(bill, person.zone):
                    return None
                continue
            if settled.astimezone(person.zone).date() >= self._late_from(bill, person.zone):
                noticed.append(self._noticed(bill, settled))
        return max([*noticed, good]) + SOON

    def _noticed(self, bill: Bill, settled: datetime) -> datetime:
        """When we must know: at the webhook about it, or else at the next poll."""
        heard = self._heard.get(bill.ref)
        polled = settled + 1.25 * POLLED[self._world.size.pace]
        return min(heard, polled) if heard is not None and heard >= settled else polled

    @staticmethod
    def _late_from(bill: Bill, zone: ZoneInfo) -> date:
        return max(bill.due_on, bill.born_at.astimezone(zone).date())

    def _bills_of(self, person: Person) -> list[Bill]:
        return self._world.bills_of[person.reference]

    # --- now and then ---------------------------------------------------------------------------------

    def of_the_books(self) -> None:
        """What must be true of the rows whatever happened, and nothing is twice at a provider."""
        found = self._world.machine.attempt(lambda _house: invariants.check())
        for one in found or ():
            raise Broken(f"wispbill check: {one.name}: {one.subject}: {one.sentence}")
        for place in self._world.places:
            for reference, there in place.standing().items():
                if len(there) > 1:
                    raise Broken(f"{there[0].number} ({reference}) is {len(there)} times at {place.provider}")

    # --- at the end -----------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        self.meanwhile()
        self.of_the_books()
        self._nothing_waits()
        for person in self._world.people:
            self._billed_once_each(person)
        for place in self._world.places:
            self._every_cent(place)
            self._numbers_without_gaps(place)
        self._platform_agrees()

    def _nothing_waits(self) -> None:
        ask = self._world.eye.ask
        for what, sql in _WAITING.items():
            rows = ask(sql)
            if rows:
                raise Broken(f"{what}: {rows[:3]}")

    def _billed_once_each(self, person: Person) -> None:
        """One invoice for each period that has begun, over the right sum, due so many days after its day."""
        rows = self._world.eye.ask(
            """SELECT b.start_on, i.total_minor, i.issued_on, i.due_on, i.created_at, i.currency
               FROM invoice i LEFT JOIN billed_period b ON b.invoice_id = i.id
               WHERE i.customer_id = ? ORDER BY b.start_on, i.id""",
            person.id,
        )
        wanted = list(_periods(person, self._world.time.now().astimezone(person.zone).date()))
        if [(row[0], row[1]) for row in rows] != wanted:
            raise Broken(f"{person.reference} was billed {[row[:2] for row in rows]}, not {wanted}")
        for start, _total, issued, due, created, currency in rows:
            made_on = from_micros(created).astimezone(person.zone).date()
            if str(made_on) != issued or made_on < date.fromisoformat(start):
                raise Broken(f"{person.reference}: issued on {issued}, made on {made_on}, for {start}")
            if made_on + timedelta(days=DUE_DAYS) != date.fromisoformat(due):
                raise Broken(f"{person.reference}: issued on {issued}, and due on {due}")
            if currency != person.place.currency:
                raise Broken(f"{person.reference} was billed in {currency}")
            self.counts["invoices"] += 1

    def _every_cent(self, place: Place) -> None:
        """Billed here = pushed = there, invoice by invoice and in sum; and so is what was paid."""
        there = place.standing()
        ours = self._invoices(place)
        if set(there) != set(ours):
            raise Broken(f"at {place.provider}: {sorted(set(there) ^ set(ours))[:3]} are on one side only")
        for reference, (one,) in there.items():
            self._agree(place, ours[reference], one)
        billed = sum(row["total_minor"] for row in ours.values())
        stands = sum(_billed(place.bills[one.ref], one) for (one,) in there.values())
        paid = sum(row["paid_minor"] for row in ours.values())
        taken = sum(bill.paid - bill.reversed for bill in place.bills.values())
        if (billed, paid) != (stands, taken):
            raise Broken(f"{place.provider}: {(billed, paid)} (billed, paid) here, {(stands, taken)} there")
        self.counts[f"{place.currency} billed"] += billed
        self.counts[f"{place.currency} paid"] += paid

    def _invoices(self, place: Place) -> dict[str, dict[str, Any]]:
        names = "l.reference, i.number, l.external_id, i.payment_status, i.total_minor, i.paid_minor, "
        names += "i.due_minor, i.refunded_minor, i.currency"
        keys = [name.strip().split(".")[1] for name in names.split(",")]
        rows = self._world.eye.ask(
            f"SELECT {names} FROM invoice i JOIN link l ON l.invoice_id = i.id WHERE l.integration_id = ?",
            place.integration_id,
        )
        return {row[0]: dict(zip(keys, row, strict=True)) for row in rows}

    def _agree(self, place: Place, ours: dict[str, Any], there: Standing) -> None:
        bill, name = place.bills[ours["external_id"]], f"{place.provider} {ours['number']}"
        facts = (ours["total_minor"], ours["currency"], ours["external_id"])
        theirs = (_billed(bill, there), there.currency, there.ref)
        if facts != theirs:
            raise Broken(f"{name} is {facts} here, {theirs} there")
        here = (ours["paid_minor"], ours["refunded_minor"], ours["due_minor"])
        really = (bill.paid - bill.reversed, bill.refunded, bill.owed)
        if here != really:
            status = ours["payment_status"]
            raise Broken(f"{name}: (paid, refunded, due) were really {really}, here {here} ({status})")

    def _numbers_without_gaps(self, place: Place) -> None:
        """Of each year: 1 to the last one."""
        sql = "SELECT number FROM invoice WHERE tenant_id = ? ORDER BY number"
        found: dict[str, list[int]] = {}
        for (number,) in self._world.eye.ask(sql, self._world.tenants[place.provider].id):
            year, _, count = number.partition("-")
            found.setdefault(year, []).append(int(count))
        for year, counts in found.items():
            if counts != list(range(1, len(counts) + 1)):
                raise Broken(f"the numbers of {place.provider} in {year} have gaps or doubles: {counts[:20]}")

    def _platform_agrees(self) -> None:
        """It was told each customer's service in order, and believes what we do."""
        seen: dict[str, list[tuple[int, str]]] = {}
        known: set[str] = set()
        for document in self._world.taken:
            data = document["data"]
            about = document["type"].startswith("service.") and "customerId" in data
            if about and document["id"] not in known:
                known.add(document["id"])
                seen.setdefault(data["customerId"], []).append((document["sequence"], data["to"]))
        for customer_id, status in self._world.eye.ask("SELECT id, service_status FROM customer"):
            told = seen.get(customer_id, [])
            name = self._world.by_id[customer_id].reference
            if told != sorted(told):
                raise Broken(f"the platform was told of {name} out of order: {told}")
            believed = told[-1][1] if told else "active"
            if believed != status:
                raise Broken(f"{name} is {status}, the platform believes {believed}")
        self.counts["told"] = len(known)


def _billed(bill: Bill, there: Standing) -> int:
    """What was billed there: a document that is void keeps its amount at some providers only."""
    return bill.total if bill.void and not there.total else there.total


_WAITING = {
    "not pushed": "SELECT invoice_id, state, fault_code FROM link WHERE state <> 'synced'",
    "still due for a push": "SELECT invoice_id, state FROM link WHERE next_push_at IS NOT NULL",
    "hints wait": "SELECT id, integration_id, ref FROM hint WHERE used_at IS NULL",
    "customers wait for a look": "SELECT customer_id FROM service_check",
    "the platform was not told": "SELECT id, type, attempts FROM delivery WHERE state = 'pending'",
    "given up": "SELECT id, type, answer FROM delivery WHERE state = 'failed'",
    "not stamped": "SELECT id, type FROM event WHERE seq IS NULL",
    # A document that stays paid there though its money was taken back is held, and listed for a person.
    "held": """SELECT customer_id, code FROM held_cutoff
               WHERE code NOT IN ('in_flight', 'disputed', 'document')""",
    "not active": "SELECT provider, state, fault_text FROM integration WHERE state <> 'active'",
    "in trouble": "SELECT provider, fault_code, fault_text FROM integration WHERE fault_code IS NOT NULL",
    "not billed": "SELECT reference, fault_text FROM subscription WHERE fault_code IS NOT NULL",
    "brakes": "SELECT tenant_id FROM service_brake WHERE released_at IS NULL",
}


def _may_cut(person: Person, local: datetime) -> bool:
    """By the plan in `world._settings`. What a promise only put off comes as soon as the hours begin."""
    if local.date() in HOLIDAYS:
        return False
    if person.place.provider == "square":
        return time(8) <= local.time() < time(20)
    return local.weekday() < 5 and time(9) <= local.time() < time(17)


def _periods(person: Person, today: date) -> Iterator[tuple[str, int]]:
    """First day and sum of each period that has begun."""
    start, k = person.start_on, 0
    while start <= today and (person.ends_on is None or start <= person.ends_on):
        k += 1
        end = _months_after(person.start_on, k * person.every * (12 if person.unit == "years" else 1))
        whole, lasts = (end - start).days, (end - start).days
        if person.ends_on is not None and person.ends_on < end - timedelta(days=1):
            lasts = (person.ends_on - start).days + 1
        yield str(start), (2 * person.price * lasts + whole) // (2 * whole)
        start = end


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
