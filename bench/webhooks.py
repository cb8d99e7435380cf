"""Webhooks accepted over 8 connections, beside the same server doing HMAC, JSON and one commit."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import peewee as pw

from bench.harness import Figure, connect, folder, house
from daemon.beats import Beats
from daemon.clock import SystemClock
from daemon.store.secrets import WEBHOOK
from daemon.web.listeners import build_web

SECRET = "whsec_bench0000000000000000"
CONNECTIONS = 8


def rows(quick: bool) -> Iterator[Figure]:
    count = 2_000 if quick else 10_000
    measured = {}
    for kind in ("ours", "bare"):
        with folder() as path:
            process, port, address = _serve(kind, path)
            try:
                measured[kind] = _fire(port, address, count)
            finally:
                process.terminate()
                process.wait(timeout=60)
    (rate, p99_ms), (bare_rate, bare_p99_ms) = measured["ours"], measured["bare"]
    yield Figure(
        f"{count:,} webhooks accepted, {CONNECTIONS} connections",
        f"{rate:.0f}/s, p99 {p99_ms:.0f} ms",
        f"{bare_rate:.0f}/s, p99 {bare_p99_ms:.0f} ms",
        f"{rate / bare_rate:.2f} of its rate",
        "0.7, p99 25 ms",
        rate >= 0.7 * bare_rate and p99_ms <= 25,
    )


def _serve(kind: str, path: Path) -> tuple[subprocess.Popen[str], int, str]:
    command = [sys.executable, "-m", "bench.webhooks", kind, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port, address = process.stdout.readline().split()
    return process, int(port), address


def _fire(port: int, address: str, count: int) -> tuple[float, float]:
    """Requests per second, and the 99th percentile of their times in milliseconds."""
    times: list[float] = []
    threads = [
        threading.Thread(target=_client, args=(port, address, range(n, count, CONNECTIONS), times))
        for n in range(CONNECTIONS)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    assert len(times) == count, f"{len(times)} of {count} were accepted"
    return count / seconds, sorted(times)[int(count * 0.99)] * 1000


def _client(port: int, address: str, numbers: Iterable[int], times: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for n in numbers:
        body = _body(n)
        stamp = int(time.time())
        digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={stamp},v1={digest}", "Content-Type": "application/json"}
        started = time.perf_counter()
        connection.request("POST", address, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            times.append(time.perf_counter() - started)


def _body(n: int) -> bytes:
    thing = {
        "id": f"in_{n:024}",
        "object": "invoice",
        "status": "paid",
        "amount_paid": 5000,
        "lines": "x" * 2000,
    }
    event = {
        "id": f"evt_{n:024}",
        "object": "event",
        "type": "invoice.paid",
        "created": int(time.time()),
        "data": {"object": thing},
    }
    return json.dumps(event).encode()


# --- the two servers, each in a process of its own ----------------------------------------------------


def _ours(path: Path) -> None:
    with house(path, "http://127.0.0.1:9") as built:
        integration = connect(built)
        document = {"url": "https://billing.example.com/hook", "secrets": [SECRET]}
        built.store.write("bench.webhook", lambda: built.safe.put(integration, WEBHOOK, document))
        servers = build_web(built, Beats(built.clock))
        servers[0].start()
        _announce(servers[0].port, f"/api/webhooks/billing/integrations/{integration.id}")


def _bare(path: Path) -> None:
    from daemon.web.server import WebServer

    db = pw.SqliteDatabase(
        str(path / "bare.db"), pragmas={"journal_mode": "wal", "synchronous": "full", "busy_timeout": 5000}
    )

    class Row(pw.Model):
        event = pw.TextField(unique=True)
        ref = pw.TextField()

        class Meta:
            database = db

    db.create_tables([Row])
    one_writer = threading.Lock()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        stamp, digest = (part.split("=", 1)[1] for part in environ["HTTP_STRIPE_SIGNATURE"].split(","))
        good = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        event = json.loads(body)
        with one_writer, db.atomic("IMMEDIATE"):
            Row.insert(event=event["id"], ref=event["data"]["object"]["id"]).execute()
        start(
            "200 OK" if hmac.compare_digest(good, digest) else "401 Unauthorized", [("Content-Length", "0")]
        )
        return [b""]

    server = WebServer(
        app, name="bare", host="127.0.0.1", port=0, clock=SystemClock(), at_thread_end=db.close
    )
    server.start()
    _announce(server.port, "/")


def _announce(port: int, address: str) -> None:
    print(port, address, flush=True)
    SystemClock().wait(3600)


if __name__ == "__main__":
    {"ours": _ours, "bare": _bare}[sys.argv[1]](Path(sys.argv[2]))
