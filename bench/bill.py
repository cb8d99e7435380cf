"""Bill 20,000 subscribers, look at it beforehand, and find nothing more to do afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from bench.harness import Figure, Stopwatch, folder, house, peak_mib
from daemon.house import House
from daemon.jobs import subscribing
from daemon.jobs.bill import bill_tenant, plan_tenant
from daemon.jobs.importing import Item
from daemon.jobs.importing.subscribers import SubscriptionImport
from daemon.store import customers, plans, records, tenants

ACTOR = "bench"
AIM_S = 60.0
BATCH = 200
ROWS = 5
"""An invoice's own: invoice, line, link, event, audit; the period and the subscription are ours on top."""


def rows(quick: bool) -> Iterator[Figure]:
    count = 1000 if quick else 20_000
    with folder() as path, house(path, "") as built:
        tenant = _subscribers(built, count)
        with Stopwatch() as looked:
            planned = sum(1 for _item in plan_tenant(built, tenant))
        with Stopwatch() as ours:
            made = bill_tenant(built, tenant).invoices
        with Stopwatch() as again:
            more = bill_tenant(built, tenant).invoices
        assert (planned, made, more) == (count, count, 0)
        peak = peak_mib()
        with Stopwatch() as bare:
            bare_rows(path, count)
    yield Figure(
        f"bill {count:,} subscribers",
        f"{ours.seconds:.1f} s ({count / ours.seconds:.0f} a second), peak {peak:.0f} MiB",
        f"{bare.seconds:.1f} s",
        f"{ours.seconds / bare.seconds:.1f} times",
        f"{AIM_S:.0f} s",
        ours.seconds <= AIM_S * count / 20_000 and peak < 200,
    )
    yield Figure(
        f"a dry run of {count:,}, and a run with nothing due",
        f"{looked.seconds:.1f} s, {again.seconds * 1000:.0f} ms",
        "",
        "",
        "",
        None,
    )


def _subscribers(built: House, count: int) -> records.Tenant:
    """On two plans, one of them with tax."""
    now, entropy, today = built.clock.now(), built.entropy, built.clock.now().date()
    tenant = built.store.write(
        "bench.tenant",
        lambda: tenants.add(
            reference="bench", name="Bench", zone="UTC", currency="USD", actor=ACTOR, now=now, entropy=entropy
        ),
    )
    for name, tax in (("basic", "0"), ("taxed", "4.00")):
        line = {"description": "Internet 100/20", "amount": "50.00", "tax": tax, "tax_rate": "county"}
        new = subscribing.read_plan(tenant, {"reference": name, "lines": [line]})
        built.store.write("bench.plan", lambda new=new: plans.add(new, actor=ACTOR, now=now, entropy=entropy))
    for start in range(1, count + 1, BATCH):
        numbers = range(start, min(start + BATCH, count + 1))
        built.store.write("bench.people", lambda numbers=numbers: _people(built, tenant, numbers))
    report = SubscriptionImport(built, tenant, ACTOR).run(_items(count, today))
    assert report.added == count, report.problems[:3]
    return tenant


def _people(built: House, tenant: records.Tenant, numbers: range) -> None:
    for n in numbers:
        email = f"subscriber{n:05}@example.com"
        row = customers.drawn(
            tenant.id, f"C-{n}", f"Subscriber {n:05}", email, now=built.clock.now(), entropy=built.entropy
        )
        customers.insert(row)


def _items(count: int, today: date) -> Iterator[Item]:
    for n in range(1, count + 1):
        plan = "taxed" if n % 2 else "basic"
        yield Item(n, n, {"customer": f"C-{n}", "plan": plan, "start": today.isoformat()})


def bare_rows(path: Path, count: int) -> None:
    """As many rows of the same size in as many transactions, by sqlite3 alone."""
    db = sqlite3.connect(path / "bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE row (id TEXT PRIMARY KEY, a TEXT, b TEXT, c INTEGER, d TEXT)")
    for start in range(0, count, BATCH):
        db.execute("BEGIN IMMEDIATE")
        for n in range(start, min(start + BATCH, count)):
            for place in range(ROWS):
                db.execute(
                    "INSERT INTO row VALUES (?,?,?,?,?)", (f"{n}-{place}", "x" * 40, "y" * 120, n, "z")
                )
        db.execute("COMMIT")
    db.close()
