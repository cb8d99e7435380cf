"""Has this customer paid? By whatever they say on the phone: a number, a name, a reference, an address.

What is exact is looked up in an index and ends the search; only then is it looked for inside names, e-mail
addresses and phone numbers, and where that finds nobody, inside invoice numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.errors import InvalidInput
from daemon.money import Money
from daemon.store import finding, invoices, records

LONGEST = 200
LATEST = 1000
"""Invoices of a customer that an answer is made of."""


@dataclass(frozen=True, slots=True)
class Found:
    """Both newest or alphabetically first, at most as many as were asked for."""

    customers: Sequence[records.Customer]
    invoices: Sequence[records.Invoice]

    def __bool__(self) -> bool:
        return bool(self.customers or self.invoices)


@dataclass(frozen=True, slots=True)
class Account:
    """What a customer owes, by currency, and how many of their invoices have each payment status."""

    owed: Sequence[Money]
    counts: Sequence[tuple[str, int]]

    @property
    def sentence(self) -> str:
        """`owes 12.50 EUR: 2 paid, 1 open`"""
        if not self.counts:
            return "has no invoices"
        which = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in self.counts)
        if self.owed:
            return f"owes {', '.join(str(amount) for amount in self.owed)}: {which}"
        everything = {status for status, _count in self.counts} == {"paid"}
        return f"{'has paid everything' if everything else 'owes nothing'}: {which}"


def search(text: str, tenant_id: str | None, *, limit: int = 20) -> Found:
    """Customers and invoices that `text` may mean. Raises InvalidInput where it says nothing."""
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise InvalidInput("WB-INPUT", "say what to look for")
    exact = finding.invoices_named(text, tenant_id, limit=limit)
    people = finding.customers_named(text, tenant_id, limit=limit)
    if not exact and not people:
        people = finding.customers_like(text, tenant_id, limit=limit)
    if not exact and not people:
        exact = finding.invoices_like(text, tenant_id, limit=limit)
    found = {row.id: row for row in exact}
    for person in people if not exact else ():
        latest = invoices.listing(person.tenant_id, limit=limit, customer_id=person.id)
        found |= {row.id: row for row in latest}
    newest = sorted(found.values(), key=lambda row: row.id, reverse=True)
    return Found(people, newest[:limit])


def account_of(person: records.Customer) -> Account:
    rows = invoices.listing(person.tenant_id, limit=LATEST, customer_id=person.id)
    owed: Counter[str] = Counter()
    for row in rows:
        owed[row.currency] += row.due_minor
    return Account(
        owed=[Money(minor, currency) for currency, minor in owed.items() if minor],
        counts=list(Counter(row.payment_status for row in rows).items()),
    )
