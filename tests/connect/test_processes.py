"""Two processes on one database and one grant, over a real socket: one of them refreshes, and one may die."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from daemon import app as wiring
from daemon import connect, providers
from daemon.beats import Beats
from daemon.clock import SystemClock, SystemEntropy
from daemon.connect import Connected
from daemon.house import House
from daemon.service import _is_alive
from daemon.settings import load
from daemon.store import apps, grants, integrations, records
from daemon.store.tables import Grant
from daemon.web.listeners import build_web
from daemon.web.server import WebServer
from tests.builders import Builders
from tests.tokens.ledger import ACCESS_S, CLIENT, REDIRECT, SECRET, LedgerServer

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os
import sys
from daemon import app, log, providers
from daemon.settings import load
from daemon.store import integrations
log.configure("error", "json")
providers._BUILT_IN["ledger"] = ("tests.tokens.ledger", "Ledger")
house = app.build(load(None, dict(os.environ)))
print("ready", flush=True)
sys.stdin.readline()
row = integrations.get(None, sys.argv[1])
print(house.tokens.keeper(row.grant_id).access().get_secret_value(), flush=True)
"""


class Ground:
    """A state folder, the ledger on a port, and processes that ask for a token when they are told to."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.server = LedgerServer(self.clock)
        self.web = WebServer(
            self.server, name="ledger", host="127.0.0.1", port=0, clock=self.clock, max_body=4096
        )
        self.web.start()
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "WISPBILL_DAEMON__STATE_DIR": str(folder),
            "WISPBILL_PROVIDERS__LEDGER__BASE_URL": f"http://127.0.0.1:{self.web.port}",
            "WISPBILL_RECEIVER__LISTEN": "127.0.0.1:0",
            "WISPBILL_MONITORING__ENABLED": "false",
            "CREDENTIAL_ENCRYPTION_KEY": "5a" * 32,
        }
        self.house: House = wiring.build(load(None, self.environ), environ=self.environ, migrating=True)
        self.row = self._connected()

    def _connected(self) -> records.Integration:
        house, entropy = self.house, SystemEntropy()
        tenant, now = Builders(house.store).a_tenant(), self.clock.now()

        def register() -> records.App:
            app = apps.add(
                provider="ledger",
                mode="sandbox",
                client_id=CLIENT,
                redirect_uri=REDIRECT,
                label="",
                actor="test",
                now=now,
                entropy=entropy,
            )
            apps.replace_secret(house.safe, app, SecretStr(SECRET), now=now, actor="test")
            return app

        app = house.store.write("test", register)
        link = connect.begin(
            house, app, tenant_id=tenant.id, customer_id=None, label="", settings={}, actor="test"
        )
        back = self.server.browse(link.url)
        code = back.partition("code=")[2].partition("&")[0]
        outcome = connect.answer(house, "ledger", {"state": link.state, "code": code})
        assert isinstance(outcome, Connected)
        return outcome.integration

    def age(self) -> None:
        """As if the access token were old."""
        now = self.clock.now()
        values = {"refreshed_at": now - timedelta(seconds=ACCESS_S), "access_expires_at": now}
        self.house.store.write("test", Grant.update(values).execute)

    def process(self) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.row.id],
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert started.stdout is not None and started.stdout.readline() == "ready\n"
        return started


@pytest.fixture
def ground(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setitem(providers._BUILT_IN, "ledger", ("tests.tokens.ledger", "Ledger"))
    providers.provider_class.cache_clear()
    shutil.copy(empty_database, tmp_path / "wispbill.db")
    made = Ground(tmp_path)
    yield made
    made.web.stop(within_s=1)
    made.house.close()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    assert process.wait(timeout=30) == 0
    return said


def ask(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_the_owner_s_browser_is_answered_by_the_daemon_s_own_listener(ground: Ground) -> None:
    [receiver] = build_web(ground.house, Beats(ground.clock))
    receiver.start()
    try:
        app = apps.choose("ledger")
        link = connect.begin(
            ground.house,
            app,
            tenant_id=ground.row.tenant_id,
            customer_id=None,
            label="",
            settings={},
            actor="test",
        )
        back = urlsplit(ground.server.browse(link.url))
        address = f"http://127.0.0.1:{receiver.port}{back.path}?{back.query}"
        with urlopen(address, timeout=20) as page:
            text = page.read().decode()
            assert "Books of realm-1 is connected" in text
            assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert back.query.partition("code=")[2][:9] not in text
    finally:
        receiver.stop(within_s=1)
    assert integrations.get(None, ground.row.id).grant_id != ground.row.grant_id


def test_processes_that_race_refresh_once(ground: Ground) -> None:
    started = [ground.process(), ground.process()]
    ground.age()

    for process in started:
        ask(process)
    tokens = {answer(process) for process in started}

    assert ground.server.refreshes() == 1
    assert len(tokens) == 1 and tokens <= ground.server.bearers.keys()


def test_a_process_that_is_killed_while_the_provider_rotates_loses_nothing(ground: Ground) -> None:
    """kill -9 after the provider changed the tokens and before we know the new ones."""
    arrived, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        go_on.wait(20)

    victim = ground.process()
    ground.age()
    ground.server.before_token = hold
    ask(victim)
    assert arrived.wait(20)
    victim.send_signal(signal.SIGKILL)
    victim.wait(timeout=20)
    ground.server.before_token = lambda: None
    go_on.set()
    while not ground.server.refreshes():
        ground.clock.wait(0.01)
    held = grants.get(str(ground.row.grant_id))
    assert held.refresh_started_at is not None and held.lease_owner is not None

    grants.drop_dead_owners(ground.house.store, _is_alive)
    heir = ground.process()
    ask(heir)

    assert answer(heir) in ground.server.bearers
    assert ground.server.refreshes() == 2
    assert grants.get(str(ground.row.grant_id)).state == "active"
