"""The providers: one adapter each, strangers to one another; the registry loads one when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.providers.base import Provider

GROUP = "wispbill.providers"

_BUILT_IN = {
    "stripe": ("daemon.providers.stripe", "Stripe"),
    "paypal": ("daemon.providers.paypal", "PayPal"),
    "square": ("daemon.providers.square", "Square"),
    "quickbooks": ("daemon.providers.quickbooks", "QuickBooks"),
    "xero": ("daemon.providers.xero", "Xero"),
    "custom_webhook": ("daemon.providers.custom_webhook", "CustomWebhook"),
}
_ALIASES = {"custom": "custom_webhook"}
"""Short names that people may say; what is stored is the class's own `name`."""


def names() -> tuple[str, ...]:
    """What can be connected: the built-in providers, then those of installed packages."""
    return (*_BUILT_IN, *sorted(_others().keys() - _BUILT_IN.keys()))


def stored_name(name: str) -> str:
    """What is stored for a name that people may say."""
    return _ALIASES.get(name, name)


@cache
def provider_class(name: str) -> type[Provider]:
    """The adapter of this name; its SDK is loaded now, not before (Stripe's takes 170 ms).

    Raises InvalidInput (WB-NOT-FOUND) naming what there is, and (WB-CONFIG) where an installed package's
    adapter is not one."""
    name = stored_name(name)
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name]
        found = getattr(import_module(module), attribute)
    elif name in _others():
        found = _others()[name].load()
    else:
        there = ", ".join(names())
        raise InvalidInput("WB-NOT-FOUND", f"there is no provider {name[:40]!r}; there is: {there}")
    return _insist_on_provider(name, found)


def _insist_on_provider(name: str, found: object) -> type[Provider]:
    from daemon.providers.base import Provider

    if not isinstance(found, type) or not issubclass(found, Provider):
        raise InvalidInput("WB-CONFIG", f"the provider {name!r} is not a daemon.providers.base.Provider")
    return found


@cache
def _others() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
