"""What stands on an invoice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from daemon.money import Money

Paper = Literal["A4", "Letter"]


@dataclass(frozen=True, slots=True)
class Side:
    """Who bills, or who is billed: a name, and what stands under it, line by line."""

    name: str
    under: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    description: str
    net: Money
    tax: Money
    tax_rate: str | None = None
    quantity: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """`state` is a sentence ("Paid on 3 March 2027"); `settled` what was paid or credited of the total;
    `pay_url` is printed where something is owed."""

    number: str
    seller: Side
    buyer: Side
    issued_on: date
    due_on: date
    items: tuple[Item, ...]
    total: Money
    settled: Money
    owed: Money
    state: str = ""
    memo: str = ""
    how_to_pay: str = ""
    pay_url: str = ""
    locale: str = "en"
    paper: Paper = "A4"
    fonts: tuple[str, ...] = field(default=())
    """Files (TrueType) that are tried, in this order, for what the bundled letters do not have."""

    @property
    def net(self) -> Money:
        return Money.total((item.net for item in self.items), self.total.currency)

    @property
    def taxes(self) -> list[tuple[str, Money]]:
        """Each rate with its tax, in the order of the items; what is taxed at nothing is left out."""
        found: dict[str, Money] = {}
        for item in self.items:
            if item.tax.minor:
                rate = item.tax_rate or ""
                found[rate] = found.get(rate, Money(0, item.tax.currency)) + item.tax
        return list(found.items())
