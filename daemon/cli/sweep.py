"""`wispbill sweep`: hold every open and recently closed invoice against the provider's, now.

Where a daemon runs it does the work, and what it found is told; where none does, the work is done here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from daemon.cli import jobs, output
from daemon.cli.context import desk_of

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store import records
    from daemon.store.differences import Found

PATIENCE_S = 600.0

COLUMNS = {
    "kind": "DIFFERENCE",
    "number": "INVOICE",
    "ref": "THERE",
    "amount": "AMOUNT",
    "repaired": "REPAIRED",
    "sentence": "WHAT",
}


def register(app: typer.Typer) -> None:
    app.command("sweep")(sweep)


def sweep(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    integration: jobs.Only = None,
    dry_run: jobs.DryRun = False,
    as_json: output.Json = False,
) -> None:
    """Compare all invoices with the provider's. What differs is repaired, or it is said who must."""
    desk = desk_of(ctx)
    chosen = jobs.chosen(desk, tenant, integration)
    if not chosen:
        output.note("No integration runs; wispbill integrations list shows why.")
    if dry_run:
        _print_plan(desk, chosen, as_json)
        return
    told = [_swept(desk, row) for row in chosen]
    if as_json:
        output.document({"job": "sweep", "integrations": told})
    else:
        for shape in told:
            output.say(f"{shape['provider']} {shape['id']}: {_sentence(shape)}")
    if any(shape["fault"] or shape["left"] or shape["to_settle"] for shape in told):
        raise typer.Exit(1)


def _sentence(shape: dict[str, Any]) -> str:
    said = jobs.sentence(shape)
    waiting = shape["to_settle"]
    if waiting:
        return f"{said}; {output.counted(waiting, 'difference')} for a person: wispbill exceptions"
    if shape["left"] or shape["fault"]:
        return said
    return f"{said}; both sides are equal"


def _swept(desk: Desk, row: records.Integration) -> dict[str, Any]:
    from daemon.store import differences, sweeps

    desk.write("sweep.ask", lambda: sweeps.ask(row, desk.now))
    by_daemon = desk.settings.sweep.enabled and row.pull_status and jobs.daemon_runs(desk)
    shape = _hastened(desk, row) if by_daemon else _here(desk, row)
    if not by_daemon and not jobs.daemon_runs(desk):
        jobs.restore_service(desk)
    state = sweeps.of(row.id)
    waiting = differences.count_waiting([row.id])[row.id]
    return shape | {"to_settle": waiting, "proven_equal_at": state.proven_at if state else None}


def _here(desk: Desk, row: records.Integration) -> dict[str, Any]:
    """Runs of one pass, until it is at its end or one ended with a fault."""
    from daemon.errors import WispbillError
    from daemon.jobs.sweep import sweep as work
    from daemon.store import sweeps

    counts: dict[str, int] = {}
    with output.progress(f"sweep at {row.provider} {row.id}") as bar:
        while True:
            tally = jobs.turn(desk, "sweep", row, work)
            if tally is None:
                return jobs.shape(row, counts, None, left=True)
            for name, count in tally.counts.items():
                counts[name] = counts.get(name, 0) + count
            bar.advance(tally.counts.get("read", 0))
            state = sweeps.of(row.id)
            under_way = state is not None and state.is_under_way
            if tally.fault or not under_way or not tally.counts or "rationed" in tally.counts:
                break
    fault = tally.fault
    text = fault.message if isinstance(fault, WispbillError) else str(fault)
    told = {"code": getattr(fault, "code", "WB-INTERNAL"), "text": text} if fault else None
    return jobs.shape(row, counts, told, left=bool(under_way))


def _hastened(desk: Desk, row: records.Integration) -> dict[str, Any]:
    """Nudge the daemon, wait until the pass is at its end, and tell its runs."""
    from daemon.store import sweeps, views

    before, clock = views.last_run_id(), desk.house.clock
    desk.house.wake("sweep")
    until = clock.monotonic() + PATIENCE_S
    while _goes_on(sweeps.of(row.id)) and not _pauses(desk, row) and clock.monotonic() < until:
        clock.wait(jobs.LOOK_EVERY_S)
    counts: dict[str, int] = {}
    runs = views.runs_since(before, "sweep", [row.id])
    for run in runs:
        for name, count in run.counts.items():
            counts[name] = counts.get(name, 0) + count
    last = runs[-1] if runs else None
    fault = {"code": last.fault_code, "text": last.fault_text} if last and last.fault_code else None
    return jobs.shape(row, counts, fault, left=_goes_on(sweeps.of(row.id)))


def _pauses(desk: Desk, row: records.Integration) -> bool:
    """After a fault, or where the budget has no room: the pass goes on later by itself."""
    from daemon.store import integrations, sweeps

    state = sweeps.of(row.id)
    ends = (integrations.get(None, row.id).resume_at, state.resume_at if state else None)
    return any(at is not None and at > desk.now for at in ends)


def _goes_on(state: Any) -> bool:
    return state is not None and (state.is_under_way or state.is_asked_for)


# --- dry run ------------------------------------------------------------------------------------------


def _print_plan(desk: Desk, chosen: list[records.Integration], as_json: bool) -> None:
    from daemon.jobs.sweep import compare
    from daemon.store import invoices

    planned: list[dict[str, Any]] = []
    fault = None
    for row in chosen:
        found: list[Found] = []
        tally = jobs.turn(desk, "sweep.dry", row, lambda visit, into=found: into.extend(compare(visit)))  # type: ignore[misc]
        fault = fault or (tally.fault if tally else None)
        numbers = invoices.by_ids([one.invoice_id for one in found if one.invoice_id])
        planned += [_planned(row, one, numbers) for one in found]
    empty = "Nothing differs." if fault is None else "The comparison did not come to its end."
    output.listing("differences", planned, COLUMNS, as_json=as_json, empty=empty)
    if fault is not None:
        raise fault


def _planned(row: records.Integration, one: Found, numbers: dict[str, records.Invoice]) -> dict[str, Any]:
    invoice = numbers.get(one.invoice_id or "")
    return {
        "integration_id": row.id,
        "kind": one.kind,
        "number": invoice.number if invoice else None,
        "invoice_id": one.invoice_id,
        "ref": one.ref,
        "amount": one.amount,
        "currency": one.amount.currency if one.amount else None,
        "repaired": one.repaired,
        "sentence": one.sentence,
    }
