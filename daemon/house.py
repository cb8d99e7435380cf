"""What jobs and faces are handed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from daemon.alerts import Sender
from daemon.clock import Clock, Entropy
from daemon.gate import IntegrationGate
from daemon.model import Document, Limit, Mode
from daemon.policy import share_of
from daemon.providers import provider_class
from daemon.providers.base import Provider
from daemon.providers.oauth import TokenKeeper
from daemon.settings import Settings
from daemon.store import records
from daemon.store.database import Store
from daemon.store.secrets import Safe
from daemon.tokens import TokenDesk
from daemon.wire import Gate, Wire


class Providers(Protocol):
    """Builds the adapter of an integration, and forgets it when its credentials change."""

    def __call__(self, integration: records.Integration) -> Provider:
        """Raises VaultError where the credentials do not open, InvalidInput where they are unusable."""
        ...

    def build(
        self,
        name: str,
        credentials: Document,
        *,
        settings: Document,
        mode: Mode,
        base_url: str | None,
        tokens: TokenKeeper | None = None,
    ) -> Provider:
        """An adapter of credentials that are not stored yet. Raises InvalidInput."""
        ...

    def gate(self, integration: records.Integration) -> IntegrationGate: ...

    def forget(self, integration_id: str) -> None: ...


def _nobody(verb: str) -> None:
    """Outside the daemon there is nobody to wake."""


@dataclass(slots=True)
class House:
    """One process's settings, database, vault, adapters, clock and stop sign."""

    settings: Settings
    store: Store
    safe: Safe
    providers: Providers
    clock: Clock
    entropy: Entropy
    name: str
    stop: threading.Event = field(default_factory=threading.Event)
    wake: Callable[[str], None] = _nobody
    beat: Callable[[float], None] = lambda _within_s: None
    make_public: Callable[[str, Gate, float], Wire] | None = None
    """A wire to public addresses and `[network] allow`: party, gate, deadline in seconds. None: tests."""
    make_wire: Callable[[str, Gate, float], Wire] | None = None
    """A wire to addresses of the operator's configuration, which are trusted as written."""
    alerts: Sender = field(default_factory=Sender)
    tokens: TokenDesk | None = None
    """None where nothing here works under a grant (tests)."""
    pauses: dict[str, str] = field(default_factory=dict)
    """Why nothing is pushed now, a sentence for each cause (the clock jumped, the disk is full)."""

    failing: dict[str, str] = field(default_factory=dict)
    """Which jobs of the schedule broke off at their last tick, and with what sentence."""

    @property
    def pushes_paused(self) -> str | None:
        return next(iter(list(self.pauses.values())), None)

    def close(self) -> None:
        self.store.close()


def limits_of(settings: Settings, name: str, mode: Mode) -> tuple[Limit, ...]:
    """The limits of an account at this provider, as we keep them."""
    own = settings.provider(name)
    return share_of(provider_class(name).limits_in(mode), own.rate_share, own.calls_per_second)
