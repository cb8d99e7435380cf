"""The daemon under systemd's eyes: it says when it is ready, alive, reloading and stopping, and does not
start on what it should not touch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from daemon import scheduler
from daemon.clock import SystemClock, SystemEntropy
from daemon.jobs.visit import Visit
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.server import Served, serve
from daemon.sandbox.stripe import Account, StripeDouble
from daemon.service import EX_TEMPFAIL, Service
from daemon.store import steps
from daemon.web import monitoring
from tests.acceptance.ground import (
    ACCOUNT,
    KEY,
    Daemon,
    Installation,
    Office,
    Systemd,
    until,
)

Start = Callable[..., Daemon]


@pytest.fixture
def stripe() -> Iterator[Served[StripeDouble]]:
    double = StripeDouble(SystemClock(), SystemEntropy(), rates=False)
    double.add_account(KEY, ACCOUNT)
    served = serve(double)
    yield served
    served.close()


@pytest.fixture
def account(stripe: Served[StripeDouble]) -> Account:
    (found,) = stripe.double.accounts()
    return found


@pytest.fixture
def systemd() -> Iterator[Systemd]:
    manager = Systemd()
    yield manager
    manager.close()


@pytest.fixture
def installation(tmp_path: Path, stripe: Served[StripeDouble]) -> Installation:
    return Installation(tmp_path, stripe.url)


@pytest.fixture
def start(installation: Installation) -> Iterator[Start]:
    """Starts daemons; none outlives the test."""
    started: list[Daemon] = []

    def run(name: str = "daemon", **environ: str) -> Daemon:
        started.append(Daemon(installation, name, **environ))
        return started[-1]

    yield run
    for daemon in started:
        daemon.kill()


@pytest.fixture
def office(installation: Installation) -> Iterator[Office]:
    opened = Office(installation)
    yield opened
    opened.close()


def get(address: str, path: str) -> tuple[int, str]:
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


# --- what it tells systemd ----------------------------------------------------------------------------


def test_it_says_when_it_is_ready_alive_and_stopping(start: Start, systemd: Systemd) -> None:
    daemon = start(**systemd.environ())
    systemd.hears("WATCHDOG=1", times=3)
    assert daemon.lines("daemon.ready")

    assert daemon.stop() == 0

    said = [message.splitlines()[0] for message in systemd.heard]
    assert said[0] == "READY=1"
    assert said[-1] == "STOPPING=1"
    assert set(said) == {"READY=1", "WATCHDOG=1", "STOPPING=1"}


def test_a_reload_takes_over_what_is_live_and_keeps_what_needs_a_restart(
    start: Start, systemd: Systemd, installation: Installation
) -> None:
    installation.set("daemon", log_level='"warning"')
    daemon = start(**systemd.environ())
    systemd.hears("READY=1")
    assert not daemon.lines("daemon.ready")

    installation.set("daemon", log_level='"info"')
    installation.set("push", every='"7s"')
    daemon.signal(signal.SIGHUP)
    systemd.hears("READY=1", times=2)

    said = [m for m in systemd.heard if not m.startswith("WATCHDOG")]
    assert said[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[2].startswith("READY=1")
    assert daemon.says("settings.restart_needed")["settings"] == ["push.every"]
    assert daemon.says("settings.reloaded"), "a line of level info: that level is taken over"
    assert daemon.stop() == 0


def test_a_configuration_that_is_wrong_is_not_taken_over(
    start: Start, systemd: Systemd, installation: Installation
) -> None:
    daemon = start(**systemd.environ()).ready()
    installation.set("daemon", log_level='"chatty"')
    daemon.signal(signal.SIGHUP)

    told = daemon.says("settings.not_reloaded")
    systemd.hears("READY=1", times=2)
    assert "log_level" in told["text"]
    systemd.hears("WATCHDOG=1", times=systemd.count("WATCHDOG=1") + 1)
    assert daemon.stop() == 0


def test_a_worker_that_hangs_starves_the_watchdog_until_it_lives_again(
    installation: Installation, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    Office(installation).close()
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(visit: Visit) -> None:
        visit.house.beat(0.2)
        hangs.set()
        goes_on.wait(60)

    monkeypatch.setitem(scheduler.VISITS, "pull", hang)
    monkeypatch.setattr(monitoring, "KEPT_S", 0.05)
    environ = installation.environ | systemd.environ()
    service = Service(installation.settings(), environ=environ, reload=installation.settings)
    runs = threading.Thread(target=service.run)
    runs.start()
    try:
        assert hangs.wait(20)
        listener = service.web[-1]
        address = f"{listener.host}:{listener.port}"
        until("the hung thread is named", lambda: "'worker_0'" in get(address, "/readyz")[1])
        fed = systemd.count("WATCHDOG=1")
        assert not goes_on.wait(0.5), "four times the interval at which a healthy daemon feeds it"
        assert systemd.count("WATCHDOG=1") == fed

        goes_on.set()
        systemd.hears("WATCHDOG=1", times=fed + 2)
        until("it is ready again", lambda: get(address, "/readyz")[0] == 200)
    finally:
        goes_on.set()
        service.stop()
        runs.join(30)
    assert not runs.is_alive()


def test_a_provider_that_does_not_answer_does_not_starve_the_watchdog(
    start: Start, systemd: Systemd, stripe: Served[StripeDouble], office: Office
) -> None:
    stripe.double.faults.add(Fault(FaultKind.HALF_OPEN, "POST", seconds=20))
    daemon = start(**systemd.environ()).ready()
    office.bills("1001")
    until("the call that hangs is under way", lambda: stripe.double.faults.pending == 0)

    systemd.hears("WATCHDOG=1", times=systemd.count("WATCHDOG=1") + 5)
    assert not daemon.lines("watchdog.late")


# --- one at a time ------------------------------------------------------------------------------------


def test_a_second_daemon_leaves_with_75_and_says_who_holds_the_database(start: Start) -> None:
    first = start().ready()
    second = start("second")

    assert second.ends() == EX_TEMPFAIL
    (told,) = second.lines("daemon.already_running")
    assert told["code"] == "WB-DAEMON-RUNNING"
    assert f"pid {first.process.pid}," in told["holder"]
    assert first.stop() == 0
    assert start("third").ready().stop() == 0, "the lock went with its holder"


# --- stopping -----------------------------------------------------------------------------------------


def test_sigterm_finishes_the_calls_in_flight(
    start: Start, stripe: Served[StripeDouble], office: Office, account: Account
) -> None:
    daemon = start().ready()
    stripe.double.faults.latency_s = 1.0
    office.bills("1001")
    until("a customer is being created there", lambda: stripe.double.stats["POST /v1/customers"] == 1)

    assert daemon.stop() == 0

    assert len(list(account.customers())) == 1, "the call in flight was carried out"
    rows = steps.read(office.integration_id, [steps.payer_subject("C-1")])
    states = {row.operation: row.state for found in rows.values() for row in found.values()}
    assert states == {"payer": "done"}, "and its answer was written down"
    assert list(account.invoices()) == [], "and no new call was begun"


def test_a_call_that_takes_too_long_is_left_and_settled_by_the_next_daemon(
    start: Start, stripe: Served[StripeDouble], office: Office, account: Account, installation: Installation
) -> None:
    installation.set("daemon", stop_within='"1s"')
    daemon = start().ready()
    stripe.double.faults.latency_s = 3.0
    office.bills("1001")
    until("a call hangs", stripe.double.stats.total)

    assert daemon.stop() == 1
    assert daemon.lines("daemon.stopped_late")[-1]["within_s"] == 1.0

    stripe.double.faults.latency_s = 0
    again = start().ready()
    until("the invoice is sent", lambda: office.is_sent("1001"))
    assert again.stop() == 0
    assert [doc.number for doc in account.invoices()] == ["1001"]
    assert len(list(account.customers())) == 1


# --- what it refuses to start on ----------------------------------------------------------------------


def test_it_does_not_start_on_a_disk_that_is_nearly_full(
    start: Start, systemd: Systemd, installation: Installation
) -> None:
    installation.set("daemon", min_free_disk='"1000000GiB"')
    daemon = start(**systemd.environ())

    assert daemon.ends() == 1
    (told,) = daemon.lines("daemon.cannot_start")
    assert told["code"] == "WB-DB-FULL" and str(installation.folder) in told["text"]
    assert systemd.count("READY=1") == 0
    assert not (installation.folder / "wispbill.db").exists()


@pytest.mark.parametrize("key", ["a5" * 32, ""])
def test_a_master_key_that_is_not_this_databases_or_none_refuses_to_start(
    start: Start, systemd: Systemd, office: Office, key: str
) -> None:
    daemon = start(CREDENTIAL_ENCRYPTION_KEY=key, **systemd.environ())

    assert daemon.ends() == 1
    (told,) = daemon.lines("daemon.cannot_start")
    assert told["code"].startswith("WB-VAULT-")
    assert systemd.count("READY=1") == 0
    assert not key or key not in daemon.log.read_text()


# --- without a way in ---------------------------------------------------------------------------------


def test_without_the_receiver_only_its_routes_are_gone_and_payments_are_seen(
    start: Start, office: Office, account: Account, installation: Installation
) -> None:
    address = f"/api/webhooks/billing/integrations/{office.integration_id}"
    with_it = start("with").ready()
    receiver, _monitoring = with_it.addresses()
    assert get(receiver, address)[0] == 405, "only POST is served there"
    assert with_it.stop() == 0

    installation.set("receiver", enabled="false")
    without = start("without").ready()
    public, monitoring = without.addresses()
    assert get(public, address)[0] == 404
    assert get(public, "/api/openapi.json")[0] == 200, "the API is there without it"
    assert get(monitoring, "/healthz")[0] == 200
    office.bills("1001")
    until("the invoice is sent", lambda: office.is_sent("1001"))
    (there,) = account.invoices()
    account.pay(there.id)
    office.the_minute_is_over()

    until("the payment is seen", lambda: office.invoice("1001").payment_status == "paid")
    assert without.stop() == 0
