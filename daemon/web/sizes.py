"""How large a delivery may be at an address: what its provider is known to send."""

from __future__ import annotations

from collections import OrderedDict

from daemon.errors import InvalidInput, StoreError
from daemon.house import House
from daemon.providers import provider_class
from daemon.store import integrations
from daemon.web.receiver import key_of

KEPT = 4096


class BodySizes:
    """Asked by the server's one thread, from the header block alone. Addresses of a customer and of an app
    name their provider; behind that of an integration stands always the same one."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._providers: OrderedDict[str, str] = OrderedDict()

    def of(self, path: str) -> int:
        """In bytes; 0 where the path names no provider that is known here."""
        match key_of(path):
            case ("app", provider, _app_id):
                return _size(provider)
            case ("customer", _customer_id, provider):
                return _size(provider)
            case ("integration", integration_id):
                return _size(self._provider_of(integration_id))
        return 0

    def _provider_of(self, integration_id: str) -> str:
        known = self._providers.get(integration_id)
        if known is not None:
            return known
        try:
            with self._house.store.session():
                provider = integrations.get(None, integration_id).provider
        except (InvalidInput, StoreError):
            return ""
        self._providers[integration_id] = provider
        if len(self._providers) > KEPT:
            self._providers.popitem(last=False)
        return provider


def _size(provider: str) -> int:
    try:
        return provider_class(provider).can.webhook_bytes
    except InvalidInput:
        return 0
