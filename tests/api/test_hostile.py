"""Hostile clients at the listener that the daemon starts: nothing is read that will be refused, nobody holds
a thread, nothing is told that was not asked rightly, and who is honest is served meanwhile."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock
from tests.api.asking import Office, build_office
from tests.api.test_flow import INVOICE, INVOICES
from tests.api.test_served import served

GROWTH_KIB = 48 * 1024
CUSTOMERS = "/api/customers"


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[tuple[Office, int]]:
    office = build_office(
        tmp_path_factory.mktemp("hostile"),
        empty_database,
        receiver__listen="127.0.0.1:0",
        receiver__header_timeout="500ms",
        receiver__body_timeout="500ms",
        receiver__per_address=200,
        api__per_minute=1_000_000,
        api__wrong_per_minute=10_000,
    )
    clock, office.house.clock = office.house.clock, SystemClock()
    server = served(office)
    office.house.clock = clock
    yield office, server.port
    server.stop(5)
    office.house.close()


class Caller:
    """Sends bytes and reads what comes back until the other side is done."""

    def __init__(self, listening: tuple[Office, int]) -> None:
        self.office, self.port = listening

    def head(
        self, method: str = "POST", path: str = INVOICES, *more: str, as_: str = "tenant_admin"
    ) -> bytes:
        token = self.office.tokens[as_]
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *more]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, raw: bytes) -> bytes:
        with self.connect() as sock:
            sock.sendall(raw)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            return read(sock)

    def ask(self, method: str, path: str, *more: str, as_: str = "tenant_admin") -> tuple[int, bytes]:
        answer = self.send(self.head(method, path, "Connection: close", *more, as_=as_) + b"\r\n")
        return status(answer), answer.partition(b"\r\n\r\n")[2]

    def is_served(self) -> bool:
        return self.ask("GET", CUSTOMERS)[0] == 200


@pytest.fixture
def caller(listening: tuple[Office, int]) -> Caller:
    return Caller(listening)


def read(sock: socket.socket) -> bytes:
    answer = b""
    with contextlib.suppress(OSError):
        while part := sock.recv(65_536):
            answer += part
    return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def answers(answer: bytes) -> list[int]:
    """The status of every answer on one connection."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


# --- size and slowness --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", ["Content-Length: 1073741824\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n40000000\r\n"]
)
@pytest.mark.parametrize("path", [INVOICES, "/api/nothing", "/api/openapi.json"])
def test_a_gigabyte_is_refused_by_its_header_and_never_kept(caller: Caller, size: str, path: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sent, block = 0, b"\0" * (1 << 20)
    with caller.connect() as sock:
        sock.sendall(caller.head("POST", path) + size.encode())
        with contextlib.suppress(OSError):
            while sent < 1 << 30:
                sent += sock.send(block)
        answer = read(sock)
    assert status(answer) in (411, 413)
    assert b"WB-INPUT" in answer
    assert sent < 64 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KIB
    assert caller.is_served()


@pytest.mark.parametrize("beginning", [b"", b"Content-Length: 100\r\n\r\n{"])
def test_a_client_that_drips_is_cut_and_holds_nobody_up(caller: Caller, beginning: bytes) -> None:
    began = time.monotonic()
    with contextlib.ExitStack() as held:
        slow = [held.enter_context(caller.connect()) for _ in range(40)]
        for sock in slow:
            sock.sendall(caller.head() + beginning)
        assert caller.is_served()
        slow[0].settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - began < 8:
            with contextlib.suppress(TimeoutError):
                slow[0].sendall(b"x")
                answer = slow[0].recv(4096)
    assert status(answer) == 408
    assert time.monotonic() - began < 5


def test_a_client_that_reads_nothing_holds_nobody_up(caller: Caller) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(30):
            sock = held.enter_context(caller.connect())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            sock.sendall(caller.head("GET", "/api/openapi.json") + b"\r\n")
        assert caller.is_served()


def test_a_header_without_end_is_refused(caller: Caller) -> None:
    answer = caller.send(caller.head("GET", CUSTOMERS) + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n")
    assert (status(answer), caller.is_served()) == (431, True)
    many = b"".join(b"X-%d: a\r\n" % n for n in range(5000))
    assert status(caller.send(caller.head("GET", CUSTOMERS) + many + b"\r\n")) == 431


# --- what two readers would read differently --------------------------------------------------------------

BODY = json.dumps(INVOICE | {"number": "smuggled"}).encode()
HIDDEN = b"GET /api/tokens HTTP/1.1\r\nHost: x\r\n\r\n"
JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Content-Length: 5"],
        ["Content-Length: 5, 5"],
        ["Content-Length: +5"],
        ["Content-Length: -5"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5 5"],
        ["Content-Length: \uff15"],
        ["Content-Length: 99999999999999999999"],
        ["Content-Length : 5"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Transfer-Encoding: chunked, gzip"],
        ["transfer_encoding: chunked", "X: y"],
        [" folded: yes"],
        ["No colon here"],
        ["X: a\x00b"],
        ["X: a\rb"],
    ],
    ids=repr,
)
def test_a_request_that_can_be_read_in_two_ways_is_refused_whole(caller: Caller, lines: list[str]) -> None:
    """And what comes behind it on the connection is never taken for a request of its own."""
    encoded = [line.encode("utf-8").decode("latin-1") for line in lines]
    answer = caller.send(caller.head("POST", INVOICES, JSON, *encoded) + b"\r\n" + b"{}x\r\n" + HIDDEN)
    assert len(answers(answer)) <= 1
    assert all(code in (400, 408, 411, 413) for code in answers(answer)), answer
    assert b'"tokens"' not in answer


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /api/customers\r\n\r\n",
        b"GET  /api/customers  HTTP/1.1\r\n\r\n",
        b"GET /api/customers HTTP/9.9\r\n\r\n",
        b"get /api/customers HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
        b"TRACE /api/customers HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"GET /api/\xff\xfe HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"\x00" * 1000,
    ],
    ids=repr,
)
def test_what_is_no_request_of_ours_breaks_nothing(caller: Caller, raw: bytes) -> None:
    answer = caller.send(raw)
    assert status(answer) in (0, 400, 401, 404, 405, 408, 505), answer
    assert b"Traceback" not in answer
    assert caller.is_served()


def test_what_follows_a_whole_request_is_a_request_of_its_own_and_has_no_token(caller: Caller) -> None:
    head = caller.head("GET", CUSTOMERS)
    assert answers(caller.send(head + b"\r\n" + HIDDEN)) == [200, 401]


# --- header tricks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "Host: elsewhere.example.com",
        "X-Forwarded-Host: elsewhere.example.com",
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-Prefix: /api/tokens",
        "X-Original-URL: /api/tokens",
        "X-Rewrite-URL: /api/tokens",
        "X-HTTP-Method-Override: DELETE",
        "Forwarded: for=10.0.0.1;host=elsewhere.example.com",
        "Wispbill_Tenant: wisp-2",
        "Accept: text/html",
        "Range: bytes=0-1",
        "Cookie: __Host-wb=x",
    ],
)
def test_a_header_that_asks_for_something_else_changes_nothing(caller: Caller, line: str) -> None:
    plain = caller.ask("GET", CUSTOMERS)
    assert plain[0] == 200
    assert caller.ask("GET", CUSTOMERS, line) == plain


def test_who_speaks_with_two_tokens_or_for_two_tenants_is_not_heard(caller: Caller) -> None:
    other = caller.office.tokens["other_admin"]
    assert caller.ask("GET", CUSTOMERS, f"Authorization: Bearer {other}")[0] == 401
    named = ("Wispbill-Tenant: wisp-1", "Wispbill-Tenant: wisp-2")
    assert caller.ask("GET", CUSTOMERS, *named, as_="platform_admin")[0] == 404


def test_the_word_of_a_proxy_that_is_none_buys_no_more_guesses(tmp_path: Path, empty_database: Path) -> None:
    office = build_office(tmp_path, empty_database, receiver__listen="127.0.0.1:0", api__wrong_per_minute=5)
    clock, office.house.clock = office.house.clock, SystemClock()
    server = served(office)
    office.house.clock = clock
    guesser = Caller((office, server.port))
    office.tokens["guess"] = "wb_00000000_" + "a" * 43
    found = [guesser.ask("GET", CUSTOMERS, f"X-Forwarded-For: 10.0.0.{n}", as_="guess")[0] for n in range(10)]
    server.stop(5)
    office.house.close()
    assert found == [401] * 5 + [429] * 5


# --- guessing ---------------------------------------------------------------------------------------------


def told(answer: bytes) -> dict[str, Any]:
    return {key: value for key, value in json.loads(answer).items() if key != "requestId"}


def test_every_wrong_token_is_answered_alike(caller: Caller) -> None:
    """Whether its id exists, is revoked, has expired, or was never given out."""
    office = caller.office
    right = office.tokens["read_only"]
    gone = office.post("/api/tokens", {"role": "read_only", "label": "gone"})
    office.ask("DELETE", f"/api/tokens/{gone['id']}")
    wrong = {
        "another secret": right[:-1] + ("A" if right[-1] != "A" else "B"),
        "another id": "wb_00000000_" + right[12:],
        "revoked": gone["token"],
        "no token": "x",
        "short": right[:-1],
        "long": right + "A",
    }
    found = {}
    for name, token in wrong.items():
        office.tokens["wrong"] = token
        code, body = caller.ask("GET", CUSTOMERS, as_="wrong")
        found[name] = (code, json.dumps(told(body)))
    assert set(found.values()) == {(401, found["no token"][1])}


def test_what_is_anothers_is_answered_like_what_does_not_exist(caller: Caller) -> None:
    """In status, body and headers; and in what it costs, as far as rows go."""
    office = caller.office
    office.post("/api/customers/ref:C-3/invoices", INVOICE | {"number": "their-1"}, as_="other_admin")
    [theirs] = office.get("/api/customers/ref:C-3/invoices", as_="other_admin")["invoices"]
    pairs = [
        (f"{CUSTOMERS}/{office.foreigner.id}", f"{CUSTOMERS}/wbc_00000000000000000000000000"),
        (f"{CUSTOMERS}/ref:C-3", f"{CUSTOMERS}/ref:C-4"),
        (f"{INVOICES}/{theirs['id']}", f"{INVOICES}/wbi_00000000000000000000000000"),
        (f"{INVOICES}/ref:their-1", f"{INVOICES}/ref:their-2"),
        (f"/api/tokens/{office.rows['other_admin'].id}", "/api/tokens/00000000"),
    ]
    for other, missing in pairs:
        method = "DELETE" if "tokens" in other else "GET"
        answers_ = [caller.ask(method, path) for path in (other, missing)]
        assert [code for code, _ in answers_] == [404, 404]
        shown = [told(body) for _, body in answers_]
        for one, path in zip(shown, (other, missing), strict=True):
            one["detail"] = one["detail"].replace(path.rpartition("/")[2], "NAME")
        assert shown[0] == shown[1]


def test_a_neighbours_row_costs_as_many_questions_as_none(listening: tuple[Office, int]) -> None:
    office = listening[0]
    database: Any = office.house.store.db

    def questions(path: str) -> int:
        count, run = 0, database.execute_sql

        def counted(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            return run(*args, **more)

        database.execute_sql = counted
        try:
            assert office.ask("GET", path).status == 404
        finally:
            del database.execute_sql
        return count

    missing = questions(f"{CUSTOMERS}/wbc_00000000000000000000000000")
    assert questions(f"{CUSTOMERS}/{office.foreigner.id}") == missing


# --- cursors and keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cursor", ["wbi_zzzz", "%27%20OR%201=1--", "..%2F..%2Fetc", "%F0%9F%98%80", "a" * 200, "-1", "*", "%25"]
)
def test_a_cursor_that_was_made_up_leads_to_nothing_of_others(caller: Caller, cursor: str) -> None:
    office = caller.office
    for path in (CUSTOMERS, INVOICES, "/api/invoices", "/api/tickets", "/api/tokens", "/api/subscriptions"):
        got = office.ask("GET", f"{path}?after={cursor}")
        assert got.status == 200, got.body
        assert office.foreigner.id.encode() not in got.body
        assert office.rows["other_admin"].id.encode() not in got.body


@pytest.mark.parametrize("cursor", ["-1", "99999999999999999999999", "1e3", "0x1", "1.5", "NaN", "%D9%A1"])
def test_a_number_that_is_none_is_refused(caller: Caller, cursor: str) -> None:
    for path in ("/api/events", "/api/inbox"):
        assert caller.ask("GET", f"{path}?after={cursor}")[0] == 422


@pytest.mark.parametrize("cursor", [2**62, 2**53 + 1, 9_223_372_036_854_775_807])
def test_a_number_of_the_largest_kind_overflows_nothing(caller: Caller, cursor: int) -> None:
    for path in ("/api/events", "/api/inbox"):
        assert caller.ask("GET", f"{path}?after={cursor}")[0] in (200, 422)
    plan = {"reference": "big", "lines": [{"description": "x", "amount": "1"}]}
    for change in (
        {"every": cursor},
        {"dueDays": cursor},
        {"lines": [{"description": "x", "amount": str(cursor)}]},
    ):
        assert caller.office.ask("POST", "/api/plans", plan | change).status == 422
    line = {"description": "x", "amount": "999999999999999999999"}
    assert caller.office.ask("POST", INVOICES, INVOICE | {"lines": [line] * 100}).status == 422


def test_a_key_belongs_to_one_token_and_one_content(caller: Caller) -> None:
    office = caller.office
    first = office.ask("POST", CUSTOMERS, {"reference": "K-1"}, idempotency_key="same")
    assert first.status == 201
    for body, path, as_ in (
        ({"reference": "K-2"}, CUSTOMERS, "tenant_admin"),
        (INVOICE, INVOICES, "tenant_admin"),
    ):
        assert office.ask("POST", path, body, as_=as_, idempotency_key="same").code == "WB-INPUT-REPEATED"
    other = office.ask("POST", CUSTOMERS, {"reference": "K-1"}, as_="other_admin", idempotency_key="same")
    assert (other.status, other.json["id"] == first.json["id"]) == (201, False)
    for tenant, code in (("wisp-1", 200), ("wisp-2", 409)):
        got = office.ask(
            "POST", CUSTOMERS, {"reference": "K-1"}, as_="platform_admin", tenant=tenant, idempotency_key="p"
        )
        assert got.status == code, "one platform token's key is not another tenant's answer"


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 256, "é", "\t"])
def test_what_is_no_key_is_refused(caller: Caller, key: str) -> None:
    got = caller.office.ask("POST", CUSTOMERS, {"reference": "K-9"}, idempotency_key=key)
    assert (got.status, got.code) == (422, "WB-INPUT")


# --- patterns ---------------------------------------------------------------------------------------------

LONG = 200_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CUSTOMERS, {"reference": "a" * LONG}),
        (CUSTOMERS, {"reference": "C", "email": "a@" + "a." * (LONG // 2)}),
        (CUSTOMERS, {"reference": "C", "email": "a" * LONG + "@example.com"}),
        (CUSTOMERS, {"a" * LONG: 1}),
        (INVOICES, INVOICE | {"lines": [{"description": "x", "amount": "0" * LONG}]}),
        (INVOICES, INVOICE | {"dueOn": "2" * LONG}),
        ("/api/endpoints", {"url": "https://" + "a." * 1000 + "example.com", "types": ["a" * 60] * 50}),
        ("/api/integrations", {"provider": "stripe", "credentials": {"secret_key": "sk_test_" + "a" * LONG}}),
        (
            "/api/integrations",
            {"provider": "custom_webhook", "credentials": {}, "settings": {"a" * 80: "(" * 9000}},
        ),
        ("/api/tokens", {"role": "read_only", "label": "x", "expiresAt": "2026-" + "1" * LONG}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_pattern_takes_long(caller: Caller, path: str, body: dict[str, Any]) -> None:
    began = time.process_time()
    assert caller.office.ask("POST", path, body).status in (400, 404, 422)
    assert time.process_time() - began < 1.0


def test_a_body_of_brackets_or_of_fields_takes_no_time(caller: Caller) -> None:
    fields = json.dumps({f"f{n}": n for n in range(20_000)}).encode()[:262_144]
    for raw in (
        b"[" * 262_144,
        b'{"a":' * 40_000,
        b'"' * 262_144,
        b"\\" * 262_144,
        b"{" + b'"a":1,' * 40_000,
        fields,
    ):
        began = time.process_time()
        assert caller.office.ask("POST", CUSTOMERS, raw=raw[:262_144]).status in (400, 422)
        assert time.process_time() - began < 2.0
