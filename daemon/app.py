"""Builds the House from settings; alone knows every class."""

from __future__ import annotations

import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from daemon.alerts import Sender
from daemon.clock import Clock, Entropy, SystemClock, SystemEntropy
from daemon.errors import InvalidInput, StoreError, VaultError
from daemon.gate import AppGate, IntegrationGate, month_of
from daemon.house import House, limits_of
from daemon.model import Document, Mode, reasons
from daemon.policy import share_of
from daemon.providers import provider_class
from daemon.providers.base import Context, Credentials, Provider, ProviderSettings
from daemon.providers.oauth import TokenKeeper
from daemon.settings import Settings
from daemon.settings.units import Address
from daemon.store import database, grants, migrate, records, secrets, usage
from daemon.store.database import Probe, Store
from daemon.store.fields import canonical
from daemon.store.secrets import CREDENTIALS, Safe
from daemon.tokens import Flows, TokenDesk
from daemon.vault import MasterKeys, Vault
from daemon.wire import Gate, HttpWire, Wire
from daemon.wire.public import PublicWire

CACHED = 64
"""Adapters kept with their connections; the one longest unused is forgotten first, and closes when the
last run with it ends."""

M = TypeVar("M", bound=BaseModel)
MakeWire = Callable[[str, Gate, float], Wire]


class Workshop:
    """Builds and keeps adapters, one for each integration, each behind its gate."""

    def __init__(
        self,
        settings: Settings,
        safe: Safe,
        clock: Clock,
        stop: threading.Event,
        make_wire: MakeWire,
        make_public: MakeWire,
        tokens: TokenDesk,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._safe = safe
        self._clock = clock
        self._stop = stop
        self._make_wire, self._make_public = make_wire, make_public
        self._lock = threading.Lock()
        self._gates: dict[str, IntegrationGate] = {}
        self._app_gates: dict[str, AppGate] = {}
        self._kept: OrderedDict[str, tuple[object, Provider]] = OrderedDict()

    def __call__(self, integration: records.Integration) -> Provider:
        """The adapter as it was kept, unless its credentials or settings were changed since, by any
        process."""
        stamp = self._safe.stamp(integration.id, CREDENTIALS)
        made_of = (stamp, canonical(integration.settings), integration.grant_id)
        with self._lock:
            kept = self._kept.get(integration.id)
            if kept is not None and kept[0] == made_of:
                self._kept.move_to_end(integration.id)
                return kept[1]
        self.forget(integration.id)
        document = self._safe.open(integration, CREDENTIALS)
        if document is None:
            raise VaultError("this integration has no credentials; give them with `integrations rotate`")
        provider = self.build(
            integration.provider,
            document,
            settings=integration.settings,
            mode=Mode(integration.mode),
            base_url=integration.base_url,
            gate=self.gate(integration),
            tokens=self._tokens.keeper(integration.grant_id) if integration.grant_id else None,
            owner=integration,
        )
        with self._lock:
            self._kept[integration.id] = (made_of, provider)
            while len(self._kept) > CACHED:
                self._kept.popitem(last=False)
        return provider

    def gate(self, integration: records.Integration) -> IntegrationGate:
        """With that of its app in front, as its grant is now."""
        app_id = grants.get(integration.grant_id).app_id if integration.grant_id else None
        with self._lock:
            found = self._gates.get(integration.id)
            if found is None:
                found = self.open_gate(integration.provider, Mode(integration.mode))
                self._gates[integration.id] = found
            if app_id != (found.shared.app_id if found.shared else None):
                found.shared = self._app_gate(app_id, integration.provider) if app_id else None
            return found

    def _app_gate(self, app_id: str, name: str) -> AppGate | None:
        limits = provider_class(name).can.app_limits
        if app_id not in self._app_gates and limits:
            share = self._settings.provider(name).rate_share
            made = self._app_gates[app_id] = AppGate(app_id, share_of(limits, share), self._clock)
            made.saved({}, usage.of(app_id, month_of(self._clock.now())))
        return self._app_gates.get(app_id)

    def open_gate(self, name: str, mode: Mode) -> IntegrationGate:
        """A gate with the provider's limits in this mode, or the operator's own rate."""
        return IntegrationGate(
            party=name,
            limits=limits_of(self._settings, name, mode),
            clock=self._clock,
            stop=self._stop,
            concurrency=provider_class(name).can.concurrency,
        )

    def build(
        self,
        name: str,
        credentials: Document,
        *,
        settings: Document,
        mode: Mode,
        base_url: str | None,
        gate: IntegrationGate | None = None,
        tokens: TokenKeeper | None = None,
        owner: records.Integration | None = None,
    ) -> Provider:
        """An adapter from plain documents; raises InvalidInput where they are not of its form. `owner`:
        whose they are, once they are stored; tokens that are minted from them are kept there."""
        kind = provider_class(name)
        gate = gate or self.open_gate(name, mode)
        base_url = base_url or self._settings.provider(name).base_url or None
        # The operator's address is trusted as written; customers' own are judged at every send.
        make = self._make_public if kind.public and base_url is None else self._make_wire
        context = Context(
            credentials=read_credentials(name, credentials),
            settings=read_settings(name, settings),
            wire=make(name, gate, kind.can.deadline_s),
            mode=mode,
            base_url=base_url,
            clock=self._clock,
        )
        if tokens is None and kind.mints:
            tokens = self._tokens.minting(owner, partial(kind.mint, context))
        return kind(replace(context, tokens=tokens))

    def forget(self, integration_id: str) -> None:
        with self._lock:
            kept = self._kept.pop(integration_id, None)
        if kept is not None:
            kept[1].close()

    def close(self) -> None:
        for integration_id in list(self._kept):
            self.forget(integration_id)


def read_credentials(name: str, document: Document) -> Credentials:
    """Raises InvalidInput (WB-CREDENTIALS-FORMAT) that says what is wrong, never what was given."""
    return _checked(provider_class(name).credentials, document, "credentials")


def read_settings(name: str, document: Document) -> ProviderSettings:
    """Raises InvalidInput that says what is wrong."""
    return _checked(provider_class(name).settings, document, "settings")


def _checked(model: type[M], document: Document, what: str) -> M:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        field, reason = reasons.told(error, model.model_fields, whole=what)
        raise InvalidInput("WB-CREDENTIALS-FORMAT", reason, field=field) from None


def build(
    settings: Settings,
    *,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    keys: MasterKeys | None = None,
    make_wire: MakeWire | None = None,
    probe: Probe | None = None,
    migrating: bool = False,
    fast: bool = False,
    name: str | None = None,
) -> House:
    """The House of one process. `migrating`: the daemon's, which brings the schema up to date; everybody
    else is refused by another schema. Raises StoreError, VaultError, ConfigError or InvalidInput."""
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    stop = threading.Event()
    if not migrating:
        _refuse_missing(settings)
    store = _open_store(settings, clock, entropy, probe, fast)
    store.shared = not migrating
    if migrating:
        migrate.upgrade(store, settings.backup_dir())
    else:
        migrate.require_current(store)
    surroundings = environ if environ is not None else os.environ
    keys = keys or MasterKeys.load(settings, surroundings)
    safe = Safe(store, Vault(keys, entropy), source=partial(MasterKeys.load, settings, surroundings))
    check_keys(store, safe.vault)
    if migrating:
        safe.announce()

    def beat(within_s: float) -> None:
        house.beat(within_s)  # which is built last

    make_public = make_wire or public_wires(clock, stop, beat, settings.network.allow)
    make_wire = make_wire or wires(clock, stop, beat)
    name = name or f"{socket.gethostname()}:{os.getpid()}"
    flows = Flows(settings, safe, clock, stop, make_wire)
    tokens = TokenDesk(store, safe, clock, name, stop, flows)
    house = House(
        settings=settings,
        store=store,
        safe=safe,
        providers=Workshop(settings, safe, clock, stop, make_wire, make_public, tokens),
        clock=clock,
        entropy=entropy,
        name=name,
        stop=stop,
        make_public=make_public,
        make_wire=make_wire,
        alerts=Sender.load(settings, surroundings),
        tokens=tokens,
    )
    return house


def wires(clock: Clock, stop: threading.Event, beat: Callable[[float], None]) -> MakeWire:
    """Production's wires, over real HTTP."""

    def make(party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=clock, stop=stop, beat=beat, deadline_s=deadline_s)

    return make


def public_wires(
    clock: Clock, stop: threading.Event, beat: Callable[[float], None], allow: Collection[Address]
) -> MakeWire:
    """Those to addresses that customers gave; `allow` is what the operator trusts beside public ones."""
    pairs = [(pair.host.lower(), pair.port) for pair in allow]

    def make(party: str, gate: Gate, deadline_s: float) -> Wire:
        return PublicWire(
            party, gate=gate, clock=clock, stop=stop, beat=beat, deadline_s=deadline_s, allow=pairs
        )

    return make


def _refuse_missing(settings: Settings) -> None:
    """Only the daemon makes the database: what root's CLI made would be root's."""
    url = settings.database_url()
    if url.startswith("sqlite:") and not Path(url.removeprefix("sqlite://")).exists():
        path = url.removeprefix("sqlite://")
        raise StoreError("WB-DB-OLDER", f"there is no database at {path} yet: start the daemon once")


def _open_store(settings: Settings, clock: Clock, entropy: Entropy, probe: Probe | None, fast: bool) -> Store:
    url = settings.database_url()
    if url.startswith("sqlite:"):
        folder = Path(url.removeprefix("sqlite://")).parent
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(
                "WB-DB-READONLY", f"the state folder {folder} cannot be made: {error.strerror}"
            ) from error
    options: dict[str, Any] = {} if probe is None else {"probe": probe}
    pool = settings.database_pool()
    return database.connect(url, clock=clock, entropy=entropy, pool=pool, fast=fast, **options)


def check_keys(store: Store, vault: Vault) -> None:
    """Refuse a master key that is not the one this database was sealed with; note new ones. Raises
    VaultError."""
    rows = secrets.keys()
    known = {key_id: check for key_id, check, _active, _since in rows}
    for key_id, check, active, _since in rows:
        if vault.has(key_id) and vault.check_value(key_id) != check:
            raise VaultError(f"master key {key_id} is not the one that this database was sealed with")
        if active and vault.has(key_id):
            vault.activate(key_id)
    in_use = secrets.count_by_key()
    lacking = [key_id for key_id in sorted(known) if not vault.has(key_id) and in_use.get(key_id)]
    if lacking:
        raise VaultError(f"master key {lacking[0]} is missing, and secrets are sealed with it")
    new = [key_id for key_id in vault.key_ids() if key_id not in known]
    if new or not known:
        now = store.clock.now()
        first = not known

        def note() -> None:
            for key_id in new:
                active = first and key_id == vault.active_id
                secrets.note_key(key_id, vault.check_value(key_id), active=active, now=now)

        store.write("vault.note_keys", note)
