"""The end of the demo: what wispbill knows of each invoice beside what is in each provider's books."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.model import DocStatus
from daemon.money import Money
from daemon.sandbox.double import Standing

Row = Mapping[str, Any]
COLUMNS = ("provider", "invoice", "total", "due", "sync", "payment", "because")
AMOUNTS = ("total", "due")
GAP = 2
_SPARED = re.compile(r" \([^)]*\)|\d{4}-\d\d-\d\d (?=\d\d:)")


def differences(expected: Mapping[str, str], theirs: Sequence[Standing], rows: Sequence[Row]) -> list[str]:
    """A sentence for each invoice of one WISP of which we know other than what happened to it (`expected`,
    by number), or than what is in the books there."""
    ours = {row["number"]: row for row in rows}
    numbers = sorted(one.number for one in theirs)
    if not numbers == sorted(ours) == sorted(expected):
        return [f"{len(numbers)} invoices there, {len(ours)} here, {len(expected)} sent"]
    told = {one.number: _difference(one, ours[one.number], expected[one.number]) for one in theirs}
    return [f"{number}: {difference}" for number, difference in told.items() if difference]


def _difference(one: Standing, row: Row, expected: str) -> str:
    """ "" where both say the same. A void invoice has no amounts at some providers."""
    here = {name: Money.parse(row[name], row["currency"]).minor for name in ("total", "paid", "refunded")}
    there = {"total": one.total, "paid": one.paid, "refunded": one.refunded}
    void = one.status is DocStatus.VOID
    if row["paymentStatus"] != expected:
        return f"{expected} there, {row['paymentStatus']} here"
    if void != (row["paymentStatus"] == "void"):
        return f"{one.status.value} there, {row['paymentStatus']} here"
    return "" if void or here == there else f"{there} there, {here} here"


def table(rows: Sequence[Row], labels: Mapping[str, str], width: int) -> list[str]:
    """Its lines. Nothing is cut: where the reason does not fit beside the rest it stands below."""
    places = list(labels)
    ordered = sorted(rows, key=lambda row: (places.index(row["provider"]), row["number"]))
    cells = [_cells(row, labels[row["provider"]]) for row in ordered]
    widths = [max(len(line[n]) for line in (COLUMNS, *cells)) for n in range(len(COLUMNS))]
    wide = sum(widths) + GAP * (len(widths) - 1) <= width
    lines = [_line(COLUMNS, widths, wide=wide, below="because")]
    for n, (line, row) in enumerate(zip(cells, ordered, strict=True)):
        if n == 0 or row["provider"] != ordered[n - 1]["provider"]:
            lines.append("")
        lines.append(_line(line, widths, wide=wide, below=line[-1]))
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], *, wide: bool, below: str) -> str:
    beside = cells if wide else cells[:-1]
    aligned = (
        cell.rjust(width) if name in AMOUNTS else cell.ljust(width)
        for cell, width, name in zip(beside, widths, COLUMNS, strict=False)
    )
    line = (" " * GAP).join(aligned).rstrip()
    return line if wide else f"{line}\n    {below}"


def _cells(row: Row, label: str) -> tuple[str, ...]:
    """The reason without ids and days, which `explain` shows."""
    because = _SPARED.sub("", row["proof"] or "")
    return label, row["number"], row["total"], row["due"], row["sync"], row["paymentStatus"], because
