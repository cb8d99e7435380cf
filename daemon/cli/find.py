"""`wispbill find TEXT`: has this customer paid? With the proof."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.shapes import Shape
    from daemon.store import records


def register(app: typer.Typer) -> None:
    app.command("find")(find)


def find(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="A name, e-mail, number, reference, or transaction id.")],
    *,
    limit: output.Limit = 20,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Tell whether a customer has paid. Customers and invoices that match, and why we believe what we say."""
    from daemon.cli import shapes
    from daemon.store import invoices, views

    if not text.strip():
        raise InvalidInput("WB-INPUT", "say what to look for")
    desk = desk_of(ctx)
    desk.open()
    owner = desk.tenant_id(tenant)
    people = views.customers_with(text.strip(), owner, limit=limit)
    found = _invoices(text.strip(), owner, people, limit)
    shown = shapes.invoices(found, desk.now)
    if as_json:
        output.document({"customers": [shapes.customer(row) for row in people], "invoices": shown})
    else:
        for row in people:
            output.say(_answer(row, invoices.listing(row.tenant_id, limit=1000, customer_id=row.id)))
        for shape in shown:
            output.say(_line(shape))
    if not people and not shown:
        output.note(f"Nothing here is called {text.strip()[:80]!r}.")
        raise typer.Exit(1)


def _invoices(
    text: str, owner: str | None, people: list[records.Customer], limit: int
) -> list[records.Invoice]:
    """By their own words, by those of their payments, and those of the customers found."""
    from daemon.store import invoices, views

    found = {row.id: row for row in invoices.search(owner, text, limit=limit)}
    found |= invoices.by_ids(views.paid_under(text, owner, limit=limit))
    for person in people:
        latest = invoices.listing(person.tenant_id, limit=limit, customer_id=person.id)
        found |= {row.id: row for row in latest}
    return sorted(found.values(), key=lambda row: row.id, reverse=True)[:limit]


def _answer(person: records.Customer, rows: list[records.Invoice]) -> str:
    """`Subscriber 0001 (C-1) owes 12.50 EUR: 2 paid, 1 open.`"""
    from daemon.money import Money

    who = f"{person.name} ({person.reference})"
    if not rows:
        return f"{who} has no invoices."
    owed: dict[str, int] = {}
    for row in rows:
        if row.due_minor:
            owed[row.currency] = owed.get(row.currency, 0) + row.due_minor
    counts = Counter(row.payment_status.replace("_", " ") for row in rows)
    which = ", ".join(f"{count} {status}" for status, count in counts.items())
    if owed:
        amounts = ", ".join(str(Money(minor, currency)) for currency, minor in owed.items())
        return f"{who} owes {amounts}: {which}."
    return (
        f"{who} has paid everything: {which}."
        if counts.keys() == {"paid"}
        else f"{who} owes nothing: {which}."
    )


def _line(shape: Shape) -> str:
    status = shape["payment_status"].value.replace("_", " ")
    words = f"  {shape['number']}: {status}, {shape['total']}, due on {shape['due_on']}"
    if shape["due"].minor:
        words += f", {shape['due']} owed"
        words += f" for {shape['overdue_days']} days" if shape["overdue_days"] else ""
    if shape["sync"].value != "synced":
        words += f"; not at the provider: {shape['sync'].value}"
        if shape["fault"]:
            words += f" ({shape['fault']['code']}: {shape['fault']['text']})"
    return f"{words}. Because: {shape['proof'] or 'nothing was read about it yet'}. ({shape['id']})"
