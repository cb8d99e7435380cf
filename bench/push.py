"""Push 1,000 invoices through one integration, beside a plain httpx loop that sends the same requests."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from bench.harness import KEY, Figure, Sandbox, Stopwatch, connect, enter, folder, house, sandbox
from daemon.house import House
from daemon.jobs.push import push
from daemon.jobs.visit import visit
from daemon.providers import provider_class
from daemon.store import integrations, links

VERSION = "2026-10-28.endive"
AIMS = {0: 0.5, 100: 0.8}


def rows(quick: bool) -> Iterator[Figure]:
    for latency_ms in (0, 100):
        count = (100 if quick else 1000) if latency_ms else (200 if quick else 1000)
        with sandbox(latency_ms) as box, folder() as path, house(path, box.url) as built:
            integration = connect(built)
            concurrency = min(built.settings.push.concurrency, provider_class("stripe").can.push_concurrency)
            enter(built, count)
            built.store.write("bench.assign", lambda built=built: links.assign(built.clock.now()))
            box.reset()
            with Stopwatch() as ours:
                pushed = _push_all(built, integration.id)
            assert pushed == count, pushed
            requests = box.requests()
            box.reset()
            with Stopwatch() as bare:
                _bare(box, count, concurrency)
            assert box.requests() == requests, (box.requests(), requests)
        ratio = bare.seconds / ours.seconds
        yield Figure(
            f"push {count:,} invoices, {latency_ms} ms latency, {concurrency} at a time",
            f"{count / ours.seconds:.0f}/s ({requests / count:.0f} requests each)",
            f"{count / bare.seconds:.0f}/s",
            f"{ratio:.0%} of its rate",
            f"{AIMS[latency_ms]:.0%}",
            ratio >= AIMS[latency_ms],
        )


def _push_all(built: House, integration_id: str) -> int:
    """Run after run, as the daemon does: a long queue goes out in turns."""
    pushed = 0
    while integrations.due_for_push(built.clock.now()):
        tally = visit(built, integration_id, "push", push)
        assert tally is not None and tally.fault is None, tally
        pushed += tally.counts.get("pushed", 0)
    return pushed


def _bare(box: Sandbox, count: int, concurrency: int) -> None:
    limits = httpx.Limits(max_connections=concurrency)
    headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION}
    with (
        httpx.Client(base_url=box.url, headers=headers, limits=limits, trust_env=False, timeout=60) as client,
        ThreadPoolExecutor(concurrency) as pool,
    ):
        for future in [pool.submit(_one, client, n) for n in range(count)]:
            future.result()


def _one(client: httpx.Client, n: int) -> None:
    email = f"bare{n:06}@example.com"
    client.get("/v1/customers", params={"email": email, "limit": 100}).raise_for_status()
    customer = _post(client, "/v1/customers", email=email, name=f"Bare {n:06}")
    invoice = _post(
        client,
        "/v1/invoices",
        customer=customer,
        collection_method="send_invoice",
        days_until_due="14",
        currency="usd",
        auto_advance="false",
        pending_invoice_items_behavior="exclude",
        number=f"BARE-{n:06}",
    )
    line = {"lines[0][amount]": "5000", "lines[0][description]": "Internet, one month"}
    _post(client, f"/v1/invoices/{invoice}/add_lines", **line)
    _post(client, f"/v1/invoices/{invoice}/finalize", auto_advance="false")
    _post(client, f"/v1/invoices/{invoice}/send")


def _post(client: httpx.Client, path: str, **form: str) -> str:
    key = base64.b32encode(os.urandom(20)).decode()
    answer = client.post(path, data=form, headers={"Idempotency-Key": key})
    answer.raise_for_status()
    return str(answer.json()["id"])
