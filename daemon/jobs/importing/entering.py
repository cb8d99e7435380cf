"""Entering what a file holds: some hundred invoices a transaction, looked up and written in bulk."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from daemon.errors import InvalidInput, NotFound
from daemon.house import House
from daemon.jobs import intake
from daemon.jobs.importing.files import CUSTOMER_COLUMNS, Item, Problem
from daemon.money import Money
from daemon.store import audit, customers, integrations, invoices, records

BATCH = 200
PROBLEMS_KEPT = 1000


@dataclass(slots=True)
class Report:
    """What became of a file; `sums` are the minor units of what was added, by currency. The first
    PROBLEMS_KEPT problems are kept, all are counted in `failed`."""

    dry_run: bool
    added: int = 0
    there: int = 0
    failed: int = 0
    customers_added: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.added + self.there + self.failed

    def fail(self, problem: Problem) -> None:
        self.failed += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)


class _Undone(Exception):
    """A dry run's batch."""


@dataclass(slots=True)
class Import:
    """One import into one tenant. A dry run does the same work and undoes each batch; `seen` is how it
    still knows what earlier batches would have left."""

    house: House
    tenant: records.Tenant
    actor: str
    dry_run: bool = False
    create_customers: bool = False
    seen: dict[int, str] = field(default_factory=dict)
    new_people: set[str] = field(default_factory=set)

    def run(self, items: Iterable[Item], told: Callable[[int], None] = lambda _lines: None) -> Report:
        """Take in all `items`; `told` hears how far each batch came, in lines. Raises StoreError."""
        report = Report(self.dry_run)
        today = intake.today_of(self.tenant, self.house.clock.now())
        rest = iter(items)
        done = 0
        while batch := list(islice(rest, BATCH)):
            self._write(batch, report, today)
            told(batch[-1].last - done)
            done = batch[-1].last
        if report.added and not self.dry_run:
            self.house.wake("push")
        return report

    def _write(self, batch: list[Item], report: Report, today: date) -> None:
        """The report is told after the commit: a transaction may be run again."""
        outcomes: list[_Outcome] = []

        def work() -> None:
            books = _Books(self, batch)
            outcomes[:] = [self._take(item, today, books) for item in batch]
            books.write()
            if self.dry_run:
                raise _Undone

        with suppress(_Undone):
            self.house.store.write("import.batch", work)
        for outcome in outcomes:
            self._count(outcome, report)

    def _take(self, item: Item, today: date, books: _Books) -> _Outcome:
        if item.problem is not None:
            return _Outcome(problem=item.problem)
        raw = {name: value for name, value in item.raw.items() if name not in CUSTOMER_COLUMNS}
        books.person = item.raw
        try:
            return books.enter(intake.read(self.tenant, raw, today, books))
        except InvalidInput as error:
            number = item.raw.get("number")
            text = number if isinstance(number, str) else None
            return _Outcome(problem=Problem(item.line, error.code, error.message, text))

    def _count(self, outcome: _Outcome, report: Report) -> None:
        if outcome.problem is not None:
            report.fail(outcome.problem)
            return
        if outcome.person is not None and outcome.person not in self.new_people:
            self.new_people.add(outcome.person)
            report.customers_added += 1
        if outcome.added is None:
            report.there += 1
            return
        report.added += 1
        currency = outcome.added.currency
        report.sums[currency] = report.sums.get(currency, 0) + outcome.added.minor


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`added` is the total of a new invoice; None: it was there. `person` is a new customer."""

    added: Money | None = None
    person: str | None = None
    problem: Problem | None = None


class _Books(intake.Books):
    """What a batch looks up, read ahead in three questions, and what it will write."""

    def __init__(self, work: Import, batch: list[Item]) -> None:
        self._work = work
        tenant_id = work.tenant.id
        raws = [item.raw for item in batch]
        numbers, references = _texts(raws, "number"), _texts(raws, "reference")
        people = customers.named(tenant_id, _texts(raws, "customer"))
        self._people = {name: row for row in people for name in (row.id, row.reference)}
        self._integrations = integrations.listing(tenant_id)
        self._there = ChainMap[int, str]({}, work.seen)
        for row in invoices.taken_among(tenant_id, sorted(numbers), sorted(numbers | references)):
            self._there |= dict.fromkeys(_names(row.number, row.reference), row.digest)
        self._drawn: dict[str, records.Customer] = {}
        self._new_people: list[records.Customer] = []
        self._new: list[invoices.NewInvoice] = []
        self.person: Mapping[str, Any] = {}

    def customer(self, tenant_id: str, name: str) -> records.Customer:
        """Where customers are created: one that is written only with an invoice."""
        found = self._people.get(name) or self._people.get(name.removeprefix("ref:"))
        if found is not None:
            return found
        if not self._work.create_customers or name.startswith("ref:"):
            raise NotFound("customer", name)
        if name not in self._drawn:
            house, email = self._work.house, self.person.get("customer_email")
            self._drawn[name] = customers.drawn(
                tenant_id,
                name,
                str(self.person.get("customer_name") or name),
                str(email) if email else None,
                now=house.clock.now(),
                entropy=house.entropy,
            )
        return self._drawn[name]

    def taken(self, new: invoices.NewInvoice) -> str | None:
        names = _names(new.number, new.reference)
        return next((self._there[name] for name in names if name in self._there), None)

    def serving(self, tenant_id: str, customer_id: str) -> records.Integration | None:
        return integrations.serving_among(self._integrations, customer_id)

    def enter(self, new: invoices.NewInvoice) -> _Outcome:
        """Note what is to be written. Raises InvalidInput where the name is taken by other content."""
        taken = self.taken(new)
        if taken is not None and taken != new.digest:
            raise InvalidInput(
                "WB-INVOICE-TAKEN",
                f"there is an invoice of number {new.number!r} or reference {new.reference!r} already, with "
                "other content",
                field="number",
            )
        if taken is not None:
            return _Outcome()
        self._there |= dict.fromkeys(_names(new.number, new.reference), new.digest)
        self._new.append(new)
        drawn = next((row for row in self._drawn.values() if row.id == new.customer_id), None)
        if drawn is None:
            return _Outcome(added=new.total)
        del self._drawn[drawn.reference]
        self._people[drawn.reference] = drawn
        self._new_people.append(drawn)
        return _Outcome(added=new.total, person=drawn.reference)

    def write(self) -> None:
        """Inside a transaction: customers, then invoices, then a row of audit for each."""
        house, tenant_id = self._work.house, self._work.tenant.id
        now = house.clock.now()
        audited = []
        for person in self._new_people:
            customers.insert(person)
            audited.append((customers.ADDED, person.id, {"reference": person.reference}))
        for new in self._new:
            invoice_id = invoices.insert(new, now=now, entropy=house.entropy)
            audited.append((invoices.ADDED, invoice_id, invoices.audited(new)))
        audit.append_all(tenant_id, audited, actor=self._work.actor, now=now)
        if self._work.dry_run:
            self._work.seen |= self._there.maps[0]


def _texts(raws: Iterable[Mapping[str, Any]], name: str) -> set[str]:
    return {value.strip() for raw in raws if isinstance(value := raw.get(name), str)}


def _names(number: str, reference: str) -> tuple[int, int]:
    """What an invoice takes, as hashes: a dry run of a million keeps them all."""
    return hash(("number", number)), hash(("reference", reference))
