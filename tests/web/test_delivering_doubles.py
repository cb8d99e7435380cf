"""Deliveries as the providers' doubles sign and repeat them, through the receiver into the hints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from daemon import providers
from daemon.house import House
from daemon.jobs.certificates import fetch_wanted
from daemon.model import AccountInfo, Mode
from daemon.sandbox.double import BaseDouble
from daemon.sandbox.paypal import PayPalDouble
from daemon.sandbox.quickbooks import QuickBooksDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.sandbox.xero import App, XeroDouble
from daemon.store import integrations, records, webhook
from daemon.store.secrets import CREDENTIALS
from daemon.store.webhook import WebhookKeys
from daemon.web.receiver import receiver_app
from daemon.wire import Gate, HttpWire, Wire
from tests.fakes import FrozenClock, SeededEntropy
from tests.web.building import ENTROPY, a_tenant, build_house, waiting
from tests.web.test_apps import an_account, an_app

BASE = "https://sandbox.test"
ROOT = "https://billing.example.com/api/webhooks/billing"


class Road:
    """Between a double and the receiver: each delivery that is due is posted, and its answer told."""

    def __init__(self, house: House, double: Any) -> None:
        self._double = double
        transport = httpx.WSGITransport(app=receiver_app(house))
        self._client = httpx.Client(transport=transport, base_url="https://billing.example.com")

    def deliver(self) -> list[int]:
        codes = []
        while (posting := self._double.next_delivery()) is not None:
            answer = self._client.post(posting.url, content=posting.body, headers=posting.headers)
            codes.append(answer.status_code)
            done = self._double.delivered if answer.is_success else self._double.failed
            done(posting)
        return codes


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, adapter in (("paypal", "PayPal"), ("quickbooks", "QuickBooks"), ("xero", "Xero")):
        monkeypatch.setitem(providers._BUILT_IN, name, (f"daemon.providers.{name}", adapter))
    providers.provider_class.cache_clear()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def paypal(clock: FrozenClock) -> PayPalDouble:
    return PayPalDouble(clock, SeededEntropy(), public_url=BASE, rates=False)


@pytest.fixture
def house(tmp_path: Path, clock: FrozenClock, paypal: PayPalDouble) -> Iterator[House]:
    built = build_house(tmp_path, clock=clock, make_wire=wires(paypal, clock))
    yield built
    built.close()


def wires(double: BaseDouble, clock: FrozenClock) -> Any:
    def make(party: str, gate: Gate, _deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=clock, transport=SandboxTransport(double))

    return make


def refs(house: House, integration: records.Integration) -> list[str | None]:
    return [hint.ref for hint in waiting(house, integration)]


# --- PayPal: a certificate ----------------------------------------------------------------------------


def a_paypal(house: House, paypal: PayPalDouble) -> tuple[records.Integration, Any]:
    """An integration with its webhook registered; and the account there."""
    client, secret = "A" * 80, "E" * 80
    account = paypal.add_account(client, secret)
    tenant = a_tenant(house)

    def work() -> records.Integration:
        row = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider="paypal",
            mode="sandbox",
            label="",
            settings={},
            account=AccountInfo("MERCHANT", "Account", Mode.SANDBOX),
            base_url=BASE,
            pace="realtime",
            actor="test",
            now=house.clock.now(),
            entropy=ENTROPY,
        )
        house.safe.put(row, CREDENTIALS, {"client_id": client, "client_secret": secret})
        return row

    row = house.store.write("test", work)
    url = f"{ROOT}/integrations/{row.id}"
    hook = house.providers(row).register_webhook(url)
    keys = WebhookKeys(url, (hook.secret,))
    house.store.write("test", lambda: webhook.keep(house.safe, row, keys))
    return row, account


def test_paypal_comes_again_when_its_certificate_is_there(
    house: House, paypal: PayPalDouble, clock: FrozenClock
) -> None:
    integration, account = a_paypal(house, paypal)
    ref = account.strangers("S-1", 4500)
    account.pay(ref)
    road = Road(house, paypal)

    assert set(road.deliver()) == {503}
    assert refs(house, integration) == []
    assert fetch_wanted(house) == 1
    clock.move(hours=4)

    assert set(road.deliver()) == {200}
    assert ref in refs(house, integration)


# --- Xero and QuickBooks: an app ----------------------------------------------------------------------


def test_xero_is_answered_as_it_wants_when_a_webhook_is_set_up(house: House, clock: FrozenClock) -> None:
    xero = XeroDouble(clock, SeededEntropy(), public_url=BASE)
    ours = an_app(house, provider="xero", secret="webhook-key")
    theirs = xero.add_app(
        App("client-1", "secret", webhook_key="webhook-key", webhook_url=f"{ROOT}/apps/xero/{ours.id}")
    )

    xero.intend_to_receive(theirs)

    assert Road(house, xero).deliver()[:4] == [200, 401, 200, 401]


def test_a_change_at_xero_reaches_the_organisation_it_is_about(house: House, clock: FrozenClock) -> None:
    xero = XeroDouble(clock, SeededEntropy(), public_url=BASE)
    ours = an_app(house, provider="xero", secret="webhook-key")
    theirs = xero.add_app(
        App("client-1", "secret", webhook_key="webhook-key", webhook_url=f"{ROOT}/apps/xero/{ours.id}")
    )
    one, two = xero.add_account("One"), xero.add_account("Two")
    xero.consent(theirs, [one.id, two.id], "offline_access accounting.invoices")
    rows = [an_account(house, ours, account.id) for account in (one, two)]
    ref = two.strangers("S-1", 4500)
    two.edit(ref, 4600)

    codes = Road(house, xero).deliver()

    assert codes
    assert set(codes) == {200}
    assert refs(house, rows[0]) == []
    assert set(refs(house, rows[1])) == {ref}


@pytest.mark.parametrize("cloud_events", [True, False])
def test_a_payment_at_quickbooks_reaches_the_company_it_is_about(
    house: House, clock: FrozenClock, cloud_events: bool
) -> None:
    books = QuickBooksDouble(
        clock, SeededEntropy(), public_url=BASE, verifier="verifier", cloud_events=cloud_events
    )
    ours = an_app(house, provider="quickbooks", secret="verifier")
    one, two = books.add_account(), books.add_account()
    rows = [an_account(house, ours, account.id) for account in (one, two)]
    ref = two.strangers("S-1", 4500)
    books.hook_url = f"{ROOT}/apps/quickbooks/{ours.id}"
    two.pay(ref)

    codes = Road(house, books).deliver()

    assert codes
    assert set(codes) == {200}
    assert refs(house, rows[0]) == []
    assert refs(house, rows[1])
