"""Intuit's OAuth 2: one consent is one company; refresh tokens change about once a day and end after a
hundred idle days, or five years after the consent.

The client's secret goes only into the Basic header; nothing of an answer to it into an error.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from daemon.errors import Garbled, GrantDead, InvalidInput, Rejected, Unauthorised
from daemon.model import Document, Mode
from daemon.providers.oauth import Consented, OAuth, TokenSet
from daemon.providers.quickbooks.api import Api
from daemon.providers.quickbooks.numbers import dumps, loads
from daemon.providers.quickbooks.words import (
    AUTHORIZE_URL,
    LIVE_URL,
    PARTY,
    REVOKE_URL,
    SANDBOX_URL,
    SCOPE,
    TOKEN_URL,
)
from daemon.wire import Reply, raise_for


class QuickBooksOAuth(OAuth):
    scopes: ClassVar[tuple[str, ...]] = (SCOPE,)
    access_life_s: ClassVar[float] = 3600
    refresh_life_s: ClassVar[float] = 100 * 86_400

    def authorize_url(self, state: str, challenge: str | None = None) -> str:
        params = {
            "client_id": self.app.client_id,
            "response_type": "code",
            "scope": " ".join(self.scopes),
            "redirect_uri": self.app.redirect_uri,
            "state": state,
        }
        return f"{self._at(AUTHORIZE_URL, '/connect/oauth2')}?{urlencode(params, quote_via=quote)}"

    def exchange(self, code: str, verifier: str | None = None) -> TokenSet:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.app.redirect_uri}
        return self._tokens(form, Rejected, "the code was used before, or is too old")

    def refresh(self, refresh: SecretStr) -> TokenSet:
        form = {"grant_type": "refresh_token", "refresh_token": refresh.get_secret_value()}
        return self._tokens(form, GrantDead, "the consent was withdrawn or has run out")

    def revoke(self, refresh: SecretStr) -> None:
        """A token that is worth nothing any more needs no revoking."""
        body = dumps({"token": refresh.get_secret_value()}).encode()
        url = self._at(REVOKE_URL, "/v2/oauth2/tokens/revoke")
        reply = self.wire.request(
            "POST", url, headers={**self._headers(), "content-type": "application/json"}, body=body
        )
        if reply.status_code == 400 and _error(reply) in (
            "invalid_token",
            "invalid_grant",
            "invalid_request",
        ):
            return
        self._insist(reply)

    def accounts(self, access: SecretStr, callback: Mapping[str, str]) -> Sequence[Consented]:
        """The company of the callback's realmId, asked for its name."""
        realm = callback.get("realmId", "")
        if not (realm.isascii() and realm.isdigit() and len(realm) <= 20):
            raise InvalidInput("WB-INPUT", "QuickBooks came back without a company id", field="realmId")
        base = self.base_url or (LIVE_URL if self.app.mode is Mode.LIVE else SANDBOX_URL)
        info = Api(self.wire, base, realm, _Given(access)).read(f"companyinfo/{realm}").get("CompanyInfo")
        name = info.get("CompanyName") if isinstance(info, dict) else None
        return [Consented(realm, str(name or realm))]

    def credentials(self, account: Consented) -> Document:
        return {"realm_id": account.account_id}

    # --- within ---------------------------------------------------------------------------------------

    def _tokens(self, form: Mapping[str, str], dead: type[Rejected] | type[GrantDead], why: str) -> TokenSet:
        headers = {
            **self._headers(),
            "content-type": "application/x-www-form-urlencoded",
            "x-include-refresh-token-hard-expires-in": "true",
        }
        url = self._at(TOKEN_URL, "/oauth2/v1/tokens/bearer")
        reply = self.wire.request("POST", url, headers=headers, body=urlencode(form).encode())
        if reply.status_code == 400 and _error(reply) == "invalid_grant":
            raise dead(f"QuickBooks: {why}", party=PARTY, status_code=400, provider_code="invalid_grant")
        self._insist(reply)
        return _token_set(loads(reply.body))

    def _insist(self, reply: Reply) -> None:
        """Raises what a refusal means, in words that hold nothing of it."""
        error = _error(reply)
        if error in ("invalid_client", "unauthorized_client") or reply.status_code == 401:
            raise Unauthorised(
                "QuickBooks refuses our app: client id or secret are wrong",
                party=PARTY,
                status_code=reply.status_code,
                provider_code=error,
            )
        if 400 <= reply.status_code < 500 and reply.status_code not in (403, 429) and error is None:
            raise Garbled(f"QuickBooks answered {reply.status_code} without saying why", party=PARTY)
        raise_for(reply, PARTY, provider_code=error, ref=reply.headers.get("intuit_tid"))

    def _headers(self) -> dict[str, str]:
        pair = f"{self.app.client_id}:{self.app.client_secret.get_secret_value()}"
        return {
            "accept": "application/json",
            "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        }

    def _at(self, theirs: str, path: str) -> str:
        """Intuit's own address, or the path at the server that the operator named in its place."""
        return f"{self.base_url.rstrip('/')}{path}" if self.base_url else theirs


class _Given:
    """A token in the hand, which nobody renews."""

    def __init__(self, access: SecretStr) -> None:
        self._access = access

    def access(self) -> SecretStr:
        return self._access

    def renewed(self, refused: SecretStr) -> SecretStr:
        raise Unauthorised("QuickBooks refuses the token that it has just given out", party=PARTY)


def _error(reply: Reply) -> str | None:
    try:
        document = loads(reply.body)
    except Garbled:
        return None
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, str) and len(error) < 64 else None


def _token_set(document: Any) -> TokenSet:
    """Raises Garbled: the tokens may have changed there."""
    if not isinstance(document, dict):
        raise Garbled("QuickBooks' answer holds no tokens", party=PARTY)
    access, refresh = document.get("access_token"), document.get("refresh_token")
    life = _seconds(document, "expires_in")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh and life):
        raise Garbled("QuickBooks' answer holds no tokens", party=PARTY)
    return TokenSet(
        access=SecretStr(access),
        expires_in_s=life,
        refresh=SecretStr(refresh),
        refresh_expires_in_s=_seconds(document, "x_refresh_token_expires_in"),
        hard_expires_in_s=_seconds(document, "x_refresh_token_hard_expires_in"),
        scopes=QuickBooksOAuth.scopes,
    )


def _seconds(document: Document, name: str) -> float | None:
    value = document.get(name)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and value is not None and value > 0 else None
