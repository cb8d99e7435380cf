"""Xero's identity server: consents, tokens that rotate, connections.

An access token lives 30 minutes; a refresh token is good for one refresh and 60 days, and for another
30 minutes after it was used, so that a lost answer can be asked for again. A code lives 5 minutes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from daemon.clock import Clock, Entropy, to_unix
from daemon.sandbox.http import Answer, Request
from daemon.sandbox.xero.errors import (
    Refused,
    as_json,
    bad_request,
    forbidden,
    not_found,
    oauth,
    unauthorised,
)
from daemon.sandbox.xero.records import Doc

ACCESS_S = 1800
RESCUE_S = 1800
REFRESH_S = 60 * 86400
CODE_S = 300
KNOWN = frozenset(
    [
        "offline_access",
        "openid",
        "profile",
        "email",
        "accounting.invoices",
        "accounting.invoices.read",
        "accounting.payments",
        "accounting.payments.read",
        "accounting.contacts",
        "accounting.contacts.read",
        "accounting.settings",
        "accounting.settings.read",
    ]
)
"""Scopes that an app of 2026 may ask for; the broad accounting.transactions is not among them."""


@dataclass(slots=True)
class App:
    """A registration; `custom_tenant` makes it a custom connection of that one organisation."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...] = ()
    webhook_key: str = ""
    webhook_url: str = ""
    custom_tenant: str | None = None
    sequence: int = 0


@dataclass(slots=True)
class Connection:
    id: str
    app: str
    tenant: str
    event: str
    at: str


@dataclass(slots=True)
class Grant:
    """A user's consent to an app; `event` is what the access token calls authentication_event_id."""

    app: App
    event: str
    scopes: tuple[str, ...]
    dead: bool = False


@dataclass(slots=True)
class Token:
    grant: Grant
    expires: float
    used: float | None = None


@dataclass(slots=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    expires: float
    used: bool = False


@dataclass(slots=True)
class Identity:
    clock: Clock
    entropy: Entropy
    apps: dict[str, App] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    access: dict[str, Token] = field(default_factory=dict)
    refreshes: dict[str, Token] = field(default_factory=dict)
    codes: dict[str, _Code] = field(default_factory=dict)
    choosing: Sequence[str] | None = None

    def new_id(self) -> str:
        return str(uuid.UUID(bytes=self.entropy.bytes(16), version=4))

    # --- consent --------------------------------------------------------------------------------------

    def consent(self, app: App, tenants: Sequence[str], scopes: Sequence[str]) -> Grant:
        """A user lets the app into these organisations; being let in again only renews the connection."""
        grant = Grant(app, self.new_id(), tuple(scopes))
        now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0")
        for tenant in tenants:
            old = next(
                (c for c in self.connections.values() if (c.app, c.tenant) == (app.client_id, tenant)), None
            )
            if old is not None:
                old.event = grant.event
            else:
                made = Connection(self.new_id(), app.client_id, tenant, grant.event, now)
                self.connections[made.id] = made
        return grant

    def authorize(self, request: Request) -> Answer:
        """The user agrees at once, to the organisations in `choosing` (all of them where it is None)."""
        app = self.apps.get(request.param("client_id"))
        redirect = request.param("redirect_uri")
        if app is None or redirect not in app.redirect_uris or app.custom_tenant:
            raise oauth("unauthorized_client")
        state = request.param("state")
        scopes = request.param("scope").split()
        if request.param("response_type") != "code" or not set(scopes) <= KNOWN:
            wrong = "invalid_scope" if set(scopes) - KNOWN else "unsupported_response_type"
            return _redirect(redirect, {"error": wrong, "state": state})
        if request.param("code_challenge") and request.param("code_challenge_method") != "S256":
            return _redirect(redirect, {"error": "invalid_request", "state": state})
        grant = self.consent(app, list(self.names) if self.choosing is None else self.choosing, scopes)
        code = self.entropy.bytes(24).hex()
        ends = self.clock.monotonic() + CODE_S
        self.codes[code] = _Code(grant, redirect, request.param("code_challenge"), ends)
        return _redirect(redirect, {"code": code, "scope": " ".join(scopes), "state": state})

    # --- tokens ---------------------------------------------------------------------------------------

    def token(self, request: Request) -> Answer:
        app = self._client(request)
        given = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if request.content_type != "application/x-www-form-urlencoded":
            raise oauth("invalid_request")
        match given.get("grant_type"):
            case "authorization_code" if not app.custom_tenant:
                return as_json(self.issue(self._by_code(app, given)))
            case "refresh_token" if not app.custom_tenant:
                return as_json(self.issue(self._by_refresh(app, given)))
            case "client_credentials" if app.custom_tenant:
                return as_json(self._custom(app, given))
        raise oauth("unsupported_grant_type")

    def issue(self, grant: Grant) -> Doc:
        """New tokens of a grant, as the token endpoint answers."""
        now = self.clock.monotonic()
        access = self._jwt(grant)
        self.access[access] = Token(grant, now + ACCESS_S)
        answer: Doc = {
            "access_token": access,
            "expires_in": ACCESS_S,
            "token_type": "Bearer",
            "scope": " ".join(grant.scopes),
        }
        if "offline_access" in grant.scopes:
            refresh = self.entropy.bytes(32).hex()
            self.refreshes[refresh] = Token(grant, now + REFRESH_S)
            answer["refresh_token"] = refresh
        if "openid" in grant.scopes:
            answer["id_token"] = self._jwt(grant)
        return answer

    def _custom(self, app: App, given: Mapping[str, str]) -> Doc:
        scopes = given.get("scope", "").split()
        if not scopes or not set(scopes) <= KNOWN - {"offline_access", "openid", "profile", "email"}:
            raise oauth("invalid_scope")
        return self.issue(self.consent(app, [str(app.custom_tenant)], scopes))

    def _by_code(self, app: App, given: Mapping[str, str]) -> Grant:
        code = self.codes.get(given.get("code", ""))
        if code is None or code.used or code.grant.app is not app or self.clock.monotonic() > code.expires:
            raise oauth("invalid_grant")
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        proves = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if given.get("redirect_uri") != code.redirect_uri or (code.challenge and proves != code.challenge):
            raise oauth("invalid_grant")
        code.used = True
        return code.grant

    def _by_refresh(self, app: App, given: Mapping[str, str]) -> Grant:
        token = self.refreshes.get(given.get("refresh_token", ""))
        now = self.clock.monotonic()
        if token is None or token.grant.app is not app or token.grant.dead or now > token.expires:
            raise oauth("invalid_grant")
        if token.used is not None and now - token.used > RESCUE_S:
            raise oauth("invalid_grant")
        token.used = now if token.used is None else token.used
        return token.grant

    def revoke(self, request: Request) -> Answer:
        """Everything that the user gave this app is over."""
        app = self._client(request)
        given = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        token = self.refreshes.get(given.get("token", ""))
        if token is not None and token.grant.app is app:
            self.kill(token.grant)
        return Answer(200, b"")

    def kill(self, grant: Grant) -> None:
        grant.dead = True
        for connection in [c for c in self.connections.values() if c.event == grant.event]:
            del self.connections[connection.id]

    def _client(self, request: Request) -> App:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            client_id = secret = ""
        app = self.apps.get(client_id)
        if scheme != "Basic" or app is None or app.client_secret != secret:
            raise oauth("invalid_client", 401 if app is None else 400)
        return app

    def _jwt(self, grant: Grant) -> str:
        claims = {
            "nbf": to_unix(self.clock.now()),
            "exp": to_unix(self.clock.now()) + ACCESS_S,
            "client_id": grant.app.client_id,
            "xero_userid": "5f1f1f1f-0000-4000-8000-000000000001",
            "authentication_event_id": grant.event,
            "jti": self.entropy.bytes(16).hex(),
            "scope": list(grant.scopes),
        }
        parts = ({"alg": "RS256", "typ": "JWT"}, claims)
        head, body = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
        )
        return f"{head}.{body}.{self.entropy.bytes(24).hex()}"

    # --- who may do what ------------------------------------------------------------------------------

    def bearer(self, request: Request) -> Token:
        """Raises Refused (401) where the token is none, dead, or too old."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self.access.get(value)
        if scheme != "Bearer" or token is None or token.grant.dead:
            raise unauthorised("AuthenticationUnsuccessful")
        if self.clock.monotonic() > token.expires:
            raise unauthorised("TokenExpired: token expired")
        return token

    def admit(self, request: Request, area: str) -> tuple[App, str]:
        """(app, tenant id) of a call; a read is let in by the `.read` scope too. Raises Refused."""
        grant = self.bearer(request).grant
        tenant = request.headers.get("xero-tenant-id") or grant.app.custom_tenant or ""
        joined = {c.tenant for c in self.connections.values() if c.app == grant.app.client_id}
        if tenant not in joined or tenant not in self.names:
            raise forbidden()
        wanted = {f"accounting.{area}"} | ({f"accounting.{area}.read"} if request.method == "GET" else set())
        if not wanted & set(grant.scopes):
            raise unauthorised("AuthorizationUnsuccessful: insufficient_scope")
        return grant.app, tenant

    def list_connections(self, request: Request) -> Answer:
        grant = self.bearer(request).grant
        event = request.param("authEventId")
        return as_json(
            [
                {
                    "id": c.id,
                    "authEventId": c.event,
                    "tenantId": c.tenant,
                    "tenantType": "ORGANISATION",
                    "tenantName": self.names.get(c.tenant),
                    "createdDateUtc": c.at,
                    "updatedDateUtc": c.at,
                }
                for c in self.connections.values()
                if c.app == grant.app.client_id and (not event or c.event == event)
            ]
        )

    def disconnect(self, request: Request, connection_id: str) -> Answer:
        grant = self.bearer(request).grant
        found = self.connections.get(connection_id)
        if found is None or found.app != grant.app.client_id:
            raise not_found()
        del self.connections[connection_id]
        return Answer(204, b"")


def _redirect(to: str, query: Doc) -> Answer:
    if "?" in to:
        raise bad_request("redirect_uri")
    return Answer(302, b"", [("Location", f"{to}?{urlencode(query)}")])


__all__ = ["App", "Connection", "Grant", "Identity", "Refused", "Token"]
