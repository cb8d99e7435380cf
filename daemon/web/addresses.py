"""What stands behind a webhook address: integration or app, adapter, keys; remembered for a moment.

A burst must not open sealed secrets and read rows a thousand times. What changes (a rotation, a removed
integration; often by another process) is seen after `TTL_S` at the latest; a delivery that does not
verify is tried once more against what the database says now (`again`), so that a new secret counts at
once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from daemon.errors import NotFound
from daemon.house import House
from daemon.model import RUNNING
from daemon.providers import stored_name
from daemon.store import apps, certificates, integrations, records, webhook
from daemon.web.doors import AppDoor, Door, IntegrationDoor

TTL_S = 2.0
AGAIN_S = 0.25
"""A flood of forged deliveries makes us read the database this often, for each address."""

KEPT = 4096

Key = tuple[str, ...]
"""("integration", id), ("customer", id, provider) or ("app", provider, id)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an address meant at a moment (monotonic seconds); `those` is empty where it means nothing."""

    those: tuple[Door, ...]
    at: float


class Addresses:
    """Safe for the server's threads; bounded, the least used address is forgotten first."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._kept: OrderedDict[Key, Found] = OrderedDict()

    def find(self, key: Key) -> Found:
        """Raises NotFound; VaultError or InvalidInput where its secrets cannot be used; StoreError."""
        return self._insist(key, self._recall(key, TTL_S) or self._look(key, TTL_S))

    def again(self, key: Key, found: Found) -> Found | None:
        """What the database says now, where `found` is older than that; raises as `find`."""
        if self._house.clock.monotonic() - found.at < AGAIN_S:
            return None
        return self._insist(key, self._recall(key, AGAIN_S) or self._look(key, AGAIN_S))

    def _insist(self, key: Key, found: Found) -> Found:
        if not found.those:
            raise NotFound("webhook address", "/".join(key))
        return found

    def _recall(self, key: Key, ttl_s: float) -> Found | None:
        now = self._house.clock.monotonic()
        with self._lock:
            found = self._kept.get(key)
            return found if found is not None and now - found.at < ttl_s else None

    def _look(self, key: Key, ttl_s: float) -> Found:
        """One thread looks; a burst's others wait, and find what it found. (An adapter that is built here
        for the first time loads its SDK and the certificates.)"""
        with self._looking:
            found = self._recall(key, ttl_s)
            if found is not None:
                return found
            at = self._house.clock.monotonic()
            found = Found(tuple(self._doors(key)), at)
            self._remember(key, found)
            return found

    def _remember(self, key: Key, found: Found) -> None:
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def _doors(self, key: Key) -> list[Door]:
        match key:
            case ("integration", integration_id):
                return [self._door(found) for found in _by_id(integration_id)]
            case ("customer", customer_id, provider):
                there = integrations.at_address(customer_id, stored_name(provider))
                return [self._door(found) for found in there]
            case ("app", provider, app_id):
                return [AppDoor(app, webhook.read(self._house.safe, app)) for app in _apps(provider, app_id)]
        return []

    def _door(self, integration: records.Integration) -> Door:
        keys = webhook.read(self._house.safe, integration)
        kept = certificates.of(integration.id)
        return IntegrationDoor(integration, self._house.providers(integration), keys, kept)


def _by_id(integration_id: str) -> list[records.Integration]:
    try:
        found = integrations.get(None, integration_id)
    except NotFound:
        return []
    return [found] if found.state in RUNNING else []


def _apps(provider: str, app_id: str) -> list[records.App]:
    try:
        found = apps.get(app_id)
    except NotFound:
        return []
    return [found] if found.provider == provider and found.removed_at is None else []
