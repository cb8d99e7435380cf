"""A grant at a provider that rotates its tokens, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from pydantic import SecretStr

from daemon import providers
from daemon.gate import IntegrationGate
from daemon.model import AccountInfo, Mode
from daemon.providers.oauth import AppRegistration
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.store import apps, grants, integrations, records
from daemon.store.database import Store
from daemon.store.secrets import CLIENT_SECRET, Safe
from daemon.tokens import GrantKeeper, TokenDesk, life_of
from daemon.vault import MasterKeys, Vault
from daemon.wire import HttpWire
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy
from tests.store.conftest import postgres_store, postgres_url, store
from tests.tokens.ledger import CLIENT, REDIRECT, SECRET, LedgerOAuth, LedgerServer

__all__ = ["postgres_store", "postgres_url", "store"]


class Network(SpoilingTransport):
    """Spoils every request as long as `down` names how."""

    down = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            self.spoil(self.down)
        return super().handle_request(request)


@dataclass
class Bench:
    """One app, one grant, and a desk for each process that works with them."""

    store: Store
    clock: FrozenClock
    entropy: SeededEntropy
    server: LedgerServer
    safe: Safe
    transport: Network = field(init=False)
    grant: records.Grant = field(init=False)

    def __post_init__(self) -> None:
        self.transport = Network(SandboxTransport(self.server))

    def oauth(self, _app: records.App | None = None, *, secret: str = SECRET) -> LedgerOAuth:
        stop = threading.Event()
        gate = IntegrationGate(party="ledger", limits=(), clock=self.clock, stop=stop)
        wire = HttpWire("ledger", gate=gate, clock=self.clock, transport=self.transport)
        registration = AppRegistration(CLIENT, SecretStr(secret), REDIRECT, Mode.SANDBOX)
        return LedgerOAuth(registration, wire)

    def desk(self, name: str = "test:1", *, secret: str = SECRET) -> TokenDesk:
        oauth = self.oauth(secret=secret)
        return TokenDesk(self.store, self.safe, self.clock, name, threading.Event(), lambda _app: oauth)

    def keeper(self, name: str = "test:1") -> GrantKeeper:
        return GrantKeeper(self.desk(name), self.grant.id)

    def row(self) -> records.Grant:
        return grants.get(self.grant.id)

    def write(self, work: Callable[[], object]) -> None:
        self.store.write("test", work)

    def works(self, access: SecretStr) -> bool:
        """Whether the provider takes it."""
        held = self.server.bearers.get(access.get_secret_value())
        return held is not None and not held[0].is_dead and self.clock.monotonic() < held[1]

    def consent(self) -> None:
        """An app, and a grant as a consent left it."""
        app = self.store.write(
            "test",
            lambda: apps.add(
                provider="ledger",
                mode="sandbox",
                client_id=CLIENT,
                redirect_uri=REDIRECT,
                label="",
                actor="test",
                now=self.clock.now(),
                entropy=self.entropy,
            ),
        )
        self.write(lambda: self.safe.put(app, CLIENT_SECRET, {"client_secret": SECRET}))
        oauth, tenant = self.oauth(), Builders(self.store).a_tenant()
        asked_at = self.clock.now()
        challenge = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # of an empty verifier
        back = self.server.browse(oauth.authorize_url("state", challenge))
        answer = oauth.exchange(back.partition("code=")[2].partition("&")[0])
        tokens = grants.Tokens(answer.access, answer.refresh)
        self.grant = self.store.write(
            "test",
            lambda: grants.add(
                self.safe,
                app,
                tenant.id,
                tokens,
                life_of(answer, asked_at, oauth),
                actor="test",
                entropy=self.entropy,
            ),
        )

    def an_integration(self, account: str = "realm-1") -> records.Integration:
        def work() -> records.Integration:
            row = integrations.add(
                tenant_id=self.grant.tenant_id,
                customer_id=None,
                provider="ledger",
                mode="sandbox",
                label="",
                settings={},
                account=AccountInfo(account, account, Mode.SANDBOX),
                base_url=None,
                pace="realtime",
                actor="test",
                now=self.clock.now(),
                entropy=self.entropy,
            )
            integrations.update(row.id, grant_id=self.grant.id)
            return integrations.get(None, row.id)

        return self.store.write("test", work)


@pytest.fixture
def bench(
    store: Store,
    clock: FrozenClock,
    entropy: SeededEntropy,
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    monkeypatch.setitem(providers._BUILT_IN, "ledger", ("tests.tokens.ledger", "Ledger"))
    providers.provider_class.cache_clear()
    safe = Safe(store, Vault(MasterKeys.generate(entropy), entropy))
    made = Bench(store, clock, entropy, LedgerServer(clock), safe)
    made.consent()
    return made
