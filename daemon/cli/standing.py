"""`wispbill customers …`: what people say about a customer's service: promise, hold, exempt, close."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

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
    from daemon.store import customers, standings

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    row = customers.get(owner.id, name)
    count = desk.write("customers.release", lambda: standings.release(row, actor=desk.actor, now=desk.now))
    if not count:
        raise InvalidInput("WB-INPUT", f"nothing was said about {row.reference} that could be taken back")
    _looked(desk, owner, row, as_json)


def _say(
    ctx: typer.Context,
    kind: str,
    name: str,
    until: str | None,
    reason: str,
    tenant: str | None,
    as_json: bool,
) -> None:
    from daemon.cli import given
    from daemon.jobs.intake import today_of
    from daemon.model.dunning import StandingKind
    from daemon.store import customers, standings

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    row = customers.get(owner.id, name)
    day = _day(until)
    if day is not None and day < today_of(owner, desk.now):
        raise InvalidInput("WB-INPUT", "until: the day is over already", field="until")
    said = given.printable("reason", reason, most=200).rstrip(".")

    def work() -> None:
        standings.say(row, StandingKind(kind), said, until_on=day, actor=desk.actor, now=desk.now)

    desk.write("customers.say", work)
    _looked(desk, owner, row, as_json)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError:
        raise InvalidInput("WB-INPUT", "until: a date is written like 2030-02-01", field="until") from None


def _looked(desk: Desk, owner: records.Tenant, row: records.Customer, as_json: bool) -> None:
    """It counts at once: the job looks at this one customer, here."""
    from daemon.jobs import enforce

    enforce.enforce_some(desk.house, owner, [row.id], actor=desk.actor)
    shape = service_of(desk, owner, row.id)
    if as_json:
        output.document({"reference": row.reference} | shape)
    else:
        output.say(f"Customer {row.reference}: service {shape['service_status']}. {shape['next']}")


def service_of(desk: Desk, owner: records.Tenant, customer_id: str) -> dict[str, Any]:
    """The service status, why, what happens next and when, and what was said."""
    from daemon.dunning import what_next
    from daemon.jobs import enforce
    from daemon.store import service, standings

    ground, verdict = enforce.look_up(desk.house, owner, customer_id)
    outlook = what_next(verdict.person, ground.rules, ground.moment)
    moves = service.moves_of(customer_id, limit=5)
    said = standings.of([customer_id]).get(customer_id, [])
    ignored = [f"{debt.number}: {debt.ignored}" for debt in verdict.person.debts if debt.ignored]
    return {
        "service_status": verdict.person.status,
        "why": moves[0].reason if moves else None,
        "since": moves[0].at if moves else None,
        "next": outlook.sentence,
        "next_status": outlook.status,
        "next_at": outlook.at.isoformat(timespec="minutes") if outlook.at else None,
        "next_zone": owner.zone,
        "said": [
            {
                "kind": one.kind,
                "until_on": one.until_on,
                "reason": one.reason,
                "actor": one.actor,
                "created_at": one.created_at,
            }
            for one in said
        ],
        "not_followed": ignored,
    }
