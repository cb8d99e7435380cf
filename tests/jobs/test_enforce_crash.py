"""Enforce: a crash at any commit leaves nothing undone and does nothing twice; cost follows the overdue."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.house import House
from daemon.jobs.enforce import look_at_woken
from daemon.store import customers, database, links, records, runs, service
from daemon.store.tables import DunningStep, Event, ServiceMove
from tests.builders import Builders
from tests.dunning import Wisp
from tests.fakes import FrozenClock, SeededEntropy, Shop


class Crash(BaseException):
    """The process is gone; nothing catches it."""


class Fuse:
    """Crashes once, at the `at`-th point of the job's transactions."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.seen = at, 0

    def __call__(self, point: str) -> None:
        if not point.startswith("enforce"):
            return
        self.seen += 1
        if self.seen == self.at:
            raise Crash(point)


def story(wisp: Wisp, fuse: Fuse) -> tuple[object, ...]:
    """Two subscribers are warned and suspended; one pays. Each look is tried again after a crash."""
    wisp.configure(
        dunning={"steps": [{"days": 1, "status": "warned"}, {"days": 2, "status": "suspended"}]},
        pull={"reread_open": "400d"},
    )
    wisp.house.store.probe = fuse
    found = [wisp.an_invoice(), wisp.an_invoice()]
    for when in ("10 10:00", "10 10:20", "11 10:00", "11 10:20", "11 11:20", "12 10:00", "12 10:20"):
        if when == "12 10:00":
            wisp.at("2026-03-12 09:59")
            wisp.account.pays(found[0].external_id or "")
        wisp.at(f"2026-03-{when}")
        wisp.reads()
        for _ in range(2):
            try:
                wisp.goes_on()
            except Crash:
                wisp.woken.clear()
        wisp.reads()
        wisp.run()
    moves = [
        (row.was, row.became)
        for row in ServiceMove.select().order_by(ServiceMove.customer_id, ServiceMove.id)
    ]
    told = sorted(row.type for row in Event.select().where(Event.type.startswith("service.")))
    steps = sorted((row.step, row.episode) for row in DunningStep.select())
    statuses = [wisp.status(link) for link in found]
    return statuses, moves, told, steps, service.held(), service.waiting(wisp.house.clock.now(), 10)


EXPECTED_STATUSES = ["active", "suspended"]


def test_the_story_has_the_end_that_it_should(wisp: Wisp) -> None:
    _statuses, moves, told, steps, held, waiting = story(wisp, Fuse())
    down = [("active", "warned"), ("warned", "suspended")]
    assert moves == [*down, ("suspended", "active"), *down]
    assert told == ["service.restored", *["service.suspended"] * 2, *["service.warned"] * 2]
    assert steps == [("suspended@2", 1), ("suspended@2", 1), ("warned@1", 1), ("warned@1", 1)]
    assert (held, waiting) == ([], [])


def test_a_crash_at_any_commit_changes_nothing_of_the_end(
    tmp_path: Path, house: House, empty_database: Path
) -> None:
    fuse = Fuse()
    expected = story(fresh(tmp_path / "0.db", house, empty_database), fuse)
    assert expected[0] == EXPECTED_STATUSES
    for at in range(1, fuse.seen + 1):
        wisp = fresh(tmp_path / f"{at}.db", house, empty_database)
        assert story(wisp, Fuse(at)) == expected, f"crashed at point {at}"


def fresh(path: Path, house: House, template: Path) -> Wisp:
    """The same world from the beginning, in a database of its own."""
    house.store.close()
    shutil.copy(template, path)
    clock, entropy = FrozenClock(), SeededEntropy()
    store = database.connect(f"sqlite://{path}", clock=clock, entropy=entropy, fast=True)
    house.store, house.clock, house.entropy = store, clock, entropy
    shop = Shop(clock, house.stop)
    house.providers = shop
    return Wisp(house, Builders(store, shop), shop)


@pytest.fixture
def wisp(house: House, make: Builders, shop: Shop) -> Wisp:
    return Wisp(house, make, shop)


# --- what it costs ------------------------------------------------------------------------------------


class Meter:
    """Counts SQLite's own steps (a thousand of them at a time), whatever the machine."""

    def __init__(self, house: House) -> None:
        self._connection = house.store.db.connection()
        self.thousands = 0

    def __enter__(self) -> Meter:
        self._connection.set_progress_handler(self._tick, 1000)
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.set_progress_handler(None, 0)

    def _tick(self) -> int:
        self.thousands += 1
        return 0


def crowd(wisp: Wisp, pattern: records.Link, count: int) -> None:
    """So many others with an open invoice each, sent, read, and not due yet."""
    db, row = wisp.house.store.db, customers.get(wisp.tenant.id, pattern.customer_id)
    for table, key, values in (
        (
            "customer",
            row.id,
            {"id": "'wbc_' || n", "reference": "'many-' || n", "service_status": "'active'"},
        ),
        (
            "invoice",
            pattern.invoice_id,
            {
                "id": "'wbi_' || n",
                "customer_id": "'wbc_' || n",
                "number": "'many-' || n",
                "reference": "'many-' || n",
                "due_on": "'2027-01-01'",
            },
        ),
        (
            "link",
            pattern.id,
            {
                "id": "'wbl_' || n",
                "customer_id": "'wbc_' || n",
                "invoice_id": "'wbi_' || n",
                "external_id": "'inv_many_' || n",
                "reference": "'many-' || n",
            },
        ),
    ):
        columns = [column.name for column in db.get_columns(table)]
        told = ", ".join(values.get(name, f"p.{name}") for name in columns)
        db.execute_sql(
            f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) "
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {told} FROM c, {table} p WHERE p.id = '{key}'"
        )
    db.execute_sql("ANALYZE")


@pytest.fixture
def few_overdue(wisp: Wisp) -> Iterator[list[records.Link]]:
    found = [wisp.an_invoice() for _ in range(20)]
    wisp.days("2026-03-10", "2026-03-12")
    yield [links.get(link.id) for link in found]


def hourly(wisp: Wisp, when: str) -> int:
    wisp.at(when)
    with Meter(wisp.house) as meter:
        wisp.run()
    assert runs.last("enforce") is not None
    return meter.thousands


def test_an_hour_costs_what_is_overdue_however_many_invoices_are_open(
    wisp: Wisp, few_overdue: list[records.Link]
) -> None:
    alone = hourly(wisp, "2026-03-12 12:00")
    crowd(wisp, few_overdue[0], 20_000)

    assert hourly(wisp, "2026-03-12 13:00") <= alone + 5


def test_a_payment_costs_one_customer_however_many_there_are(
    wisp: Wisp, few_overdue: list[records.Link]
) -> None:
    crowd(wisp, few_overdue[0], 20_000)
    wisp.at("2026-03-12 12:30")
    wisp.account.pays(few_overdue[3].external_id or "")
    wisp.reads()
    with Meter(wisp.house) as meter:
        outcome = look_at_woken(wisp.house)
    assert outcome.counts == {"looked": 1, "restored": 1}
    assert meter.thousands <= 5


def test_a_quiet_tick_asks_two_questions(wisp: Wisp, few_overdue: list[records.Link]) -> None:
    wisp.goes_on()
    asked: list[str] = []
    wisp.house.store.db.connection().set_trace_callback(asked.append)
    wisp.run()
    wisp.house.store.db.connection().set_trace_callback(None)
    assert len(asked) == 2, asked
