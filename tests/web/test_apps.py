"""One address for all accounts of an app: its secret verifies, and only accounts under it are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from daemon import providers
from daemon.house import House
from daemon.model import AccountInfo, IntegrationState, Mode
from daemon.store import apps, grants, integrations, records, webhook
from daemon.store.webhook import WebhookKeys
from daemon.web.outcomes import Outcomes
from daemon.web.receiver import receiver_app
from tests.fakes import FrozenClock
from tests.web.building import ENTROPY, OTHER_SECRET, SECRET, URL, a_tenant, build_house, waiting
from tests.web.signer import sign


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setitem(providers._BUILT_IN, "signer", ("tests.web.signer", "Signer"))
    providers.provider_class.cache_clear()
    built = build_house(tmp_path, clock=FrozenClock(), receiver__per_minute=20)
    yield built
    built.close()


def an_app(
    house: House, client: str = "client-1", *, secret: str = SECRET, provider: str = "signer"
) -> records.App:
    def work() -> records.App:
        app = apps.add(
            provider=provider,
            mode="sandbox",
            client_id=client,
            redirect_uri="https://billing.example.com/oauth",
            label="",
            actor="test",
            now=house.clock.now(),
            entropy=ENTROPY,
        )
        webhook.keep(house.safe, app, WebhookKeys(URL, (secret,)))
        return app

    return house.store.write("test", work)


def an_account(house: House, app: records.App, account: str) -> records.Integration:
    """Of a tenant of its own, under a grant of this app."""
    tenant = a_tenant(house, f"tenant-of-{account}")
    now = house.clock.now()
    life = grants.Life(now, now + timedelta(hours=1), None, None)
    tokens = grants.Tokens(SecretStr("access"))

    def work() -> records.Integration:
        grant = grants.add(house.safe, app, tenant.id, tokens, life, actor="test", entropy=ENTROPY)
        row = integrations.add(
            tenant_id=tenant.id,
            customer_id=None,
            provider=app.provider,
            mode="sandbox",
            label="",
            settings={},
            account=AccountInfo(account, account, Mode.SANDBOX),
            base_url=None,
            pace="realtime",
            actor="test",
            now=now,
            entropy=ENTROPY,
        )
        integrations.update(row.id, grant_id=grant.id)
        return integrations.get(None, row.id)

    return house.store.write("test", work)


class Sender:
    def __init__(self, house: House) -> None:
        self.outcomes = Outcomes()
        app = receiver_app(house, self.outcomes)
        self._client = httpx.Client(
            transport=httpx.WSGITransport(app=app, raise_app_exceptions=False), base_url="http://receiver"
        )

    def send(
        self, app: records.App, *told: tuple[str, str], secret: str = SECRET, provider: str = "signer"
    ) -> int:
        body = json.dumps([[account, event, f"invoice-of-{event}"] for account, event in told]).encode()
        path = f"/api/webhooks/billing/apps/{provider}/{app.id}"
        headers = {"Signature": sign(body, secret.encode())}
        return self._client.post(path, content=body, headers=headers).status_code


def events(house: House, integration: records.Integration) -> list[str]:
    return [hint.event_id for hint in waiting(house, integration)]


def test_one_delivery_tells_each_account_what_is_its_own(house: House) -> None:
    app = an_app(house)
    one, two = an_account(house, app, "realm-1"), an_account(house, app, "realm-2")

    assert Sender(house).send(app, ("realm-1", "a"), ("realm-2", "b"), ("realm-1", "c")) == 200

    assert events(house, one) == ["a", "c"]
    assert events(house, two) == ["b"]


def test_accounts_that_nobody_connected_are_counted_and_ignored(house: House) -> None:
    app = an_app(house)
    one = an_account(house, app, "realm-1")
    sender = Sender(house)

    assert sender.send(app, ("realm-9", "a")) == 200
    assert sender.send(app, ("realm-9", "b"), ("realm-1", "c")) == 200

    assert events(house, one) == ["c"]
    assert sender.outcomes.counts()["unknown_account"] == 1


def test_a_bad_signature_is_401_and_leaves_nothing_even_on_an_empty_list(house: House) -> None:
    app = an_app(house)
    one = an_account(house, app, "realm-1")
    sender = Sender(house)

    assert sender.send(app, ("realm-1", "a"), secret=OTHER_SECRET) == 401
    assert sender.send(app, secret=OTHER_SECRET) == 401
    assert events(house, one) == []


def test_an_empty_list_that_is_signed_is_200(house: House) -> None:
    """Xero's "intent to receive" is one."""
    assert Sender(house).send(an_app(house)) == 200


def test_an_app_s_secret_speaks_for_the_accounts_under_that_app_alone(house: House) -> None:
    ours, other = an_app(house), an_app(house, "client-2", secret=OTHER_SECRET)
    under_ours = an_account(house, ours, "realm-1")
    sender = Sender(house)

    assert sender.send(other, ("realm-1", "a"), secret=OTHER_SECRET) == 200
    assert sender.send(other, ("realm-1", "b"), secret=SECRET) == 401
    assert events(house, under_ours) == []


def test_an_app_of_another_name_or_provider_or_none_any_more_is_404(house: House) -> None:
    app = an_app(house)
    sender = Sender(house)

    assert sender.send(app, provider="stripe") == 404
    house.store.write("test", lambda: apps.remove(house.safe, app, now=house.clock.now(), actor="test"))
    house.clock.wait(3)
    assert sender.send(app) == 404


def test_an_app_without_a_webhook_secret_accepts_nothing(house: House) -> None:
    app = an_app(house)
    house.store.write("test", lambda: webhook.keep(house.safe, app, WebhookKeys(URL)))

    assert Sender(house).send(app, ("realm-1", "a"), secret="") == 401


def test_only_accounts_that_run_are_told(house: House) -> None:
    app = an_app(house)
    one = an_account(house, app, "realm-1")
    paused = IntegrationState.PAUSED
    house.store.write("test", lambda: integrations.set_state(one, paused, now=house.clock.now()))

    assert Sender(house).send(app, ("realm-1", "a")) == 200
    assert events(house, one) == []


def test_an_account_that_is_told_too_much_is_read_whole_and_delays_no_other(house: House) -> None:
    app = an_app(house)
    loud, calm = an_account(house, app, "realm-1"), an_account(house, app, "realm-2")
    sender = Sender(house)

    codes = {sender.send(app, ("realm-1", f"loud-{n}")) for n in range(25)}

    assert codes == {200}
    assert sender.send(app, ("realm-1", "loud"), ("realm-2", "calm")) == 200
    assert events(house, calm) == ["calm"]
    assert "everything:webhook" in events(house, loud)
