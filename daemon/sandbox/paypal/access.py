"""Apps, tokens and scopes, and a limit on each: PayPal publishes no numbers, so these are guesses."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from daemon.clock import Clock, Entropy
from daemon.sandbox.http import Request
from daemon.sandbox.paypal.errors import PayPalError, TokenError
from daemon.sandbox.paypal.ledger import Doc, Ledger, stamp

LIFE_S = 32400.0
_BASE = "https://uri.paypal.com/services/"
SCOPES = {
    "invoicing": f"{_BASE}invoicing",
    "disputes": f"{_BASE}disputes/read-seller",
    "webhooks": f"{_BASE}applications/webhooks",
}
CALLS_A_MINUTE = 900
TOKENS_A_MINUTE = 20


@dataclass(slots=True)
class App:
    """A REST app of an account. `features` are those switched on for it; `restricted` makes every use of
    invoicing answer 403."""

    client_id: str
    secret: str
    ledger: Ledger
    features: set[str]
    restricted: bool = False
    token: str = ""
    expires_at: float = 0.0
    calls: deque[float] = field(default_factory=deque)
    tokens: deque[float] = field(default_factory=deque)


class Access:
    """Opens an account to a request."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock, self._entropy = clock, entropy
        self.apps: dict[str, App] = {}

    def mint(self, request: Request, *, rates: bool) -> Doc:
        """The token of an app; the same one again while it lives. Raises TokenError and PayPalError."""
        if request.content_type != "application/x-www-form-urlencoded":
            raise TokenError(415, "unsupported_media_type", "Use application/x-www-form-urlencoded")
        app = self._app(request)
        if dict(parse_qsl(request.body.decode("ascii", "replace"))) != {"grant_type": "client_credentials"}:
            raise TokenError(400, "unsupported_grant_type", "unsupported grant_type")
        now = self._clock.monotonic()
        if rates:
            _count(app.tokens, now, TOKENS_A_MINUTE)
        if not app.token or app.expires_at <= now:
            value = base64.b32encode(self._entropy.bytes(20)).decode()
            app.token, app.expires_at = f"A21AA{value}", now + LIFE_S
        return {
            "scope": " ".join(["openid", *(SCOPES[one] for one in sorted(app.features))]),
            "access_token": app.token,
            "token_type": "Bearer",
            "app_id": f"APP-{app.ledger.id[:17]}",
            "expires_in": int(app.expires_at - now),
            "nonce": stamp(app.ledger.now) + app.token[5:20],
        }

    def open(self, request: Request, feature: str, *, rates: bool) -> Ledger:
        """The account that the bearer token opens for this feature. Raises PayPalError."""
        app = self.bearer(request)
        now = self._clock.monotonic()
        if app is None or app.expires_at <= now:
            raise PayPalError(401)
        if rates:
            _count(app.calls, now, CALLS_A_MINUTE)
        if feature not in app.features or (feature == "invoicing" and app.restricted):
            raise PayPalError(403)
        return app.ledger

    def bearer(self, request: Request) -> App | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not token:
            return None
        return next((app for app in self.apps.values() if app.token == token), None)

    def revoke(self, app: App) -> None:
        """Token and secret are worth nothing from now on."""
        app.token, app.secret = "", ""

    def _app(self, request: Request) -> App:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        try:
            client_id, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            client_id = secret = ""
        app = self.apps.get(client_id) if kind == "Basic" else None
        if app is None or not app.secret or app.secret != secret:
            raise TokenError(401, "invalid_client", "Client Authentication failed")
        return app


def _count(calls: deque[float], now: float, most: int) -> None:
    while calls and calls[0] <= now - 60:
        calls.popleft()
    if len(calls) >= most:
        raise PayPalError(429)
    calls.append(now)
