"""QuickBooks and Xero, from the link to a dead consent and back, against their own doubles over the wire."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from daemon import app as wiring
from daemon import connect, providers
from daemon.connect import Choice, Connected
from daemon.errors import AppRefused, GrantDead, InvalidInput, RemoteError, Unauthorised
from daemon.gate import IntegrationGate
from daemon.house import House
from daemon.jobs import keepalive
from daemon.jobs.keepalive import check_connection
from daemon.jobs.visit import visit
from daemon.model import Mode
from daemon.sandbox.quickbooks import QuickBooksDouble
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.sandbox.xero import App as XeroApp
from daemon.sandbox.xero import XeroDouble
from daemon.settings import load
from daemon.store import apps, grants, integrations, links, records
from daemon.store.secrets import CREDENTIALS
from daemon.vault import MasterKeys
from daemon.wire import Gate, HttpWire, Wire
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy

BASE = "https://sandbox.test"
HOUR = 3600.0


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Party:
    """A provider, its double, and a house that is connected to it."""

    name: str
    clock: FrozenClock
    double: Any
    client: tuple[str, str]
    settings: dict[str, Any]
    redirect: str
    house: House = field(init=False)
    transport: SpoilingTransport = field(init=False)
    app: records.App = field(init=False)
    tenant: records.Tenant = field(init=False)

    def wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=self.clock, deadline_s=deadline_s, transport=self.transport)

    def come_back(self, url: str) -> dict[str, str]:
        """The owner opens the link and agrees; the query that the browser is sent back with."""
        gate = IntegrationGate(party=self.name, limits=(), clock=self.clock, stop=self.house.stop)
        reply = self.wire(self.name, gate, 45.0).request("GET", url)
        assert reply.status_code == 302, reply.body
        assert reply.headers["location"].startswith(self.redirect)
        return dict(parse_qsl(urlsplit(reply.headers["location"]).query))

    def link(self) -> connect.Link:
        return connect.begin(
            self.house,
            self.app,
            tenant_id=self.tenant.id,
            customer_id=None,
            label="",
            settings=self.settings,
            actor="cli:operator",
        )

    def consent(self) -> records.Integration:
        outcome = connect.answer(self.house, self.name, self.come_back(self.link().url))
        assert isinstance(outcome, Connected)
        return outcome.integration

    def withdraw(self) -> None:
        """The owner disconnects our app."""
        if isinstance(self.double, QuickBooksDouble):
            for account in self.double.accounts():
                self.double.grants.revoke_realm(account.id)
        else:
            for token in list(self.double.identity.access.values()):
                self.double.identity.kill(token.grant)

    def check(self, row: records.Integration) -> str:
        return self.house.providers(integrations.get(None, row.id)).check().account_id


def quickbooks(clock: FrozenClock) -> Party:
    double = QuickBooksDouble(clock, SeededEntropy(), rates=False)
    account = double.add_account()
    app = double.add_app("https://billing.example.com/oauth/callback/quickbooks")
    settings = {"item": account.item, "home_currency": account.company.home_currency}
    return Party("quickbooks", clock, double, (app.client_id, app.client_secret), settings, app.redirect_uri)


def xero(clock: FrozenClock) -> Party:
    double = XeroDouble(clock, SeededEntropy(), rates=False)
    double.add_account()
    redirect = "https://billing.example.com/oauth/callback/xero"
    app = double.add_app(XeroApp("A1B2C3D4E5F60718293A4B5C6D7E8F90", "secret-0001", (redirect,)))
    return Party("xero", clock, double, (app.client_id, app.client_secret), {"account_code": "200"}, redirect)


MAKE = {"quickbooks": quickbooks, "xero": xero}


@pytest.fixture(params=sorted(MAKE))
def party(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    empty_database: Path,
    clock: FrozenClock,
    entropy: SeededEntropy,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Party]:
    for name, kind in (("quickbooks", "QuickBooks"), ("xero", "Xero")):
        monkeypatch.setitem(providers._BUILT_IN, name, (f"daemon.providers.{name}", kind))
    providers.provider_class.cache_clear()
    shutil.copy(empty_database, tmp_path / "wispbill.db")
    made = MAKE[request.param](clock)
    made.transport = SpoilingTransport(SandboxTransport(made.double))
    environ = {
        "WISPBILL_DAEMON__STATE_DIR": str(tmp_path),
        f"WISPBILL_PROVIDERS__{made.name.upper()}__BASE_URL": BASE,
    }
    made.house = wiring.build(
        load(None, environ),
        clock=clock,
        entropy=entropy,
        keys=MasterKeys.generate(entropy),
        make_wire=made.wire,
        migrating=True,
        fast=True,
    )
    made.tenant = Builders(made.house.store).a_tenant(currency="USD")
    made.app = register(made)
    yield made
    made.house.close()


def register(party: Party, secret: str | None = None) -> records.App:
    house, now = party.house, party.clock.now()

    def work() -> records.App:
        row = apps.add(
            provider=party.name,
            mode="live",
            client_id=party.client[0],
            redirect_uri=party.redirect,
            label="",
            actor="test",
            now=now,
            entropy=house.entropy,
        )
        apps.replace_secret(house.safe, row, SecretStr(secret or party.client[1]), now=now, actor="test")
        return row

    return house.store.write("test", work)


def only(party: str) -> Any:
    return pytest.mark.parametrize("party", [party], indirect=True)


def test_a_consent_becomes_an_integration_whose_tokens_are_refreshed(party: Party) -> None:
    row = party.consent()

    assert (row.state, row.account_id) == ("active", party.double.accounts()[0].id)
    for _hour in range(30):
        party.clock.move(HOUR)
        assert party.check(row) == row.account_id
    grant = grants.get(str(row.grant_id))
    assert grant.state == "active" and grants.ends_at(grant) is not None


def test_a_link_works_once(party: Party) -> None:
    query = party.come_back(party.link().url)
    connect.answer(party.house, party.name, query)

    with pytest.raises(InvalidInput) as caught:
        connect.answer(party.house, party.name, query)

    assert caught.value.code == "WB-CONSENT-STATE"
    assert party.check(integrations.listing()[0])


def test_a_code_that_is_too_old_connects_nothing(party: Party) -> None:
    query = party.come_back(party.link().url)
    party.clock.move(9 * 60)
    if party.name == "quickbooks":  # its codes live ten minutes, as our links do
        party.double.grants._codes.clear()

    with pytest.raises(RemoteError):
        connect.answer(party.house, party.name, query)

    assert integrations.listing() == []


def test_a_wrong_app_secret_is_not_taken_for_a_withdrawn_consent(party: Party) -> None:
    row = party.consent()
    wrong = SecretStr("not-the-secret")
    now = party.clock.move(1)
    party.house.store.write(
        "test", lambda: apps.replace_secret(party.house.safe, party.app, wrong, now=now, actor="test")
    )
    party.clock.move(HOUR)

    with pytest.raises(AppRefused):
        party.check(row)
    assert grants.get(str(row.grant_id)).state == "active"
    visit(party.house, row.id, "keepalive", check_connection)
    assert integrations.get(None, row.id).fault_code == "WB-APP-REFUSED"

    right = SecretStr(party.client[1])
    party.house.store.write(
        "test", lambda: apps.replace_secret(party.house.safe, party.app, right, now=now, actor="test")
    )
    assert integrations.get(None, row.id).state == "active"
    assert party.check(row) == row.account_id


def test_a_withdrawn_consent_parks_the_queue_and_a_new_one_drains_it(party: Party) -> None:
    row = party.consent()
    link = Builders(party.house.store).a_link(row, total="45.00 USD")
    party.withdraw()
    party.clock.move(HOUR)

    with pytest.raises(GrantDead):
        party.check(row)
    assert integrations.get(None, row.id).state == "needs_reconnect"
    assert links.get(link.id).state == "parked"

    again = party.consent()

    assert (again.id, again.state) == (row.id, "active")
    assert links.get(link.id).state == "pending"
    assert party.check(row) == row.account_id


@pytest.mark.parametrize("fault", ["lost_answer", "error_after", "truncated", "empty", "html"])
def test_a_lost_answer_to_a_refresh_costs_nothing(party: Party, fault: str) -> None:
    row = party.consent()
    party.clock.move(HOUR)
    party.transport.spoil(fault)

    assert party.check(row) == row.account_id
    party.clock.move(HOUR)
    assert party.check(row) == row.account_id


@pytest.mark.parametrize("side", ["before-commit", "after-commit"])
@pytest.mark.parametrize("label", ["grant.claim", "grant.mark", "grant.store"])
@pytest.mark.parametrize("after_h", [1, 30])
def test_a_crash_at_any_commit_of_a_refresh_leaves_a_grant_that_works(
    party: Party, label: str, side: str, after_h: int
) -> None:
    """After 30 hours QuickBooks changes the refresh token; Xero does so each time."""
    row = party.consent()
    party.clock.move(HOUR * after_h)

    def crash(point: str) -> None:
        if point == f"{label}:{side}":
            raise Crash

    party.house.store.probe = crash
    with pytest.raises(Crash):
        party.check(row)
    party.house.store.probe = lambda _point: None
    grants.drop_dead_owners(party.house.store, lambda _owner: False)
    party.clock.move(60)

    assert party.check(row) == row.account_id
    party.clock.move(HOUR * 30)
    assert party.check(row) == row.account_id


def test_an_idle_consent_outlives_its_refresh_token_by_keepalive(party: Party) -> None:
    row = party.consent()
    now = party.clock.now()
    party.house.store.write("test", lambda: integrations.set_state(row, integrations.S.PAUSED, now=now))
    for _day in range(0, 120, 1):
        party.clock.move(24 * HOUR)
        keepalive.keepalive(party.house)

    assert party.check(row) == row.account_id


@only("quickbooks")
def test_another_company_s_consent_is_refused(party: Party) -> None:
    row = party.consent()
    party.double.add_account()

    with pytest.raises(InvalidInput) as caught:
        party.consent()

    assert caught.value.code == "WB-ACCOUNT-DIFFERS"
    assert party.check(row) == row.account_id


@only("quickbooks")
def test_a_callback_without_its_company_connects_nothing(party: Party) -> None:
    query = party.come_back(party.link().url)
    del query["realmId"]

    with pytest.raises(InvalidInput):
        connect.answer(party.house, party.name, query)

    assert integrations.listing() == []


@only("xero")
def test_several_organisations_are_a_choice_and_one_consent_serves_them(party: Party) -> None:
    second = party.double.add_account("Wisp Two")
    link = party.link()
    choice = connect.answer(party.house, party.name, party.come_back(link.url))
    assert isinstance(choice, Choice) and len(choice.accounts) == 2

    done = connect.finish(party.house, link.state, second.id)

    assert (done.integration.account_id, done.integration.account_name) == (second.id, "Wisp Two")
    assert party.check(done.integration) == second.id


@only("xero")
def test_a_custom_connection_mints_its_own_tokens_and_shares_them(party: Party) -> None:
    account = party.double.accounts()[0]
    party.double.add_app(XeroApp("C" * 32, "custom-secret-0001", custom_tenant=account.id))
    document = {"client_id": "C" * 32, "client_secret": "custom-secret-0001"}
    build = party.house.providers.build
    info = build("xero", document, settings=party.settings, mode=Mode.LIVE, base_url=None).check()

    def work() -> records.Integration:
        row = integrations.add(
            tenant_id=party.tenant.id,
            customer_id=None,
            provider="xero",
            mode="live",
            label="",
            settings=party.settings,
            account=info,
            base_url=None,
            pace="realtime",
            actor="test",
            now=party.clock.now(),
            entropy=party.house.entropy,
        )
        party.house.safe.put(row, CREDENTIALS, document)
        return row

    row = party.house.store.write("test", work)
    assert party.check(row) == account.id
    party.clock.move(HOUR)
    assert party.check(row) == account.id
    party.double.identity.access.clear()
    assert party.check(row) == account.id


def test_no_secret_of_the_dance_is_left_in_the_clear(party: Party, tmp_path: Path) -> None:
    row = party.consent()
    party.clock.move(HOUR)
    party.check(row)
    held = grants.tokens(party.house.safe, grants.get(str(row.grant_id)))
    party.house.store.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    content = (tmp_path / "wispbill.db").read_bytes()

    for secret in (held.access, held.refresh, SecretStr(party.client[1])):
        assert secret is not None and secret.get_secret_value().encode() not in content
    assert json.dumps(party.settings)


def test_a_consent_that_answers_401_to_everything_is_said_as_such(party: Party) -> None:
    row = party.consent()
    party.withdraw()

    with pytest.raises(Unauthorised):
        party.check(row)
