"""Who verifies a delivery, and whose its hints are: the adapter of an integration, or that of an app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from daemon.errors import HintNotReady, NotFound, Unsupported
from daemon.model import Delivery, Hint
from daemon.providers import provider_class
from daemon.providers.base import Provider
from daemon.store import integrations, records
from daemon.store.webhook import WebhookKeys


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery before it is known whose it is: raw bytes, lower-case header names, when."""

    body: bytes
    headers: Mapping[str, str]
    at: datetime

    def to(self, keys: WebhookKeys, certificates: Mapping[str, bytes]) -> Delivery:
        return Delivery(self.body, self.headers, keys.url, keys.secrets, self.at, certificates)


@dataclass(frozen=True, slots=True)
class Told:
    """What a verified delivery tells to each integration that it concerns, and about how many accounts that
    nobody has connected here."""

    parts: Sequence[tuple[records.Integration, list[Hint]]] = ()
    strangers: int = 0


class Unready(HintNotReady):
    """Something must be fetched before deliveries to this integration can be verified."""

    def __init__(self, integration: records.Integration, error: HintNotReady) -> None:
        super().__init__(error.message, wants=error.wants)
        self.integration = integration


class Door(Protocol):
    def read(self, arrived: Arrived) -> Told:
        """Raises HintRejected, Unready; NotFound where the provider sends no webhooks to such an address."""
        ...


@dataclass(frozen=True, slots=True)
class IntegrationDoor:
    """One integration that may be meant, with all that verifying a delivery takes."""

    integration: records.Integration
    provider: Provider
    keys: WebhookKeys
    certificates: Mapping[str, bytes] = field(default_factory=dict)

    def read(self, arrived: Arrived) -> Told:
        try:
            hints = self.provider.read_hints(arrived.to(self.keys, self.certificates))
        except Unsupported as error:
            raise NotFound("webhook of", self.integration.provider) from error
        except HintNotReady as error:
            raise Unready(self.integration, error) from error
        return Told([(self.integration, hints)])


@dataclass(frozen=True, slots=True)
class AppDoor:
    """Our app at a provider. Its secret verifies; only then is read which accounts a delivery names, and
    only integrations under a grant of this very app are told."""

    app: records.App
    keys: WebhookKeys

    def read(self, arrived: Arrived) -> Told:
        kind = provider_class(self.app.provider)
        try:
            hints = kind.read_app_hints(arrived.to(self.keys, {}))
        except Unsupported as error:
            raise NotFound("webhook of", self.app.provider) from error
        by_account: dict[str, list[Hint]] = {}
        for hint in hints:
            by_account.setdefault(hint.account or "", []).append(hint)
        there = integrations.at_app(self.app, list(by_account))
        known = {row.account_id for row in there}
        parts = [(row, by_account[row.account_id or ""]) for row in there]
        return Told(parts, strangers=len(by_account.keys() - known))
