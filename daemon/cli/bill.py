"""`wispbill bill`: generate what is due from recurring plans now, look at it first, or apply what was
looked at."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.cli.context import Desk
    from daemon.jobs.bill import Item, PlanFile, Tally
    from daemon.store import records

FURTHEST = timedelta(days=31)
"""How far ahead somebody may bill."""

SHOWN = 20

COLUMNS = {"tenant": "TENANT", "on": "AS OF", "invoices": "INVOICES", "total": "TOTAL", "held": "HELD"}


def register(app: typer.Typer) -> None:
    app.command("bill")(bill)


def bill(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    day: Annotated[
        str, typer.Option("--date", metavar="YYYY-MM-DD", help="As of this day; else the tenant's today.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be billed; change nothing.")
    ] = False,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="With --dry-run: each invoice, as JSON lines."),
    ] = None,
    apply: Annotated[
        Path | None, typer.Option("--apply", metavar="FILE", help="Bill exactly what this plan file says.")
    ] = None,
    long_past: Annotated[
        bool, typer.Option("--long-past", help="Bill also what ended longer ago than bill.catch_up.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Bill what recurring plans ask for now. The daemon does so hourly."""
    _check_use(tenant, day, dry_run=dry_run, plan=plan, apply=apply, long_past=long_past)
    desk = desk_of(ctx)
    desk.open()
    if apply is not None:
        _apply(desk, apply, as_json)
        return
    chosen = _chosen(desk, tenant)
    on = _day(day)
    if dry_run:
        _plan(desk, chosen, on, plan, long_past, as_json)
        return
    _check_day(desk, chosen, on)
    from daemon.jobs.bill import bill_tenant

    with output.progress("invoices") as bar:
        tallies = [
            bill_tenant(desk.house, one, on=on, actor=desk.actor, long_past=long_past, told=bar.advance)
            for one in chosen
        ]
    _done(desk, tallies, as_json)


def _check_use(
    tenant: str | None, day: str, *, dry_run: bool, plan: Path | None, apply: Path | None, long_past: bool
) -> None:
    if apply is not None and (tenant or day or dry_run or plan or long_past):
        raise InvalidInput("WB-INPUT", "--apply stands alone: the file says all the rest")
    if plan is not None and not dry_run:
        raise InvalidInput("WB-INPUT", "--plan goes with --dry-run")


def _chosen(desk: Desk, tenant: str | None) -> list[records.Tenant]:
    from daemon.store import tenants

    return [desk.tenant(tenant)] if tenant else tenants.everyone()


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("WB-INPUT", "date: a date is written like 2026-04-01", field="date") from None


def _check_day(desk: Desk, chosen: list[records.Tenant], on: date | None) -> None:
    """What was due on an earlier day is due today; what is due later is billed a month ahead at most."""
    from daemon.jobs.intake import today_of

    for tenant in chosen:
        today = today_of(tenant, desk.now)
        if on is not None and not today <= on <= today + FURTHEST:
            raise InvalidInput(
                "WB-INPUT",
                f"date: billed is as of {today} to {today + FURTHEST} ({tenant.reference}); "
                "other days only with --dry-run",
                field="date",
            )


def _done(desk: Desk, tallies: list[Tally], as_json: bool) -> None:
    if any(tally.invoices for tally in tallies):
        desk.house.wake("push")
    _print(tallies, as_json, dry_run=False)


# --- plans of it --------------------------------------------------------------------------------------


def _plan(
    desk: Desk,
    chosen: list[records.Tenant],
    on: date | None,
    path: Path | None,
    long_past: bool,
    as_json: bool,
) -> None:
    from daemon.jobs.bill import Tally, write_plan_file
    from daemon.jobs.intake import today_of

    days = {tenant.reference: on or today_of(tenant, desk.now) for tenant in chosen}
    tallies = {name: Tally(name, day) for name, day in days.items()}

    def drawn() -> Iterator[Item]:
        for tenant in chosen:
            yield from _items(desk, tenant, days[tenant.reference], long_past, tallies[tenant.reference])

    if path is None:
        for _item in drawn():
            pass
    else:
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                write_plan_file(file, days, long_past=long_past, items=drawn())
        except OSError as error:
            raise InvalidInput("WB-INPUT", f"{path} cannot be written: {error.strerror}") from None
    _print(list(tallies.values()), as_json, dry_run=True, path=path)


def _items(desk: Desk, tenant: records.Tenant, on: date, long_past: bool, tally: Tally) -> Iterator[Item]:
    """As they are drawn; the tally is kept beside."""
    from daemon.jobs.bill import Held, plan_tenant

    with desk.house.store.session():
        for one in plan_tenant(desk.house, tenant, on=on, long_past=long_past):
            if isinstance(one, Held):
                tally.hold(one)
            else:
                tally.count(one)
                yield one


def _apply(desk: Desk, path: Path, as_json: bool) -> None:
    """Refused unless it is what would be billed now, to the last cent and number."""
    from daemon.jobs.bill import bill_tenant, read_plan_file
    from daemon.store import tenants

    planned = read_plan_file(path)
    chosen = [tenants.get(name) for name in planned.days]
    _check_same(desk, planned, chosen)
    expected = planned.digests
    with output.progress("invoices", len(expected)) as bar:
        tallies = [
            bill_tenant(
                desk.house,
                tenant,
                on=planned.days[tenant.reference],
                actor=desk.actor,
                long_past=planned.long_past,
                expected=expected,
                told=bar.advance,
            )
            for tenant in chosen
        ]
    count = sum(tally.invoices for tally in tallies)
    if count != len(expected):
        output.note(
            f"{len(expected) - count} invoices of the plan are no longer due: something just changed."
        )
    _done(desk, tallies, as_json)


def _check_same(desk: Desk, planned: PlanFile, chosen: list[records.Tenant]) -> None:
    from daemon.jobs.bill import Tally, differences, shape_of
    from daemon.jobs.intake import today_of

    for tenant in chosen:
        today, day = today_of(tenant, desk.now), planned.days[tenant.reference]
        if not today <= day <= today + FURTHEST:
            raise InvalidInput(
                "WB-BILL-CHANGED", f"the plan bills {tenant.reference} as of {day}, and today is {today}"
            )
    now = {
        item.key: shape_of(item)
        for tenant in chosen
        for item in _items(
            desk,
            tenant,
            planned.days[tenant.reference],
            planned.long_past,
            Tally("", planned.days[tenant.reference]),
        )
        if item.invoice is not None
    }
    found = list(differences(planned, now))
    for difference in found[:SHOWN]:
        output.note(f"{difference.key}: {difference.what}")
    if len(found) > SHOWN:
        output.note(f"And {len(found) - SHOWN} more.")
    if found:
        raise InvalidInput(
            "WB-BILL-CHANGED",
            f"{output.counted(len(found), 'invoice')} changed since the plan was made; nothing was billed",
        )


# --- shown --------------------------------------------------------------------------------------------


def _shape(tally: Tally) -> dict[str, Any]:
    from daemon.money import Money

    sums = [Money(minor, currency) for currency, minor in sorted(tally.sums.items())]
    return {
        "tenant": tally.tenant,
        "on": tally.on,
        "invoices": tally.invoices,
        "sums": [{"currency": money.currency, "total": money} for money in sums],
        "nothing": tally.nothing,
        "held": tally.held,
        "reasons": output.Named(tally.reasons),
    }


def _print(tallies: list[Tally], as_json: bool, *, dry_run: bool, path: Path | None = None) -> None:
    shown = [_shape(tally) for tally in tallies]
    if as_json:
        output.document({"dry_run": dry_run, "plan": str(path) if path else None, "tenants": shown})
    else:
        for shape in shown:
            shape["total"] = [f"{each['total']}" for each in shape["sums"]]
        empty = "No tenants yet: wispbill tenants add NAME"
        output.listing("tenants", shown, COLUMNS, as_json=False, empty=empty)
        if dry_run:
            output.note("Nothing was billed: this is a dry run.")
        if path:
            output.note(f"To bill exactly this: wispbill bill --apply {path}")
    if any(tally.held for tally in tallies):
        reasons = sorted({code for tally in tallies for code in tally.reasons})
        output.note(f"Held: {', '.join(reasons)}; wispbill plans subscriptions --held names them.")
        raise typer.Exit(1)
