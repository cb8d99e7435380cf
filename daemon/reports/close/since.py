"""What is no longer as it was when the month was closed: figure by figure, and what was learned since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daemon.model import Document
from daemon.money import Money
from daemon.reports.close.reckoning import FIGURES, Key, Month, Sums
from daemon.reports.shape import Column, Kind, Part, Row
from daemon.store.closes import Closed
from daemon.store.reporting.close import learned_since

CHANGED = (
    Column("account", "Account"),
    Column("currency", "Currency"),
    Column("figure", "Figure"),
    Column("closed", "As closed", Kind.MONEY),
    Column("now", "Now", Kind.MONEY),
    Column("apart", "Apart", Kind.MONEY),
)

LEARNED = (
    Column("number", "Invoice"),
    Column("account", "Account"),
    Column("what", "What"),
    Column("currency", "Currency"),
    Column("amount", "Amount", Kind.MONEY),
    Column("seen_at", "Seen", Kind.MOMENT),
)


def frozen(sums: Mapping[Key, Sums]) -> list[Document]:
    """The figures as a closing keeps them."""
    return [
        {"integration": name, "currency": currency} | {figure: getattr(one, figure) for figure in FIGURES}
        for (name, currency), one in sorted(sums.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    ]


def changes(closed: Closed, sums: Mapping[Key, Sums]) -> tuple[Row, ...]:
    """Each figure that is not what it was; also where an account took over invoices that had none."""
    kept = {(row["integration"], row["currency"]): row for row in closed.sums}
    found: list[Row] = []
    for key in sorted({*kept, *sums}, key=lambda key: (key[0] or "", key[1])):
        then, now = kept.get(key, {}), sums.get(key, Sums())
        found += [
            _changed(key, figure, int(then.get(figure, 0)), getattr(now, figure))
            for figure in FIGURES[1:]
            if then.get(figure, 0) != getattr(now, figure)
        ]
    return tuple(found)


def _changed(key: Key, figure: str, then: int, now: int) -> Row:
    name, currency = key
    return {
        "integration_id": name,
        "currency": currency,
        "figure": figure.replace("_", " "),
        "closed": Money(then, currency),
        "now": Money(now, currency),
        "apart": Money(now - then, currency),
    }


def later(tenant_id: str, closed: Closed, span: Month, changed: Sequence[Row]) -> list[Part]:
    """What changed, and what was learned about the month since it was closed."""
    learned = learned_since(tenant_id, last=span.last, until=span.until, after=closed.closed_at)
    rows: list[Row] = [
        {
            "number": one.number,
            "invoice_id": one.invoice_id,
            "integration_id": one.integration_id,
            "what": one.what.replace("_", " "),
            "currency": one.currency,
            "amount": Money(one.amount, one.currency),
            "seen_at": one.seen_at,
        }
        for one in learned
    ]
    return [
        Part("changed", "Changed since it was closed", CHANGED, tuple(changed)),
        Part("learned", "Learned since it was closed", LEARNED, tuple(rows)),
    ]
