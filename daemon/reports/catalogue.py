"""The reports by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from daemon.errors import NotFound
from daemon.house import House
from daemon.reports import ageing, close, collected
from daemon.reports.asking import OPTIONS, Asked, Wish
from daemon.reports.shape import Report
from daemon.store import records


@dataclass(frozen=True, slots=True)
class ReportType:
    """`takes` are the parameters, by the names of `Wish`."""

    name: str
    summary: str
    make: Callable[[Asked], Report]
    takes: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """As the API has them."""
        return tuple({"as_of": "asOf"}.get(name, OPTIONS[name]) for name in self.takes)

    @property
    def options(self) -> tuple[str, ...]:
        """As people type them."""
        return tuple(OPTIONS[name] for name in self.takes)


_ALL = (
    ReportType("ageing", "What is owed, by how long it is overdue.", ageing.report, ("as_of",)),
    ReportType(
        "collections",
        "What was paid, refunded and taken back, by month, provider and method.",
        collected.report,
        ("since", "until"),
    ),
    ReportType(
        "close",
        "Whether a month ties to the cent: billed, pushed, the provider's ledger.",
        close.report,
        ("month",),
    ),
)

REPORTS: Mapping[str, ReportType] = {one.name: one for one in _ALL}


def make(house: House, tenant: records.Tenant, name: str, wish: Wish | None = None) -> Report:
    """Raises NotFound for a report that is none, InvalidInput for parameters that it cannot take."""
    if name not in REPORTS:
        raise NotFound("report", name)
    return REPORTS[name].make(Asked(tenant, wish or Wish(), house.clock.now()))
