"""`wispbill status`: is everything in agreement? If not: what is not, and the one command that settles it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer

from daemon.cli import consents, enforce, output, quotas
from daemon.cli.context import desk_of

if TYPE_CHECKING:
    from datetime import datetime

    from daemon.cli.context import Desk
    from daemon.cli.shapes import Shape
    from daemon.store import records

COLUMNS = {
    "id": "INTEGRATION",
    "provider": "PROVIDER",
    "state": "STATE",
    "account_name": "ACCOUNT",
    "queue": "QUEUE",
    "waiting_hints": "HINTS",
    "read_ago": "LAST READ",
    "webhook_ago": "LAST WEBHOOK",
    "proven_ago": "PROVEN EQUAL",
}
CAUSES_SHOWN = 20
STANDS = {
    "testing": "waits for its connection test",
    "paused": "is paused",
    "needs_reconnect": "needs new credentials",
    "error": "has stopped",
}
NONE_YET = "There is no integration yet: wispbill integrations add stripe"


def register(app: typer.Typer) -> None:
    app.command("status")(status)


def status(ctx: typer.Context, *, tenant: output.Tenant = None, as_json: output.Json = False) -> None:
    """Is everything in agreement?"""
    desk = desk_of(ctx)
    desk.open()
    shape = gathered(desk, desk.tenant_id(tenant))
    if as_json:
        output.document(shape)
    else:
        _print(shape)
    if shape["problems"]:
        raise typer.Exit(1)


def gathered(desk: Desk, tenant_id: str | None) -> Shape:
    """The whole status, as `--json` prints it."""
    from daemon.cli.jobs import daemon_runs
    from daemon.money import Money
    from daemon.store import integrations, invoices, links, meta, runs, views

    now = desk.now
    rows = integrations.listing(tenant_id)
    queues = integrations.count_by_state([row.id for row in rows])
    budgets = quotas.of_integrations(desk, rows)
    ends = consents.of_integrations(rows, now)
    shown = [_integration(row, queues[row.id], now) | budgets[row.id] | ends[row.id] for row in rows]
    running = daemon_runs(desk) if desk.house.store.is_sqlite else None
    queue = links.count_by_state(tenant_id)
    totals = views.sums(tenant_id)
    shape: Shape = {
        "daemon_running": running,
        "integrations": shown,
        "apps": quotas.of_apps(desk) if tenant_id is None else [],
        "queue": output.Named(queue),
        "without_integration": links.unassigned(tenant_id),
        "invoices": output.Named(invoices.count_by_status(tenant_id)),
        "totals": [
            {
                "currency": x.currency,
                "invoices": x.count,
                "total": Money(x.total_minor, x.currency),
                "paid": Money(x.paid_minor, x.currency),
                "due": Money(x.due_minor, x.currency),
            }
            for x in totals
        ],
        "runs": [_run(row) for row in runs.newest_of_each()],
        "held_cutoffs": output.Named(enforce.held_by_reason(tenant_id)),
        "recovery": meta.get(meta.RECOVERY) is not None,
    }
    problems = [
        *_of_integrations(desk, rows, now),
        *consents.problems(rows, now),
        *_of_invoices(tenant_id, shape),
        *enforce.problems(tenant_id),
        *quotas.problems(shape),
    ]
    if running is False:
        problems.insert(0, _problem("No daemon runs on this database.", "systemctl start wispbill"))
    shape["problems"] = problems
    return {"in_agreement": not problems, "sentence": _sentence(problems, queue)} | shape


def _sentence(problems: list[Shape], queue: dict[str, int]) -> str:
    if problems:
        return f"Not everything is in agreement: {output.counted(len(problems), 'problem')}."
    under_way = sum(count for state, count in queue.items() if state != "synced")
    if under_way:
        what = "1 invoice is on its" if under_way == 1 else f"{under_way} invoices are on their"
        return f"Everything is in agreement; {what} way."
    return "Everything is in agreement."


def _problem(sentence: str, command: str) -> Shape:
    return {"sentence": sentence, "command": command}


def _of_integrations(desk: Desk, rows: list[records.Integration], now: datetime) -> list[Shape]:
    from daemon.jobs.remedies import settling
    from daemon.office.late import is_late

    found = []
    for row in rows:
        name = f"{row.provider} {row.account_name or row.id}"
        command = settling(row)
        if row.brake and not row.brake.get("released"):
            found.append(_problem(f"The brake holds {row.brake.get('count')} changes of {name}.", command))
        elif command:
            found.append(_problem(f"{name} {STANDS[row.state]}{_why(row)}.", command))
        elif row.fault_code:
            sentence = f"{name} is in trouble: {row.fault_code}: {row.fault_text}.{_again(row, now)}"
            found.append(_problem(sentence, f"wispbill integrations test {row.id}"))
        elif is_late(row, desk.settings, now):
            since = output.text(row.polled_at) if row.polled_at else "ever"
            found.append(_late(row, f"{name} was not read since {since}", now))
    return found


def _of_differences(rows: list[records.Integration]) -> list[Shape]:
    """What the nightly comparison found and cannot repair."""
    from daemon.store import differences

    waiting = differences.count_waiting([row.id for row in rows])
    return [
        _problem(
            f"{row.provider} {row.account_name or row.id} and the books here differ in "
            f"{output.counted(waiting[row.id], 'place')}.",
            "wispbill exceptions",
        )
        for row in rows
        if waiting[row.id]
    ]


def _late(row: records.Integration, sentence: str, now: datetime) -> Shape:
    """Without a fault only a quota that is used up makes it wait."""
    if row.resume_at is None or row.resume_at <= now:
        return _problem(f"{sentence}.", f"wispbill pull --integration {row.id}")
    until = output.text(row.resume_at)
    return _problem(
        f"{sentence}: its quota is used up until {until}.", f"wispbill integrations show {row.id}"
    )


def _why(row: records.Integration) -> str:
    if row.fault_code:
        return f" ({row.fault_code}: {(row.fault_text or '').rstrip('.')})"
    missing = ", ".join(row.test_missing)
    return f"; its credentials lack: {missing}" if missing else ""


def _again(row: records.Integration, now: datetime) -> str:
    """When it is tried again by itself."""
    if row.resume_at is None or row.resume_at <= now:
        return " It is tried again by itself."
    return f" It is tried again by itself at {output.text(row.resume_at)}."


def _of_invoices(tenant_id: str | None, shape: Shape) -> list[Shape]:
    found = []
    stranded = _stranded(tenant_id) if shape["without_integration"] else 0
    if stranded:
        verb = "has" if stranded == 1 else "have"
        sentence = f"{output.counted(stranded, 'invoice')} {verb} no integration."
        found.append(_problem(sentence, "wispbill integrations add stripe"))
    found += _of_refused(tenant_id)
    if shape["recovery"]:
        sentence = "The database was restored; pushes look before they send."
        found.append(_problem(sentence, "wispbill recovery show"))
    return found


def _of_refused(tenant_id: str | None) -> list[Shape]:
    """One for each cause, the most invoices first."""
    from daemon.store import invoices, tenants, views

    several = len(tenants.everyone()) > 1
    causes = views.causes(tenant_id, limit=CAUSES_SHOWN)
    newest = invoices.by_ids([cause.invoice_id for cause in causes])
    found = []
    for cause in causes:
        number = newest[cause.invoice_id].number
        clear = not several and re.fullmatch(r"\w[\w.-]*", number)
        more = f" and {cause.count - 1} more" if cause.count > 1 else ""
        sentence = f"Invoice {number}{more}: {cause.code}: {(cause.text or '').rstrip('.')}."
        found.append(_problem(sentence, f"wispbill explain {number if clear else cause.invoice_id}"))
    return found


def _stranded(tenant_id: str | None) -> int:
    """Invoices that no integration will take: those of tenants that have no default one. One that is
    paused, or needs something, is a problem of its own."""
    from daemon.model.states import Duty
    from daemon.store import integrations, links, tenants

    served = {
        row.tenant_id
        for row in integrations.listing(tenant_id)
        if row.customer_id is None and row.duty == Duty.SERVES
    }
    owners = [row.id for row in tenants.everyone() if tenant_id in (None, row.id)]
    return sum(links.unassigned(owner) for owner in owners if owner not in served)


def _integration(row: records.Integration, queue: dict[str, int], now: datetime) -> Shape:
    from daemon.cli import shapes
    from daemon.store import hints, views

    oldest = views.oldest_unsent(row.id)
    shape = shapes.integration(row, queue)
    return shape | {
        "waiting_hints": hints.count_waiting(row.id),
        "oldest_unsent_at": oldest,
        "lag_s": round((now - oldest).total_seconds()) if oldest else 0,
        "read_ago": _ago(row.polled_at, now),
        "webhook_ago": _ago(row.webhook_seen_at, now),
        "proven_ago": _ago(shape["proven_equal_at"], now),
    }


def _run(row: records.Run) -> Shape:
    return {
        "job": row.job,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "counts": output.Named(row.counts),
        "fault": {"code": row.fault_code, "text": row.fault_text} if row.fault_code else None,
    }


def _ago(at: datetime | None, now: datetime) -> str | None:
    if at is None:
        return None
    seconds = max(0, int((now - at).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def _print(shape: dict[str, Any]) -> None:
    output.say(shape["sentence"])
    for problem in shape["problems"]:
        output.say(f"  {problem['sentence']}")
        output.say(f"    {problem['command']}")
    output.say("")
    by_consent = any(row["consent_ends_at"] for row in shape["integrations"])
    columns = COLUMNS | ({"consent_ends": "CONSENT ENDS"} if by_consent else {})
    output.listing("integrations", shape["integrations"], columns, as_json=False, empty=NONE_YET)
    output.say("")
    for line in quotas.lines(shape):
        output.say(line)
    output.facts(
        {
            "queue": shape["queue"],
            "invoices": shape["invoices"],
            "held cut-offs": shape["held_cutoffs"] or None,
            "totals": [f"{x['due']} due of {x['total']}" for x in shape["totals"]],
            "next poll": min(
                (_next_poll(x) for x in shape["integrations"] if x["next_poll_at"]), default=None
            ),
        }
    )
    for n, run in enumerate(shape["runs"]):
        fault = f", {run['fault']['code']}" if run["fault"] else ""
        output.say(
            f"{'last runs' if n == 0 else '':9}  {output.text(run['started_at'])}  {run['job']}{fault}"
        )


def _next_poll(shape: Shape) -> datetime:
    at: datetime = max(shape["next_poll_at"], shape["resume_at"] or shape["next_poll_at"])
    return at
