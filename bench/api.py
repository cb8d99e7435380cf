"""The API at 100,000 invoices: reads and writes over 8 connections beside a bare answer of the same server,
and what each list takes the server there and at ten times as many."""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from bench.filled import fill
from bench.harness import Figure, Stopwatch, connect, folder, house
from daemon.beats import Beats
from daemon.house import House
from daemon.store import records, statistics, tokens
from daemon.store.tokens import Role
from daemon.web.listeners import build_web, public_app
from daemon.web.server import WebServer

CONNECTIONS = 8
TIMES = 15
AIM_MS = 50.0
MORE = 9
"""Copies that make ten times as many."""


def rows(quick: bool) -> Iterator[Figure]:
    count, asks = (2_000, 400) if quick else (100_000, 4_000)
    with folder() as path, house(path, "") as built:
        integration = connect(built)
        fill(built, integration, count)
        built.store.write("bench.planned", lambda: statistics.refresh(built.store))
        token = _token(built, integration)
        yield from _fired(built, token, count, asks)
        yield from _lists(built, token, count)
        multiply(built)
        built.store.write("bench.planned", lambda: statistics.refresh(built.store))
        yield from _lists(built, token, count * (MORE + 1))


def _token(built: House, integration: records.Integration) -> str:
    def work() -> str:
        return tokens.add(
            tenant_id=integration.tenant_id,
            role=Role.TENANT_ADMIN,
            label="bench",
            actor="bench",
            now=built.clock.now(),
            entropy=built.entropy,
        )[1]

    return built.store.write("bench.token", work)


# --- over connections -----------------------------------------------------------------------------------


def _fired(built: House, token: str, count: int, asks: int) -> Iterator[Figure]:
    server = next(one for one in build_web(built, Beats(built.clock)) if one._name == "receiver")
    asked = {
        "one invoice read": ("GET", asks),
        "a page of 50 invoices read": ("GET /api/invoices", asks // 4),
        "an invoice entered": ("POST", asks // 2),
    }
    bare_answer = b"x" * 2_000
    with _serving(server) as port, _bare(built, bare_answer) as bare_port:
        bare_rate, bare_p99 = _fire(bare_port, token, "GET", asks, count)
        for what, (kind, many) in asked.items():
            rate, p99 = _fire(port, token, kind, many, count)
            yield Figure(
                f"API: {what}, {count:,} invoices, {CONNECTIONS} connections",
                f"{rate:.0f}/s, p99 {p99:.0f} ms",
                f"{bare_rate:.0f}/s, p99 {bare_p99:.0f} ms (an answer of 2 kB)",
                f"{rate / bare_rate:.2f} of its rate",
                "",
                None,
            )


@contextmanager
def _serving(server: WebServer) -> Iterator[int]:
    server.start()
    try:
        yield server.port
    finally:
        server.stop(5)


@contextmanager
def _bare(built: House, body: bytes) -> Iterator[int]:
    def answer(_environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    server = WebServer(answer, name="bare", host="127.0.0.1", port=0, clock=built.clock, per_address=1000)
    with _serving(server) as port:
        yield port


def _fire(port: int, token: str, kind: str, asks: int, count: int) -> tuple[float, float]:
    """From a process of its own: requests per second, and the 99th percentile of their milliseconds."""
    command = [sys.executable, "-m", "bench.api", str(port), token, kind, str(asks), str(count)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate, p99_ms = json.loads(said)
    return float(rate), float(p99_ms)


def client(port: int, token: str, kind: str, asks: int, count: int) -> tuple[float, float]:
    taken: list[float] = []
    threads = [
        threading.Thread(target=_ask_all, args=(port, token, kind, range(n, asks, CONNECTIONS), count, taken))
        for n in range(CONNECTIONS)
    ]
    with Stopwatch() as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(taken) == asks, f"{len(taken)} of {asks} were answered well"
    return asks / watch.seconds, sorted(taken)[int(asks * 0.99)] * 1000


def _ask_all(
    port: int, token: str, kind: str, numbers: Iterable[int], count: int, taken: list[float]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for n in numbers:
        method, path, body = _wanted(kind, n, count)
        started = time.perf_counter()
        connection.request(
            method, path, body, headers if body else {"Authorization": headers["Authorization"]}
        )
        answer = connection.getresponse()
        answer.read()
        if answer.status in (200, 201):
            taken.append(time.perf_counter() - started)


def _wanted(kind: str, n: int, count: int) -> tuple[str, str, str | None]:
    number = n * 7919 % count
    home = f"/api/customers/ref:C-{number // 5:06}/invoices"
    if kind == "POST":
        line = {"description": "Internet access", "amount": "45.00"}
        return "POST", home, json.dumps({"number": f"NEW-{n}", "dueOn": "2099-04-01", "lines": [line]})
    return "GET", kind.partition(" ")[2] or f"{home}/ref:R-{number:07}", None


# --- the server alone -----------------------------------------------------------------------------------


def _lists(built: House, token: str, count: int) -> Iterator[Figure]:
    ask = Asker(public_app(built), token)
    page = ask.get("/api/invoices")["invoices"]
    customer, middle = page[0]["customerId"], page[0]["id"][:10]
    paths = {
        "invoices, newest": "/api/invoices",
        "invoices, 200 at once": "/api/invoices?limit=200",
        "invoices, from the middle": f"/api/invoices?after={middle}",
        "invoices that are open": "/api/invoices?paymentStatus=open",
        "invoices that were refused": "/api/invoices?sync=failed",
        "invoices of a customer": f"/api/customers/{customer}/invoices",
        "an invoice with its history": f"/api/customers/{customer}/invoices/{page[0]['id']}",
        "customers": "/api/customers",
        "customers, from the middle": f"/api/customers?after=C-{count // 20:06}",
        "a customer's service": f"/api/customers/{customer}/service",
        "search by number": f"/api/find?text=INV-{count // 20:07}",
        "search by name": f"/api/find?text=subscriber%20{count // 100:06}",
        "the feed": "/api/events?limit=500",
        "integrations and their queues": "/api/billing/integration-status",
        "inbox": "/api/inbox",
        "tickets": "/api/tickets?state=open",
        "held cut-offs": "/api/dunning/held",
        "jobs": "/api/jobs",
        "exceptions": "/api/exceptions",
    }
    for name, path in paths.items():
        ms = ask.time(path)
        yield Figure(
            f"API list: {name}, {count:,} invoices",
            f"{ms:.1f} ms",
            f"{ask.time('/api/nothing'):.1f} ms (an address that is none)",
            "",
            f"{AIM_MS:.0f} ms",
            ms <= AIM_MS,
        )


class Asker:
    """The WSGI application, without a network."""

    def __init__(self, app: Any, token: str) -> None:
        self._app, self._token = app, token

    def get(self, path: str) -> Any:
        return json.loads(self._ask(path))

    def time(self, path: str) -> float:
        """Milliseconds, the median."""
        taken = []
        for _ in range(TIMES):
            with Stopwatch() as watch:
                self._ask(path)
            taken.append(watch.seconds * 1000)
        return median(taken)

    def _ask(self, path: str) -> bytes:
        plain, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": plain,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_AUTHORIZATION": f"Bearer {self._token}",
            "wsgi.input": io.BytesIO(),
        }
        return b"".join(self._app(environ, lambda *_started: None))


# --- ten times as many ----------------------------------------------------------------------------------

COPIED = {
    "customer": ("id", "reference"),
    "invoice": ("id", "customer_id", "number", "reference", "digest"),
    "line": ("invoice_id",),
    "link": ("id", "customer_id", "invoice_id", "reference", "external_id", "external_number"),
    "payment": ("invoice_id", "external_id", "transaction_id"),
    "event": ("customer_id", "invoice_id"),
}
"""What is another's in each copy of a row: a letter behind it."""


def multiply(built: House) -> None:
    """By the database alone: row by row it would take a quarter of an hour."""
    for copy in "bcdefghij"[:MORE]:
        for table, changed in COPIED.items():
            built.store.write("bench.multiply", lambda t=table, c=changed, x=copy: _copy(built, t, c, x))
        built.store.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(built: House, table: str, changed: tuple[str, ...], copy: str) -> None:
    built.store.db.execute_sql("PRAGMA cache_size = -300000")  # the copies go everywhere between the rows
    columns = [row[1] for row in built.store.db.execute_sql(f"PRAGMA table_info({table})")]
    columns = [name for name in columns if name != "id" or "id" in changed]
    taken = [f"{name} || '{copy}'" if name in changed else name for name in columns]
    first = "invoice_id" if table in ("line", "link", "payment", "event") else "id"
    # Ours have 30 characters; those with one more are copies.
    built.store.db.execute_sql(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(taken)} FROM {table} "
        f"WHERE length({first}) = 30"
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    print(json.dumps(client(int(given[0]), given[1], given[2], int(given[3]), int(given[4]))))
