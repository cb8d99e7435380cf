"""Alerts: one for each cause, told once, over a restart too; a word when it is over; a word every day."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent

from daemon.alerts import SCHEMES, Sender
from daemon.beats import Beats
from daemon.errors import InvalidInput, StoreError
from daemon.house import House
from daemon.jobs.notify import Alarm, deliver, notify
from daemon.model import IntegrationState
from daemon.scheduler import Scheduler
from daemon.settings import Settings
from daemon.store import (
    alerts,
    differences,
    endpoints,
    integrations,
    links,
    records,
    runs,
    service,
    subscriptions,
    sweeps,
    tenants,
)
from daemon.store.differences import Found
from daemon.store.endpoints import EndpointState
from daemon.store.tables import App, Grant, Invoice, Link
from tests.builders import Builders, eur
from tests.fakes import FrozenClock, Lines
from tests.platform import Platform, an_endpoint, connected, happens
from tests.recurring import a_plan, subscribe


@dataclass(frozen=True)
class Recorder(Sender):
    """Takes every message, unless it is told not to."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    deaf: list[bool] = field(default_factory=list)

    def send(self, title: str, body: str) -> list[bool]:
        if self.deaf:
            return [False]
        self.sent.append((title, body))
        return [True]


@pytest.fixture
def told(house: House, tmp_path: Path) -> list[tuple[str, str]]:
    recorder = Recorder(Sender.of("json://127.0.0.1").channels, names=("json",))
    house.alerts = recorder
    house.settings = Settings(daemon={"state_dir": str(tmp_path)}, alerts={"digest": False})
    return recorder.sent


@pytest.fixture
def integration(make: Builders, told: list[tuple[str, str]]) -> records.Integration:
    return make.an_integration()


def breaks(house: House, row: records.Integration, state: IntegrationState = IntegrationState.ERROR) -> None:
    now = house.clock.now()
    house.store.write(
        "test",
        lambda: integrations.set_state(
            integrations.get(None, row.id), state, now=now, code="WB-VAULT-SEALED", text="It does not open."
        ),
    )


def mends(house: House, row: records.Integration) -> None:
    now = house.clock.now()
    house.store.write(
        "test",
        lambda: integrations.set_state(integrations.get(None, row.id), IntegrationState.ACTIVE, now=now),
    )


def looks(house: House, clock: FrozenClock, *, minutes: int, alarm: Alarm | None = None) -> None:
    alarm = alarm or Alarm(house)
    for _ in range(minutes):
        polled(house, clock)
        alarm.run()
        clock.move(60)


def polled(house: House, clock: FrozenClock) -> None:
    """The daemon reads all the while."""
    for row in integrations.listing():
        house.store.write("test", lambda one=row: integrations.update(one.id, polled_at=clock.now()))


# --- one for each cause -------------------------------------------------------------------------------


def test_a_cause_is_told_once_and_once_more_when_it_is_over(
    house: House,
    make: Builders,
    integration: records.Integration,
    told: list[tuple[str, str]],
    clock: FrozenClock,
) -> None:
    for _ in range(2):
        make.a_link(integration)
    breaks(house, integration)
    looks(house, clock, minutes=30)
    mends(house, integration)
    looks(house, clock, minutes=30)

    (title, body), (over, ended) = told
    assert title == "wispbill: memory Account 1 stopped with a fault"
    assert "(2 customers; 90.00 EUR open)" in body and "It does not open." in body
    assert "since 2026-03-02 09:00 UTC" in body
    assert over == "wispbill: recovered: memory Account 1 stopped with a fault"
    assert "from 2026-03-02 09:00 to 2026-03-02 09:29 UTC" in ended
    assert alerts.open_() == []


def test_a_restart_neither_repeats_nor_forgets(
    house: House, integration: records.Integration, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    breaks(house, integration)
    looks(house, clock, minutes=2, alarm=Alarm(house))
    looks(house, clock, minutes=2, alarm=Alarm(house))
    mends(house, integration)
    looks(house, clock, minutes=2, alarm=Alarm(house))
    looks(house, clock, minutes=10, alarm=Alarm(house))

    assert [title.split(": ")[1] for title, _ in told] == [
        "memory Account 1 stopped with a fault",
        "recovered",
    ]


def test_what_flaps_is_not_told_each_time(
    house: House, integration: records.Integration, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    for _ in range(30):
        breaks(house, integration)
        looks(house, clock, minutes=1)
        mends(house, integration)
        looks(house, clock, minutes=1)
    assert len(told) == 1

    looks(house, clock, minutes=10)
    for _ in range(5):
        breaks(house, integration)
        looks(house, clock, minutes=3)
        mends(house, integration)
        looks(house, clock, minutes=7)
    assert len(told) == 2


def test_a_storm_of_a_thousand_events_is_one_alert_with_its_count(
    house: House,
    make: Builders,
    integration: records.Integration,
    told: list[tuple[str, str]],
    clock: FrozenClock,
) -> None:
    customer = make.a_customer()
    happens(house, customer.tenant_id, *range(1000), type_="payment.reversed", customer_id=customer.id)
    looks(house, clock, minutes=60 * 3)
    clock.move(days=1)
    looks(house, clock, minutes=10)

    ((title, body),) = told  # and no word that it is over: it was a moment's
    assert alerts.open_() == []
    assert title == "wispbill: Payments were taken back"
    assert "(1000 times; 1 customer)" in body


def test_many_that_are_alike_come_in_one_message_that_names_a_few(
    house: House, make: Builders, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    for _ in range(40):
        breaks(house, make.an_integration(), IntegrationState.NEEDS_RECONNECT)
    looks(house, clock, minutes=10)

    ((title, body),) = told
    assert title == "wispbill: 40 problems"
    assert body.count("needs to be connected again") == 5 and "… and 35 more" in body


def test_what_nobody_took_is_told_at_the_next_look(
    house: House, integration: records.Integration, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    assert isinstance(house.alerts, Recorder)
    house.alerts.deaf.append(True)
    breaks(house, integration)
    looks(house, clock, minutes=3)
    assert told == []

    house.alerts.deaf.clear()
    looks(house, clock, minutes=3)
    assert len(told) == 1


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("place", range(1, 9))
def test_a_crash_at_any_commit_tells_at_least_once(
    house: House,
    integration: records.Integration,
    told: list[tuple[str, str]],
    clock: FrozenClock,
    place: int,
) -> None:
    breaks(house, integration)
    polled(house, clock)
    left = [place]

    def probe(_point: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash

    house.store.probe = probe
    try:
        Alarm(house).run()
    except Crash:
        clock.move(60)
    house.store.probe = lambda _point: None

    looks(house, clock, minutes=5)
    assert 1 <= len(told) <= 2


# --- every cause --------------------------------------------------------------------------------------


def keys(house: House, clock: FrozenClock) -> set[str]:
    Alarm(house).run()
    return {row.cause for row in alerts.open_()}


def test_old_status_is_a_cause(house: House, integration: records.Integration, clock: FrozenClock) -> None:
    polled(house, clock)
    assert keys(house, clock) == set()
    clock.move(hours=3)
    assert keys(house, clock) == {"stale"}


def test_a_daemon_that_was_down_may_catch_up_before_anybody_is_told(
    house: House, integration: records.Integration, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    polled(house, clock)
    clock.move(hours=9)
    Alarm(house).run()
    clock.move(minutes=2)
    looks(house, clock, minutes=20)
    assert told == []

    clock.move(hours=9)
    Alarm(house).run()
    clock.move(minutes=11)
    Alarm(house).run()
    assert [title for title, _ in told] == ["wispbill: memory Account 1: status is old"]


def test_invoices_that_wait_or_are_refused_are_causes(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    waits, refused = make.a_link(integration), make.a_link(integration)
    house.store.write(
        "test",
        lambda: (
            Link.update(state="failed", fault_code="WB-PUSH-TOTAL").where(Link.id == refused.id).execute()
        ),
    )
    clock.move(hours=3)
    polled(house, clock)

    assert keys(house, clock) == {"push_failed", "push_stuck"}
    row = next(row for row in alerts.open_() if row.cause == "push_failed")
    assert (row.count, row.customers, row.money) == (1, 1, {"EUR": "45.00"})
    assert links.get(waits.id).state == "pending"


def test_the_brake_is_a_cause(house: House, integration: records.Integration, clock: FrozenClock) -> None:
    house.store.write("test", lambda: integrations.update(integration.id, brake={"count": 12, "asked": 20}))
    polled(house, clock)
    assert keys(house, clock) == {"brake"}
    assert f"wispbill pull --integration {integration.id} --release-brake" in alerts.open_()[0].text

    released = {"count": 12, "asked": 20, "released": True}
    house.store.write("test", lambda: integrations.update(integration.id, brake=released))
    Alarm(house).run()
    assert alerts.open_()[0].gone_at == clock.now()


def test_failed_chores_a_missing_backup_and_pauses_are_causes(
    house: House, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    def fails() -> None:
        runs.record(
            "tidy.backup",
            started_at=clock.now(),
            finished_at=clock.now(),
            counts={},
            fault_code="WB-BACKUP",
            fault_text="No room.",
        )

    house.store.write("test", fails)
    house.pauses["disk"] = "1 MiB are free"
    assert keys(house, clock) == {"job", "disk"}
    clock.move(days=2)
    assert keys(house, clock) == {"job", "disk", "backup"}


def a_difference(house: House, row: records.Integration, link: records.Link) -> None:
    found = Found(
        "amount_edited", "inv_1", "It was edited.", "x", "-", invoice_id=link.invoice_id, amount=eur("4.50")
    )
    now, entropy = house.clock.now(), house.entropy
    house.store.write("test", lambda: differences.note(row, [found], now=now, entropy=entropy))


def test_differences_that_wait_for_a_person_are_one_cause_with_their_money(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    a_difference(house, integration, make.a_link(integration))
    polled(house, clock)

    assert keys(house, clock) == {"difference"}
    (row,) = alerts.open_()
    assert (row.count, row.customers, row.money) == (1, 1, {"EUR": "4.50"})

    now = clock.now()
    house.store.write("test", lambda: integrations.update(integration.id, removed_at=now))
    Alarm(house).run()
    assert [row.gone_at for row in alerts.open_()] == [now]


def test_an_integration_that_was_not_proven_equal_for_days_is_a_cause(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    clock.move(days=3, hours=1)
    polled(house, clock)
    assert keys(house, clock) == {"unproven"}
    assert "were never found equal" in alerts.open_()[0].text

    now = clock.now()
    house.store.write("test", lambda: sweeps.begin(integration, period=None, now=now))
    house.store.write("test", lambda: sweeps.update(integration.id, finished_at=now, proven_at=now))
    Alarm(house).run()
    assert alerts.open_()[0].gone_at == now


def test_where_differences_wait_nobody_is_told_too_that_nothing_is_proven(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    house.store.write("test", lambda: Link.update(next_push_at=None).where(Link.id == link.id).execute())
    a_difference(house, integration, link)
    clock.move(days=4)
    polled(house, clock)
    assert keys(house, clock) == {"difference"}


def test_subscriptions_that_are_not_billed_are_a_cause(
    house: House, make: Builders, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    customer = make.a_customer()
    tenant = tenants.get(customer.tenant_id)
    row = subscribe(house.store, tenant, customer, a_plan(house.store, tenant), "2026-03-01")
    now = clock.now()
    house.store.write("test", lambda: subscriptions.note_fault(row, "WB-BILL-HELD", "long past", now=now))

    assert keys(house, clock) == {"unbilled"}
    assert told[-1][0] == f"wispbill: {tenant.reference}: subscriptions are not billed"


@pytest.mark.parametrize("job", ["bill", "enforce"])
def test_an_hourly_run_that_does_not_come_is_a_cause(
    house: House, told: list[tuple[str, str]], clock: FrozenClock, job: str
) -> None:
    def ran(finished: bool) -> None:
        run_id = runs.start(job, clock.now())
        if run_id is not None and finished:
            runs.finish(run_id, clock.now(), {})

    house.store.write("test", lambda: ran(True))
    clock.move(hours=3)
    house.store.write("test", lambda: ran(False))  # begun, and cut off
    assert keys(house, clock) == set()
    clock.move(minutes=1)
    assert keys(house, clock) == {"job"}
    clock.move(minutes=10)
    Alarm(house).run()
    assert [title for title, _body in told] == [f"wispbill: The hourly {job} is late"]


@pytest.mark.parametrize("why", ["nobody asked", "void"])
def test_an_invoice_that_waits_for_nothing_of_ours_is_no_cause(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock, why: str
) -> None:
    link = make.a_link(integration)

    def waits() -> None:
        if why == "void":
            Invoice.update(payment_status="void").where(Invoice.id == link.invoice_id).execute()
        else:
            Link.update(next_push_at=None).where(Link.id == link.id).execute()

    house.store.write("test", waits)
    clock.move(hours=3)
    polled(house, clock)
    assert keys(house, clock) == set()


def test_a_job_that_breaks_off_tick_after_tick_is_a_cause_until_it_runs_again(
    house: House, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    scheduler = Scheduler(house, Beats(clock))
    scheduler._told(JobExecutionEvent(EVENT_JOB_ERROR, "pull", "", clock.now(), exception=KeyError("x")))
    looks(house, clock, minutes=2)
    assert told == []
    looks(house, clock, minutes=3)
    scheduler._went_well(JobExecutionEvent(EVENT_JOB_EXECUTED, "pull", "", clock.now()))
    looks(house, clock, minutes=10)
    assert scheduler.stop(5)

    assert [title for title, _ in told] == [
        "wispbill: The job pull breaks off",
        "wispbill: recovered: The job pull breaks off",
    ]


def test_the_check_at_the_start_alarms_nobody(
    house: House, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    house.pauses["check"] = "the database is being checked"
    looks(house, clock, minutes=10)
    assert told == []
    looks(house, clock, minutes=10)
    assert len(told) == 1


def test_the_brake_on_a_tenant_s_service_is_a_cause_until_it_is_released(
    house: House, make: Builders, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    tenant = make.a_tenant()
    house.store.write("test", lambda: service.apply_brake(tenant.id, 30, 100, clock.now()))
    looks(house, clock, minutes=2)
    house.store.write("test", lambda: service.release_brake(tenant.id, clock.now()))
    looks(house, clock, minutes=10)

    (title, body), (over, _) = told
    assert title == "wispbill: Cut-offs held: too many at once"
    assert "30 of 100 customers" in body and over.startswith("wispbill: recovered")


def test_a_consent_that_ends_soon_is_a_cause_until_it_is_given_again(
    house: House, make: Builders, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    row, now = make.an_integration(), clock.now()
    App.insert(
        id="wba_1",
        provider="memory",
        mode="sandbox",
        client_id="c",
        redirect_uri="",
        label="",
        created_at=now,
    ).execute()
    Grant.insert(
        id="wbg_1",
        tenant_id=row.tenant_id,
        app_id="wba_1",
        provider="memory",
        mode="sandbox",
        state="active",
        scopes=[],
        refreshed_at=now,
        access_expires_at=now,
        hard_expires_at=now + timedelta(days=7),
        warned_days=7,
        fence=0,
        created_at=now,
    ).execute()
    house.store.write("test", lambda: integrations.update(row.id, grant_id="wbg_1"))
    looks(house, clock, minutes=2)
    Grant.update(warned_days=None, hard_expires_at=now + timedelta(days=700)).execute()
    looks(house, clock, minutes=10)

    (title, body), (over, _) = told
    assert title == "wispbill: memory: a consent ends soon" and "2026-03-09 09:00 UTC" in body
    assert "integrations authorize" in body and over.startswith("wispbill: recovered")


def test_a_dead_endpoint_and_unconfirmed_service_are_causes(
    house: House, make: Builders, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    tenant, platform = make.a_tenant(), Platform()
    connected(house, ("platform.example.com", platform))
    platform.answers(500)
    row, _ = an_endpoint(house, tenant.id)
    happens(house, tenant.id, 1, type_="service.suspended")
    for _ in range(80):
        for endpoint_id in notify(house):
            deliver(house, endpoint_id)
        clock.move(60)
    assert keys(house, clock) == {"endpoint", "service"}
    looks(house, clock, minutes=5)

    platform.answers(200)
    house.store.write("test", lambda: endpoints.resume(endpoints.get(row.id), actor="test", now=clock.now()))
    for endpoint_id in notify(house):
        deliver(house, endpoint_id)
    looks(house, clock, minutes=10)
    assert alerts.open_() == []
    assert "Changes of service do not get through" in "".join(body for _, body in told)


def test_an_endpoint_that_somebody_paused_and_forgot_is_a_cause(
    house: House, make: Builders, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    tenant = make.a_tenant()
    row, _ = an_endpoint(house, tenant.id)
    now = clock.now()
    house.store.write(
        "test", lambda: endpoints.stop(row, EndpointState.PAUSED, "Paused.", actor="test", now=now)
    )
    notify(house)
    assert keys(house, clock) == set()
    clock.move(hours=2)
    assert keys(house, clock) == {"endpoint"}


# --- trouble of its own -------------------------------------------------------------------------------


def test_a_database_that_cannot_be_written_is_said_once_an_hour(
    house: House, told: list[tuple[str, str]], clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any) -> None:
        raise StoreError("WB-DB-FULL", "the disk is full")

    alarm = Alarm(house)
    monkeypatch.setattr(house.store, "write", full)
    for _ in range(90):
        alarm.run()
        clock.move(60)

    assert [title for title, _ in told] == ["wispbill: the database cannot be written"] * 2


def test_of_two_daemons_one_tells_and_the_other_takes_over_when_it_ends(
    house: House, integration: records.Integration, told: list[tuple[str, str]], clock: FrozenClock
) -> None:
    Alarm(house).run()
    house.name = "other:2"
    breaks(house, integration)
    Alarm(house).run()
    assert told == []

    clock.move(minutes=4)
    polled(house, clock)
    Alarm(house).run()
    assert len(told) == 1


# --- daily --------------------------------------------------------------------------------------------


def test_every_day_at_the_hour_a_word_comes_even_that_all_is_well(
    house: House,
    integration: records.Integration,
    told: list[tuple[str, str]],
    clock: FrozenClock,
    tmp_path: Path,
) -> None:
    wanted = {"digest_at": "08:00", "digest_zone": "Europe/Berlin"}
    house.settings = Settings(daemon={"state_dir": str(tmp_path)}, alerts=wanted)
    looks(house, clock, minutes=3)
    assert [title for title, _ in told] == ["wispbill: all is well"]

    clock.move(hours=21)  # 07:03 there
    looks(house, clock, minutes=30)
    assert len(told) == 1
    looks(house, clock, minutes=90)
    assert [title for title, _ in told] == ["wispbill: all is well"] * 2

    breaks(house, integration)
    looks(house, clock, minutes=2)
    clock.move(hours=24)
    looks(house, clock, minutes=2)
    assert told[-1][0] == "wispbill: 1 open problem" and "stopped with a fault" in told[-1][1]


# --- the channels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["file:///etc/passwd", "dbus://", "syslog://", "config://x", "exec://rm", "nothing", "http://x"]
)
def test_a_scheme_that_is_not_allowed_is_refused_without_showing_the_line(line: str) -> None:
    secret = "hunter2hunter2"
    with pytest.raises(InvalidInput) as caught:
        Sender.of(f"# one a line\n\n{line}{secret}")
    assert "line 3" in caught.value.message
    assert secret not in caught.value.message and line not in caught.value.message


def test_a_file_that_others_can_read_gives_no_channels_and_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "alerts.urls"
    path.write_text("json://127.0.0.1/secret-path")
    path.chmod(0o644)
    settings = Settings(daemon={"state_dir": str(tmp_path)}, alerts={"urls_file": str(path)})

    loaded = Sender.load(settings, {})
    assert not loaded.channels and "chmod 600" in (loaded.fault or "")

    path.chmod(0o600)
    loaded = Sender.load(settings, {})
    assert loaded.names == ("json",) and "secret-path" not in repr(loaded)
    credential = Sender.load(
        Settings(daemon={"state_dir": str(tmp_path)}), {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    )
    assert credential.names == ("json",)


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def inbox() -> Iterator[tuple[list[Any], int]]:
    """What an HTTP address was sent, and its port."""
    took: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        took.append((environ["PATH_INFO"], json.loads(body)))
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield took, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_library_brings_a_message_to_an_address_and_says_nothing_of_it(
    inbox: tuple[list[Any], int], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("apprise")
    took, port = inbox
    caplog.set_level(logging.DEBUG)
    secret = "tokentokentoken1"
    sender = Sender.of(
        f"json://user:{secret}@127.0.0.1:{port}/{secret}\njson://127.0.0.1:1/{secret}?rto=1&cto=1"
    )

    assert sender.send("wispbill: a title", "a text\nof two lines") == [True, False]

    ((path, document),) = took
    assert path == f"/{secret}" and document["title"] == "wispbill: a title"
    assert "a text" in document["message"]
    assert secret not in caplog.text + "".join(capfd.readouterr()) + repr(sender)


def test_every_scheme_that_is_allowed_is_one_of_the_library() -> None:
    apprise = pytest.importorskip("apprise")
    known = {
        scheme
        for each in apprise.Apprise().details()["schemas"]
        for name in ("protocols", "secure_protocols")
        for scheme in each[name] or ()
    }
    assert known >= SCHEMES


def test_the_library_is_not_loaded_before_something_is_sent(
    house: House, told: list[tuple[str, str]], log: Lines
) -> None:
    code = "import daemon.alerts, daemon.scheduler, sys; sys.exit('apprise' in sys.modules)"
    import subprocess

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_there_is_no_channel_the_log_says_it_once(
    house: House, make: Builders, clock: FrozenClock, log: Lines, tmp_path: Path
) -> None:
    row = make.an_integration()
    breaks(house, row)
    looks(house, clock, minutes=5)
    assert [line["title"] for line in log.of("alerts.told_here")] == [
        "wispbill: memory Account 1 stopped with a fault"
    ]
    assert timedelta(0) <= clock.now() - alerts.open_()[0].first_at
