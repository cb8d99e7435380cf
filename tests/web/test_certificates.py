"""Certificates: what verifying a delivery takes is wished for, fetched by a job, and serves the next one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from daemon import providers
from daemon.clock import Clock
from daemon.house import House
from daemon.jobs.certificates import fetch_wanted
from daemon.model import AccountInfo, IntegrationState, Mode
from daemon.sandbox.transport import SandboxTransport
from daemon.store import certificates, integrations, records, webhook
from daemon.store.secrets import CREDENTIALS
from daemon.store.webhook import WebhookKeys
from daemon.web.receiver import receiver_app
from daemon.wire import Gate, HttpWire, Wire
from tests.fakes import FrozenClock
from tests.web.building import ENTROPY, URL, a_tenant, build_house, waiting
from tests.web.signer import KEY, OWN, CertificateServer, sign

BODY = b'[["acct_1", "event-1", "invoice-1"]]'


def wires(server: CertificateServer, clock: Clock) -> object:
    def make(party: str, gate: Gate, _deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=clock, transport=SandboxTransport(server))

    return make


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def server() -> CertificateServer:
    return CertificateServer(one=KEY)


@pytest.fixture
def house(
    tmp_path: Path, clock: FrozenClock, server: CertificateServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    monkeypatch.setitem(providers._BUILT_IN, "signer", ("tests.web.signer", "Signer"))
    providers.provider_class.cache_clear()
    built = build_house(tmp_path, clock=clock, make_wire=wires(server, clock))
    yield built
    built.close()


@pytest.fixture
def integration(house: House) -> records.Integration:
    return an_account(house)


def an_account(house: House) -> records.Integration:
    tenant = a_tenant(house)

    def work() -> records.Integration:
        added = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider="signer",
            mode="sandbox",
            label="",
            settings={},
            account=AccountInfo("acct_1", "Account", Mode.SANDBOX),
            base_url=None,
            pace="realtime",
            actor="test",
            now=house.clock.now(),
            entropy=ENTROPY,
        )
        house.safe.put(added, CREDENTIALS, {"token": "token"})
        webhook.keep(house.safe, added, WebhookKeys(URL, ("id",)))
        return added

    return house.store.write("test", work)


class Sender:
    def __init__(self, house: House, integration: records.Integration) -> None:
        self._path = f"/api/webhooks/billing/integrations/{integration.id}"
        self._client = httpx.Client(
            transport=httpx.WSGITransport(app=receiver_app(house)), base_url="http://receiver"
        )

    def send(self, url: str = OWN + "one", *, key: bytes = KEY) -> int:
        headers = {"Certificate": url, "Signature": sign(BODY, key)}
        return self._client.post(self._path, content=BODY, headers=headers).status_code


def wanted(house: House) -> list[str]:
    return [row.url for row in certificates.wanted()]


def test_a_delivery_comes_again_until_its_certificate_is_fetched(
    house: House, integration: records.Integration, clock: FrozenClock, server: CertificateServer
) -> None:
    sender = Sender(house, integration)
    woken = threading.Event()
    house.wake = lambda verb: woken.set() if verb == "keepalive" else None

    assert sender.send() == 503
    assert woken.wait(5)
    assert server.asked == []
    assert waiting(house, integration) == []

    assert fetch_wanted(house) == 1
    clock.move(3)

    assert sender.send() == 200
    assert [hint.ref for hint in waiting(house, integration)] == ["invoice-1"]
    assert sender.send(key=b"forged") == 401
    assert fetch_wanted(house) == 0
    assert server.asked == ["one"]


def test_an_address_that_is_not_the_providers_own_is_forged_and_never_wished_for(
    house: House, integration: records.Integration
) -> None:
    assert Sender(house, integration).send("https://elsewhere.test/one") == 401
    assert wanted(house) == []


def test_a_flood_of_made_up_addresses_leaves_a_handful_of_wishes(
    house: House, integration: records.Integration, server: CertificateServer
) -> None:
    sender = Sender(house, integration)

    assert {sender.send(f"{OWN}made-up-{n}") for n in range(50)} == {503}

    assert len(wanted(house)) == certificates.HANDFUL
    assert fetch_wanted(house) == 0
    assert len(server.asked) == certificates.HANDFUL


def test_who_cannot_be_verified_yet_has_a_forgers_budget(tmp_path: Path, house: House) -> None:
    """What is written for it is bounded in pace, too."""
    few = build_house(tmp_path / "few", clock=house.clock, receiver__per_minute=5)
    sender = Sender(few, an_account(few))

    codes = [sender.send(f"{OWN}made-up-{n}") for n in range(8)]

    assert codes == [503] * 5 + [429] * 3
    few.close()


def test_made_up_addresses_give_way_to_others_after_an_hour(
    house: House, integration: records.Integration, clock: FrozenClock
) -> None:
    sender = Sender(house, integration)
    for n in range(certificates.HANDFUL):
        sender.send(f"{OWN}made-up-{n}")
    fetch_wanted(house)

    sender.send()
    assert OWN + "one" not in wanted(house)
    clock.move(hours=1)
    sender.send()

    assert OWN + "one" in wanted(house)
    assert fetch_wanted(house) == 1


def test_what_could_not_be_fetched_is_tried_again_after_a_pause(
    house: House, integration: records.Integration, clock: FrozenClock, server: CertificateServer
) -> None:
    server.pages = {}
    Sender(house, integration).send()

    assert [fetch_wanted(house), fetch_wanted(house)] == [0, 0]
    assert server.asked == ["one"]
    (row,) = certificates.wanted()
    assert row.fault is not None and "WB-REMOTE-MISSING" in row.fault
    server.pages = {"one": KEY}
    clock.move(61)

    assert fetch_wanted(house) == 1
    assert certificates.of(integration.id) == {OWN + "one": KEY}


def test_a_certificate_that_does_not_serve_any_more_is_fetched_anew_once_an_hour(
    house: House, integration: records.Integration, clock: FrozenClock
) -> None:
    def want() -> bool:
        now = clock.now()
        return house.store.write("test", lambda: certificates.want(integration.id, OWN + "one", now))

    assert [want(), want()] == [True, False]
    fetch_wanted(house)
    assert want() is False
    clock.move(hours=1)

    assert [want(), want()] == [True, False]
    assert wanted(house) == [OWN + "one"]


def test_an_integration_that_does_not_run_fetches_nothing(
    house: House, integration: records.Integration, server: CertificateServer
) -> None:
    Sender(house, integration).send()
    now = house.clock.now()
    paused = IntegrationState.PAUSED
    house.store.write("test", lambda: integrations.set_state(integration, paused, now=now))

    assert fetch_wanted(house) == 0
    assert server.asked == []


def test_another_integration_s_certificates_are_its_own(
    house: House, integration: records.Integration
) -> None:
    Sender(house, integration).send()
    fetch_wanted(house)

    assert certificates.of("wbn_other") == {}
