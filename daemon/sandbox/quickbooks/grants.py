"""Intuit's OAuth: consents, single-use codes, tokens that end, refresh tokens that change once a day."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode

from daemon.clock import Clock, Entropy
from daemon.sandbox.http import Answer, Request

SCOPE = "com.intuit.quickbooks.accounting"
ACCESS_S = 3600
IDLE = timedelta(days=100)
CAP = timedelta(days=5 * 365)
SAME_FOR = timedelta(hours=24)
CODE_LIFE = timedelta(minutes=10)


@dataclass(slots=True)
class App:
    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(slots=True)
class Grant:
    """One consent: one app, one company. `refresh` are the values that still work, the newest last."""

    app: str
    realm: str
    since: datetime
    refresh: list[str] = field(default_factory=list)
    changed_at: datetime | None = None
    used_at: datetime | None = None
    access: dict[str, datetime] = field(default_factory=dict)
    dead: bool = False


class Grants:
    """The dance and the tokens. `consenting` is the realm whose owner sits before the browser."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock, self._entropy = clock, entropy
        self.apps: dict[str, App] = {}
        self.grants: list[Grant] = []
        self.consenting: str | None = None
        self._codes: dict[str, tuple[Grant, datetime]] = {}

    def add_app(self, redirect_uri: str) -> App:
        app = App(f"AB{self._token(12)}", self._token(20), redirect_uri)
        self.apps[app.client_id] = app
        return app

    def of(self, access: str) -> Grant | None:
        """The grant behind a token that is valid now."""
        now = self._clock.now()
        for grant in self.grants:
            if not grant.dead and access in grant.access and grant.access[access] > now:
                return grant
        return None

    def issue(self, app: App, realm: str) -> dict[str, object]:
        """A consent and its first tokens, as if the owner had walked through the browser."""
        return self._tokens(self._consent(app.client_id, realm))

    def revoke_realm(self, realm: str) -> None:
        """The owner disconnects the app."""
        for grant in self.grants:
            grant.dead |= grant.realm == realm

    def expire_access(self, realm: str) -> None:
        for grant in self.grants:
            if grant.realm == realm:
                grant.access.clear()

    # --- the three addresses --------------------------------------------------------------------------

    def authorize(self, request: Request) -> Answer:
        """The consent page, with the owner's yes."""
        app = self.apps.get(request.param("client_id"))
        wanted = (request.param("response_type"), request.param("scope"))
        if app is None or request.param("redirect_uri") != app.redirect_uri or wanted != ("code", SCOPE):
            return Answer(400, b"<html><body>Sorry, but this did not work</body></html>", [], "text/html")
        if self.consenting is None or not request.param("state"):
            return Answer(400, b"<html><body>Nobody is signed in</body></html>", [], "text/html")
        code = f"XAB{self._token(20)}"
        self._codes[code] = (self._consent(app.client_id, self.consenting), self._clock.now() + CODE_LIFE)
        given = {"code": code, "state": request.param("state"), "realmId": self.consenting}
        return Answer(302, b"", [("Location", f"{app.redirect_uri}?{urlencode(given)}")])

    def bearer(self, request: Request) -> Answer:
        """Code or refresh token in, tokens out."""
        app = self._app_of(request)
        if app is None:
            return _oauth_error(401, "invalid_client")
        if request.content_type != "application/x-www-form-urlencoded":
            return _oauth_error(400, "invalid_request")
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") == "authorization_code":
            grant = self._by_code(app, form)
        elif form.get("grant_type") == "refresh_token":
            grant = self._by_refresh(app, form.get("refresh_token", ""))
        else:
            return _oauth_error(400, "unsupported_grant_type")
        if grant is None:
            return _oauth_error(400, "invalid_grant")
        body = self._tokens(grant)
        if request.headers.get("x-include-refresh-token-hard-expires-in") == "true":
            left = grant.since + CAP - self._clock.now()
            body["x_refresh_token_hard_expires_in"] = int(left.total_seconds())
        return Answer(200, json.dumps(body).encode())

    def revoke(self, request: Request) -> Answer:
        app = self._app_of(request)
        if app is None:
            return _oauth_error(401, "invalid_client")
        try:
            token = json.loads(request.body)["token"]
        except (ValueError, KeyError, TypeError):
            return _oauth_error(400, "invalid_request")
        for grant in self.grants:
            if grant.app == app.client_id and (token in grant.refresh or token in grant.access):
                grant.dead = True
                return Answer(200, b"")
        return _oauth_error(400, "invalid_token")

    # --- within ---------------------------------------------------------------------------------------

    def _app_of(self, request: Request) -> App | None:
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        try:
            client, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            return None
        app = self.apps.get(client)
        return app if app is not None and app.client_secret == secret else None

    def _by_code(self, app: App, form: dict[str, str]) -> Grant | None:
        """A second exchange kills what the first one gave."""
        grant, until = self._codes.get(form.get("code", ""), (None, None))
        if grant is None or until is None or grant.app != app.client_id:
            return None
        if grant.used_at is not None:
            grant.dead = True
        fits = form.get("redirect_uri") == app.redirect_uri and until > self._clock.now()
        return grant if fits and not grant.dead else None

    def _by_refresh(self, app: App, token: str) -> Grant | None:
        """An older value works until the newer one was used."""
        now = self._clock.now()
        for grant in self.grants:
            if grant.dead or grant.app != app.client_id or token not in grant.refresh:
                continue
            if now - (grant.used_at or now) > IDLE or now - grant.since > CAP:
                grant.dead = True
                return None
            if token == grant.refresh[-1]:
                del grant.refresh[:-1]
            return grant
        return None

    def _consent(self, client_id: str, realm: str) -> Grant:
        grant = Grant(client_id, realm, self._clock.now())
        self.grants.append(grant)
        return grant

    def _tokens(self, grant: Grant) -> dict[str, object]:
        now = self._clock.now()
        if grant.changed_at is None or now - grant.changed_at >= SAME_FOR:
            grant.refresh = [*grant.refresh[-1:], f"RT1-{self._token(20)}"]
            grant.changed_at = now
        grant.used_at = now
        access = f"eyJ{self._token(24)}.{self._token(24)}"
        grant.access[access] = now + timedelta(seconds=ACCESS_S)
        return {
            "token_type": "bearer",
            "access_token": access,
            "refresh_token": grant.refresh[-1],
            "expires_in": ACCESS_S,
            "x_refresh_token_expires_in": int(IDLE.total_seconds()),
        }

    def _token(self, count: int) -> str:
        return base64.urlsafe_b64encode(self._entropy.bytes(count)).decode().rstrip("=").replace("-", "A")


def _oauth_error(status: int, error: str) -> Answer:
    return Answer(status, json.dumps({"error": error}).encode())
