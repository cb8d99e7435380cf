"""Over real HTTP, by the server that the daemon starts: the API beside the webhooks, within the same limits;
and no secret in any answer or line."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from daemon.beats import Beats
from daemon.web.listeners import build_web
from daemon.web.server import WebServer
from tests.api.asking import KEY, Office, build_office
from tests.api.test_flow import INVOICE, INVOICES, STRIPE


def served(office: Office) -> WebServer:
    server = next(one for one in build_web(office.house, Beats(office.clock)) if one._name == "receiver")
    server.start()
    return server


@pytest.fixture
def server(tmp_path: Path, empty_database: Path) -> Iterator[tuple[Office, int]]:
    from daemon.clock import SystemClock

    office = build_office(tmp_path, empty_database, receiver__listen="127.0.0.1:0")
    clock, office.house.clock = office.house.clock, SystemClock()
    started = served(office)
    office.house.clock = clock
    yield office, started.port
    started.stop(5)
    office.house.close()


def ask(
    port: int, method: str, path: str, body: Any = None, token: str = "", **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    raw = None if body is None else json.dumps(body).encode()
    given = {"Authorization": f"Bearer {token}"} if token else {}
    given |= {"Content-Type": "application/json"} if raw is not None else {}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, raw, given)
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    return answer, read


def test_from_a_customer_to_a_paid_invoice(server: tuple[Office, int]) -> None:
    office, port = server
    token = office.tokens["tenant_admin"]

    def done(method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer, raw = ask(port, method, path, body, token, **headers)
        assert answer.status < 300, raw
        assert answer.getheader("X-Request-Id")
        assert answer.getheader("Cache-Control") == "no-store"
        return json.loads(raw)

    done("POST", "/api/customers", {"reference": "A/1", "email": "subscriber0001@example.com"})
    own = "/api/customers/ref:A%2F1"
    done("POST", f"{own}/billing-integration/setup", STRIPE)
    row = done("GET", f"{own}/billing-integration/status")
    done("POST", f"/api/integrations/{row['id']}/approve", {})
    done("POST", f"{own}/invoices", INVOICE, Idempotency_Key="1")
    office.push()
    pushed = done("GET", f"{own}/invoices/ref:1001")
    assert pushed["syncStatus"] == "synced"
    office.account.pay(pushed["externalId"])
    office.clock.move(minutes=2)
    office.pull()
    assert done("GET", f"{own}/invoices/ref:1001/status")["status"] == "paid"


def test_api_webhooks_consents_and_documents_stand_side_by_side(server: tuple[Office, int]) -> None:
    _office, port = server
    assert ask(port, "GET", "/api/openapi.json")[0].status == 200
    assert ask(port, "GET", "/api/docs")[0].status == 200
    assert ask(port, "GET", "/api/customers")[0].status == 401
    for path in ("/api/webhooks/billing/integrations/wbn_x", "/nothing"):
        answer, raw = ask(port, "POST", path, {})
        assert (answer.status, raw) == (404, b""), path
    assert ask(port, "GET", "/oauth/nothing")[0].getheader("Content-Type") == "text/html; charset=utf-8"


def test_a_body_above_the_limit_is_refused_before_it_is_read(server: tuple[Office, int]) -> None:
    office, port = server
    token = office.tokens["tenant_admin"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        head = f"POST {INVOICES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 262145\r\n\r\n".encode())
        assert sock.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "path",
    [
        "/api%2Fcustomers",
        "/%61pi/customers",
        "/api/customers;x",
        "/api/customers#x",
        "//api/customers",
        "///api/customers",
        "//elsewhere/api/customers",
        "/api//customers",
        "/api/./customers",
        "/api/../api/customers",
        "/api/x/%2e%2e/customers",
        "/api/customers/",
        "/api/customers%00",
        "/API/customers",
    ],
)
def test_an_address_written_otherwise_is_not_the_address(server: tuple[Office, int], path: str) -> None:
    office, port = server
    assert ask(port, "GET", path, token=office.tokens["tenant_admin"])[0].status == 404


def test_the_api_can_be_left_out_and_stands_without_the_receiver(
    tmp_path: Path, empty_database: Path
) -> None:
    for number, (api, receiver, statuses) in enumerate(
        [("false", "true", (404, 404)), ("true", "false", (401, 404)), ("true", "true", (401, 404))]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        office = build_office(folder, empty_database, api__enabled=api, receiver__enabled=receiver)
        found = tuple(
            office._answered(office._environ("POST", path, {}, None)).status
            for path in ("/api/customers", "/api/webhooks/billing/integrations/wbn_x")
        )
        assert found == statuses
        office.house.close()


def test_with_neither_there_is_no_listener(tmp_path: Path, empty_database: Path) -> None:
    names = ("api", "receiver", "portal", "dashboard")
    faces = dict.fromkeys((f"{name}__enabled" for name in names), "false")
    office = build_office(tmp_path, empty_database, **faces)
    assert [one._name for one in build_web(office.house, Beats(office.clock))] == ["monitoring"]
    office.house.close()


def test_no_secret_is_in_any_answer_line_or_row(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    token = office.tokens["tenant_admin"]
    office.post("/api/integrations", STRIPE, idempotency_key="s-1")
    office.ask("POST", "/api/integrations", STRIPE, idempotency_key="s-1")
    office.ask("POST", "/api/integrations", STRIPE | {"x": KEY})
    office.ask("POST", "/api/integrations", raw=json.dumps(STRIPE).encode()[:-1])
    office.ask("POST", "/api/integrations", {"provider": KEY, "credentials": {KEY: KEY}})
    office.ask("PUT", f"/api/integrations/{KEY}/credentials", {"credentials": {"secret_key": KEY}})
    office.post(
        "/api/integrations/" + office.get("/api/integrations")["integrations"][0]["id"] + "/test", status=200
    )
    office.get("/api/events")

    said = capsys.readouterr()
    for secret in (KEY, token):
        stored = b"".join(
            path.read_bytes() for path in office.house.settings.daemon.state_dir.glob("wispbill.db*")
        )
        assert secret.encode() not in stored
        assert secret[12:].encode() not in stored
    assert token[12:] not in said.out + said.err + office.everything.decode()
    assert KEY.encode() not in office.everything
