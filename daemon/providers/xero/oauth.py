"""Xero's consent: authorization code with PKCE, refresh tokens that rotate, connections.

Three hosts in production; where the operator names another server, all of it is there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

from pydantic import SecretStr

from daemon.errors import Garbled, GrantDead, Rejected, Unauthorised
from daemon.model import Document
from daemon.providers.oauth import Consented, OAuth, TokenSet
from daemon.providers.xero.numbers import decoded
from daemon.providers.xero.words import PARTY, SCOPES, is_guid
from daemon.wire import Reply, Wire, raise_for

LOGIN_URL = "https://login.xero.com"
IDENTITY_URL = "https://identity.xero.com"
API_URL = "https://api.xero.com"


class XeroOAuth(OAuth):
    """A lost answer may be asked for again with the old refresh token, for 30 minutes."""

    scopes: ClassVar[tuple[str, ...]] = SCOPES
    pkce: ClassVar[bool] = True
    access_life_s: ClassVar[float] = 1800
    refresh_life_s: ClassVar[float] = 60 * 86_400

    def authorize_url(self, state: str, challenge: str | None = None) -> str:
        query = {
            "response_type": "code",
            "client_id": self.app.client_id,
            "redirect_uri": self.app.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": state,
        }
        if challenge:
            query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        base = (self.base_url or LOGIN_URL).rstrip("/")
        return f"{base}/identity/connect/authorize?{urlencode(query)}"

    def exchange(self, code: str, verifier: str | None = None) -> TokenSet:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.app.redirect_uri}
        if verifier:
            form["code_verifier"] = verifier
        try:
            return self._token(form)
        except GrantDead as error:
            raise Rejected("Xero's code was used already, or is too old", party=PARTY) from error

    def refresh(self, refresh: SecretStr) -> TokenSet:
        answer = self._token({"grant_type": "refresh_token", "refresh_token": refresh.get_secret_value()})
        if answer.refresh is None:
            raise Garbled("Xero gave no new refresh token", party=PARTY)
        return answer

    def revoke(self, refresh: SecretStr) -> None:
        """Xero drops every connection of that user to this app."""
        base = (self.base_url or IDENTITY_URL).rstrip("/")
        form = {"token": refresh.get_secret_value()}
        reply = ask(self.wire, f"{base}/connect/revocation", self.app.client_id, self.app.client_secret, form)
        raise_for(reply, PARTY)

    def accounts(self, access: SecretStr, callback: Mapping[str, str]) -> Sequence[Consented]:
        """The organisations of this consent; those of others would come, too, without the filter."""
        event = event_of(access)
        base = (self.base_url or API_URL).rstrip("/")
        query = f"?{urlencode({'authEventId': event})}" if event else ""
        headers = {"authorization": f"Bearer {access.get_secret_value()}", "accept": "application/json"}
        reply = self.wire.request("GET", f"{base}/connections{query}", headers=headers)
        raise_for(reply, PARTY)
        rows = decoded(reply.body)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Garbled("Xero's connections are not a list", party=PARTY)
        return [
            Consented(row["tenantId"].lower(), str(row.get("tenantName") or ""))
            for row in rows
            if row.get("tenantType") == "ORGANISATION"
            and is_guid(row.get("tenantId"))
            and event in ("", row.get("authEventId"))
        ]

    def credentials(self, account: Consented) -> Document:
        return {"tenant_id": account.account_id}

    def _token(self, form: Mapping[str, str]) -> TokenSet:
        return token(self.wire, self.base_url, self.app.client_id, self.app.client_secret, form)


def minted(
    wire: Wire, base_url: str | None, client_id: str, secret: SecretStr, scopes: Sequence[str]
) -> TokenSet:
    """The access token of a custom connection. Raises Unauthorised."""
    form = {"grant_type": "client_credentials", "scope": " ".join(scopes)}
    return token(wire, base_url, client_id, secret, form)


def token(
    wire: Wire, base_url: str | None, client_id: str, secret: SecretStr, form: Mapping[str, str]
) -> TokenSet:
    """Raises GrantDead (invalid_grant), Unauthorised (the client itself is refused), Garbled."""
    base = (base_url or IDENTITY_URL).rstrip("/")
    reply = ask(wire, f"{base}/connect/token", client_id, secret, form)
    if 400 <= reply.status_code < 500 and reply.status_code != 429:
        raise _refusal(reply)
    raise_for(reply, PARTY)
    return _read(reply)


def ask(wire: Wire, url: str, client_id: str, secret: SecretStr, form: Mapping[str, str]) -> Reply:
    basic = base64.b64encode(f"{client_id}:{secret.get_secret_value()}".encode()).decode()
    headers = {
        "authorization": f"Basic {basic}",
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    return wire.request("POST", url, headers=headers, body=urlencode(form).encode())


def event_of(access: SecretStr) -> str:
    """`authentication_event_id` of the access token, a JWT; empty where it is none that can be read. It
    comes from Xero's own endpoint: nothing is proven by it, so that its signature does not matter."""
    part = access.get_secret_value().split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part[0] + "=" * (-len(part[0]) % 4)))
    except (ValueError, IndexError):
        return ""
    event = claims.get("authentication_event_id") if isinstance(claims, dict) else None
    return event if isinstance(event, str) else ""


_PASSING = frozenset(["server_error", "temporarily_unavailable", "slow_down"])
"""Words that say nothing about the client (RFC 6749, 4.1.2.1)."""


def _refusal(reply: Reply) -> Exception:
    try:
        document = decoded(reply.body)
    except Garbled:
        document = {}
    word = document.get("error") if isinstance(document, dict) else None
    if word == "invalid_grant":
        return GrantDead("Xero's consent is worth nothing any more", party=PARTY, provider_code=word)
    if isinstance(word, str) and word and word not in _PASSING:
        return Unauthorised(f"Xero refuses the client: {word[:60]}", party=PARTY, provider_code=word[:60])
    if reply.status_code == 401:
        return Unauthorised("Xero refuses the client", party=PARTY, status_code=401)
    return Garbled(f"Xero's token endpoint answered {reply.status_code} without saying why", party=PARTY)


def _read(reply: Reply) -> TokenSet:
    answer = decoded(reply.body)
    document: Document = answer if isinstance(answer, dict) else {}
    access = document.get("access_token")
    if not isinstance(access, str) or not access:
        raise Garbled("Xero's token endpoint gave no token", party=PARTY)
    lasts = document.get("expires_in")
    refresh = document.get("refresh_token")
    return TokenSet(
        access=SecretStr(access),
        expires_in_s=float(lasts) if isinstance(lasts, int) and lasts > 0 else XeroOAuth.access_life_s,
        refresh=SecretStr(refresh) if isinstance(refresh, str) and refresh else None,
        refresh_expires_in_s=XeroOAuth.refresh_life_s if refresh else None,
        scopes=tuple(str(document.get("scope") or "").split()),
    )
