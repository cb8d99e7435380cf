"""Read 10,000 invoices for the first time, again when 100 changed, and when nothing did."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import httpx
import peewee as pw

from bench.harness import (
    KEY,
    Figure,
    Sandbox,
    Stopwatch,
    connect,
    enter,
    folder,
    house,
    link_to,
    peak_mib,
    sandbox,
)
from bench.push import VERSION
from daemon.clock import SystemClock
from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.visit import visit
from daemon.store import integrations, records
from daemon.store.tables import Integration, Link


def rows(quick: bool) -> Iterator[Figure]:
    count, changed = (1000, 20) if quick else (10_000, 100)
    with sandbox() as box, folder() as path, house(path, box.url) as built:
        integration = connect(built)
        refs = box.post("/control/seed", count=count, key=KEY)["invoices"]
        link_to(built, integration, list(zip(enter(built, count), refs, strict=True)))
        _pull(built, integration, due=True)  # takes the feed's first mark, and reads everything once
        yield _first_read(built, integration, box, count)
        yield _changed(built, integration, box, refs[:: count // changed][:changed])
    yield from _idle(quick)


def _first_read(built: House, integration: records.Integration, box: Sandbox, count: int) -> Figure:
    """Once more from the start: nothing is known of any of them."""
    now = built.clock.now()
    fresh = {"digest": None, "doc_status": None, "next_pull_at": now}
    built.store.write("bench.fresh", Link.update(fresh).execute)
    box.reset()
    with Stopwatch() as ours:
        _pull(built, integration)
    requests = box.requests()
    with Stopwatch() as bare:
        _bare_read(box, count)
    ratio = ours.seconds / bare.seconds
    most = count // 100 + 1
    return Figure(
        f"read {count:,} invoices for the first time",
        f"{ours.seconds:.1f} s, {requests} requests, peak {peak_mib():.0f} MiB",
        f"{bare.seconds:.1f} s",
        f"{ratio:.1f} times",
        f"3 times, {most} requests + refunds, disputes",
        ratio <= 3 and requests <= most + (4 if count > 1000 else 4 + count // 100),
    )


def _bare_read(box: Sandbox, count: int) -> None:
    """The same pages with httpx, the same rows upserted with peewee."""
    with folder() as path:
        db = pw.SqliteDatabase(str(path / "bare.db"), pragmas={"journal_mode": "wal", "synchronous": "full"})

        class Row(pw.Model):
            ref = pw.TextField(primary_key=True)
            status = pw.TextField()
            paid = pw.BigIntegerField()
            raw = pw.TextField()

            class Meta:
                database = db

        db.create_tables([Row])
        headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION}
        params: dict[str, str | int] = {"limit": 100, "expand[]": "data.payments"}
        with httpx.Client(base_url=box.url, headers=headers, trust_env=False, timeout=60) as client:
            seen = 0
            while seen < count:
                page = client.get("/v1/invoices", params=params).raise_for_status()
                data = page.json()["data"]
                found = [
                    {"ref": x["id"], "status": x["status"], "paid": x["amount_paid"], "raw": page.text[:2000]}
                    for x in data
                ]
                with db.atomic():
                    Row.insert_many(found).on_conflict_replace().execute()
                params["starting_after"] = data[-1]["id"]
                seen += len(data)
        db.close()


def _changed(built: House, integration: records.Integration, box: Sandbox, refs: list[str]) -> Figure:
    for ref in refs:
        box.post(f"/control/{box.account}/pay", invoice_id=ref)
    box.reset()
    with Stopwatch() as ours:
        _pull(built, integration, due=True)
    requests = box.requests()
    headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION}
    with (
        httpx.Client(base_url=box.url, headers=headers, trust_env=False, timeout=60) as client,
        Stopwatch() as bare,
    ):
        for ref in refs:
            client.get(f"/v1/invoices/{ref}", params={"expand[]": "payments"}).raise_for_status()
    most = len(refs) + len(refs) // 10
    return Figure(
        f"read again when {len(refs)} of them were paid",
        f"{ours.seconds:.2f} s, {requests} requests",
        f"{bare.seconds:.2f} s, {len(refs)} requests",
        f"{ours.seconds / bare.seconds:.1f} times",
        f"{most} requests",
        requests <= most,
    )


def _idle(quick: bool) -> Iterator[Figure]:
    """An idle poll costs the same over few and over many open invoices."""
    costs = []
    for count in (1_000, 5_000 if quick else 100_000):
        with sandbox() as box, folder() as path, house(path, box.url) as built:
            integration = connect(built)
            _pull(built, integration, due=True)  # the feed's first mark
            ids = enter(built, count)
            link_to(built, integration, [(one, f"in_{n:024}") for n, one in enumerate(ids)])
            built.store.write("bench.read", Link.update(next_pull_at=None).execute)
            box.reset()
            steps = _vm_steps(built)
            with Stopwatch() as watch:
                for _ in range(5):
                    _pull(built, integration, due=True)
            costs.append((count, box.requests() / 5, steps() / 5, watch.seconds / 5))
    (few, few_requests, few_steps, few_s), (many, requests, steps_many, many_s) = costs
    yield Figure(
        f"an idle poll over {many:,} open invoices",
        f"{requests:.0f} request, {steps_many:,.0f} database steps, {many_s * 1000:.0f} ms",
        f"over {few:,}: {few_requests:.0f} request, {few_steps:,.0f} steps, {few_s * 1000:.0f} ms",
        f"{steps_many / max(few_steps, 1):.2f} times the steps",
        "the same",
        requests == few_requests <= 2 and steps_many <= 1.2 * few_steps + 2000,
    )


def _vm_steps(built: House):  # type: ignore[no-untyped-def]
    """Counts SQLite's virtual machine instructions on this thread's connection, in hundreds."""
    connection: sqlite3.Connection = built.store.db.connection()
    seen = [0]

    def step() -> int:
        seen[0] += 100
        return 0

    connection.set_progress_handler(step, 100)
    return lambda: seen[0]


def _pull(built: House, integration: records.Integration, *, due: bool = False) -> None:
    if due:
        now = SystemClock().now()
        built.store.write(
            "bench.due", Integration.update(next_poll_at=now).where(Integration.id == integration.id).execute
        )
    wanted = integrations.due_for_pull(built.clock.now())
    assert wanted == [integration.id], wanted
    tally = visit(built, integration.id, "pull", pull)
    assert tally is not None and tally.fault is None, tally
