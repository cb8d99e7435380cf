"""The OAuth flow of each app, built with its secret and kept with its connections."""

from __future__ import annotations

import threading
from collections.abc import Callable

from daemon.clock import Clock
from daemon.errors import Unsupported
from daemon.gate import IntegrationGate
from daemon.model import Mode
from daemon.providers import provider_class
from daemon.providers.oauth import AppRegistration, OAuth
from daemon.settings import Settings
from daemon.store import apps, records
from daemon.store.secrets import CLIENT_SECRET, Safe
from daemon.wire import Gate, Wire

DEADLINE_S = 45.0
"""Twice this, the second for a lost answer, is inside a lease that is renewed before each call."""


class Flows:
    """Called with an app, gives its flow. Token endpoints are not the API whose rate is limited: each app
    has a gate of its own, with a breaker and no budget."""

    def __init__(
        self,
        settings: Settings,
        safe: Safe,
        clock: Clock,
        stop: threading.Event,
        make_wire: Callable[[str, Gate, float], Wire],
    ) -> None:
        self._settings, self._safe, self._clock, self._stop = settings, safe, clock, stop
        self._make_wire = make_wire
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[object, OAuth]] = {}

    def __call__(self, app: records.App) -> OAuth:
        """Raises Unsupported where the provider knows no consent, VaultError where the secret is not to be
        had."""
        made_of = (self._safe.stamp(app.id, CLIENT_SECRET), app.redirect_uri)
        with self._lock:
            kept = self._kept.get(app.id)
            if kept is None or kept[0] != made_of:
                kept = self._kept[app.id] = (made_of, self._built(app))
            return kept[1]

    def _built(self, app: records.App) -> OAuth:
        kind = provider_class(app.provider)
        if kind.oauth is None:
            raise Unsupported(f"{kind.label} is not connected by a consent")
        gate = IntegrationGate(party=app.provider, limits=(), clock=self._clock, stop=self._stop)
        return kind.oauth(
            AppRegistration(app.client_id, apps.secret(self._safe, app), app.redirect_uri, Mode(app.mode)),
            self._make_wire(app.provider, gate, DEADLINE_S),
            self._settings.provider(app.provider).base_url or None,
        )

    def close(self) -> None:
        with self._lock:
            for _made_of, oauth in self._kept.values():
                oauth.wire.close()
            self._kept.clear()
