"""The receiver: a signed delivery becomes one stored hint, whatever else is sent to its address."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from daemon.clock import SystemClock
from daemon.errors import HintNotReady, StoreError
from daemon.house import House
from daemon.model import Hint, IntegrationState
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import Ground, seat
from daemon.store import hints, integrations, records, webhook
from daemon.web.outcomes import Outcomes
from daemon.web.receiver import receiver_app
from tests.web.building import (
    OTHER_SECRET,
    SECRET,
    a_customer,
    a_tenant,
    an_integration,
    build_house,
    event,
    signature,
    waiting,
)


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.ahead_s

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        self.ahead_s += seconds
        return stop is not None and stop.is_set()


class Sender:
    """A provider that delivers to one address."""

    def __init__(self, house: House, path: str, outcomes: Outcomes | None = None) -> None:
        self._house = house
        self.path = path
        self.outcomes = outcomes or Outcomes()
        transport = httpx.WSGITransport(app=receiver_app(house, self.outcomes), raise_app_exceptions=False)
        self._client = httpx.Client(transport=transport, base_url="http://receiver")

    def send(
        self,
        number: int = 1,
        *,
        secret: str = SECRET,
        age_s: int = 0,
        path: str | None = None,
        header: str | None = None,
        body: bytes | None = None,
    ) -> httpx.Response:
        body = event(number) if body is None else body
        if header is None:
            header = signature(body, self._house.clock, secret=secret, age_s=age_s)
        return self._client.post(path or self.path, content=body, headers={"Stripe-Signature": header})

    def request(self, method: str, path: str) -> httpx.Response:
        return self._client.request(method, path)


def path_of(integration: records.Integration) -> str:
    return f"/api/webhooks/billing/integrations/{integration.id}"


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def house(tmp_path: Path, clock: Hands) -> Iterator[House]:
    built = build_house(tmp_path, clock=clock)
    yield built
    built.close()


@pytest.fixture
def stripe(house: House) -> records.Integration:
    return an_integration(house, a_tenant(house))


@pytest.fixture
def sender(house: House, stripe: records.Integration) -> Sender:
    return Sender(house, path_of(stripe))


def test_a_signed_delivery_is_stored_and_answered_with_an_empty_200(
    house: House, stripe: records.Integration, sender: Sender
) -> None:
    answer = sender.send(7)

    assert (answer.status_code, answer.content) == (200, b"")
    (hint,) = waiting(house, stripe)
    assert (hint.event_id, hint.ref, hint.source) == ("evt_00000007", "in_00000007", "webhook")
    assert integrations.get(None, stripe.id).webhook_seen_at is not None


def test_a_repeated_delivery_is_accepted_and_stored_once(
    house: House, stripe: records.Integration, sender: Sender
) -> None:
    assert [sender.send(7).status_code for _ in range(3)] == [200, 200, 200]
    assert len(waiting(house, stripe)) == 1
    assert sender.outcomes.counts()["duplicate"] == 2


def test_the_pull_is_woken_once_for_what_came_together(
    house: House, stripe: records.Integration, sender: Sender
) -> None:
    woken: list[str] = []
    heard = threading.Event()

    def wake(verb: str) -> None:
        woken.append(verb)
        heard.set()

    house.wake = wake
    for number in range(5):
        sender.send(number)

    assert heard.wait(5)
    assert woken == ["pull"]


@pytest.mark.parametrize(
    ("why", "how"),
    [
        ("another secret", {"secret": OTHER_SECRET}),
        ("six minutes old", {"age_s": 360}),
        ("six minutes ahead", {"age_s": -360}),
        ("no header", {"header": ""}),
        ("nonsense", {"header": "t=1,v1=zz"}),
        ("an unknown scheme alone", {"header": f"t=1772000000,v0={'0' * 64}"}),
    ],
)
def test_a_delivery_that_does_not_prove_its_sender_is_401_and_leaves_no_row(
    house: House, stripe: records.Integration, sender: Sender, why: str, how: dict[str, object]
) -> None:
    answer = sender.send(1, **how)  # type: ignore[arg-type]

    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["X-Error-Code"] == "WB-HINT-SIGNATURE"
    assert waiting(house, stripe) == []
    assert sender.outcomes.counts()["forged"] == 1


def test_a_signature_of_another_integration_is_foreign(house: House, sender: Sender) -> None:
    other = an_integration(house, a_tenant(house, "tenant-2"), account="acct_0002", secrets=[OTHER_SECRET])

    assert sender.send(1, path=path_of(other), secret=SECRET).status_code == 401
    assert sender.send(1, path=path_of(other), secret=OTHER_SECRET).status_code == 200
    assert len(waiting(house, other)) == 1


def test_an_altered_body_is_refused(sender: Sender, house: House) -> None:
    header = signature(event(1), house.clock)

    assert sender.send(body=event(2), header=header).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api/webhooks/billing/integrations/wbn_00000000000000000000000000",
        "/api/webhooks/billing/wbc_00000000000000000000000000/stripe",
        "/api/webhooks/billing/apps/quickbooks/app-1",
        "/api/webhooks/billing/integrations",
        "/api/webhooks/billing/integrations/",
        "/api/webhooks/billing/integrations/" + "x" * 9000,
        "/api/webhooks/billing/integrations/%00/",
        "/api/webhooks/billing/integrations/%C3%A9",
        "/api/webhooks/billing",
        "/",
    ],
)
def test_an_unknown_address_is_404_without_a_word(sender: Sender, path: str) -> None:
    answer = sender.send(1, path=path)

    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_another_method_is_405_and_names_what_is_allowed(sender: Sender, method: str) -> None:
    answer = sender.request(method, sender.path)

    assert (answer.status_code, answer.content) == (405, b"")
    assert answer.headers["Allow"] == "POST"


def test_an_integration_without_webhook_secrets_accepts_nothing(house: House) -> None:
    bare = an_integration(house, a_tenant(house), secrets=[])

    assert Sender(house, path_of(bare)).send(1).status_code == 401


# --- whose address ------------------------------------------------------------------------------------


def test_a_customers_address_means_the_customers_own_integration(house: House) -> None:
    tenant = a_tenant(house)
    customer = a_customer(house, tenant)
    own = an_integration(house, tenant, customer=customer)
    sender = Sender(house, f"/api/webhooks/billing/{customer.id}/stripe")

    assert sender.send(1).status_code == 200
    assert len(waiting(house, own)) == 1
    assert sender.send(2, path=f"/api/webhooks/billing/{customer.id}/square").status_code == 404


def test_the_short_name_of_a_customers_own_system_is_an_address_too(house: House) -> None:
    tenant = a_tenant(house)
    customer = a_customer(house, tenant)
    place = seat("custom_webhook", Ground(house.clock, house.entropy, Faults()))
    an_integration(
        house,
        tenant,
        customer=customer,
        provider="custom_webhook",
        settings=place.settings,
        credentials=place.credentials,
    )
    sender = Sender(house, f"/api/webhooks/billing/{customer.id}/custom")

    assert sender.send(1).status_code == 401, "the address is known, and Stripe's signature does not fit"


def test_while_an_old_account_drains_its_customers_address_serves_both(house: House) -> None:
    tenant = a_tenant(house)
    customer = a_customer(house, tenant)
    old = an_integration(house, tenant, customer=customer, secrets=[OTHER_SECRET])
    move(house, old, IntegrationState.DRAINING)
    new = an_integration(house, tenant, customer=customer, account="acct_0002")
    sender = Sender(house, f"/api/webhooks/billing/{customer.id}/stripe")

    assert sender.send(1, secret=SECRET).status_code == 200
    assert sender.send(2, secret=OTHER_SECRET).status_code == 200
    assert [hint.event_id for hint in waiting(house, new)] == ["evt_00000001"]
    assert [hint.event_id for hint in waiting(house, old)] == ["evt_00000002"]


@pytest.mark.parametrize("state", ["testing", "paused", "needs_reconnect", "error", "removed"])
def test_only_an_active_or_draining_integration_has_an_address(
    house: House, stripe: records.Integration, sender: Sender, state: str
) -> None:
    move(house, stripe, IntegrationState(state))

    assert sender.send(1).status_code == 404


def test_a_removed_integration_is_forgotten_within_seconds(
    house: House, stripe: records.Integration, sender: Sender, clock: Hands
) -> None:
    assert sender.send(1).status_code == 200
    move(house, stripe, IntegrationState.REMOVED)
    clock.ahead_s += 2.1

    assert sender.send(2).status_code == 404


def test_a_rotated_secret_counts_at_once_and_the_one_before_it_still_does(
    house: House, stripe: records.Integration, sender: Sender, clock: Hands
) -> None:
    assert sender.send(1).status_code == 200
    keys = webhook.read(house.safe, stripe).rotated(OTHER_SECRET)
    house.store.write("test", lambda: webhook.keep(house.safe, stripe, keys))
    clock.ahead_s += 0.3

    assert sender.send(2, secret=OTHER_SECRET).status_code == 200
    assert sender.send(3, secret=SECRET).status_code == 200


def test_a_withdrawn_secret_stops_counting_within_seconds(
    house: House, stripe: records.Integration, sender: Sender, clock: Hands
) -> None:
    assert sender.send(1).status_code == 200
    keys = webhook.read(house.safe, stripe).rotated(OTHER_SECRET).settled()
    house.store.write("test", lambda: webhook.keep(house.safe, stripe, keys))
    clock.ahead_s += 2.1

    assert sender.send(2, secret=SECRET).status_code == 401


def test_a_burst_looks_behind_its_address_once(
    house: House, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    look = integrations.get

    def counted(tenant_id: str | None, name: str) -> records.Integration:
        looks.append(name)
        return look(tenant_id, name)

    monkeypatch.setattr(integrations, "get", counted)
    threads = [threading.Thread(target=sender.send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(looks) == 1


# --- pace, backlog, trouble ---------------------------------------------------------------------------


def test_what_comes_too_fast_is_429_with_a_wait_and_asked_for_as_a_whole(
    tmp_path: Path, clock: Hands
) -> None:
    house = build_house(tmp_path, clock=clock, receiver__per_minute=3)
    stripe = an_integration(house, a_tenant(house))
    sender = Sender(house, path_of(stripe))

    answers = [sender.send(number) for number in range(6)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
    kinds = [hint.kind for hint in waiting(house, stripe)]
    assert kinds.count(hints.EVERYTHING) == 1
    clock.ahead_s += 20
    assert sender.send(9).status_code == 200
    house.close()


def test_a_forger_uses_up_its_own_budget_and_not_the_providers(tmp_path: Path, clock: Hands) -> None:
    house = build_house(tmp_path, clock=clock, receiver__per_minute=3)
    stripe = an_integration(house, a_tenant(house))
    app = receiver_app(house)

    def post(client: str, secret: str, number: int) -> int:
        transport = httpx.WSGITransport(app=app, remote_addr=client)
        header = signature(event(number), clock, secret=secret)
        with httpx.Client(transport=transport, base_url="http://receiver") as http:
            answer = http.post(path_of(stripe), content=event(number), headers={"Stripe-Signature": header})
        return answer.status_code

    forged = [post("203.0.113.9", OTHER_SECRET, number) for number in range(5)]

    assert forged == [401, 401, 401, 429, 429]
    assert post("198.51.100.7", SECRET, 1) == 200
    house.close()


def test_above_the_backlog_one_hint_stands_for_all_and_waits_again_when_it_was_used(
    tmp_path: Path, clock: Hands
) -> None:
    house = build_house(tmp_path, clock=clock, receiver__backlog=4)
    stripe = an_integration(house, a_tenant(house))
    sender = Sender(house, path_of(stripe))

    assert {sender.send(number).status_code for number in range(10)} == {200}
    rows = waiting(house, stripe)
    assert len(rows) == 5
    assert [hint.ref for hint in rows if hint.kind == hints.EVERYTHING] == [None]

    everything = next(hint.id for hint in rows if hint.kind == hints.EVERYTHING)
    house.store.write("test", lambda: hints.used([everything], clock.now()))
    sender.send(11)
    assert everything in [hint.id for hint in waiting(house, stripe)]

    house.store.write("test", lambda: hints.used([hint.id for hint in rows], clock.now()))
    clock.ahead_s += 2.1
    sender.send(12)
    assert [hint.event_id for hint in waiting(house, stripe)] == ["evt_00000012"]
    house.close()


def test_what_cannot_be_stored_is_503_so_that_the_provider_sends_it_again(
    house: House, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(label: str, work: object) -> None:
        raise StoreError("WB-DB-FULL", "the disk that holds the database is full")

    monkeypatch.setattr(house.store, "write", full)

    answer = sender.send(1)

    assert (answer.status_code, answer.content) == (503, b"")
    assert answer.headers["Retry-After"] == "30"
    assert sender.outcomes.counts()["not_stored"] == 1


def test_what_cannot_be_verified_yet_is_503(
    house: House, stripe: records.Integration, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_ready(delivery: object) -> list[Hint]:
        raise HintNotReady

    monkeypatch.setattr(house.providers(stripe), "read_hints", not_ready)

    assert sender.send(1).status_code == 503


def test_a_fault_of_ours_is_500_with_the_request_id_and_no_traceback(
    house: House, stripe: records.Integration, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.providers(stripe), "read_hints", lambda delivery: 1 / 0)

    answer = sender.send(1)

    assert (answer.status_code, answer.content) == (500, b"")
    assert len(answer.headers["X-Request-Id"]) == 16


def test_an_event_that_is_no_concern_of_ours_is_accepted_and_not_stored(
    house: House, stripe: records.Integration, sender: Sender
) -> None:
    body = event(1).replace(b"invoice.paid", b"product.created")

    assert sender.send(body=body).status_code == 200
    assert waiting(house, stripe) == []
    assert sender.outcomes.counts()["of_no_concern"] == 1


def test_the_log_line_has_neither_query_nor_body_nor_signature(
    sender: Sender, capsys: pytest.CaptureFixture[str]
) -> None:
    sender.send(1, path=f"{sender.path}?canary=querycanary", secret=OTHER_SECRET)

    seen = capsys.readouterr()
    said = seen.out + seen.err
    assert "web.request" in said
    assert sender.path in said
    assert all(word not in said for word in ("querycanary", "evt_00000001", "v1=", SECRET))


def test_a_flood_of_forgeries_is_one_line_a_minute_with_their_number(
    sender: Sender, clock: Hands, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(40):
        sender.send(number, secret=OTHER_SECRET)
    sender.send(1, path="/nowhere")
    sender.send(1, path="/nowhere/else")
    first = capsys.readouterr()
    clock.ahead_s += 61
    sender.send(1, secret=OTHER_SECRET)
    second = capsys.readouterr()

    said = first.out + first.err
    assert (said.count("receiver.rejected"), said.count("web.request")) == (1, 2)
    assert "count=1 " in said
    assert "count=40 " in second.out + second.err


def test_the_receiver_cannot_reach_what_decides_about_invoices() -> None:
    program = (
        "import sys, daemon.web.receiver\n"
        "sys.exit(any(name in sys.modules for name in ('daemon.reconcile', 'daemon.store.changes')))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def move(house: House, integration: records.Integration, state: IntegrationState) -> None:
    now = house.clock.now()
    house.store.write(
        "test", lambda: integrations.set_state(integrations.get(None, integration.id), state, now=now)
    )
