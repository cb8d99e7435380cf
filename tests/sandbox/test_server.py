"""The double on real ports, and the hand that moves its world."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from daemon.clock import SystemClock, SystemEntropy
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.server import Served, serve
from daemon.sandbox.stripe import VERSION, StripeDouble
from tests.sandbox.harness import KEY

HEADERS = {"Authorization": f"Bearer {KEY}", "Stripe-Version": VERSION}
WHO = {"email": "subscriber0001@example.com"}


@pytest.fixture(scope="module")
def served() -> Iterator[Served[StripeDouble]]:
    double = StripeDouble(SystemClock(), SystemEntropy(), rates=False)
    double.add_account(KEY, "acct_demo")
    running = serve(double)
    yield running
    running.close()


@pytest.fixture
def api(served: Served[StripeDouble]) -> Iterator[httpx.Client]:
    served.double.faults.clear()
    with httpx.Client(base_url=served.url, headers=HEADERS, timeout=5) as client:
        yield client


@pytest.fixture
def control(served: Served[StripeDouble]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.control_url, timeout=5) as client:
        yield client


def test_it_answers_over_a_socket_and_its_pages_are_there_too(
    served: Served[StripeDouble], api: httpx.Client
) -> None:
    (invoice,) = served.double.seed_invoices(KEY, 1, prefix="PORT")
    shown = api.get(f"/v1/invoices/{invoice}").json()
    assert shown["hosted_invoice_url"].startswith(served.url)
    assert httpx.get(shown["invoice_pdf"]).content.startswith(b"%PDF")
    assert httpx.post(shown["hosted_invoice_url"] + "/pay").status_code == 303
    assert api.get(f"/v1/invoices/{invoice}").json()["status"] == "paid"


@pytest.mark.parametrize("kind", [FaultKind.RESET_BEFORE, FaultKind.RESET_AFTER])
def test_a_lost_answer_is_a_connection_that_closes(
    served: Served[StripeDouble], api: httpx.Client, kind: FaultKind
) -> None:
    served.double.faults.add(Fault(kind))
    with pytest.raises(httpx.RemoteProtocolError):
        api.post("/v1/customers", data=WHO, headers={"Idempotency-Key": kind})
    again = api.post("/v1/customers", data=WHO, headers={"Idempotency-Key": kind})
    assert ("idempotent-replayed" in again.headers) is (kind is FaultKind.RESET_AFTER)


def test_silence_lasts_until_the_caller_gives_up(served: Served[StripeDouble], api: httpx.Client) -> None:
    served.double.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, seconds=30))
    with pytest.raises(httpx.ReadTimeout):
        api.get("/v1/account", timeout=0.2)
    assert api.get("/v1/account").status_code == 200


def test_a_body_drips(served: Served[StripeDouble], api: httpx.Client) -> None:
    served.double.faults.add(Fault(FaultKind.DRIP, seconds=0.001))
    with api.stream("GET", "/v1/account") as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) > 5
    assert json.loads(b"".join(pieces))["object"] == "account"


def test_64_slow_requests_wait_side_by_side(served: Served[StripeDouble], api: httpx.Client) -> None:
    """One after the other they would take 19 seconds."""
    served.double.faults.latency_s = 0.3
    clock = SystemClock()
    before = clock.monotonic()
    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(lambda _: api.get("/v1/account", timeout=15).status_code, range(64)))
    assert statuses == [200] * 64
    assert clock.monotonic() - before < 6


def test_the_control_moves_the_world_and_counts_requests(
    served: Served[StripeDouble], api: httpx.Client, control: httpx.Client
) -> None:
    control.post("/control/reset-stats")
    seeded = control.post("/control/seed", json={"key": KEY, "count": 2, "prefix": "CTRL"}).json()["invoices"]
    paid = control.post("/control/acct_demo/pay", json={"invoice_id": seeded[0], "amount": 1000})
    assert paid.json()["amount_paid"] == 1000
    api.get(f"/v1/invoices/{seeded[0]}")
    api.get("/v1/invoices")

    stats = control.get("/control/stats").json()
    assert stats["requests"] == {"GET /v1/invoices/{invoice}": 1, "GET /v1/invoices": 1}
    assert stats["statuses"] == {"200": 2}
    listed = control.get("/control/invoices", params={"account": "acct_demo"}).json()
    assert {row["id"]: row["amount_paid"] for row in listed if row["id"] in seeded} == {
        seeded[0]: 1000,
        seeded[1]: 0,
    }
    assert control.get("/control/accounts").json() == [{"id": "acct_demo", "livemode": False}]


def test_the_control_orders_faults(
    served: Served[StripeDouble], api: httpx.Client, control: httpx.Client
) -> None:
    order = {"script": [{"kind": "throttled", "on": "GET /v1/account", "seconds": 3}]}
    assert control.post("/control/faults", json=order).json()["pending"] == 1
    assert api.get("/v1/account").headers["retry-after"] == "3"
    control.post("/control/faults", json={"odds": {"error_before": 1.0}})
    assert api.get("/v1/account").status_code == 500
    control.post("/control/faults", json={"clear": True})
    assert api.get("/v1/account").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/control/acct_no/pay", {"invoice_id": "in_1"}, 404),
        ("/control/acct_demo/pay", {"invoice_id": "in_no"}, 404),
        ("/control/acct_demo/pay", {"invoice": "in_no"}, 400),
        ("/control/acct_demo/seed", {}, 404),
        ("/control/acct_demo/__class__", {}, 404),
        ("/control/faults", {"kind": "x"}, 400),
        ("/control/faults", {"script": [{"kind": "x"}]}, 400),
        ("/control/faults", [], 400),
    ],
)
def test_the_control_says_what_it_cannot_do(control: httpx.Client, path: str, body: Any, status: int) -> None:
    answer = control.post(path, json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_the_providers_port_has_no_control(api: httpx.Client) -> None:
    assert api.get("/control/stats").status_code == 404


def test_webhooks_are_posted_and_tried_again(served: Served[StripeDouble], api: httpx.Client) -> None:
    got = threading.Event()
    bodies: list[bytes] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            got.set()

        def log_message(self, *args: Any) -> None:
            pass

    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    api.post("/v1/webhook_endpoints", data={"url": url, "enabled_events[]": "customer.created"})
    api.post("/v1/customers", data=WHO)
    assert got.wait(5)
    receiver.shutdown()
    receiver.server_close()
    assert json.loads(bodies[0])["type"] == "customer.created"


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "daemon.sandbox", "--key", KEY, "--no-rates", "--latency-ms", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        answer = httpx.get(f"{ready['url']}/v1/account", headers=HEADERS)
        assert answer.json()["id"] == ready["accounts"][KEY]
        assert httpx.get(f"{ready['control_url']}/control/stats").status_code == 200
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.stdout.close()
