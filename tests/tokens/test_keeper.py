"""The keeper: a token is always there, a rotation is never lost, and a dead grant is said to be dead."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from daemon.errors import (
    AppRefused,
    GrantDead,
    Missing,
    OutcomeUnknown,
    Rejected,
    StoreError,
    Throttled,
    Unreachable,
)
from daemon.model import IntegrationState
from daemon.providers.oauth import TokenSet
from daemon.store import grants, integrations
from daemon.store.grants import claim
from daemon.store.tables import Event, Grant
from daemon.tokens import GrantKeeper
from tests.tokens.conftest import Bench
from tests.tokens.ledger import ACCESS_S, LedgerOAuth

OLD = ACCESS_S * 0.81


class Crash(BaseException):
    """The process is gone."""


def test_a_token_is_given_out_until_four_fifths_of_its_life(bench: Bench) -> None:
    keeper = bench.keeper()
    first = keeper.access()

    bench.clock.move(ACCESS_S * 0.79)
    assert keeper.access() == first
    assert bench.server.refreshes() == 0

    bench.clock.move(ACCESS_S * 0.02)
    second = keeper.access()
    assert second != first and bench.works(second)
    assert bench.server.refreshes() == 1


def test_the_token_before_stays_until_the_new_one_has_worked(bench: Bench) -> None:
    before = grants.tokens(bench.safe, bench.row())

    bench.clock.move(OLD)
    bench.keeper().access()

    held = grants.tokens(bench.safe, bench.row())
    assert held.previous == before.refresh
    assert held.refresh not in (None, before.refresh)


def test_a_refused_token_is_renewed_once_for_all_that_saw_it_refused(bench: Bench) -> None:
    keeper = bench.keeper()
    refused = keeper.access()

    renewed = keeper.renewed(refused)

    assert renewed != refused
    assert keeper.renewed(refused) == renewed
    assert bench.server.refreshes() == 1


def test_threads_that_race_refresh_once(bench: Bench) -> None:
    bench.clock.move(OLD)
    keeper, start = bench.keeper(), threading.Barrier(8)

    def race() -> str:
        with bench.store.session():
            start.wait()
            return keeper.access().get_secret_value()

    with ThreadPoolExecutor(8) as pool:
        got = {future.result() for future in [pool.submit(race) for _ in range(8)]}

    assert len(got) == 1
    assert bench.server.refreshes() == 1


def test_two_processes_that_race_refresh_once(bench: Bench) -> None:
    """Each has its own locks: only the row stands between them."""
    bench.clock.move(OLD)
    keepers = [bench.keeper("one:1"), bench.keeper("two:2")]
    start = threading.Barrier(8)

    def race(keeper: GrantKeeper) -> str:
        with bench.store.session():
            start.wait()
            return keeper.access().get_secret_value()

    with ThreadPoolExecutor(8) as pool:
        got = [pool.submit(race, keepers[n % 2]).result for n in range(8)]
        tokens = {result() for result in got}

    assert bench.server.refreshes() == 1
    assert all(token in bench.server.bearers for token in tokens)


def test_while_another_process_refreshes_the_old_token_is_still_good(bench: Bench) -> None:
    first = bench.keeper().access()
    bench.clock.move(OLD)
    assert claim(bench.store, bench.grant.id, "other:1") is not None

    assert bench.keeper().access() == first

    with pytest.raises(Throttled):
        bench.keeper().renewed(first)
    assert bench.server.refreshes() == 0


def test_the_turn_of_a_process_that_died_ends_by_itself(bench: Bench) -> None:
    assert claim(bench.store, bench.grant.id, "dead:1") is not None
    bench.clock.move(ACCESS_S)

    assert bench.works(bench.keeper().access())


@pytest.mark.parametrize("fault", ["lost_answer", "reset_after", "error_after", "truncated", "html"])
def test_a_lost_answer_is_asked_for_again_with_the_same_token_at_once(bench: Bench, fault: str) -> None:
    bench.clock.move(OLD)
    bench.transport.spoil(fault)

    assert bench.works(bench.keeper().access())
    assert bench.row().fault_code is None


def test_an_answer_that_is_lost_twice_is_passing_trouble(bench: Bench) -> None:
    bench.clock.move(ACCESS_S)
    bench.transport.down = "lost_answer"

    with pytest.raises(OutcomeUnknown):
        bench.keeper().access()
    row = bench.row()
    assert (row.state, row.fault_code) == ("active", "WB-REMOTE-UNKNOWN")
    assert row.refresh_started_at is not None
    assert bench.server.refreshes() == 2

    bench.transport.down = ""
    assert bench.works(bench.keeper().access())
    assert bench.row().fault_code is None


@pytest.mark.parametrize("fault", ["refused", "throttled", "lost_request", "error_before"])
def test_a_token_that_still_lives_serves_while_its_refresh_fails(bench: Bench, fault: str) -> None:
    """And the token endpoint is left alone for a minute."""
    keeper = bench.keeper()
    first = keeper.access()
    bench.clock.move(OLD)
    bench.transport.down, before = fault, bench.transport.requests

    for _call in range(20):
        assert keeper.access() == first
    assert bench.transport.requests - before <= 2
    bench.transport.down = ""
    bench.transport.unspoil()

    bench.clock.move(61)
    assert keeper.access() != first


def test_a_provider_that_cannot_be_reached_is_asked_once(bench: Bench) -> None:
    bench.clock.move(ACCESS_S)
    bench.transport.spoil("refused")

    with pytest.raises(Unreachable):
        bench.keeper().access()

    assert bench.server.refreshes() == 0
    assert bench.works(bench.keeper().access())


def test_a_dead_grant_stops_all_that_work_under_it_and_says_so(bench: Bench) -> None:
    integration = bench.an_integration()
    bench.server.kill()
    bench.clock.move(OLD)

    with pytest.raises(GrantDead):
        bench.keeper().access()
    calls = bench.server.refreshes()
    with pytest.raises(GrantDead):
        bench.keeper().access()

    assert bench.server.refreshes() == calls <= 3
    assert bench.row().state == "dead"
    row = integrations.get(None, integration.id)
    assert (row.state, row.fault_code) == (IntegrationState.NEEDS_RECONNECT, "WB-GRANT-DEAD")
    types = [event.type for event in Event.select().where(Event.integration_id == integration.id)]
    assert types.count("integration.needs_reconnect") == 1


def test_an_operator_s_pause_outlasts_a_dead_grant(bench: Bench) -> None:
    integration = bench.an_integration()
    bench.write(lambda: integrations.set_state(integration, IntegrationState.PAUSED, now=bench.clock.now()))
    bench.server.kill()
    bench.clock.move(OLD)

    with pytest.raises(GrantDead):
        bench.keeper().access()

    assert integrations.get(None, integration.id).state == IntegrationState.PAUSED


def test_what_another_process_stored_meanwhile_is_tried_before_a_grant_is_called_dead(bench: Bench) -> None:
    """A restored database: the token is old at the provider, and a newer one is written while we ask."""
    keeper = bench.keeper()
    [granted] = bench.server.grants
    held = grants.tokens(bench.safe, bench.row())
    granted.refresh = "refresh-newer"
    assert held.refresh is not None
    newer = grants.Tokens(held.access, type(held.refresh)("refresh-newer"), held.refresh)
    bench.clock.move(OLD)
    calls = iter(range(10))

    def store_newer() -> None:
        if next(calls) == 0:
            bench.write(lambda: bench.safe.put(bench.row(), "tokens", newer.document()))

    bench.server.before_token = store_newer

    assert bench.works(keeper.access())
    assert bench.row().state == "active"


def test_a_refused_app_is_no_dead_grant(bench: Bench) -> None:
    bench.an_integration()
    bench.clock.move(OLD)

    with pytest.raises(AppRefused) as caught:
        GrantKeeper(bench.desk(secret="wrong"), bench.grant.id).access()

    assert caught.value.code == "WB-APP-REFUSED"
    assert bench.row().state == "active"
    assert bench.works(bench.keeper().access())


def test_a_crash_before_a_grant_is_called_dead_calls_it_dead_later(bench: Bench) -> None:
    integration = bench.an_integration()
    bench.server.kill()
    bench.clock.move(OLD)

    def crash(point: str) -> None:
        if point == "grant.dead:before-commit":
            raise Crash

    bench.store.probe = crash
    with pytest.raises(Crash):
        bench.keeper().access()
    bench.store.probe = lambda _point: None
    assert integrations.get(None, integration.id).state == IntegrationState.ACTIVE

    bench.clock.move(120)
    with pytest.raises(GrantDead):
        bench.keeper("restarted:2").access()
    assert integrations.get(None, integration.id).state == IntegrationState.NEEDS_RECONNECT


POINTS = ("grant.claim", "grant.mark", "grant.store")


@pytest.mark.parametrize("side", ["before-commit", "after-commit"])
@pytest.mark.parametrize("label", POINTS)
def test_a_crash_at_any_commit_of_a_refresh_loses_no_rotation(bench: Bench, label: str, side: str) -> None:
    bench.clock.move(OLD)

    def crash(point: str) -> None:
        if point == f"{label}:{side}":
            bench.store.probe = lambda _point: None
            raise Crash

    bench.store.probe = crash
    with pytest.raises(Crash):
        bench.keeper().access()
    bench.store.probe = lambda _point: None

    grants.drop_dead_owners(bench.store, lambda _owner: False)
    assert bench.works(bench.keeper("restarted:2").access())
    bench.clock.move(OLD)
    assert bench.works(bench.keeper("restarted:2").access())


def test_after_a_crash_past_the_grace_the_grant_is_dead_because_the_provider_says_so(bench: Bench) -> None:
    bench.server.grace_s = 60
    bench.clock.move(OLD)

    def crash(point: str) -> None:
        if point == "grant.store:before-commit":
            raise Crash

    bench.store.probe = crash
    with pytest.raises(Crash):
        bench.keeper().access()
    bench.store.probe = lambda _point: None
    bench.clock.move(3600)

    with pytest.raises(GrantDead):
        bench.keeper().access()


def test_new_tokens_that_the_database_could_not_take_are_written_before_the_next_try(bench: Bench) -> None:
    bench.server.grace_s = 0
    bench.clock.move(OLD)
    keeper = bench.keeper()

    def full(point: str) -> None:
        if point == "grant.store:before-commit":
            raise StoreError("WB-DB-FULL", "the disk is full")

    bench.store.probe = full
    with pytest.raises(StoreError):
        keeper.access()
    bench.store.probe = lambda _point: None
    bench.clock.move(120)

    assert bench.works(keeper.access())
    assert bench.server.refreshes() == 1


def test_the_life_of_the_tokens_is_written_down(bench: Bench) -> None:
    bench.clock.move(OLD)
    at = bench.clock.now()
    bench.keeper().access()

    row = bench.row()
    assert (row.access_expires_at - at).total_seconds() == ACCESS_S
    assert row.refreshed_at == at
    assert row.refresh_expires_at is not None and (row.refresh_expires_at - at).days == 20
    assert row.hard_expires_at is not None and (row.hard_expires_at - at).days == 44
    assert row.lease_owner is None


def test_a_token_is_nowhere_in_the_clear(bench: Bench) -> None:
    bench.clock.move(OLD)
    access = bench.keeper().access().get_secret_value()

    for row in Grant.select().dicts():
        assert access not in str(row) and "refresh-" not in str(row)
    assert access not in repr(grants.tokens(bench.safe, bench.row()))


@pytest.mark.parametrize(("status", "error"), [(404, Missing), (400, Rejected)])
def test_a_token_endpoint_that_refuses_otherwise_refuses_no_invoice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Rejected]
) -> None:
    """Else a step would be refused for good, and an invoice that is read be taken for gone."""
    keeper = bench.keeper()
    refused = keeper.access()

    def refuse(_self: LedgerOAuth, _refresh: SecretStr) -> TokenSet:
        raise error("no such address", party="ledger", status_code=status)

    monkeypatch.setattr(LedgerOAuth, "refresh", refuse)

    with pytest.raises(Unreachable):
        keeper.renewed(refused)
    bench.clock.move(OLD)
    assert bench.works(keeper.access())
