"""Every provider's double on real ports: reached, moved by its control, and connected by what it prints."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from daemon.clock import SystemClock, SystemEntropy
from daemon.errors import InvalidInput
from daemon.sandbox.deliverer import Forward
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import SEATED, Ground
from daemon.sandbox.stands import Ports, Stand, chosen, close, put_up
from tests.sandbox.harness import KEY

PUBLIC = "https://wispbill.example"
BY_HAND = ("quickbooks", "xero", "custom_webhook")
STRANGER = {"number": "WALK-IN-1", "total": 5000}


def a_ground() -> Ground:
    return Ground(SystemClock(), SystemEntropy(), Faults(), demo=True)


@pytest.fixture(scope="module")
def stands() -> Iterator[dict[str, Stand]]:
    up = put_up(SEATED, a_ground(), Ports(threads=2), public_url=PUBLIC)
    yield {stand.seat.provider: stand for stand in up}
    close(up)


@pytest.fixture(params=SEATED)
def stand(request: pytest.FixtureRequest, stands: dict[str, Stand]) -> Stand:
    return stands[request.param]


@pytest.fixture
def control(stand: Stand) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{stand.served.control_url}/control", timeout=5) as client:
        yield client
        client.post("/faults", json={"clear": True})


def an_invoice(stand: Stand, control: httpx.Client) -> str:
    """An open one of 50.00."""
    if stand.seat.provider == "stripe":
        seeded = control.post("/seed", json={"key": a_ground().stripe_key, "count": 1, "amount": 5000})
        return str(seeded.json()["invoices"][0])
    account = stand.seat.hands.id
    made = control.post(f"/{account}/strangers", json=STRANGER | {"number": _number(control)})
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def _number(control: httpx.Client) -> str:
    return f"WALK-IN-{len(control.get('/standing').json()) + 1}"


def standing(control: httpx.Client, ref: str) -> dict[str, Any]:
    return next(one for one in control.get("/standing").json() if one["ref"] == ref)


# --- the control --------------------------------------------------------------------------------------


def test_the_office_makes_and_unmakes_customers_by_the_control(stand: Stand, control: httpx.Client) -> None:
    account, told = stand.seat.hands.id, {"name": "Subscriber 0009", "email": "subscriber0009@example.com"}
    made = control.post(f"/{account}/enrol", json=told)
    if stand.seat.provider in ("paypal", "custom_webhook"):
        assert (made.status_code, "nobody can do that" in made.text) == (400, True)
        return

    retired = control.post(f"/{account}/retire", json={"payer": made.json()["id"]})

    assert (made.status_code, retired.status_code) == (200, 200)
    assert control.post(f"/{account}/enrol", json={"name": 9}).status_code == 400


def test_a_payment_by_the_control_stands_in_the_books(stand: Stand, control: httpx.Client) -> None:
    ref, account = an_invoice(stand, control), stand.seat.hands.id
    before = standing(control, ref)
    assert (before["account"], before["total"], before["paid"], before["status"]) == (
        account,
        5000,
        0,
        "open",
    )
    assert control.post(f"/{account}/pay", json={"ref": ref}).json()["id"]
    after = standing(control, ref)
    assert (after["paid"], after["status"]) == (5000, "paid")


def test_an_invoice_is_voided_by_the_control(stand: Stand, control: httpx.Client) -> None:
    ref = an_invoice(stand, control)
    assert control.post(f"/{stand.seat.hands.id}/void", json={"ref": ref}).status_code == 200
    assert standing(control, ref)["status"] == "void"


@pytest.mark.parametrize(
    ("verb", "given", "status"),
    [
        ("pay", {"ref": "nowhere"}, 404),
        ("pay", {"ref": ["a"]}, 400),
        ("pay", {"ref": "nowhere", "amount": 0}, 400),
        ("pay", {"ref": "nowhere", "amount": 1.5}, 400),
        ("pay", {"ref": "nowhere", "amount": True}, 400),
        ("void", {"ref": "nowhere", "because": "x"}, 400),
        ("pay_several", {"amounts": {"a": "b"}}, 400),
        ("close_dispute", {"ref": "nowhere", "won": "yes"}, 400),
        ("standing", {}, 404),
        ("__class__", {}, 404),
        ("revoke", {}, 404),
    ],
)
def test_what_cannot_be_done_is_said(
    stand: Stand, control: httpx.Client, verb: str, given: dict[str, Any], status: int
) -> None:
    answer = control.post(f"/{stand.seat.hands.id}/{verb}", json=given)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_a_hand_that_a_provider_does_not_have_is_said_to_be_none(
    stands: dict[str, Stand],
) -> None:
    xero = stands["xero"]
    url = f"{xero.served.control_url}/control/{xero.seat.hands.id}/dispute"
    answer = httpx.post(url, json={"ref": "nowhere"})
    assert (answer.status_code, answer.json()) == (400, {"error": "nobody can do that at this provider"})


def test_faults_are_ordered_and_requests_are_counted(stand: Stand, control: httpx.Client) -> None:
    control.post("/reset-stats")
    assert control.post("/faults", json={"odds": {"error_before": 1.0}}).status_code == 200
    route = _a_read(stand)
    assert httpx.get(stand.served.url + route).status_code == 500
    control.post("/faults", json={"clear": True})
    assert httpx.get(stand.served.url + route).status_code in (400, 401, 403)
    stats = control.get("/stats").json()
    assert stats["statuses"].pop("500") == 1
    assert sum(stats["requests"].values()) == 2


def _a_read(stand: Stand) -> str:
    """An address that the provider has, asked without credentials."""
    if stand.seat.provider == "stripe":
        return "/v1/account"
    routes = (route for route in stand.served.double.routes if route.method == "GET" and route.lists)
    return str(next(routes).template.replace("{realm}", stand.seat.account_id))


def test_where_webhooks_go_is_entered_by_hand_only_where_no_api_does_it(
    stand: Stand, control: httpx.Client
) -> None:
    answer = control.post("/hook", json={"url": f"{PUBLIC}/hook"})
    assert answer.status_code == (200 if stand.seat.provider in BY_HAND else 400)
    for wrong in (1, "ADDRESS", "ftp://wispbill.example/hook", "https://[::1/hook"):
        assert control.post("/hook", json={"url": wrong}).status_code == 400
    control.post("/hook", json={"url": ""})


# --- what it says of itself ---------------------------------------------------------------------------


def test_it_tells_what_to_connect_it_with(stand: Stand) -> None:
    facts = stand.facts()
    assert facts["mode"] == "sandbox"
    assert facts["webhooks"] == ("by hand" if stand.seat.provider in BY_HAND else "by the API")
    if facts["app"]:
        assert facts["app"]["redirect_uri"] == f"{PUBLIC}/oauth/callback/{stand.seat.provider}"
        assert "tokens" not in facts["app"], "they come by consent"
    else:
        assert facts["credentials"]
    assert json.loads(json.dumps(facts)) == facts


def test_names_are_checked_and_each_is_served_once() -> None:
    assert chosen(["custom", "xero", "custom_webhook"]) == ("custom_webhook", "xero")
    with pytest.raises(InvalidInput, match="visa is none of stripe, paypal"):
        chosen(["visa"])


def test_each_provider_has_two_ports_of_its_own() -> None:
    ports = Ports(port=12111, control_port=12112)
    assert [ports.of(place) for place in range(3)] == [(12111, 12112), (12113, 12114), (12115, 12116)]
    assert Ports().of(5) == (0, 0)
    with pytest.raises(InvalidInput):
        Ports(port=65534, control_port=65535).of(1)


def test_where_a_port_is_taken_none_stays_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = taken.getsockname()[1]
        if place < 20_000:
            pytest.skip("there is no room below this port")
        with pytest.raises(OSError):
            put_up(
                ["square", "xero"],
                a_ground(),
                Ports(port=place - 2, control_port=0, threads=1),
                public_url=PUBLIC,
            )
        with socket.socket() as again:
            again.bind(("127.0.0.1", place - 2))


def test_a_proxy_carries_only_what_is_addressed_to_it() -> None:
    proxy = Forward(PUBLIC, "http://127.0.0.1:8470")
    assert proxy(f"{PUBLIC}/api/hook?a=b") == "http://127.0.0.1:8470/api/hook?a=b"
    for other in ("https://wispbill.example.org/hook", "http://wispbill.example/hook"):
        assert proxy(other) == other


# --- as a process -------------------------------------------------------------------------------------


def test_all_of_them_run_as_a_process_of_their_own() -> None:
    command = [sys.executable, "-m", "daemon.sandbox", "--all", "--key", KEY, "--threads", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        assert tuple(ready["providers"]) == SEATED
        assert ready["url"] == ready["providers"]["stripe"]["url"]
        assert ready["accounts"] == {KEY: ready["providers"]["stripe"]["account"]}
        for facts in ready["providers"].values():
            accounts = httpx.get(f"{facts['control_url']}/control/accounts").json()
            assert [one["id"] for one in accounts] == [facts["account"]]
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.stdout.close()


@pytest.mark.parametrize(
    "words",
    [
        ("--provider", "visa"),
        ("--key", "pk_test_1"),
        ("--provider", "xero", "--key", KEY),
        ("--public-url", "http://billing.example.com"),
        ("--forward", "billing.example.com"),
        ("--all", "--port", "65530"),
    ],
)
def test_wrong_wishes_are_refused_with_a_sentence(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "daemon.sandbox", *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
