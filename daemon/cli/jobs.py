"""`wispbill push` and `wispbill pull`: a job's work now, under the same lease as the daemon's.

Where a daemon runs it is nudged, and what it did is told; where none does, the work is done here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from daemon.cli.context import Desk
    from daemon.jobs.visit import Tally, Work
    from daemon.store import records

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.2

Only = Annotated[str | None, typer.Option(metavar="ID", help="Only this integration.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")]


def register(app: typer.Typer) -> None:
    app.command("push")(push)
    app.command("pull")(pull)


def push(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    integration: Only = None,
    dry_run: DryRun = False,
    as_json: output.Json = False,
) -> None:
    """Send what is pending now."""
    desk = desk_of(ctx)
    rows = chosen(desk, tenant, integration)
    if dry_run:
        _print_push_plan(desk, rows, as_json)
        return
    from daemon.store import links

    desk.write("push.assign", lambda: links.assign(desk.now))
    _work(desk, "push", rows, as_json)


def pull(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    integration: Only = None,
    dry_run: DryRun = False,
    release_brake: Annotated[
        bool, typer.Option("--release-brake", help="I looked there: apply what the brake holds.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Read what changed now, and apply it."""
    desk = desk_of(ctx)
    rows = chosen(desk, tenant, integration)
    if dry_run:
        _print_pull_plan(desk, rows, as_json)
        return
    desk.write("pull.ask", lambda: _ask(desk, rows))
    if release_brake:
        _release(desk, rows)
    _work(desk, "pull", rows, as_json)


def chosen(desk: Desk, tenant: str | None, name: str | None) -> list[records.Integration]:
    """The running integrations that are meant. Raises InvalidInput where the named one does not run."""
    from daemon.model import RUNNING
    from daemon.store import integrations

    desk.open()
    tenant_id = desk.tenant_id(tenant)
    if name is None:
        return [row for row in integrations.listing(tenant_id) if row.state in RUNNING]
    row = integrations.get(tenant_id, name)
    if row.state not in RUNNING:
        raise InvalidInput("WB-INPUT", f"{row.id} is {row.state}; only active and draining ones run")
    return [row]


def _ask(desk: Desk, chosen: list[records.Integration]) -> None:
    """Inside a transaction: a poll is due now."""
    from daemon.store import integrations

    for row in chosen:
        integrations.update(row.id, next_poll_at=desk.now)


def _release(desk: Desk, chosen: list[records.Integration]) -> None:
    """One integration's: nobody looked at all of them."""
    from daemon.jobs import pull

    held = [row for row in chosen if row.brake and not row.brake.get("released")]
    if len(held) > 1:
        names = ", ".join(row.id for row in held)
        raise InvalidInput("WB-INPUT", f"name the integration: a brake is on at {names}", field="integration")
    for row in held:
        pull.release_brake(desk.house, row, actor=desk.actor)


# --- the work -----------------------------------------------------------------------------------------


def _work(desk: Desk, verb: str, chosen: list[records.Integration], as_json: bool) -> None:
    """Do it here or have it done; print what became of each, exit 1 where one ended with a fault."""
    if not chosen:
        output.note("No integration runs; wispbill integrations list shows why.")
    if daemon_runs(desk):
        told = _hasten(desk, verb, chosen)
    else:
        told = [_visit(desk, verb, row) for row in chosen]
        restore_service(desk)
    if as_json:
        output.document({"job": verb, "integrations": told})
    else:
        for shape in told:
            output.say(f"{shape['provider']} {shape['id']}: {sentence(shape)}")
    if any(shape["fault"] or shape["left"] for shape in told):
        raise typer.Exit(1)


def restore_service(desk: Desk) -> None:
    """Where no daemon does it: who was seen to have paid has service again at once. Nobody is cut off by a
    command that reads."""
    from daemon.jobs import enforce

    if desk.settings.enforce.enabled:
        counts = enforce.look_at_woken(desk.house, actor=desk.actor, cutting=False).counts
        if counts.get("restored"):
            output.note(f"Service restored: {counts['restored']}.")


def sentence(shape: dict[str, Any]) -> str:
    done = output.text(shape["counts"]) if shape["counts"] else "nothing to do"
    if shape["left"]:
        done += "; not finished yet, the daemon goes on"
    fault = shape["fault"]
    return f"{done}; {fault['code']}: {fault['text']}" if fault else done


def daemon_runs(desk: Desk) -> bool:
    """Whether a daemon holds this state folder; it keeps the lock for life."""
    from daemon.store.locks import FileLock

    lock = FileLock(desk.settings.daemon.state_dir / "daemon.lock")
    if not lock.acquire():
        return True
    lock.release()
    return False


def _visit(desk: Desk, verb: str, row: records.Integration) -> dict[str, Any]:
    """Turn after turn, until nothing is due or one ended with a fault."""
    from daemon.errors import WispbillError
    from daemon.store import links

    counts: dict[str, int] = {}
    with output.progress(f"{verb} at {row.provider} {row.id}") as bar:
        while True:
            tally = _turn(desk, verb, row)
            if tally is None:
                return shape(row, counts, None, left=True)
            for name, count in tally.counts.items():
                counts[name] = counts.get(name, 0) + count
            bar.advance(sum(tally.counts.values()))
            fault = tally.fault or tally.trouble
            more = verb == "push" and links.due_for_push(row.id, desk.now, limit=1)
            if fault or not tally.counts or not more:
                break
    text = fault.message if isinstance(fault, WispbillError) else str(fault)
    return shape(
        row, counts, {"code": getattr(fault, "code", "WB-INTERNAL"), "text": text} if fault else None
    )


def _turn(desk: Desk, verb: str, row: records.Integration) -> Tally | None:
    from daemon.jobs.pull import pull as pull_work
    from daemon.jobs.push import push as push_work

    return turn(desk, verb, row, push_work if verb == "push" else pull_work)


def turn(
    desk: Desk, verb: str, row: records.Integration, work: Work, *, paused: bool = False
) -> Tally | None:
    """One run of the job; None where another worker was there all the while. `paused`: also where nothing is
    sent and nothing read."""
    from daemon.jobs.visit import visit
    from daemon.model import RUNNING, IntegrationState

    clock = desk.house.clock
    until = clock.monotonic() + PATIENCE_S
    states = (*RUNNING, IntegrationState.PAUSED) if paused else RUNNING
    while True:
        tally = visit(desk.house, row.id, verb, work, states=states)
        if tally is not None or clock.monotonic() >= until:
            return tally
        clock.wait(LOOK_EVERY_S)


def _hasten(desk: Desk, verb: str, chosen: list[records.Integration]) -> list[dict[str, Any]]:
    """Nudge the daemon, wait until it has been there, and tell its runs."""
    from daemon.store import views

    before, asked_at = views.last_run_id(), desk.now
    desk.house.wake(verb)
    clock = desk.house.clock
    until = clock.monotonic() + PATIENCE_S
    waiting = {row.id for row in chosen}
    while waiting and clock.monotonic() < until:
        waiting = {one for one in waiting if not _is_done(desk, verb, one, asked_at)}
        if waiting:
            clock.wait(LOOK_EVERY_S)
    told = []
    for row in chosen:
        runs = views.runs_since(before, verb, [row.id])
        counts: dict[str, int] = {}
        for run in runs:
            for name, count in run.counts.items():
                counts[name] = counts.get(name, 0) + count
        last = runs[-1] if runs else None
        fault = {"code": last.fault_code, "text": last.fault_text} if last and last.fault_code else None
        told.append(shape(row, counts, fault, left=row.id in waiting))
    return told


def _is_done(desk: Desk, verb: str, integration_id: str, asked_at: datetime) -> bool:
    """Whether nobody is at it, and nothing that was due when we asked still is."""
    from daemon.store import integrations, links

    row = integrations.get(None, integration_id)
    if row.lease_until is not None and row.lease_until > desk.now:
        return False
    if row.resume_at is not None and row.resume_at > desk.now:
        return True
    if verb == "push":
        return not links.due_for_push(integration_id, asked_at, limit=1)
    return row.polled_at is not None and row.polled_at >= asked_at


def shape(
    row: records.Integration, counts: dict[str, int], fault: dict[str, Any] | None, *, left: bool = False
) -> dict[str, Any]:
    return {
        "id": row.id,
        "provider": row.provider,
        "counts": output.Named(counts),
        "fault": fault,
        "left": left,
    }


# --- plans --------------------------------------------------------------------------------------------


class _Undone(Exception):
    """A plan was made."""


def _print_push_plan(desk: Desk, chosen: list[records.Integration], as_json: bool) -> None:
    """Assign as a push would, see what it would send, and undo the assignment."""
    from daemon.jobs.push import plan
    from daemon.store import links

    planned: list[dict[str, Any]] = []

    def work() -> None:
        links.assign(desk.now)
        for row in chosen:
            planned.extend(
                {
                    "number": draft.number,
                    "customer": draft.payer.name,
                    "total": draft.total,
                    "currency": draft.currency,
                    "due_on": draft.due_on,
                    "integration_id": row.id,
                }
                for draft in plan(desk.house, row)
            )
        raise _Undone

    try:
        desk.house.store.write("cli.push.plan", work)
    except _Undone:
        columns = {"number": "NUMBER", "customer": "CUSTOMER", "total": "TOTAL", "due_on": "DUE"}
        columns["integration_id"] = "INTEGRATION"
        output.listing("invoices", planned, columns, as_json=as_json, empty="Nothing would be sent.")


def _print_pull_plan(desk: Desk, chosen: list[records.Integration], as_json: bool) -> None:
    from daemon.store import hints, links

    planned = [
        {
            "id": row.id,
            "provider": row.provider,
            "change_feed": "now"
            if row.next_poll_at is None or row.next_poll_at <= desk.now
            else row.next_poll_at,
            "hints": hints.count_waiting(row.id),
            "invoices_due": len(links.due_for_pull(row.id, desk.now, limit=100_000)),
            "brake": row.brake,
        }
        for row in chosen
    ]
    columns = {
        "id": "INTEGRATION",
        "provider": "PROVIDER",
        "change_feed": "CHANGES READ",
        "hints": "HINTS",
        "invoices_due": "INVOICES TO READ",
    }
    output.listing("integrations", planned, columns, as_json=as_json, empty="Nothing would be read.")
