"""Monitoring: alive, ready or why not, and figures; nothing that names a customer or opens a secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon import __version__
from daemon.beats import Beats
from daemon.clock import SystemClock
from daemon.errors import StoreError
from daemon.house import House
from daemon.model import Hint, IntegrationState
from daemon.store import hints, integrations, runs
from daemon.web.monitoring import KEPT_S, monitoring_app
from daemon.web.outcomes import Outcomes
from tests.web.building import SECRET, a_customer, a_tenant, an_integration, build_house


class Later:
    """The system's clock, some hours ahead."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.ahead_s

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        return self._clock.wait(seconds, stop)


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
def house(tmp_path: Path, clock: Later) -> Iterator[House]:
    built = build_house(tmp_path, clock=clock)
    yield built
    built.close()


@pytest.fixture
def beats(clock: Later) -> Beats:
    return Beats(clock)


@pytest.fixture
def client(house: House, beats: Beats) -> httpx.Client:
    app = monitoring_app(house, beats)
    return httpx.Client(
        transport=httpx.WSGITransport(app=app, raise_app_exceptions=False), base_url="http://monitoring"
    )


def reasons(client: httpx.Client) -> list[str]:
    answer = client.get("/readyz")
    document = json.loads(answer.content)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.status_code == (503 if document["reasons"] else 200)
    assert document["ready"] is not bool(document["reasons"])
    return list(document["reasons"])


def figures(client: httpx.Client) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_it_lives_and_is_ready(client: httpx.Client) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    assert client.head("/healthz").status_code == 200
    assert reasons(client) == []


@pytest.mark.parametrize(("method", "path", "code"), [("POST", "/healthz", 405), ("GET", "/other", 404)])
def test_there_is_nothing_else(client: httpx.Client, method: str, path: str, code: int) -> None:
    answer = client.request(method, path)

    assert (answer.status_code, answer.content) == (code, b"")


def test_a_thread_that_is_late_is_named(client: httpx.Client, beats: Beats, clock: Later) -> None:
    thread = threading.Thread(target=beats.beat, args=(10,), name="writer")
    thread.start()
    thread.join()
    assert reasons(client) == []
    clock.ahead_s += 11

    assert reasons(client) == ["the thread 'writer' gave no sign of life in time"]
    assert client.get("/healthz").status_code == 200


def test_paused_pushes_are_a_reason_in_their_own_words(client: httpx.Client, house: House) -> None:
    house.pauses["store"] = "the disk that holds the database is full"

    assert reasons(client) == ["nothing is pushed: the disk that holds the database is full"]


def test_a_database_that_cannot_be_read_is_a_reason(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> None:
        raise StoreError("WB-DB-CORRUPT", "the database is damaged")

    monkeypatch.setattr(integrations, "listing", damaged)

    assert reasons(client) == ["the database cannot be read: the database is damaged"]
    assert client.get("/metrics").status_code == 503


def test_a_missing_master_key_is_a_reason(
    client: httpx.Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_integration(house, a_tenant(house))
    monkeypatch.setattr(type(house.safe.vault), "has", lambda vault, key_id: False)

    assert reasons(client) == ["master key 1 is missing, and 2 secrets are sealed with it"]


def test_an_active_integration_that_was_not_polled_for_too_long_is_named_by_its_id(
    client: httpx.Client, house: House, clock: Later
) -> None:
    stripe = an_integration(house, a_tenant(house))
    polled = clock.now()
    house.store.write("test", lambda: integrations.update(stripe.id, polled_at=polled))
    clock.ahead_s += 15 * 60 + 50
    assert reasons(client) == []
    clock.ahead_s += 20

    (reason,) = reasons(client)
    assert reason == (
        f"integration {stripe.id} was not polled since {polled:%Y-%m-%d %H:%M} UTC, at the pace realtime"
    )
    house.store.write("test", lambda: integrations.update(stripe.id, polled_at=clock.now()))
    clock.ahead_s += KEPT_S
    assert reasons(client) == []


@pytest.mark.parametrize("state", [IntegrationState.PAUSED, IntegrationState.NEEDS_RECONNECT])
def test_an_integration_that_shall_not_run_is_not_stale(
    client: httpx.Client, house: House, clock: Later, state: IntegrationState
) -> None:
    stripe = an_integration(house, a_tenant(house))
    house.store.write("test", lambda: integrations.set_state(stripe, state, now=clock.now()))
    clock.ahead_s += 86_400

    assert reasons(client) == []


def test_an_answer_is_kept_for_five_seconds(client: httpx.Client, house: House, clock: Later) -> None:
    assert reasons(client) == []
    house.pauses["clock"] = "the clock jumped ahead by more than a day"
    assert reasons(client) == []
    clock.ahead_s += KEPT_S

    assert len(reasons(client)) == 1


def test_the_figures_tell_states_backlog_ages_and_outcomes(house: House, beats: Beats, clock: Later) -> None:
    stripe = an_integration(house, a_tenant(house))
    began = clock.now()

    def work() -> None:
        hints.note(stripe.tenant_id, stripe.id, [Hint("evt_1", "in_1")], source="webhook", now=began)
        runs.record("pull", started_at=began, finished_at=began, counts={}, fault_code="WB-REMOTE-UNKNOWN")
        integrations.update(stripe.id, polled_at=began)

    house.store.write("test", work)
    outcomes = Outcomes()
    outcomes.add("forged")
    clock.ahead_s += 30
    client = httpx.Client(transport=httpx.WSGITransport(app=monitoring_app(house, beats, outcomes)))
    client.base_url = "http://monitoring"

    seen = figures(client)

    assert seen["wispbill_build_info", __version__] == 1
    assert seen["wispbill_webhooks_total", "forged"] == 1
    assert seen["wispbill_webhooks_total", "accepted"] == 0
    assert seen["wispbill_hints_waiting",] == 1
    assert 30 <= seen["wispbill_hints_oldest_age_seconds",] < 60
    assert seen["wispbill_integrations", "active"] == 1
    assert 30 <= seen["wispbill_integration_poll_age_seconds", stripe.id] < 60
    assert seen["wispbill_links", "pending"] == 0
    assert seen["wispbill_invoices", "open"] == 0
    assert seen["wispbill_job_runs", "WB-REMOTE-UNKNOWN", "pull"] == 1
    assert seen["process_resident_memory_bytes",] > 1_000_000


def test_no_page_names_a_tenant_or_a_customer_or_shows_a_secret(
    client: httpx.Client, house: House, clock: Later
) -> None:
    tenant = a_tenant(house)
    customer = a_customer(house, tenant)
    an_integration(house, tenant, customer=customer)
    clock.ahead_s += 86_400

    said = client.get("/metrics").text + client.get("/readyz").text

    names = (tenant.name, tenant.reference, customer.name, customer.reference, SECRET, "sk_test_")
    assert [name for name in names if name in said] == []
