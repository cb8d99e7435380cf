"""`wispbill customers …`: what people say about a customer's service: promise, hold, exempt, close."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.cli.customers import Name, group
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store import records

Reason = Annotated[str, typer.Option(help="Why; the audit and the customer's page say it.")]
Until = Annotated[str | None, typer.Option(metavar="DAY", help="Through this day; else until released.")]


def register(app: typer.Typer) -> None:
    group.command("promise")(promise)
    group.command("hold")(hold)
    group.command("exempt")(exempt)
    group.command("close")(close)
    group.command("release")(release)


def promise(
    ctx: typer.Context,
    name: Name,
    *,
    until: Annotated[str, typer.Option(metavar="DAY", help="By when they promise to pay.")],
    reason: Reason = "promised",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Note a promise to pay. Full service through that day, then dunning goes on where it was."""
    _say(ctx, "promise", name, until, reason, tenant, as_json)


def hold(
    ctx: typer.Context,
    name: Name,
    *,
    reason: Reason,
    until: Until = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Let nothing get worse; what was cut stays cut."""
    _say(ctx, "hold", name, until, reason, tenant, as_json)


def exempt(
    ctx: typer.Context,
    name: Name,
    *,
    reason: Reason,
    until: Until = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Give full service whatever is owed."""
    _say(ctx, "exempt", name, until, reason, tenant, as_json)


def close(
    ctx: typer.Context,
    name: Name,
    *,
    reason: Reason,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Close the service: the customer has left."""
    _say(ctx, "closed", name, None, reason, tenant, as_json)


def release(
    ctx: typer.Context, name: Name, *, tenant: output.Tenant = None, as_json: output.Json = False
) -> None:
    """Take back what was said: promise, hold, exemption or closing."""
    from daemon.jobs import standing
    from daemon.store import customers

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    row = customers.get(owner.id, name)
    standing.release(desk.house, owner, row, actor=desk.actor)
    _print(desk, owner, row, as_json)


def _say(
    ctx: typer.Context,
    kind: str,
    name: str,
    until: str | None,
    reason: str,
    tenant: str | None,
    as_json: bool,
) -> None:
    from daemon.jobs import standing
    from daemon.model.dunning import StandingKind
    from daemon.store import customers

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    row = customers.get(owner.id, name)
    standing.say(desk.house, owner, row, StandingKind(kind), reason, until_on=_day(until), actor=desk.actor)
    _print(desk, owner, row, as_json)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise InvalidInput("WB-INPUT", "until: a date is written like 2030-02-01", field="until") from None


def _print(desk: Desk, owner: records.Tenant, row: records.Customer, as_json: bool) -> None:
    shape = service_of(desk, owner, row.id)
    if as_json:
        output.document({"reference": row.reference} | shape)
    else:
        output.say(f"Customer {row.reference}: service {shape['service_status']}. {shape['next']}")


def service_of(desk: Desk, owner: records.Tenant, customer_id: str) -> dict[str, Any]:
    """The service status, why, what happens next and when, and what was said."""
    from daemon.jobs import standing

    now_ = standing.service_of(desk.house, owner, customer_id)
    at = now_.next_at.astimezone(ZoneInfo(owner.zone)).replace(tzinfo=None) if now_.next_at else None
    return {
        "service_status": now_.status,
        "why": now_.why,
        "since": now_.since,
        "next": now_.next,
        "next_status": now_.next_status,
        "next_at": at.isoformat(timespec="minutes") if at else None,
        "next_zone": owner.zone,
        "said": [
            {
                "kind": one.kind,
                "until_on": one.until_on,
                "reason": one.reason,
                "actor": one.actor,
                "created_at": one.created_at,
            }
            for one in now_.said
        ],
        "not_followed": now_.ignored,
    }
