"""API keys: which account they open, in which mode, for what."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.sandbox.stripe.errors import StripeError
from daemon.sandbox.stripe.idempotency import Keys
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.rates import Rates


@dataclass(slots=True)
class Realm:
    """What one account in one mode shares among its keys."""

    ledger: Ledger
    keys: Keys
    rates: Rates


@dataclass(slots=True)
class ApiKey:
    """`permissions` is None for a secret key, which may everything; else names like `invoice_write`
    (write includes read)."""

    text: str = field(repr=False)
    realm: Realm
    permissions: frozenset[str] | None = None
    expired: bool = False

    def allows(self, permission: str) -> bool:
        if self.permissions is None:
            return True
        return permission in self.permissions or permission.replace("_read", "_write") in self.permissions


def masked(key: str) -> str:
    """As Stripe shows a key: the kind and the last four characters."""
    kind = "_".join(key.split("_")[:2]) if key.count("_") >= 2 else ""
    return f"{kind}_{'*' * 12}{key[-4:]}" if kind and len(key) > 16 else "*" * 12


def open_with(keys: Mapping[str, ApiKey], authorization: str) -> ApiKey:
    """The key of an Authorization header; raises StripeError 401."""
    text = credential(authorization)
    if not text:
        raise StripeError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if text.startswith("pk_"):
        raise StripeError(
            401,
            "This API call cannot be made with a publishable API key. Please use a secret API key.",
            code="secret_key_required",
        )
    key = keys.get(text)
    if key is None:
        raise StripeError(401, f"Invalid API Key provided: {masked(text)}")
    if key.expired:
        raise StripeError(401, f"Expired API Key provided: {masked(text)}", code="api_key_expired")
    return key


def require(key: ApiKey, permission: str) -> None:
    """Raises StripeError 403 that names the missing permission."""
    if not key.allows(permission):
        raise StripeError(
            403,
            f"The provided key '{masked(key.text)}' does not have the required permissions for this endpoint "
            f"on account '{key.realm.ledger.id}'. Having the 'rak_{permission}' permission would allow this "
            "request to continue.",
        )


def credential(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
