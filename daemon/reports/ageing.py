"""Receivables by age: what each customer owes, and how long it has been overdue, at the end of a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from daemon.money import Money, exponent
from daemon.reports.asking import Asked
from daemon.reports.shape import Chart, Column, Kind, Report, Row
from daemon.reports.sums import per_currency
from daemon.store.reporting import ageing
from daemon.store.reporting.ageing import Owed

TITLE = "Receivables by age"

BUCKETS = {
    "not_due": "Not due",
    "days_1_to_30": "1-30 days",
    "days_31_to_60": "31-60 days",
    "days_61_to_90": "61-90 days",
    "days_over_90": "Over 90 days",
}

COLUMNS = (
    Column("customer", "Customer"),
    Column("name", "Name"),
    Column("currency", "Currency"),
    Column("invoices", "Invoices", Kind.COUNT),
    *(Column(key, heading, Kind.MONEY) for key, heading in BUCKETS.items()),
    Column("owed", "Owed", Kind.MONEY),
)

NOTES = (
    "Days are counted from the due date, or from a later one to which it was moved at the provider; what is "
    "due on the day itself is not overdue.",
    "Every invoice dated up to the day counts, sent or not; money counts from the day on which it moved at "
    "the provider.",
)


def report(asked: Asked) -> Report:
    asked.takes("as_of")
    day = asked.day()
    if day == asked.today:
        owed = ageing.now(asked.tenant.id, day)
    else:
        until = asked.begins(day + timedelta(days=1))
        owed = ageing.then(asked.tenant.id, day, until=until, offset=asked.offset)
    rows = tuple(_row(one) for one in owed)
    totals = per_currency(rows, COLUMNS)
    return Report(
        name="ageing",
        title=TITLE,
        tenant=asked.tenant,
        as_of=asked.now,
        parameters={"as-of": day.isoformat()},
        columns=COLUMNS,
        rows=rows,
        totals=totals,
        notes=NOTES,
        charts=tuple(_charts(totals, day.isoformat())),
    )


def _row(one: Owed) -> Row:
    buckets = {key: Money(minor, one.currency) for key, minor in zip(BUCKETS, one.buckets, strict=True)}
    return {
        "customer": one.reference,
        "customer_id": one.customer_id,
        "name": one.name,
        "currency": one.currency,
        "invoices": one.invoices,
        **buckets,
        "owed": Money(sum(one.buckets), one.currency),
    }


def _charts(totals: tuple[Row, ...], day: str) -> Iterator[Chart]:
    for total in totals:
        currency = str(total["currency"])
        owed = [total[key] for key in BUCKETS]
        yield Chart(
            key=f"ageing-{currency}",
            title=f"{TITLE} on {day}",
            about=", ".join(f"{heading}: {total[key]}" for key, heading in BUCKETS.items()),
            unit=currency,
            labels=tuple(BUCKETS.values()),
            parts={"owed": tuple(one.minor for one in owed if isinstance(one, Money))},
            digits=exponent(currency),
        )
