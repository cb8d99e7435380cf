"""jinja2 as every page uses it: our own templates only, escaped always, an unknown name is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from daemon import locales
from daemon.money import Money
from daemon.web.pages import assets


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose eyes it is for: a locale of babel's and the tenant's zone."""

    locale: str
    zone: tzinfo

    def money(self, amount: Money) -> str:
        return locales.money(amount, self.locale)

    def day(self, on: date) -> str:
        return locales.day(on, self.locale)

    def moment(self, at: datetime) -> str:
        return locales.moment(at, self.zone, self.locale)

    def today(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()


def render(template: str, shown: Mapping[str, Any], *, part: str | None = None) -> str:
    """The page, or its block `part` alone. `shown` holds `reader`, which the filters use."""
    found = _environment().get_template(template)
    if part is None:
        return found.render(shown)
    return "".join(found.blocks[part](found.new_context(dict(shown))))


def templates() -> list[str]:
    return _environment().list_templates(extensions=["html"])


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(str(files("daemon.web") / "views")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = assets.address
    made.filters |= {
        "money": _money,
        "number": _number,
        "day": _day,
        "moment": _moment,
        "iso": lambda value: value.isoformat(),
    }
    return made


@pass_context
def _money(context: Context, amount: Money) -> str:
    return _reader(context).money(amount)


@pass_context
def _number(context: Context, amount: Money) -> str:
    return locales.number(amount, _reader(context).locale)


@pass_context
def _day(context: Context, on: date) -> str:
    return _reader(context).day(on)


@pass_context
def _moment(context: Context, at: datetime) -> str:
    return _reader(context).moment(at)


def _reader(context: Context) -> Reader:
    reader: Reader = context["reader"]
    return reader
