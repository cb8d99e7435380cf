"""A file of subscriptions: the good rows go in, the others are named by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs import intake, subscribing
from daemon.jobs.importing.entering import PROBLEMS_KEPT
from daemon.jobs.importing.files import Item, Problem
from daemon.store import audit, customers, plans, records, subscriptions
from daemon.store.recurring import Plan
from daemon.store.subscriptions import NewSubscription

BATCH = 200
REQUIRED = ("customer", "plan", "start")
"""`start` too: its default is today, and the same file again would mean something else tomorrow."""


@dataclass(slots=True)
class Report:
    """The first PROBLEMS_KEPT problems are kept, all are counted."""

    dry_run: bool
    added: int = 0
    there: int = 0
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)


class _Undone(Exception):
    """A dry run's batch."""


@dataclass(slots=True)
class SubscriptionImport:
    """One import into one tenant."""

    house: House
    tenant: records.Tenant
    actor: str
    dry_run: bool = False
    seen: dict[str, NewSubscription] = field(default_factory=dict)
    """What a dry run would have left by now, by reference."""

    def run(self, items: Iterable[Item], told: Callable[[int], None] = lambda _rows: None) -> Report:
        """Take in all `items`; `told` hears how many rows each batch had. Raises StoreError."""
        report = Report(self.dry_run)
        today = intake.today_of(self.tenant, self.house.clock.now())
        rest = iter(items)
        while batch := list(islice(rest, BATCH)):
            for outcome in self._write(batch, today):
                _count(outcome, report)
            told(len(batch))
        return report

    def _write(self, batch: list[Item], today: date) -> list[Problem | bool]:
        """Of each row: whether it is new, or what is wrong with it."""
        outcomes: list[Problem | bool] = []
        drawn: list[NewSubscription] = []

        def work() -> None:
            books = _Books(self, batch)
            outcomes[:] = [books.take(item, today) for item in batch]
            drawn[:] = books.new
            books.write()
            if self.dry_run:
                raise _Undone

        with suppress(_Undone):
            self.house.store.write("import.subscriptions", work)
        if self.dry_run:
            self.seen |= {new.reference: new for new in drawn}
        return outcomes


def _count(outcome: Problem | bool, report: Report) -> None:
    if not isinstance(outcome, Problem):
        report.added += outcome
        report.there += not outcome
        return
    report.failed += 1
    if len(report.problems) < PROBLEMS_KEPT:
        report.problems.append(outcome)


class _Books(subscribing.Books):
    """What a batch looks up, read ahead, and what it will write."""

    def __init__(self, work: SubscriptionImport, batch: list[Item]) -> None:
        self._work = work
        names = {str(item.raw["customer"]) for item in batch if item.raw.get("customer")}
        found = customers.named(work.tenant.id, names)
        self._people = {name: row for row in found for name in (row.id, row.reference)}
        self._plans = {name: row for row in plans.listing(work.tenant.id) for name in (row.id, row.reference)}
        self.new: list[NewSubscription] = []
        self._drawn: dict[str, NewSubscription] = {}

    def customer(self, tenant_id: str, name: str) -> records.Customer:
        return self._people.get(name.removeprefix("ref:")) or super().customer(tenant_id, name)

    def plan(self, tenant_id: str, name: str) -> Plan:
        return self._plans.get(name) or super().plan(tenant_id, name)

    def take(self, item: Item, today: date) -> Problem | bool:
        if item.problem is not None:
            return item.problem
        lacking = [name for name in REQUIRED if name not in item.raw]
        if lacking:
            return Problem(item.line, "WB-INPUT", f"{lacking[0]}: it is missing")
        try:
            new = subscribing.read_subscription(self._work.tenant, item.raw, today, self)
            return self._enter(new)
        except InvalidInput as error:
            return Problem(item.line, error.code, error.message)

    def _enter(self, new: NewSubscription) -> bool:
        there = subscriptions.find(new.tenant_id, new.reference)
        if there is not None:
            subscriptions.check_same(new, there)
            return False
        before = self._drawn.get(new.reference) or self._work.seen.get(new.reference)
        if before is not None:
            if before != new:
                raise InvalidInput(
                    "WB-SUBSCRIPTION-TAKEN", f"the file has {new.reference!r} twice, with other content"
                )
            return False
        subscribing.check_open(self.plan(new.tenant_id, new.plan_id))
        self.new.append(new)
        self._drawn[new.reference] = new
        return True

    def write(self) -> None:
        """Inside a transaction: each with its row of audit."""
        house, tenant_id = self._work.house, self._work.tenant.id
        now = house.clock.now()
        audited = []
        for new in self.new:
            row_id = subscriptions.insert(new, now=now, entropy=house.entropy)
            audited.append((subscriptions.ADDED, row_id, subscriptions.audited(new)))
        audit.append_all(tenant_id, audited, actor=self._work.actor, now=now)
