"""A provider that is connected by consent: its adapter, and its other end, which rotates refresh tokens.

The server is strict: a code and a refresh token work once, a used one for `grace_s` more,
PKCE is held against its challenge, and a dead consent answers `invalid_grant`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from pydantic import Field, SecretStr

from daemon.clock import Clock
from daemon.errors import Garbled, GrantDead, Unauthorised
from daemon.model import AccountInfo, Capabilities, Changes, Document, Mode
from daemon.providers.base import Context, Credentials, Provider
from daemon.providers.oauth import Consented, OAuth, TokenSet
from daemon.wire import Reply, raise_for

BASE = "https://ledger.test"
CLIENT, SECRET = "client-0001", "app-secret-0001"
REDIRECT = "https://billing.example.com/oauth/callback/ledger"
ACCESS_S, REFRESH_S, HARD_S = 1800.0, 20 * 86_400.0, 45 * 86_400.0


@dataclass
class Granted:
    """A consent at the server: the refresh token now valid, and since when others are not."""

    accounts: tuple[str, ...]
    refresh: str
    ends_at: float
    used: dict[str, float] = field(default_factory=dict)
    is_dead: bool = False


@dataclass
class LedgerServer:
    """WSGI. `accounts` are those that the next consent covers."""

    clock: Clock
    grace_s: float = 1800.0
    accounts: tuple[str, ...] = ("realm-1",)
    secret: str = SECRET
    denies: bool = False
    missing: list[str] = field(default_factory=list)
    before_token: Callable[[], None] = lambda: None
    grants: list[Granted] = field(default_factory=list)
    codes: dict[str, tuple[Granted, str, str]] = field(default_factory=dict)
    bearers: dict[str, tuple[Granted, float]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _count: int = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/token":
            self.before_token()
        with self._lock:
            status, document = self._answer(environ)
        start_response(f"{status} x", [("Content-Type", "application/json")])
        return [json.dumps(document).encode()]

    def refreshes(self) -> int:
        return self.calls.count("refresh_token")

    def kill(self) -> None:
        """Every consent is withdrawn."""
        for grant in self.grants:
            grant.is_dead = True
        self.bearers.clear()

    def browse(self, url: str) -> str:
        """The owner opens the link and consents; where the browser is sent back to."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert query["client_id"] == CLIENT and query["redirect_uri"] == REDIRECT
        if self.denies:
            return f"{REDIRECT}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        grant = Granted(self.accounts, self._new("refresh"), self.clock.monotonic() + HARD_S)
        self.grants.append(grant)
        code = self._new("code")
        self.codes[code] = (grant, query["redirect_uri"], query.get("code_challenge", ""))
        return f"{REDIRECT}?{urlencode({'code': code, 'state': query['state'], 'realm': self.accounts[0]})}"

    # --- endpoints ------------------------------------------------------------------------------------

    def _answer(self, environ: dict[str, Any]) -> tuple[int, Any]:
        path = environ["PATH_INFO"]
        if path == "/token":
            form = parse_qs(environ["wsgi.input"].read().decode())
            return self._token(environ, {name: values[0] for name, values in form.items()})
        grant = self._bearer(environ)
        if grant is None:
            return 401, {"error": "token expired"}
        if path == "/connections":
            return 200, [{"id": one, "name": f"Books of {one}"} for one in grant.accounts]
        account = path.removeprefix("/account/")
        if account not in grant.accounts:
            return 403, {"error": "not yours"}
        return 200, {"id": account, "name": f"Books of {account}", "missing": self.missing}

    def _bearer(self, environ: dict[str, Any]) -> Granted | None:
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        grant, ends_at = self.bearers.get(token, (None, 0.0))
        return grant if grant and not grant.is_dead and self.clock.monotonic() < ends_at else None

    def _token(self, environ: dict[str, Any], form: dict[str, str]) -> tuple[int, Any]:
        self.calls.append(form["grant_type"])
        basic = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        if environ.get("HTTP_AUTHORIZATION") != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        grant = self._by_code(form) if form["grant_type"] == "authorization_code" else self._by_token(form)
        if grant is None or grant.is_dead or self.clock.monotonic() > grant.ends_at:
            return 400, {"error": "invalid_grant"}
        return 200, self._rotated(grant)

    def _by_code(self, form: dict[str, str]) -> Granted | None:
        grant, redirect, challenge = self.codes.pop(form["code"], (None, "", ""))
        hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fits = base64.urlsafe_b64encode(hashed).decode().rstrip("=") == challenge
        return grant if fits and redirect == form["redirect_uri"] else None

    def _by_token(self, form: dict[str, str]) -> Granted | None:
        token, now = form["refresh_token"], self.clock.monotonic()
        for grant in self.grants:
            if token == grant.refresh or now - grant.used.get(token, -1e9) <= self.grace_s:
                grant.used.setdefault(token, now)
                return grant
        return None

    def _rotated(self, grant: Granted) -> dict[str, Any]:
        now = self.clock.monotonic()
        grant.refresh = self._new("refresh")
        access = self._new("access")
        self.bearers[access] = (grant, now + ACCESS_S)
        return {
            "access_token": access,
            "refresh_token": grant.refresh,
            "expires_in": ACCESS_S,
            "refresh_expires_in": REFRESH_S,
            "hard_expires_in": grant.ends_at - now,
        }

    def _new(self, what: str) -> str:
        self._count += 1
        return f"{what}-{self._count:04}"


class LedgerOAuth(OAuth):
    scopes = ("books",)
    pkce = True
    access_life_s = ACCESS_S
    refresh_life_s = REFRESH_S

    @property
    def _base(self) -> str:
        return self.base_url or BASE

    def authorize_url(self, state: str, challenge: str | None = None) -> str:
        query = {
            "client_id": self.app.client_id,
            "redirect_uri": self.app.redirect_uri,
            "state": state,
            "code_challenge": challenge or "",
        }
        return f"{self._base}/authorize?{urlencode(query)}"

    def exchange(self, code: str, verifier: str | None = None) -> TokenSet:
        form = {"code": code, "redirect_uri": self.app.redirect_uri, "code_verifier": verifier or ""}
        return self._tokens({"grant_type": "authorization_code"} | form)

    def refresh(self, refresh: SecretStr) -> TokenSet:
        form = {"grant_type": "refresh_token", "refresh_token": refresh.get_secret_value()}
        return self._tokens(form, dead=GrantDead)

    def accounts(self, access: SecretStr, callback: Mapping[str, str]) -> Sequence[Consented]:
        headers = {"authorization": f"Bearer {access.get_secret_value()}"}
        reply = self.wire.request("GET", f"{self._base}/connections", headers=headers)
        raise_for(reply, "ledger")
        return [Consented(one["id"], one["name"]) for one in reply.json()]

    def _tokens(self, form: dict[str, str], dead: type[GrantDead] | None = None) -> TokenSet:
        secret = f"{self.app.client_id}:{self.app.client_secret.get_secret_value()}"
        headers = {
            "authorization": f"Basic {base64.b64encode(secret.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
        }
        url = f"{self._base}/token"
        reply = self.wire.request("POST", url, headers=headers, body=urlencode(form).encode())
        if reply.status_code == 400 and dead and _error(reply) == "invalid_grant":
            raise dead(party="ledger")
        raise_for(reply, "ledger")
        try:
            found = reply.json()
            return TokenSet(
                access=SecretStr(found["access_token"]),
                refresh=SecretStr(found["refresh_token"]),
                expires_in_s=float(found["expires_in"]),
                refresh_expires_in_s=float(found["refresh_expires_in"]),
                hard_expires_in_s=float(found["hard_expires_in"]),
                scopes=self.scopes,
            )
        except (KeyError, TypeError) as error:
            raise Garbled("no tokens in the answer", party="ledger") from error


def _error(reply: Reply) -> object:
    try:
        return reply.json().get("error")
    except (Garbled, AttributeError):
        return None


class LedgerCredentials(Credentials):
    account_id: str = Field(title="Account")


class Ledger(Provider):
    """Knows nothing but its connection test and a feed without news."""

    name = "ledger"
    label = "Ledger"
    live_url = sandbox_url = BASE
    can = Capabilities(oauth=True, change_feed=True)
    credentials = LedgerCredentials
    oauth = LedgerOAuth

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        assert isinstance(context.credentials, LedgerCredentials)
        assert context.tokens is not None
        self.account, self.tokens = context.credentials.account_id, context.tokens

    def check(self) -> AccountInfo:
        found = self._asked()
        return AccountInfo(found["id"], found["name"], Mode.SANDBOX, missing=tuple(found["missing"]))

    def changed(self, cursor: Document | None) -> Changes:
        self._asked()
        return Changes({})

    def certificate(self, url: str) -> bytes:
        return b"-----BEGIN CERTIFICATE-----"

    def _asked(self) -> Document:
        token = self.tokens.access()
        reply = self._get(token)
        if reply.status_code == 401:
            reply = self._get(self.tokens.renewed(token))
        raise_for(reply, "ledger")
        return dict(reply.json())

    def _get(self, token: SecretStr) -> Reply:
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        return self.wire.request("GET", f"{self.base_url}/account/{self.account}", headers=headers)


class Minting(Ledger):
    """The same accounts, with a token that the credentials make themselves."""

    name = "minting"
    label = "Minting"
    oauth = None
    mints = True
    minted = 0

    @classmethod
    def mint(cls, context: Context) -> TokenSet:
        cls.minted += 1
        if cls.minted > 100:
            raise Unauthorised
        return TokenSet(SecretStr(f"minted-{cls.minted}"), ACCESS_S)
