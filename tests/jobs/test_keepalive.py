"""Keepalive: no grant dies of idleness, every end is said in time, and once."""

from __future__ import annotations

import pytest

from daemon.jobs import keepalive
from daemon.jobs.keepalive import check_connection
from daemon.jobs.visit import visit
from daemon.model import IntegrationState
from daemon.store import certificates, grants, integrations, links, records
from daemon.store.tables import Certificate, Consent, Event, Secret
from daemon.tokens import GrantKeeper
from tests.builders import Builders
from tests.connect.conftest import Office, database_url, office, postgres_store, postgres_url
from tests.fakes import Lines
from tests.tokens.ledger import ACCESS_S

__all__ = ["database_url", "office", "postgres_store", "postgres_url"]

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def joined(office: Office) -> records.Integration:
    office.consent()
    [row] = office.rows()
    office.server.calls.clear()
    return row


def run(office: Office) -> None:
    keepalive.keepalive(office.house)


def test_tokens_are_refreshed_ahead_so_that_no_push_waits_for_it(
    office: Office, joined: records.Integration
) -> None:
    office.clock.move(ACCESS_S * 0.7)
    run(office)
    assert office.server.refreshes() == 0

    office.clock.move(ACCESS_S * 0.15)
    run(office)
    run(office)
    assert office.server.refreshes() == 1


def test_what_another_daemon_refreshed_and_told_meanwhile_is_not_done_again(
    office: Office, joined: records.Integration
) -> None:
    assert office.house.tokens is not None
    office.clock.move(DAY * 16)
    seen = grants.get(str(joined.grant_id))
    run(office)
    told = Event.select().where(Event.type == "grant.expires").count()
    assert (office.server.refreshes(), told) == (1, 1)

    GrantKeeper(office.house.tokens, seen.id).refresh(seen)
    office.house.store.write("test", lambda: keepalive._warn(office.house, seen, 30))

    told = Event.select().where(Event.type == "grant.expires").count()
    assert (office.server.refreshes(), told) == (1, 1)


def test_an_idle_grant_is_refreshed_once_a_day(office: Office, joined: records.Integration) -> None:
    pause(office, joined)

    for _hour in range(72):
        office.clock.move(HOUR)
        run(office)

    assert office.server.refreshes() == 3
    assert grants.get(str(joined.grant_id)).state == "active"


def test_a_paused_integration_comes_back_after_longer_than_a_refresh_token_lives(
    office: Office, joined: records.Integration
) -> None:
    pause(office, joined)
    for _day in range(40):
        office.clock.move(DAY)
        run(office)

    assert office.house.providers(integrations.get(None, joined.id)).check().account_id == "realm-1"


def test_a_withdrawn_consent_is_noticed_within_the_day(office: Office, joined: records.Integration) -> None:
    office.server.kill()
    office.clock.move(ACCESS_S)

    run(office)

    assert integrations.get(None, joined.id).state == IntegrationState.NEEDS_RECONNECT
    calls = office.server.refreshes()
    office.clock.move(DAY)
    run(office)
    assert office.server.refreshes() == calls


def test_a_provider_that_is_down_stops_no_other_step_and_is_asked_again(
    office: Office, joined: records.Integration, log: Lines
) -> None:
    office.clock.move(ACCESS_S)
    office.transport.spoil("refused")
    certificate(office, joined)

    run(office)
    assert "grant.not_refreshed" in log.events
    assert Certificate.select().where(Certificate.pem.is_null(False)).count() == 1

    office.clock.move(15 * 60)
    run(office)
    assert grants.get(str(joined.grant_id)).fault_code is None


def test_the_end_that_nothing_moves_is_said_30_14_7_and_1_days_before_each_once(
    office: Office, joined: records.Integration
) -> None:
    said: list[tuple[int, int]] = []
    for day in range(1, 45):
        office.clock.move(DAY)
        run(office)
        run(office)
        told = list(Event.select().where(Event.type == "grant.expires").order_by(Event.id))
        said += [(day, event.data["days"]) for event in told[len(said) :]]

    assert said == [(15, 30), (31, 14), (38, 7), (44, 1)]
    [*_others, last] = Event.select().where(Event.type == "grant.expires").order_by(Event.id)
    assert "wispbill integrations authorize ledger" in last.data["sentence"]
    assert last.integration_id == joined.id


def test_a_refresh_token_that_cannot_be_renewed_is_warned_of_before_it_ends(
    office: Office, joined: records.Integration
) -> None:
    """The token endpoint is down for weeks: 20 days of idle life, and each threshold is told."""
    pause(office, joined)
    days: list[int] = []
    for _day in range(20):
        office.clock.move(DAY)
        office.transport.spoil("refused")
        run(office)
        days = [event.data["days"] for event in Event.select().where(Event.type == "grant.expires")]

    assert days == [30, 14, 7, 1]


def test_a_new_consent_begins_the_warnings_anew(office: Office, joined: records.Integration) -> None:
    office.clock.move(DAY * 20)
    run(office)
    office.consent()
    office.clock.move(DAY * 20)
    run(office)

    days = [event.data["days"] for event in Event.select().where(Event.type == "grant.expires")]
    assert days == [30, 30]


def test_each_running_integration_is_tested_daily(office: Office, joined: records.Integration) -> None:
    def due() -> list[str]:
        from datetime import timedelta

        return integrations.due_for_test(office.clock.now(), timedelta(days=1))

    assert due() == []
    office.clock.move(DAY)
    assert due() == [joined.id]

    visit(office.house, joined.id, "keepalive", check_connection)

    assert due() == []
    assert integrations.get(None, joined.id).tested_at == office.clock.now()


def test_a_permission_that_was_taken_away_is_said_once(office: Office, joined: records.Integration) -> None:
    office.server.missing = ["invoices"]
    for _day in range(2):
        office.clock.move(DAY)
        visit(office.house, joined.id, "keepalive", check_connection)

    row = integrations.get(None, joined.id)
    assert row.test_missing == ["invoices"]
    assert Event.select().where(Event.type == "integration.permission_missing").count() == 1


def test_where_another_account_answers_nothing_more_is_sent_to_it(
    office: Office, joined: records.Integration
) -> None:
    waiting = Builders(office.house.store).a_link(joined)
    office.house.store.write("test", lambda: integrations.update(joined.id, account_id="realm-9"))

    visit(office.house, joined.id, "keepalive", check_connection)

    row = integrations.get(None, joined.id)
    assert (row.state, row.fault_code, row.account_id) == ("error", "WB-ACCOUNT-DIFFERS", "realm-9")
    assert links.get(waiting.id).state == "parked"


def test_certificates_that_webhooks_wait_for_are_fetched(office: Office, joined: records.Integration) -> None:
    certificate(office, joined)

    run(office)

    assert list(certificates.of(joined.id)) == ["https://ledger.test/cert"]


def test_links_of_yesterday_and_tokens_that_serve_nobody_are_forgotten(
    office: Office, joined: records.Integration
) -> None:
    office.link()
    assert Secret.select().where(Secret.field == "verifier").count() == 1
    office.house.store.write(
        "test",
        lambda: integrations.set_state(joined, IntegrationState.REMOVED, now=office.clock.now()),
    )

    office.clock.move(DAY + 1)
    run(office)

    assert Consent.select().count() == 0
    assert Secret.select().where(Secret.field << ["tokens", "verifier"]).count() == 0
    assert grants.get(str(joined.grant_id)).state == grants.ENDED


def pause(office: Office, row: records.Integration) -> None:
    now = office.clock.now()
    office.house.store.write("test", lambda: integrations.set_state(row, IntegrationState.PAUSED, now=now))


def certificate(office: Office, row: records.Integration) -> None:
    now = office.clock.now()
    office.house.store.write("test", lambda: certificates.want(row.id, "https://ledger.test/cert", now))
