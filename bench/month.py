"""A month of a tenant at each provider: billed, pushed, paid, read back, swept; then a day in which 1 % of it
changed. And the hourly and nightly looks over 100,000 open invoices.

Every provider is in this process, on a clock that waits by moving; the processor time is ours alone, without
the double's.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.bill import bare_rows
from bench.harness import Figure, Stopwatch, peak_mib
from bench.providers import FEWEST
from bench.seated import World, world
from daemon.jobs import subscribing
from daemon.jobs.bill import bill_tenant
from daemon.jobs.enforce import enforce_tenant
from daemon.jobs.importing import Item
from daemon.jobs.importing.subscribers import SubscriptionImport
from daemon.jobs.sweep import sweep
from daemon.providers import provider_class
from daemon.store import customers, integrations, links, plans, sweeps, tenants
from daemon.store.tables import Customer, Invoice, Link, ServiceMove

ACTOR = "bench"
WHOLE, OTHERS = ("stripe", 20_000), 2000
"""The one whose month the aim is about, and how many customers the other five have."""

AIM_S = 300.0
"""Of one core: Python does not use the second one for this."""

STANDING = 100_000
BATCH = 200
DAY_S = 86_400.0
UNPAID = 100
"""One in so many pays later."""


@dataclass(slots=True)
class Cost:
    """What something took: our seconds of processor, and requests."""

    cpu_s: float = 0.0
    requests: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.cpu_s + other.cpu_s, self.requests + other.requests)

    def __str__(self) -> str:
        return f"{self.cpu_s:.1f} s" + (f" and {self.requests:,} requests" if self.requests else "")


def rows(quick: bool) -> Iterator[Figure]:
    one, many = WHOLE
    for provider in (one, *(name for name in FEWEST if name != one)):
        count = (many if provider == one else OTHERS) // (40 if quick else 1)
        with world(provider) as at:
            yield from month(at, provider, count)
    yield from standing(STANDING // (50 if quick else 1))


# --- a month ------------------------------------------------------------------------------------------


def month(at: World, provider: str, count: int) -> Iterator[Figure]:
    label = provider_class(provider).label
    _subscribe(at, count)
    parts = {
        "billed": _cost(at, lambda: _bill(at)),
        "pushed": _cost(at, at.push),
    }
    open_ = at.open()
    late = set(open_[::UNPAID])
    for ref in open_:
        if ref not in late:
            at.pay(ref)
    at.clock.move(2 * 3600.0)
    parts["read"] = _cost(at, lambda: _see(at, len(late)))
    parts["swept"] = _cost(at, lambda: _sweep(at))
    whole = sum(parts.values(), Cost())
    fewest = FEWEST[provider].new(count) + FEWEST[provider].paid(count, count - len(late))
    with Stopwatch() as bare:
        bare_rows(_beside(at), count)
    yield Figure(
        f"{label}: a month of {count:,} customers",
        f"{whole} ({', '.join(f'{name} {cost.cpu_s:.1f} s' for name, cost in parts.items())}), "
        f"{whole.cpu_s / count * 1000:.1f} ms each, peak {peak_mib():.0f} MiB with the double's books",
        f"{bare.seconds:.1f} s to write the rows, {fewest:,} requests to push and read",
        f"{whole.cpu_s / bare.seconds:.0f} times, {(whole.requests) / fewest:.2f} times",
        f"{AIM_S * count / WHOLE[1]:.0f} s" if provider == WHOLE[0] else "",
        whole.cpu_s <= AIM_S * count / WHOLE[1] if provider == WHOLE[0] else None,
    )
    yield _a_day(at, label, count, sorted(late), whole)


def _a_day(at: World, label: str, count: int, late: list[str], whole: Cost) -> Figure:
    """The few that were left are paid: polled, looked at, swept."""
    for ref in late:
        at.pay(ref)
    at.clock.move(DAY_S)
    seen = _cost(at, lambda: _see(at, 0))
    looked = _cost(at, lambda: enforce_tenant(at.house, tenants.only()))
    swept = _cost(at, lambda: _sweep(at))
    return Figure(
        f"{label}: a day in which {len(late)} of {count:,} were paid",
        f"read in {seen}, enforced in {looked}, swept (closed ones of a month too) in {swept}",
        "",
        f"read: {seen.cpu_s / whole.cpu_s * 100:.1f} % of the month's",
        "",
        None,
    )


def _subscribe(at: World, count: int) -> None:
    now, entropy, tenant = at.clock.now(), at.house.entropy, tenants.only()
    line = {"description": "Internet 100/20", "amount": "50.00"}
    plan = subscribing.read_plan(tenant, {"reference": "basic", "lines": [line]})
    at.house.store.write("bench.plan", lambda: plans.add(plan, actor=ACTOR, now=now, entropy=entropy))

    def people(numbers: range) -> None:
        for n in numbers:
            email = f"subscriber{n:05}@example.com"
            customers.insert(
                customers.drawn(tenant.id, f"C-{n:05}", f"Subscriber {n:05}", email, now=now, entropy=entropy)
            )

    for start in range(1, count + 1, BATCH):
        numbers = range(start, min(start + BATCH, count + 1))
        at.house.store.write("bench.people", lambda numbers=numbers: people(numbers))
    today = now.date().isoformat()
    items = (
        Item(n, n, {"customer": f"C-{n:05}", "plan": "basic", "start": today}) for n in range(1, count + 1)
    )
    report = SubscriptionImport(at.house, tenant, ACTOR).run(items)
    assert report.added == count, report.problems[:3]


def _bill(at: World) -> None:
    bill_tenant(at.house, tenants.only())
    at.house.store.write("bench.assign", lambda: links.assign(at.clock.now()))


def _see(at: World, left: int) -> None:
    """Polls, until no more than these are open."""
    for _ in range(5):
        at.poll()
        if len(at.open()) <= left:
            return
    raise AssertionError(f"{len(at.open())} are open, not {left}")


def _sweep(at: World) -> None:
    """A whole pass; the bulk share of a day's budget may take several days."""
    row = integrations.get(None, at.integration_id)
    at.house.store.write("bench.ask", lambda: sweeps.ask(row, at.clock.now()))
    for _ in range(100):
        at.visit("sweep", sweep)
        state = sweeps.of(at.integration_id)
        if state is not None and state.finished_at is not None:
            return
        at.clock.move(3600.0)
    raise AssertionError("the pass comes to no end")


def _cost(at: World, work: Callable[[], object]) -> Cost:
    at.mark()
    work()
    requests, cpu_s = at.spent()
    return Cost(cpu_s, requests)


def _beside(at: World) -> Path:
    assert at.house.store.path is not None
    return at.house.store.path.parent


# --- what stands open ---------------------------------------------------------------------------------


def standing(count: int) -> Iterator[Figure]:
    """So many open invoices at Stripe, of which 1 % is overdue; then all of them."""
    with world("stripe") as at:
        _subscribe(at, count)
        _bill(at)
        _as_pushed(at, count)
        path = _beside(at) / "wispbill.db"
        at.clock.move(15 * DAY_S)
        for overdue, what in ((count // 100, "1 % of them overdue"), (count, "all overdue")):
            yield _looks(at, count, overdue, what, path)
        cost = _cost(at, lambda: _sweep(at))
        yield Figure(
            f"sweep over {count:,} open invoices",
            f"{cost}, {cost.cpu_s / count * 1000:.2f} ms each",
            f"{count // 100:,} pages of 100",
            f"{cost.requests / max(1, count // 100):.2f} times",
            "",
            None,
        )


def _as_pushed(at: World, count: int) -> None:
    """As if all had been sent: documents of the double's own, linked and read."""
    refs = at.seed(count)
    now = at.clock.now()
    ids = [row.id for row in Link.select(Link.id).order_by(Link.id)]

    def work(part: list[tuple[str, str]]) -> None:
        for link_id, ref in part:
            links.synced(link_id, reference="", external_id=ref, number=None, now=now, next_pull_at=None)

    pairs = list(zip(ids, refs, strict=True))
    for start in range(0, count, 500):
        part = pairs[start : start + 500]
        at.house.store.write("bench.link", lambda part=part: work(part))


def _looks(at: World, count: int, overdue: int, what: str, path: Path) -> Figure:
    """On the day after their date, an hour later, and on the day of the first step."""
    _make_overdue(at, overdue)
    look = lambda: enforce_tenant(at.house, tenants.only())  # noqa: E731
    first, again = _timed(look), _timed(look)
    at.clock.move(3 * DAY_S)
    warned = _timed(look)
    told = ServiceMove.select().count()
    assert told >= overdue, f"{told} of {overdue} were warned"
    with Stopwatch() as bare:
        _scan(path)
    return Figure(
        f"enforce over {count:,} open invoices, {what}",
        f"{first:.2f} s to find them overdue, an hour later {again:.2f} s, {warned:.2f} s to warn them",
        f"{bare.seconds:.2f} s (sqlite3 reads all invoices and customers once)",
        f"{first / bare.seconds:.1f}, {again / bare.seconds:.1f}, {warned / bare.seconds:.1f} times",
        "",
        None,
    )


def _make_overdue(at: World, count: int) -> None:
    """So many were due yesterday, the others are due in a month."""
    today = at.clock.now().date()
    first = Invoice.select(Invoice.id).order_by(Invoice.id).limit(count)

    def work() -> None:
        Invoice.update(due_on=today + timedelta(days=30)).execute()
        Invoice.update(due_on=today - timedelta(days=1)).where(Invoice.id.in_(first)).execute()

    at.house.store.write("bench.due", work)


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _scan(path: Path) -> None:
    db = sqlite3.connect(path)
    table = Invoice._meta.table_name
    people = Customer._meta.table_name
    db.execute(
        f"SELECT i.id, i.due_on, c.service_status FROM {table} i JOIN {people} c ON c.id = i.customer_id"
    ).fetchall()
    db.close()
