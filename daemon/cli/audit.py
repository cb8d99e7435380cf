"""`wispbill audit`: who changed what, and the proof that nobody changed that since."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of

audit = typer.Typer(help="Who changed what, each row chained to the one before.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit")


@audit.command("verify")
def verify(ctx: typer.Context, as_json: output.Json = False) -> None:
    """Walk every chain; name the first bad row of each. Exit code 1 where there is one."""
    from daemon.store import audit as chains

    desk = desk_of(ctx)
    with desk.house.store.session():
        rows, broken = chains.verify()
    items = [{"chain": bad.tenant_id, "seq": bad.seq, "reason": bad.reason} for bad in broken]
    if as_json:
        output.document({"rows": rows, "broken": items})
    else:
        for item in items:
            output.say(f"Chain {item['chain']} breaks at row {item['seq']}: {item['reason']}.")
        held = f"{len(items)} chains broken" if items else "every chain holds"
        output.say(f"{rows} rows checked, {held}.")
    if items:
        raise typer.Exit(1)


@audit.command("list")
def listing(
    ctx: typer.Context,
    tenant: output.Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: output.Json = False,
) -> None:
    """The newest rows first. Of one tenant, or of all chains (`*` is the platform's own)."""
    from daemon.store import audit as chains

    desk = desk_of(ctx)
    chain = tenant if tenant == chains.PLATFORM else desk.tenant_id(tenant)
    with desk.house.store.session():
        rows = chains.latest(tenant_id=chain, limit=limit)
    items = [
        {
            "at": row.at,
            "chain": row.tenant_id,
            "seq": row.seq,
            "actor": row.actor,
            "action": row.action,
            "object": row.object,
            "data": row.data,
        }
        for row in rows
    ]
    columns = {"at": "At", "chain": "Chain", "seq": "Seq", "actor": "Actor", "action": "Action"}
    columns |= {"object": "Object", "data": "Data"}
    output.listing("audit", items, columns, as_json=as_json, empty="Nothing was changed yet.")
