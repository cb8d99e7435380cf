"""Days to pay: how long the invoices of each month took, and how many were paid in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from daemon.model.days import day_of
from daemon.reports.asking import Asked
from daemon.reports.periods import Month, months
from daemon.reports.shape import Chart, Column, Kind, Report, Row
from daemon.store.reporting import paying
from daemon.store.reporting.paying import Taken

TITLE = "Days to pay"

COLUMNS = (
    Column("month", "Month"),
    Column("invoices", "Invoices", Kind.COUNT),
    Column("paid", "Paid", Kind.COUNT),
    Column("median_days", "Median days", Kind.COUNT),
    Column("p90_days", "90 of 100 within", Kind.COUNT),
    Column("in_time", "In time", Kind.SHARE),
    Column("still_owed", "Still owed", Kind.COUNT),
)

NOTES = (
    "By the month of the invoice's date. Days run from that date to the day, in the tenant's zone, on which "
    "nothing was owed any more; what is still owed is not in the median.",
    "In time: paid on the due date or before, of those that were paid or are overdue. What is void or "
    "written off does not count.",
)


def report(asked: Asked) -> Report:
    asked.takes("since", "until")
    first, last = asked.months()
    taken: dict[Month, list[Taken]] = defaultdict(list)
    for one in paying.of_invoices(asked.tenant.id, first.first, last.last):
        taken[Month.of(one.issued_on)].append(one)
    rows = tuple(_row(asked, month, taken[month]) for month in months(first, last) if month in taken)
    return Report(
        name="days-to-pay",
        title=TITLE,
        tenant=asked.tenant,
        as_of=asked.now,
        parameters={"from": str(first), "to": str(last)},
        columns=COLUMNS,
        rows=rows,
        notes=NOTES,
        charts=tuple(_charts(rows)),
    )


def _row(asked: Asked, month: Month, taken: Sequence[Taken]) -> Row:
    paid = [(day_of(one.paid_at, asked.zone), one) for one in taken if one.paid_at is not None]
    days = sorted(max((on - one.issued_on).days, 0) for on, one in paid)
    in_time = sum(on <= one.due_on for on, one in paid)
    late = sum(one.paid_at is None and one.due_on < asked.today for one in taken)
    return {
        "month": str(month),
        "invoices": len(taken),
        "paid": len(paid),
        "median_days": ranked(days, 50),
        "p90_days": ranked(days, 90),
        "in_time": Fraction(in_time, len(paid) + late) if len(paid) + late else None,
        "still_owed": len(taken) - len(paid),
    }


def ranked(days: Sequence[int], percent: int) -> int | None:
    """The nearest rank: the smallest value that so many of a hundred do not exceed."""
    return days[(len(days) * percent + 99) // 100 - 1] if days else None


def _charts(rows: Sequence[Row]) -> Iterator[Chart]:
    medians = [(str(row["month"]), row["median_days"]) for row in rows]
    known = [(month, days) for month, days in medians if isinstance(days, int)]
    if known:
        yield Chart(
            key="days-to-pay",
            title="Median days to pay",
            about=", ".join(f"{month}: {days} days" for month, days in known),
            unit="days",
            labels=tuple(month for month, _days in known),
            parts={"median": tuple(days for _month, days in known)},
        )
