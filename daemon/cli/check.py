"""`wispbill check`: whether the database keeps every promise that it makes about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of

if TYPE_CHECKING:
    from daemon.store.invariants import Violation


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(ctx: typer.Context, *, as_json: output.Json = False) -> None:
    """Verify the database itself. Sums, folds, states, journal, tenants, events and audit must agree."""
    from daemon.store import invariants

    desk = desk_of(ctx)
    house = desk.open()
    before = house.clock.monotonic()
    with output.progress("check", len(invariants.ALL)) as bar:
        found: list[Violation] = []
        for one in invariants.ALL:
            found += invariants.checked(one)
            bar.advance()
    invoices = invariants.size()
    took_s = round(house.clock.monotonic() - before, 1)
    if as_json:
        output.document(
            {
                "invariants": [one.name for one in invariants.ALL],
                "invoices": invoices,
                "took_s": took_s,
                "violations": [_shape(one) for one in found],
            }
        )
    else:
        _print(found, invoices, took_s)
    if found:
        raise typer.Exit(1)


def _shape(one: Violation) -> dict[str, Any]:
    return {"invariant": one.name, "subject": one.subject, "sentence": one.sentence, "remedy": one.remedy}


def _print(found: list[Violation], invoices: int, took_s: float) -> None:
    from daemon.store import invariants

    for one in found:
        output.say(f"{one.name}: {one.subject}: {one.sentence}")
        output.say(f"    {one.remedy}")
    told = f"{len(invariants.ALL)} invariants over {output.counted(invoices, 'invoice')} in {took_s} s"
    wrong = output.counted(len(found), "violation") if found else "all of them hold"
    output.say(f"{told}: {wrong}.")
