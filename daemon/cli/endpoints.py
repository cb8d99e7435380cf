"""`wispbill endpoints`: where the platform is told of events, and what became of each telling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store.deliveries import Delivery
    from daemon.store.endpoints import Endpoint

group = typer.Typer(help="Endpoints: where events are told, signed and retried.", no_args_is_help=True)

COLUMNS = {
    "id": "ID",
    "tenant": "TENANT",
    "state": "STATE",
    "types": "TYPES",
    "queue": "QUEUE",
    "last_status": "ANSWERED",
    "succeeded_at": "LAST WELL",
    "url": "URL",
}
LOG = {
    "id": "ID",
    "sequence": "SEQ",
    "type": "TYPE",
    "state": "STATE",
    "attempts": "TRIES",
    "last_status": "ANSWERED",
    "last_at": "TRIED",
    "next_at": "NEXT",
    "answer": "SAID",
}

Name = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Its id, wbe_….")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="endpoints")


@group.command("add")
def add(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(help="An https address; others need `[network] allow`.")],
    *,
    tenant: output.Tenant = None,
    all_tenants: Annotated[
        bool, typer.Option("--all-tenants", help="Told of every tenant, and of the platform itself.")
    ] = False,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE", help="Only these, like invoice.paid or integration.*"),
    ] = None,
    label: Annotated[str, typer.Option(help="A name for people.")] = "",
    after: Annotated[
        int | None, typer.Option(min=0, metavar="SEQ", help="Also what followed this place in the feed.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Add an endpoint. Its signing secret is shown once, now."""
    from daemon.cli import given
    from daemon.jobs import endpoints
    from daemon.store import audit

    desk = desk_of(ctx)
    desk.open()
    row, secret = endpoints.add(
        desk.house,
        tenant_id=audit.PLATFORM if all_tenants else desk.tenant(tenant).id,
        url=url,
        types=types or (),
        label=given.printable("label", label) if label else "",
        after=after,
        actor=desk.actor,
    )
    _told_secret(row, secret, as_json, f"Endpoint {row.id} is told of {', '.join(row.types)}.")


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    removed: Annotated[bool, typer.Option("--removed", help="Removed ones too.")] = False,
    as_json: output.Json = False,
) -> None:
    """List the endpoints, and what waits for each."""
    from daemon.store import endpoints

    desk = desk_of(ctx)
    desk.open()
    shown = _shapes(endpoints.listing(desk.tenant_id(tenant), removed=removed))
    output.listing("endpoints", shown, COLUMNS, as_json=as_json, empty="None yet: wispbill endpoints add URL")


@group.command("show")
def show(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Show an endpoint. Never its secret."""
    _print(_named(desk_of(ctx), name), as_json)


@group.command("test")
def test(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Send a signed `endpoint.test` now, and show what it answers. Exit code 1 where that is not 2xx."""
    from daemon.jobs.notify import send_test

    desk = desk_of(ctx)
    answer = send_test(desk.house, _named(desk, name))
    if as_json:
        output.document({"ok": answer.ok, "status": answer.status, "answer": answer.text})
    else:
        said = f": {answer.text}" if answer.text else ""
        output.say(f"It answered {answer.status}{said}" if answer.status else f"No answer{said}")
    if not answer.ok:
        raise typer.Exit(1)


@group.command("pause")
def pause(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Tell it nothing for now; what happens meanwhile waits."""
    from daemon.jobs import endpoints

    desk = desk_of(ctx)
    _print(endpoints.pause(desk.house, _named(desk, name), actor=desk.actor), as_json)


@group.command("resume")
def resume(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Tell it again: what waited, at once and in order."""
    from daemon.jobs import endpoints

    desk = desk_of(ctx)
    _print(endpoints.resume(desk.house, _named(desk, name), actor=desk.actor), as_json)


@group.command("remove")
def remove(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Forget an endpoint and its secrets. What waited for it is dropped."""
    from daemon.jobs import endpoints

    desk = desk_of(ctx)
    _print(endpoints.remove(desk.house, _named(desk, name), actor=desk.actor), as_json)


@group.command("rotate")
def rotate(
    ctx: typer.Context,
    name: Name,
    *,
    settled: Annotated[
        bool, typer.Option("--settled", help="The platform has the new one: sign with it alone.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Sign with a new secret. It is shown once, now; for 72 hours the one before signs too."""
    from daemon.jobs import endpoints

    desk = desk_of(ctx)
    row = _named(desk, name)
    if settled:
        endpoints.settle(desk.house, row, actor=desk.actor)
        _print(row, as_json)
        return
    secret = endpoints.rotate(desk.house, row, actor=desk.actor)
    _told_secret(row, secret, as_json, "For 72 hours it is signed with the secret before as well.")


@group.command("deliveries")
def deliveries_(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[ENDPOINT]", help="Only this one's.")] = None,
    *,
    tenant: output.Tenant = None,
    state: Annotated[
        str | None, typer.Option(help="Only pending, delivered, failed or dropped ones.")
    ] = None,
    limit: output.Limit = 50,
    as_json: output.Json = False,
) -> None:
    """Show the delivery log, the newest first. Each event, its tries, and the last answer."""
    from daemon.store import deliveries

    desk = desk_of(ctx)
    desk.open()
    if state is not None and state not in list(deliveries.DeliveryState):
        raise InvalidInput("WB-INPUT", "state: pending, delivered, failed or dropped", field="state")
    rows = deliveries.listing(
        endpoint_id=_named(desk, name).id if name else None,
        tenant_id=desk.tenant_id(tenant),
        state=state,
        limit=limit,
    )
    shown = [_delivery(row) for row in rows]
    output.listing("deliveries", shown, LOG, as_json=as_json, empty="Nothing was delivered yet.")


@group.command("resend")
def resend(
    ctx: typer.Context,
    name: Name,
    *,
    seq: Annotated[int | None, typer.Option(min=1, help="This event.")] = None,
    from_seq: Annotated[int | None, typer.Option("--from", min=1, help="From this SEQ of the feed …")] = None,
    to_seq: Annotated[int | None, typer.Option("--to", min=1, help="… to this one.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that were given up.")] = False,
    as_json: output.Json = False,
) -> None:
    """Tell events again, under the same ids. One, a range, or all that were given up."""
    from daemon.jobs import endpoints

    desk = desk_of(ctx)
    row = _named(desk, name)
    if seq and (from_seq or to_seq):
        raise InvalidInput("WB-INPUT", "say which: --seq, --from (and --to), or --failed")
    first, last = (seq, seq) if seq else (from_seq, to_seq)
    count = endpoints.resend(desk.house, row, first=first, last=last, failed=failed, actor=desk.actor)
    if as_json:
        output.document({"endpoint": row.id, "resent": count})
    else:
        output.say(f"{output.counted(count, 'event')} will be told again.")


# --- shared -------------------------------------------------------------------------------------------


def _named(desk: Desk, name: str) -> Endpoint:
    """Raises NotFound, or InvalidInput where it is removed."""
    from daemon.jobs import endpoints

    desk.open()
    return endpoints.named(name)


def _told_secret(row: Endpoint, secret: str, as_json: bool, sentence: str) -> None:
    if as_json:
        output.document(_shapes([row])[0] | {"secret": secret})
        return
    output.say(sentence)
    output.say(f"Its signing secret, shown only now: {secret}")
    output.note(f"Next: wispbill endpoints test {row.id}")


def _print(row: Endpoint, as_json: bool) -> None:
    shape = _shapes([row])[0]
    if as_json:
        output.document(shape)
    else:
        output.facts({key.replace("_", " "): value for key, value in shape.items()})


def _shapes(rows: list[Endpoint]) -> list[dict[str, Any]]:
    from daemon.jobs.endpoints import shown_url
    from daemon.store import deliveries, tenants

    counts = deliveries.counts([row.id for row in rows])
    names = {one.id: one.reference for one in tenants.everyone()}
    return [
        {
            "id": row.id,
            "tenant": names.get(row.tenant_id, "all"),
            "label": row.label,
            "url": shown_url(row),
            "types": row.types,
            "state": row.state,
            "queue": counts[row.id].get("pending", 0),
            "given_up": counts[row.id].get("failed", 0),
            "told_to": row.cursor_seq,
            "last_status": row.last_status,
            "succeeded_at": row.succeeded_at,
            "failing_since": row.failing_since,
            "next_try_at": row.resume_at,
            "fault": row.fault_text,
            "created_at": row.created_at,
        }
        for row in rows
    ]


def _delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "endpoint": row.endpoint_id,
        "sequence": row.seq,
        "type": row.type,
        "state": row.state,
        "attempts": row.attempts,
        "last_status": row.last_status,
        "answer": row.answer,
        "created_at": row.created_at,
        "last_at": row.last_at,
        "next_at": row.next_at,
    }
