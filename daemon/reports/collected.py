"""Collections: money that moved at the providers, by month, provider and method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daemon.money import Money, exponent
from daemon.reports.asking import Asked
from daemon.reports.periods import Month, months
from daemon.reports.shape import Chart, Column, Kind, Report, Row
from daemon.reports.sums import per_currency
from daemon.store.reporting import collections
from daemon.store.reporting.collections import Collected

TITLE = "Collections by month"

COLUMNS = (
    Column("month", "Month"),
    Column("provider", "Provider"),
    Column("method", "Method"),
    Column("currency", "Currency"),
    Column("payments", "Payments", Kind.COUNT),
    Column("paid", "Paid", Kind.MONEY),
    Column("refunded", "Refunded", Kind.MONEY),
    Column("reversed", "Taken back", Kind.MONEY),
    Column("net", "Net", Kind.MONEY),
)

NOTES = (
    "Money belongs to the month, in the tenant's zone, in which the provider says that it moved; without a "
    "date there, to the one in which it was first seen here.",
    "Taken back is what bounced or was lost in a dispute. What is on its way from a bank is not paid yet and "
    "does not count; what the provider deleted was never paid.",
)


def report(asked: Asked) -> Report:
    asked.takes("since", "until")
    first, last = asked.months()
    wanted = list(months(first, last))
    spans = [(str(one), one.since(asked.zone), one.until(asked.zone)) for one in wanted]
    found = list(collections.by_month(asked.tenant.id, spans, offset=asked.offset))
    rows = tuple(_row(one) for one in found)
    return Report(
        name="collections",
        title=TITLE,
        tenant=asked.tenant,
        as_of=asked.now,
        parameters={"from": str(first), "to": str(last)},
        columns=COLUMNS,
        rows=rows,
        totals=per_currency(rows, COLUMNS),
        notes=NOTES,
        charts=tuple(_charts(found, wanted)),
    )


def _row(one: Collected) -> Row:
    def money(minor: int) -> Money:
        return Money(minor, one.currency)

    return {
        "month": one.month,
        "provider": one.provider,
        "method": one.method,
        "currency": one.currency,
        "payments": one.payments,
        "paid": money(one.paid),
        "refunded": money(one.refunded),
        "reversed": money(one.reversed),
        "net": money(one.paid - one.refunded - one.reversed),
    }


def _charts(found: Sequence[Collected], wanted: Sequence[Month]) -> Iterator[Chart]:
    """What was paid, a column for each month, the providers one upon the other."""
    labels = tuple(str(one) for one in wanted)
    for currency in sorted({one.currency for one in found}):
        mine = [one for one in found if one.currency == currency]
        paid: dict[str, dict[str, int]] = {one.provider: dict.fromkeys(labels, 0) for one in mine}
        for one in mine:
            paid[one.provider][one.month] += one.paid
        whole = {label: sum(part[label] for part in paid.values()) for label in labels}
        yield Chart(
            key=f"collections-{currency}",
            title="Paid by month and provider",
            about=", ".join(f"{label}: {Money(minor, currency)}" for label, minor in whole.items()),
            unit=currency,
            labels=labels,
            parts={name: tuple(part.values()) for name, part in sorted(paid.items())},
            digits=exponent(currency),
        )
