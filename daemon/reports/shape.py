"""The one shape of all reports: what was asked, columns, rows, sums for each currency, and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from daemon.money import Money
from daemon.store import records

Cell = str | int | Money | date | datetime | Fraction | timedelta | None
"""As its column's kind says; None: nothing is known, or nothing to tell."""

Row = Mapping[str, Cell]


class Kind(StrEnum):
    """What a column holds. A MONEY cell stands in a row whose `currency` names its currency."""

    TEXT = "text"
    MONEY = "money"
    COUNT = "count"
    DAY = "date"
    MOMENT = "moment"
    SHARE = "share"
    DURATION = "duration"


@dataclass(frozen=True, slots=True)
class Column:
    """`key` is the name in JSON and CSV (snake_case here), `heading` what people read."""

    key: str
    heading: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns over labels, of one currency or of plain numbers: a bar for each label, its parts stacked.

    `title` (the unit follows it) and `about` are read out to who does not see it; `unit` is the currency, or
    what is counted. Parts are in minor units where `unit` is a currency.
    """

    key: str
    title: str
    about: str
    unit: str
    labels: tuple[str, ...]
    parts: Mapping[str, tuple[int, ...]]
    digits: int = 0
    """Decimals of the unit: parts are shown divided by that power of ten."""


@dataclass(frozen=True, slots=True)
class Part:
    """Another table of a report; `name` is its key in JSON."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`name` as it is asked for. `parameters` say what was asked, in words of the command's options; `as_of`
    is the moment at which the rows were read."""

    name: str
    title: str
    tenant: records.Tenant
    as_of: datetime
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    totals: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    parts: tuple[Part, ...] = ()
    """Tables beside the first."""

    verdict: str | None = None
    """The answer in one sentence, where the report has one."""

    well: bool = True
    """False: it found something that somebody should put right."""
