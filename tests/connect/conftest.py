"""A whole house with an app at the ledger, and a browser that follows its links."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from pydantic import SecretStr

from daemon import app as wiring
from daemon import connect, providers
from daemon.connect import Link
from daemon.house import House
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.settings import load
from daemon.store import apps, integrations, records
from daemon.vault import MasterKeys
from daemon.web.oauth import callback_app
from daemon.wire import Gate, HttpWire, Wire
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy
from tests.store.conftest import postgres_store, postgres_url
from tests.tokens.ledger import CLIENT, REDIRECT, SECRET, LedgerServer

__all__ = ["Office", "Shown", "database_url", "office", "postgres_store", "postgres_url"]


@dataclass
class Shown:
    """A page as a browser has it."""

    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Office:
    """The house, the provider, and the two people: who asks for the link, and who opens it."""

    house: House
    server: LedgerServer
    transport: SpoilingTransport
    clock: FrozenClock
    app: records.App = field(init=False)
    tenant: records.Tenant = field(init=False)

    def link(self, customer: records.Customer | None = None, **settings: Any) -> Link:
        return connect.begin(
            self.house,
            self.app,
            tenant_id=customer.tenant_id if customer else self.tenant.id,
            customer_id=customer.id if customer else None,
            label="Ledger",
            settings=settings,
            actor="cli:operator",
        )

    def get(self, url: str, method: str = "GET") -> Shown:
        parts = urlsplit(url)
        return self._ask(method, parts.path, parts.query, b"")

    def post(self, path: str, **form: str) -> Shown:
        return self._ask("POST", path, "", urlencode(form).encode())

    def _ask(self, method: str, path: str, query: str, body: bytes) -> Shown:
        started: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _info: object = None) -> None:
            started["status"], started["headers"] = int(status[:3]), dict(headers)

        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": io.BytesIO(body),
        }
        answer = b"".join(callback_app(self.house)(environ, start))
        return Shown(started["status"], started["headers"], answer.decode())

    def consent(self, customer: records.Customer | None = None) -> Shown:
        """Link, consent, and back."""
        return self.get(self.server.browse(self.link(customer).url))

    def state_of(self, url: str) -> str:
        return dict(parse_qsl(urlsplit(url).query))["state"]

    def rows(self) -> list[records.Integration]:
        return integrations.listing()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Of an empty database; SQLite's is in the state folder."""
    if request.param == "sqlite":
        return ""
    request.getfixturevalue("postgres_store")
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def office(
    database_url: str,
    tmp_path: Path,
    empty_database: Path,
    clock: FrozenClock,
    entropy: SeededEntropy,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Office]:
    monkeypatch.setitem(providers._BUILT_IN, "ledger", ("tests.tokens.ledger", "Ledger"))
    monkeypatch.setitem(providers._BUILT_IN, "minting", ("tests.tokens.ledger", "Minting"))
    providers.provider_class.cache_clear()
    shutil.copy(empty_database, tmp_path / "wispbill.db")
    server = LedgerServer(clock)
    transport = SpoilingTransport(SandboxTransport(server))

    def wire(party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=clock, deadline_s=deadline_s, transport=transport)

    house = wiring.build(
        load(None, {"WISPBILL_DAEMON__STATE_DIR": str(tmp_path), "WISPBILL_DATABASE__URL": database_url}),
        clock=clock,
        entropy=entropy,
        keys=MasterKeys.generate(entropy),
        make_wire=wire,
        migrating=True,
        fast=True,
    )
    made = Office(house, server, transport, clock)
    made.tenant = Builders(house.store).a_tenant()

    def register() -> records.App:
        row = apps.add(
            provider="ledger",
            mode="sandbox",
            client_id=CLIENT,
            redirect_uri=REDIRECT,
            label="",
            actor="test",
            now=clock.now(),
            entropy=entropy,
        )
        apps.replace_secret(house.safe, row, SecretStr(SECRET), now=clock.now(), actor="test")
        return row

    made.app = house.store.write("test", register)
    yield made
    house.close()
