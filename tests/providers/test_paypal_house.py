"""PayPal in the house: with the keeper of tokens, the journal and the receiver as they really are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from daemon.house import House
from daemon.jobs.certificates import fetch_wanted
from daemon.model import AccountInfo, Mode
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.paypal import PayPalDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.store import integrations, links, records, webhook
from daemon.store.secrets import CREDENTIALS
from daemon.store.webhook import WebhookKeys
from daemon.web.receiver import receiver_app
from daemon.wire import Gate, HttpWire, Wire
from tests.builders import Builders, invoice_of
from tests.fakes import FrozenClock, SeededEntropy
from tests.jobs.running import run_pull, run_push
from tests.providers.paypal_bench import CLIENT_ID, HOOK, SECRET, URL
from tests.web.building import build_house

CREATE = "POST /v2/invoicing/invoices"


@pytest.fixture
def double(clock: FrozenClock) -> PayPalDouble:
    double = PayPalDouble(clock, SeededEntropy(), public_url=URL)
    double.add_account(CLIENT_ID, SECRET)
    return double


@pytest.fixture
def paypal(tmp_path: Path, clock: FrozenClock, double: PayPalDouble) -> Iterator[House]:
    def make(party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(
            party, gate=gate, clock=clock, transport=SandboxTransport(double, clock), deadline_s=deadline_s
        )

    built = build_house(tmp_path, clock=clock, make_wire=make, providers__paypal__base_url=URL)
    yield built
    built.close()


@pytest.fixture
def integration(paypal: House) -> records.Integration:
    tenant = Builders(paypal.store).a_tenant(currency="USD")

    def work() -> records.Integration:
        added = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider="paypal",
            mode="sandbox",
            label="",
            settings={},
            account=AccountInfo(CLIENT_ID, "Account", Mode.SANDBOX),
            base_url=None,
            pace="realtime",
            actor="test",
            now=paypal.clock.now(),
            entropy=paypal.entropy,
        )
        paypal.safe.put(added, CREDENTIALS, {"client_id": CLIENT_ID, "client_secret": SECRET})
        return added

    return paypal.store.write("test", work)


def some(house: House, integration: records.Integration, count: int) -> list[records.Link]:
    builders = Builders(house.store)
    builders._counts["tenant"] = 1
    return [builders.a_link(integration, total="45.00 USD") for _ in range(count)]


def test_invoices_go_out_and_their_payments_come_back(
    paypal: House, integration: records.Integration, double: PayPalDouble, clock: FrozenClock
) -> None:
    out = some(paypal, integration, 12)

    run_push(paypal, integration)
    clock.move(minutes=20)
    found = [links.get(link.id) for link in out]
    assert {link.state for link in found} == {"synced"}
    for link in found[:3]:
        double.accounts()[0].pay(link.external_id or "")
    clock.move(minutes=20)
    run_pull(paypal, integration)

    assert [invoice_of(paypal, link).payment_status for link in out] == ["paid"] * 3 + ["open"] * 9
    assert double.stats["POST /v1/oauth2/token"] == 1


def test_an_answer_that_is_lost_is_waited_for_looked_for_and_never_sent_twice(
    paypal: House, integration: records.Integration, double: PayPalDouble, clock: FrozenClock
) -> None:
    (link,) = some(paypal, integration, 1)
    double.faults.add(Fault(FaultKind.TIMEOUT_AFTER, on=CREATE))

    for _ in range(10):
        run_push(paypal, integration)
        clock.move(minutes=5)

    assert links.get(link.id).state == "synced"
    assert double.stats[CREATE] == 1
    assert [one.sent for one in double.accounts()[0].standing()] == [1]


def test_a_request_that_is_lost_is_sent_again_only_after_the_lag(
    paypal: House, integration: records.Integration, double: PayPalDouble, clock: FrozenClock
) -> None:
    (link,) = some(paypal, integration, 1)
    double.faults.add(Fault(FaultKind.TIMEOUT_BEFORE, on=CREATE))
    run_push(paypal, integration)

    clock.move(minutes=1)
    run_push(paypal, integration)
    assert (double.stats[CREATE], links.get(link.id).state) == (1, "unconfirmed")
    for _ in range(5):
        clock.move(minutes=5)
        run_push(paypal, integration)

    assert (double.stats[CREATE], links.get(link.id).state) == (2, "synced")


def test_a_webhook_is_verified_once_its_certificate_was_fetched_and_brings_the_payment(
    paypal: House, integration: records.Integration, double: PayPalDouble, clock: FrozenClock
) -> None:
    hook = paypal.providers(integration).register_webhook(HOOK)
    keys = WebhookKeys(HOOK, (hook.secret,))
    paypal.store.write("test", lambda: webhook.keep(paypal.safe, integration, keys))
    (link,) = some(paypal, integration, 1)
    run_push(paypal, integration)
    double.accounts()[0].pay(links.get(link.id).external_id or "")
    *_, last = double.deliveries()
    client = httpx.Client(transport=httpx.WSGITransport(app=receiver_app(paypal)), base_url="http://receiver")
    path = f"/api/webhooks/billing/integrations/{integration.id}"

    assert client.post(path, content=last.body, headers=last.headers).status_code == 503
    assert fetch_wanted(paypal) == 1
    clock.move(3)
    assert client.post(path, content=last.body, headers=last.headers).status_code == 200
    assert client.post(path, content=last.body + b" ", headers=last.headers).status_code == 401
    run_pull(paypal, integration)

    assert invoice_of(paypal, link).payment_status == "paid"
