"""The end of the demo: what wispbill knows of each invoice beside what is in each provider's books."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.cli.story.wisps import Wisp
from daemon.model import DocStatus
from daemon.money import Money
from daemon.sandbox.double import Standing

Row = Mapping[str, Any]
COLUMNS = ("provider", "invoice", "total", "due", "sync", "payment", "because")
WIDE = 130
"""From here on the reason fits beside the rest."""

_IDS = re.compile(r" \([^)]*\)")


def differences(wisps: Sequence[Wisp], rows: Sequence[Row]) -> list[str]:
    """A sentence for each invoice of which we know other than what happened, or what is in their books."""
    found = []
    for wisp in wisps:
        ours = {row["number"]: row for row in rows if row["provider"] == wisp.provider}
        theirs = wisp.standing()
        numbers = sorted(one.number for one in theirs)
        if numbers != sorted(ours) or numbers != wisp.numbers:
            found.append(f"{wisp.label}: {len(numbers)} invoices there, {len(ours)} here")
            continue
        found += [
            f"{wisp.label} {one.number}: {difference}"
            for one in theirs
            if (difference := _difference(one, ours[one.number], wisp.expected.get(one.number)))
        ]
    return found


def _difference(one: Standing, row: Row, expected: str | None) -> str:
    """ "" where both say the same. A void invoice has no amounts at some providers."""
    here = {name: Money.parse(row[name], row["currency"]).minor for name in ("total", "paid", "refunded")}
    there = {"total": one.total, "paid": one.paid, "refunded": one.refunded}
    void = one.status is DocStatus.VOID
    if row["paymentStatus"] != expected:
        return f"{expected} there, {row['paymentStatus']} here"
    if void != (row["paymentStatus"] == "void"):
        return f"{one.status.value} there, {row['paymentStatus']} here"
    return "" if void or here == there else f"{there} there, {here} here"


def show(console: Console, rows: Sequence[Row], labels: Mapping[str, str]) -> None:
    """The table; in a narrow terminal the reason stands in a line of its own."""
    wide = console.width >= WIDE
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column in COLUMNS if wide else COLUMNS[:-1]:
        table.add_column(column, no_wrap=True, justify="right" if column in ("total", "due") else "left")
    console.print("\nWhat became of each invoice, and why we believe it", style="bold")
    before = None
    for row in sorted(rows, key=lambda row: (list(labels).index(row["provider"]), row["number"])):
        if before not in (None, row["provider"]):
            table.add_section()
        before = row["provider"]
        cells = _cells(row, labels[row["provider"]])
        table.add_row(*(cells if wide else cells[:-1]))
    console.print(table)


def _cells(row: Row, label: str) -> list[Text]:
    """Without the ids in the reason, which `explain` shows."""
    because = _IDS.sub("", row["proof"] or "")
    words = (label, row["number"], row["total"], row["due"], row["sync"], row["paymentStatus"], because)
    return [Text(str(word)) for word in words]
