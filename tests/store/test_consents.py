"""Apps, consents and grants in the store, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import SecretStr

from daemon.errors import GrantDead, InvalidInput, LeaseLost, NotFound
from daemon.model import IntegrationState
from daemon.store import apps, consents, grants, integrations, records
from daemon.store.database import Store
from daemon.store.grants import Life, Tokens
from daemon.store.secrets import CLIENT_SECRET, TOKENS, VERIFIER, Safe
from daemon.store.tables import Secret
from daemon.vault import MasterKeys, Vault
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy


class Office:
    """A tenant, an app, and what a consent at it needs."""

    def __init__(self, store: Store, clock: FrozenClock, entropy: SeededEntropy) -> None:
        self.store, self.clock, self.entropy = store, clock, entropy
        self.safe = Safe(store, Vault(MasterKeys.generate(entropy), entropy))
        self.make = Builders(store)
        self.tenant = self.make.a_tenant()
        self.app = self.an_app()

    def an_app(self, client_id: str = "client-0001") -> records.App:
        def work() -> records.App:
            return apps.add(
                provider="ledger",
                mode="sandbox",
                client_id=client_id,
                redirect_uri="https://billing.example.com/oauth/callback/ledger",
                label="",
                actor="test",
                now=self.clock.now(),
                entropy=self.entropy,
            )

        return self.store.write("test", work)

    def a_consent(self, state: str = "state-1") -> records.Consent:
        def work() -> records.Consent:
            return consents.start(
                self.safe,
                self.app,
                state,
                "verifier",
                tenant_id=self.tenant.id,
                customer_id=None,
                label="",
                settings={},
                actor="test",
                now=self.clock.now(),
                entropy=self.entropy,
            )

        return self.store.write("test", work)

    def a_grant(self) -> records.Grant:
        now = self.clock.now()
        life = Life(now, now + timedelta(minutes=30), now + timedelta(days=60), None)
        tokens = Tokens(SecretStr("access"), SecretStr("refresh"))

        def work() -> records.Grant:
            return grants.add(
                self.safe, self.app, self.tenant.id, tokens, life, actor="test", entropy=self.entropy
            )

        return self.store.write("test", work)

    def write(self, work: Callable[[], object]) -> object:
        return self.store.write("test", work)


@pytest.fixture
def office(store: Store, clock: FrozenClock, entropy: SeededEntropy) -> Office:
    return Office(store, clock, entropy)


def test_of_many_who_come_back_with_a_state_one_is_let_in(office: Office) -> None:
    office.a_consent()
    start = threading.Barrier(6)

    def take() -> bool:
        with office.store.session():
            start.wait()
            try:
                now = office.clock.now()
                office.store.write("test", lambda: consents.take("ledger", "state-1", now))
            except InvalidInput:
                return False
            return True

    with ThreadPoolExecutor(6) as pool:
        won = [future.result() for future in [pool.submit(take) for _ in range(6)]]

    assert sum(won) == 1


@pytest.mark.parametrize("state", ["", "state-2", "STATE-1", "' OR 1=1 --", "\x00", "s" * 10_000])
def test_a_state_that_was_never_given_out_is_refused(office: Office, state: str) -> None:
    office.a_consent()

    with pytest.raises(InvalidInput):
        office.write(lambda: consents.take(None, state, office.clock.now()))


def test_a_consent_is_forgotten_with_its_verifier(office: Office) -> None:
    consent = office.a_consent()
    assert consents.verifier(office.safe, consent) == "verifier"

    office.clock.move(minutes=11)
    office.write(lambda: consents.forget_old(office.safe, office.clock.now()))
    assert Secret.select().where(Secret.field == VERIFIER).count() == 0
    assert consents.get(consent.id).stage == consents.OPEN

    office.clock.move(days=1)
    office.write(lambda: consents.forget_old(office.safe, office.clock.now()))
    with pytest.raises(InvalidInput):
        consents.get(consent.id)


def test_a_turn_is_had_by_one_and_ends_by_itself(office: Office) -> None:
    grant = office.a_grant()
    first = grants.claim(office.store, grant.id, "one:1")
    assert first is not None
    assert grants.claim(office.store, grant.id, "one:1") is None

    office.clock.move(91)
    second = grants.claim(office.store, grant.id, "two:2")
    assert second is not None

    with pytest.raises(LeaseLost):
        first.mark()
    first.release()
    assert grants.get(grant.id).lease_owner == "two:2"
    second.release()
    assert grants.claim(office.store, grant.id, "one:1") is not None


def test_what_was_got_under_a_lost_turn_is_not_stored(office: Office) -> None:
    grant = office.a_grant()
    late = grants.claim(office.store, grant.id, "one:1")
    office.clock.move(91)
    assert grants.claim(office.store, grant.id, "two:2") is not None
    now = office.clock.now()
    life = Life(now, now, None, None)
    assert late is not None

    with pytest.raises(LeaseLost):
        office.write(lambda: grants.keep(office.safe, late, Tokens(SecretStr("late")), life))

    assert grants.tokens(office.safe, grants.get(grant.id)).access.get_secret_value() == "access"


def test_a_lease_from_a_clock_that_was_wrong_holds_nobody_up(office: Office) -> None:
    grant = office.a_grant()
    office.clock.wall_off_s = 86_400
    assert grants.claim(office.store, grant.id, "one:1") is not None

    office.clock.wall_off_s = 0
    assert grants.claim(office.store, grant.id, "two:2") is not None


def test_tokens_that_serve_nobody_are_destroyed_but_not_while_an_account_is_chosen(office: Office) -> None:
    grant = office.a_grant()

    def end() -> int:
        now = office.clock.now()
        return int(str(office.write(lambda: grants.end_unused(office.safe, office.tenant.id, now=now))))

    assert end() == 0
    office.clock.move(minutes=31)
    assert end() == 1
    assert grants.get(grant.id).state == grants.ENDED
    assert Secret.select().where(Secret.field == TOKENS).count() == 0


def test_a_grant_that_serves_an_integration_stays(office: Office) -> None:
    grant, row = office.a_grant(), office.make.an_integration(office.tenant)
    office.write(lambda: integrations.update(row.id, grant_id=grant.id))
    office.clock.move(days=1)

    assert not grants.has_unused(office.tenant.id, office.clock.now())
    assert [one.id for one in integrations.under(grant.id)] == [row.id]
    assert [one.id for one in integrations.of_app(office.app.id)] == [row.id]


def test_an_app_is_named_where_there_are_several(office: Office) -> None:
    assert apps.choose("ledger").id == office.app.id
    other = office.an_app("client-0002")

    with pytest.raises(InvalidInput, match="--app"):
        apps.choose("ledger")
    assert apps.choose("ledger", other.id).id == other.id
    with pytest.raises(NotFound):
        apps.choose("stripe", other.id)
    with pytest.raises(InvalidInput, match="wispbill apps add stripe"):
        apps.choose("stripe")


def test_a_removed_app_makes_room_and_keeps_no_secret(office: Office) -> None:
    secret, now = SecretStr("app-secret"), office.clock.now()
    office.write(lambda: apps.replace_secret(office.safe, office.app, secret, now=now, actor="test"))
    office.a_grant()

    office.write(lambda: apps.remove(office.safe, office.app, now=now, actor="test"))

    assert Secret.select().where(Secret.field << [CLIENT_SECRET, TOKENS]).count() == 0
    assert office.an_app().id != office.app.id


def test_a_dead_grant_parks_all_that_run_under_it_and_leaves_the_rest(office: Office) -> None:
    grant = office.a_grant()
    mine, other = office.make.an_integration(office.tenant), office.make.an_integration()
    office.write(lambda: integrations.update(mine.id, grant_id=grant.id))
    turn = grants.claim(office.store, grant.id, "one:1")
    assert turn is not None

    office.write(lambda: grants.bury(turn, GrantDead(), office.clock.now()))

    assert integrations.get(None, mine.id).state == IntegrationState.NEEDS_RECONNECT
    assert integrations.get(None, other.id).state == IntegrationState.ACTIVE
    assert grants.get(grant.id).state == grants.DEAD
