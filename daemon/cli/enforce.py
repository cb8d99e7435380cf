"""`wispbill enforce`: let service follow the money now; what is held, and the brake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.cli.shapes import Shape
    from daemon.store import records

HELD = {
    "customer": "CUSTOMER",
    "name": "NAME",
    "invoice": "INVOICE",
    "due": "DUE",
    "status": "WOULD BE",
    "reason": "HELD BECAUSE",
    "since": "SINCE",
}
PLANNED = {
    "customer": "CUSTOMER",
    "name": "NAME",
    "was": "NOW",
    "becomes": "WOULD BE",
    "why": "WHY",
    "held": "HELD BECAUSE",
}


def register(app: typer.Typer) -> None:
    app.command("enforce")(enforce)


def enforce(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")] = False,
    held: Annotated[bool, typer.Option("--held", help="List the cut-offs that are held, and why.")] = False,
    release_brake: Annotated[
        bool, typer.Option("--release-brake", help="I looked: let what the brake holds go on for a day.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Warn, cut off and restore as the money says, now."""
    if dry_run + held + release_brake > 1:
        raise InvalidInput("WB-INPUT", "--dry-run, --held and --release-brake do not go together")
    desk = desk_of(ctx)
    desk.open()
    chosen = _chosen(desk, tenant)
    if held:
        _list_held(desk, chosen, tenant, as_json)
    elif dry_run:
        _print_plan(desk, chosen, as_json)
    else:
        if release_brake:
            _release(desk, chosen)
        _run(desk, chosen, as_json)


def _chosen(desk: Desk, name: str | None) -> list[records.Tenant]:
    from daemon.store import tenants

    return [desk.tenant(name)] if name else tenants.everyone()


def _release(desk: Desk, chosen: list[records.Tenant]) -> None:
    """One tenant's: nobody looked at all of them."""
    from daemon.jobs import enforce as job
    from daemon.store import service

    braked = {row.tenant_id for row in service.brakes() if row.released_at is None}
    held = [tenant.reference for tenant in chosen if tenant.id in braked]
    if len(held) > 1:
        raise InvalidInput("WB-INPUT", f"name the tenant: a brake is on at {', '.join(held)}", field="tenant")
    released = [
        tenant.reference for tenant in chosen if job.release_brake(desk.house, tenant, actor=desk.actor)
    ]
    output.note(f"Released for a day: {', '.join(released)}." if released else "No brake holds anything.")


def _run(desk: Desk, chosen: list[records.Tenant], as_json: bool) -> None:
    from daemon.cli.jobs import daemon_runs
    from daemon.jobs import enforce as job
    from daemon.store import service

    shown: list[Shape] = []
    woken = job.look_at_woken(desk.house, actor=desk.actor).counts
    for tenant in chosen:
        outcome = job.enforce_tenant(desk.house, tenant, actor=desk.actor)
        counts = {name: count for name, count in outcome.counts.items() if name not in ("held", "asked")}
        waiting = len(service.held(tenant.id))
        shown.append({"tenant": tenant.reference, "counts": output.Named(counts), "held": waiting})
    if as_json:
        output.document({"woken": output.Named(woken), "tenants": shown})
        return
    if woken:
        output.say(f"where something changed: {output.text(woken)}")
    for shape in shown:
        done = output.text(shape["counts"]) if shape["counts"] else "nothing to do"
        output.say(f"{shape['tenant']}: {done}")
    if sum(shape["held"] for shape in shown):
        count = output.counted(sum(shape["held"] for shape in shown), "cut-off")
        output.note(f"Held: {count}; wispbill enforce --held says why.")
        if desk.house.store.is_sqlite and not daemon_runs(desk):
            output.note(
                "No daemon runs: what waits for a read goes on after wispbill pull, wispbill enforce."
            )


def held_rows(desk: Desk, tenant_id: str | None) -> list[Shape]:
    """Every cut-off that is held, as it is shown."""
    from daemon.jobs.enforce import held_cutoffs
    from daemon.money import Money

    return [
        {
            "customer": one.customer.reference,
            "customer_id": one.customer.id,
            "name": one.customer.name,
            "invoice": one.invoice.number,
            "due": Money(one.invoice.due_minor, one.invoice.currency),
            "currency": one.invoice.currency,
            "status": one.row.status,
            "code": one.row.code,
            "reason": one.row.reason,
            "since": one.row.since,
        }
        for one in held_cutoffs(tenant_id)
    ]


def held_by_reason(tenant_id: str | None) -> dict[str, int]:
    """How many cut-offs are held, by the code of the reason."""
    from daemon.store import service

    found: dict[str, int] = {}
    for row in service.held(tenant_id):
        found[row.code] = found.get(row.code, 0) + 1
    return found


def problems(tenant_id: str | None) -> list[Shape]:
    """What only a person can settle."""
    from daemon.store import service, tenants

    names = {tenant.id: tenant.reference for tenant in tenants.everyone()}
    found = []
    for row in service.brakes(tenant_id):
        if row.released_at is None:
            name = names[row.tenant_id]
            sentence = f"The brake holds the cut-offs of {row.count} of {row.customers} customers of {name}."
            where = f" --tenant {name}" if len(names) > 1 else ""
            found.append({"sentence": sentence, "command": f"wispbill enforce --held{where}"})
    return found


def _list_held(desk: Desk, chosen: list[records.Tenant], name: str | None, as_json: bool) -> None:
    rows = held_rows(desk, chosen[0].id if name else None)
    output.listing("held", rows, HELD, as_json=as_json, empty="No cut-off is held.")


def _print_plan(desk: Desk, chosen: list[records.Tenant], as_json: bool) -> None:
    from daemon.jobs import enforce as job

    shown: list[dict[str, Any]] = []
    for tenant in chosen:
        shown += [
            {
                "tenant": tenant.reference,
                "customer": row.reference,
                "name": row.name,
                "was": verdict.person.status,
                "becomes": verdict.held.status if verdict.held else verdict.target,
                "why": verdict.why,
                "held": verdict.held.reason if verdict.held else None,
            }
            for row, verdict in job.plan_tenant(desk.house, tenant)
        ]
    output.listing("customers", shown, PLANNED, as_json=as_json, empty="Nothing would change.")
