"""`wispbill plans`: what is billed again and again, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output, subscribers, subscriptions
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput
from daemon.policy.periods import Unit

if TYPE_CHECKING:
    from daemon.store.recurring import Plan

group = typer.Typer(help="Recurring plans, and who subscribes to them.", no_args_is_help=True)

COLUMNS = {
    "reference": "PLAN",
    "name": "NAME",
    "total": "TOTAL",
    "interval": "EVERY",
    "subscriptions": "SUBSCRIPTIONS",
    "ended_at": "ENDED",
    "id": "ID",
}

Reference = Annotated[str, typer.Argument(metavar="PLAN", help="Reference or id.")]
Source = Annotated[
    str | None, typer.Argument(metavar="[-]", help="- reads the plan as JSON from standard input.")
]
Title = Annotated[str | None, typer.Option("--name", help="As people know it.")]
Description = Annotated[str | None, typer.Option(help="What is billed (one line; several: JSON).")]
Amount = Annotated[str | None, typer.Option(help="Net amount of a whole period, like 50.00.")]
Tax = Annotated[str | None, typer.Option(help="Tax on it, like 9.50.")]
TaxRate = Annotated[str | None, typer.Option(help="The name of the tax's rate.")]
Every = Annotated[int | None, typer.Option(help="Every how many units; else 1.")]
Units = Annotated[Unit | None, typer.Option(help="Of what; else months.")]
DueDays = Annotated[int | None, typer.Option(help="Due so many days after it is billed; else 14.")]
AheadDays = Annotated[int | None, typer.Option(help="Billed so many days before the period; else 0.")]
Proration = Annotated[
    str | None, typer.Option(metavar="daily|none", help="A part of a period costs its days, or the whole.")
]
Memo = Annotated[str | None, typer.Option(help="A text on each invoice.")]


def register(app: typer.Typer) -> None:
    subscriptions.register(group)
    subscribers.register(group)
    app.add_typer(group, name="plans")


@group.command("add")
def add(
    ctx: typer.Context,
    reference: Annotated[str, typer.Argument(help="The tenant's own name for the plan.")],
    source: Source = None,
    *,
    name: Title = None,
    description: Description = None,
    amount: Amount = None,
    tax: Tax = None,
    tax_rate: TaxRate = None,
    every: Every = None,
    unit: Units = None,
    due_days: DueDays = None,
    ahead_days: AheadDays = None,
    proration: Proration = None,
    currency: Annotated[str | None, typer.Option(help="Else the tenant's.")] = None,
    memo: Memo = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Add a plan; the same again is harmless."""
    from daemon.jobs import subscribing
    from daemon.store import plans

    line = _told(description=description, amount=amount, tax=tax, tax_rate=tax_rate)
    raw = _told(name=name, every=every, unit=unit and unit.value, due_days=due_days, ahead_days=ahead_days)
    raw |= _told(proration=proration, currency=currency, memo=memo)
    raw |= _from_stdin(source) or {"lines": [{"description": name or reference} | line]}
    desk = desk_of(ctx)
    new = subscribing.read_plan(desk.tenant(tenant), raw | {"reference": reference})
    row, is_new = desk.write(
        "plans.add", lambda: plans.add(new, actor=desk.actor, now=desk.now, entropy=desk.house.entropy)
    )
    there = "is there" if is_new else "was there already"
    _show_one(row, as_json, f"Plan {row.reference} {there}: {row.id}")


@group.command("list")
def list_(ctx: typer.Context, *, tenant: output.Tenant = None, as_json: output.Json = False) -> None:
    """List a tenant's plans."""
    from daemon.store import plans

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    rows = _shapes(plans.listing(owner.id))
    output.listing("plans", rows, COLUMNS, as_json=as_json, empty="No plans: wispbill plans add NAME")


@group.command("show")
def show(
    ctx: typer.Context, name: Reference, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Show a plan with its lines."""
    from daemon.store import plans

    desk = desk_of(ctx)
    [shape] = _shapes([plans.get(desk.tenant(tenant).id, name)])
    if as_json:
        output.document(shape)
        return
    lines = shape.pop("lines")
    output.facts({key.replace("_", " "): value for key, value in shape.items()})
    output.say("")
    headings = {"description": "LINE", "amount": "NET", "tax": "TAX", "tax_rate": "RATE"}
    output.listing("lines", lines, headings, as_json=False, empty="")


@group.command("change")
def change(
    ctx: typer.Context,
    reference: Reference,
    source: Source = None,
    *,
    name: Title = None,
    description: Description = None,
    amount: Amount = None,
    tax: Tax = None,
    tax_rate: TaxRate = None,
    every: Every = None,
    unit: Units = None,
    due_days: DueDays = None,
    ahead_days: AheadDays = None,
    proration: Proration = None,
    memo: Annotated[str | None, typer.Option(help='"" takes it away.')] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Change a plan, for every period that is not billed yet."""
    from daemon.jobs import subscribing
    from daemon.store import billing, plans

    line = _told(description=description, amount=amount, tax=tax, tax_rate=tax_rate)
    told = _told(name=name, every=every, unit=unit and unit.value, due_days=due_days, ahead_days=ahead_days)
    told |= _told(proration=proration) | ({"memo": memo or None} if memo is not None else {})
    told |= _from_stdin(source)
    if not told and not line:
        raise InvalidInput("WB-INPUT", "say what to change, like --amount; - takes it from standard input")
    desk = desk_of(ctx)
    owner = desk.tenant(tenant)

    def work() -> Plan:
        billing.take_turns(owner.id)
        row = plans.get(owner.id, reference)
        whole = subscribing.as_given(row)
        told["lines"] = told.get("lines") or _relined(whole["lines"], line)
        new = subscribing.read_plan(owner, whole | told)
        return plans.change(row, new, actor=desk.actor, now=desk.now)

    row = desk.write("plans.change", work)
    _show_one(row, as_json, f"Plan {row.reference} is changed, for what is not billed yet.")


@group.command("end")
def end(
    ctx: typer.Context,
    reference: Reference,
    *,
    unsubscribe: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="End every subscription to it, too, with this day.")
    ] = "",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """End a plan. Nobody can subscribe to it any more; who has, goes on."""
    from daemon.store import billing, plans
    from daemon.store import subscriptions as rows

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    day = subscriptions.day("unsubscribe", unsubscribe) if unsubscribe else None

    def work() -> tuple[Plan, int]:
        billing.take_turns(owner.id)
        row = plans.end(plans.get(owner.id, reference), actor=desk.actor, now=desk.now)
        return row, rows.end_all(row, day, actor=desk.actor, now=desk.now) if day else 0

    row, count = desk.write("plans.end", work)
    ended = f"; {output.counted(count, 'subscription')} to it end with {day}" if day else ""
    _show_one(row, as_json, f"Plan {row.reference} has ended{ended}.")


@group.command("numbering")
def numbering(
    ctx: typer.Context,
    *,
    format_: Annotated[
        str | None, typer.Option("--format", help="Like {year}-{counter:05d} or R{counter}.")
    ] = None,
    following: Annotated[
        int | None, typer.Option("--next", min=1, help="The counter of the next number; never back.")
    ] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Show or set how generated invoices are numbered."""
    from daemon.jobs.bill import numbering_of, set_numbering

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    if format_ is not None or following:
        set_numbering(desk.house, owner, format_=format_, following=following, actor=desk.actor)
    now_ = numbering_of(owner, desk.now)
    shape = {"format": now_.format, "next": now_.next, "last": output.Named(now_.last)}
    if as_json:
        output.document(shape)
    else:
        output.facts({"format": shape["format"], "next number": shape["next"], "counters": shape["last"]})


# --- shared -------------------------------------------------------------------------------------------


def _told(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _from_stdin(source: str | None) -> dict[str, Any]:
    from daemon.cli import given
    from daemon.jobs import importing

    if source not in (None, "-"):
        raise InvalidInput("WB-INPUT", "give - for JSON on standard input, or the options")
    return importing.snake_case(given.stdin_document()) if source else {}


def _relined(lines: list[dict[str, Any]], changed: dict[str, Any]) -> list[dict[str, Any]]:
    if changed and len(lines) != 1:
        raise InvalidInput("WB-INPUT", f"the plan has {len(lines)} lines: give all of them as JSON, with -")
    if "amount" in changed and "tax" not in changed and lines[0]["tax"].strip("0."):
        raise InvalidInput("WB-INPUT", "tax: the line has one; say what it is on the new amount", field="tax")
    return [line | changed for line in lines]


def _shapes(rows: list[Plan]) -> list[dict[str, Any]]:
    from daemon.store import plans

    counts = plans.counts(rows[0].tenant_id) if rows else {}
    return [_shape(row, counts.get(row.id, 0)) for row in rows]


def _shape(row: Plan, subscribed: int) -> dict[str, Any]:
    from daemon.money import Money

    unit = row.unit if row.every > 1 else row.unit.removesuffix("s")
    return {
        "id": row.id,
        "reference": row.reference,
        "name": row.name,
        "currency": row.currency,
        "total": Money.total((line.net + line.tax for line in row.priced), row.currency),
        "interval": f"{row.every} {unit}",
        "every": row.every,
        "unit": row.unit,
        "due_days": row.due_days,
        "ahead_days": row.ahead_days,
        "proration": row.proration,
        "memo": row.memo,
        "subscriptions": subscribed,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "lines": [
            {"description": x.description, "amount": x.net, "tax": x.tax, "tax_rate": x.tax_rate}
            for x in row.priced
        ],
    }


def _show_one(row: Plan, as_json: bool, sentence: str) -> None:
    if as_json:
        output.document(_shapes([row])[0])
    else:
        output.say(sentence)
