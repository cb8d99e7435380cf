"""`wispbill plans subscribe` and its like: customers on plans."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import output, subscribers
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.store.recurring import Subscription

Name = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Reference or id.")]
On = Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="Else the tenant's today.")]


def register(group: typer.Typer) -> None:
    group.command("subscribe")(subscribe)
    group.command("unsubscribe")(unsubscribe)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("adjust")(adjust)
    group.command("skip")(skip)


def day(field: str, text: str) -> date:
    """Raises InvalidInput."""
    from daemon.jobs.subscribing import FIRST_DAY, LAST_DAY

    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not FIRST_DAY <= found <= LAST_DAY:
        raise InvalidInput("WB-INPUT", f"{field}: a date is written like 2026-04-01", field=field)
    return found


def subscribe(
    ctx: typer.Context,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Reference or id.")],
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Reference or id.")],
    *,
    start: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Else the tenant's today.")] = None,
    end: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day that is billed.")
    ] = None,
    anchor_day: Annotated[
        int | None, typer.Option(help="Billed on this day of the month (or week); else as it starts.")
    ] = None,
    quantity: Annotated[int, typer.Option(help="How many times the plan.")] = 1,
    amount: Annotated[str | None, typer.Option(help="A price of its own: net, for a whole period.")] = None,
    tax: Annotated[str | None, typer.Option(help="The tax on that.")] = None,
    billed_to: Annotated[
        str | None,
        typer.Option("--billed-to", metavar="YYYY-MM-DD", help="Until here it was billed elsewhere."),
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Else CUSTOMER.PLAN.")] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Subscribe a customer to a plan; the same again is harmless."""
    from daemon.jobs import intake, subscribing
    from daemon.store import plans
    from daemon.store import subscriptions as rows

    given = {
        "customer": customer,
        "plan": plan,
        "start": start,
        "end": end,
        "anchor_day": anchor_day,
        "quantity": quantity,
        "amount": amount,
        "tax": tax,
        "billed_to": billed_to,
        "reference": reference,
    }
    raw = {name: value for name, value in given.items() if value is not None}
    desk = desk_of(ctx)
    owner = desk.tenant(tenant)

    def work() -> tuple[Subscription, bool]:
        new = subscribing.read_subscription(owner, raw, intake.today_of(owner, desk.now))
        if rows.find(owner.id, new.reference) is None:
            subscribing.check_open(plans.get(owner.id, new.plan_id))
        return rows.add(new, actor=desk.actor, now=desk.now, entropy=desk.house.entropy)

    row, is_new = desk.write("plans.subscribe", work)
    there = f"is there, billed from {row.next_on} on" if is_new else "was there already"
    _show_one(row, as_json, f"Subscription {row.reference} {there}: {row.id}")


def unsubscribe(
    ctx: typer.Context,
    name: Name,
    *,
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="The last day; else today.")] = "",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """End a subscription. What was billed stays as it is."""
    from daemon.jobs import adjusting

    desk = desk_of(ctx)
    last = day("on", on) if on else None
    row = adjusting.end(desk.house, desk.tenant(tenant), name, on=last, actor=desk.actor)
    ends_on = row.ends_on or row.start_on
    billed = row.next_on - timedelta(days=1)
    if billed > ends_on:
        output.note(
            f"It is billed to {billed} already; a credit for the days after {ends_on} is yours to make."
        )
    _show_one(row, as_json, f"Subscription {row.reference} ends with {ends_on}.")


def pause(
    ctx: typer.Context, name: Name, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Bill nothing until it is resumed. The days between are never billed."""
    from daemon.jobs import adjusting

    desk = desk_of(ctx)
    row = adjusting.pause(desk.house, desk.tenant(tenant), name, actor=desk.actor)
    _show_one(
        row, as_json, f"Subscription {row.reference} is paused; it is billed to {_before(row.next_on)}."
    )


def resume(
    ctx: typer.Context,
    name: Name,
    *,
    on: On = "",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Bill again, from this day on."""
    from daemon.jobs import adjusting

    desk = desk_of(ctx)
    first = day("on", on) if on else None
    row = adjusting.resume(desk.house, desk.tenant(tenant), name, on=first, actor=desk.actor)
    _show_one(row, as_json, f"Subscription {row.reference} is billed from {row.next_on} on.")


def skip(
    ctx: typer.Context,
    name: Name,
    to: Annotated[str, typer.Argument(metavar="YYYY-MM-DD", help="The first day to be billed again.")],
    *,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Never bill the days before this one. They were billed elsewhere, or are given away."""
    from daemon.jobs import adjusting

    desk = desk_of(ctx)
    row = adjusting.skip(desk.house, desk.tenant(tenant), name, to=day("to", to), actor=desk.actor)
    _show_one(row, as_json, f"Subscription {row.reference} is billed from {row.next_on} on.")


def adjust(
    ctx: typer.Context,
    name: Name,
    *,
    quantity: Annotated[int | None, typer.Option(min=1, max=100_000)] = None,
    amount: Annotated[str | None, typer.Option(help="A price of its own: net, for a whole period.")] = None,
    tax: Annotated[str | None, typer.Option(help="The tax on that.")] = None,
    plan_price: Annotated[bool, typer.Option("--plan-price", help="The plan's price again.")] = False,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Change quantity or price. For every period that is not billed yet."""
    from daemon.jobs import adjusting

    if (quantity is None and amount is None and not plan_price) or (plan_price and amount is not None):
        raise InvalidInput("WB-INPUT", "say what to change: --quantity, --amount or --plan-price")
    desk = desk_of(ctx)
    row = adjusting.adjust(
        desk.house,
        desk.tenant(tenant),
        name,
        quantity=quantity,
        amount=amount,
        tax=tax,
        plan_price=plan_price,
        actor=desk.actor,
    )
    _show_one(row, as_json, f"Subscription {row.reference} is changed, for what is not billed yet.")


# --- shared -------------------------------------------------------------------------------------------


def _before(next_on: date) -> date:
    return next_on - timedelta(days=1)


def _show_one(row: Subscription, as_json: bool, sentence: str) -> None:
    if as_json:
        output.document(subscribers.shapes([row])[0])
    else:
        output.say(sentence)
