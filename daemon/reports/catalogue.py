"""The reports by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from daemon.errors import NotFound
from daemon.house import House
from daemon.reports import ageing, close, collected, excepted, paying, syncing
from daemon.reports.asking import OPTIONS, Asked, Wish
from daemon.reports.shape import Report
from daemon.store import records


@dataclass(frozen=True, slots=True)
class ReportType:
    """`takes` are the parameters, by the names of `Wish`."""

    name: str
    summary: str
    make: Callable[[House, Asked], Report]
    takes: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """As the API has them."""
        return tuple({"as_of": "asOf"}.get(name, OPTIONS[name]) for name in self.takes)

    @property
    def options(self) -> tuple[str, ...]:
        """As people type them."""
        return tuple(OPTIONS[name] for name in self.takes)


def _of_the_books(report: Callable[[Asked], Report]) -> Callable[[House, Asked], Report]:
    """One that needs nothing but the store."""
    return lambda _house, asked: report(asked)


_ALL = (
    ReportType(
        "ageing", "What is owed, by how long it is overdue.", _of_the_books(ageing.report), ("as_of",)
    ),
    ReportType(
        "collections",
        "What was paid, refunded and taken back, by month, provider and method.",
        _of_the_books(collected.report),
        ("since", "until"),
    ),
    ReportType(
        "days-to-pay",
        "How long the invoices of each month took to be paid, and how many were in time.",
        _of_the_books(paying.report),
        ("since", "until"),
    ),
    ReportType(
        "syncs",
        "How each integration did, how long news took, and what of its quota is used.",
        syncing.report,
        ("since", "until"),
    ),
    ReportType("exceptions", "What needs a person.", _of_the_books(excepted.report)),
    ReportType(
        "close",
        "Whether a month ties to the cent: billed, pushed, the provider's ledger.",
        _of_the_books(close.report),
        ("month",),
    ),
)

REPORTS: Mapping[str, ReportType] = {one.name: one for one in _ALL}


def make(house: House, tenant: records.Tenant, name: str, wish: Wish | None = None) -> Report:
    """Raises NotFound for a report that is none, InvalidInput for parameters that it cannot take."""
    if name not in REPORTS:
        raise NotFound("report", name)
    return REPORTS[name].make(house, Asked(tenant, wish or Wish(), house.clock.now()))
