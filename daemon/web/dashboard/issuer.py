"""An OpenID Connect issuer: what it publishes, its keys, and what one of its ID tokens says.

OpenID Connect Core 1.0, 3.1 (authorization code flow) and Discovery 1.0, 4; PKCE: RFC 7636.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from daemon.clock import Clock
from daemon.errors import Garbled, InvalidInput
from daemon.wire import Wire
from daemon.wire.answers import raise_for

KEPT_S = 3600.0
AGAIN_S = 60.0
"""Keys that we do not know are asked for this often: an issuer rotates them without a word."""

LEEWAY_S = 120
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signed with a key that the issuer publishes; never `none`, never with the secret that we share."""

MOST_TOKEN = 16_384
PARTY = "OIDC issuer"


@dataclass(frozen=True, slots=True)
class Published:
    """What we use of an issuer's configuration."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    posts_secret: bool


class Issuer:
    """One issuer and us, its client. Safe for the server's threads."""

    def __init__(self, address: str, client_id: str, wire: Wire, clock: Clock) -> None:
        self.address, self.client_id = address, client_id
        self._wire, self._clock = wire, clock
        self._lock = threading.Lock()
        self._published: tuple[float, Published] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def published(self) -> Published:
        """Raises RemoteError, or Garbled where it is another issuer's or leads astray."""
        with self._lock:
            now = self._clock.monotonic()
            if self._published is None or now - self._published[0] >= KEPT_S:
                self._published = (now, self._discover())
            return self._published[1]

    def consent(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where the browser is sent to."""
        params = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        where = self.published().authorization
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(params)}"

    def exchange(self, code: str, *, redirect_uri: str, verifier: str, secret: SecretStr | None) -> str:
        """The ID token for a code; raises RemoteError."""
        there = self.published()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if secret is None or there.posts_secret:
            form["client_id"] = self.client_id
        if secret is not None and there.posts_secret:
            form["client_secret"] = secret.get_secret_value()
        elif secret is not None:
            headers["authorization"] = _basic(self.client_id, secret)
        reply = self._wire.request("POST", there.token, headers=headers, body=urlencode(form).encode())
        raise_for(reply, PARTY)
        token = _mapping(reply.json()).get("id_token")
        if not isinstance(token, str) or len(token) > MOST_TOKEN:
            raise Garbled(f"the {PARTY} sent no ID token", party=PARTY)
        return token

    def claims(self, id_token: str, *, nonce: str) -> Mapping[str, Any]:
        """What a token says, once it is sure that the issuer says it, to us, about this very sign-in, now.
        Raises InvalidInput (WB-ACCESS-OIDC)."""
        now = int(self._clock.now().timestamp())
        must: Any = {"essential": True}
        registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_S,
            iss=must | {"value": self.published().issuer},
            aud=must | {"value": self.client_id},
            nonce=must | {"value": nonce},
            sub=must,
            exp=must,
            iat=must,
        )
        try:
            claims = jwt.decode(id_token, self._keys_for(id_token), algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise refused(f"its token is not good ({type(error).__name__})") from None
        audience = claims["aud"]
        if claims.get("azp", self.client_id) != self.client_id:
            raise refused("its token is for somebody else")
        if isinstance(audience, list) and len(audience) > 1 and "azp" not in claims:
            raise refused("its token is for several, and does not say who asked")
        return dict(claims)

    # --- what it publishes ----------------------------------------------------------------------------

    def _discover(self) -> Published:
        document = self._read(f"{self.address.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != self.address:
            raise Garbled(f"the {PARTY} calls itself otherwise than the configuration", party=PARTY)
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        authorization, token, jwks = (self._trusted(document.get(name)) for name in names)
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        posts = "client_secret_post" in methods and "client_secret_basic" not in methods
        return Published(self.address, authorization, token, jwks, posts)

    def _trusted(self, address: object) -> str:
        """https; or http, where the issuer itself is on this very machine."""
        allowed = {"https", urlsplit(self.address).scheme}
        if not isinstance(address, str) or urlsplit(address).scheme not in allowed:
            raise Garbled(f"the {PARTY} names an address that is not https", party=PARTY)
        return address

    def _keys_for(self, id_token: str) -> KeySet:
        kid = _header(id_token).get("kid")
        keys = self._kept_keys(KEPT_S)
        if kid is not None and kid not in {key.kid for key in keys.keys}:
            keys = self._kept_keys(AGAIN_S)
        return keys

    def _kept_keys(self, for_s: float) -> KeySet:
        address = self.published().jwks
        with self._lock:
            now = self._clock.monotonic()
            if self._keys is None or now - self._keys[0] >= for_s:
                self._keys = (now, _key_set(self._read(address)))
            return self._keys[1]

    def _read(self, address: str) -> Mapping[str, Any]:
        reply = self._wire.request("GET", address, headers={"accept": "application/json"})
        raise_for(reply, PARTY)
        return _mapping(reply.json())


def refused(why: str) -> InvalidInput:
    return InvalidInput("WB-ACCESS-OIDC", f"the issuer's word does not do: {why}")


def _key_set(document: Mapping[str, Any]) -> KeySet:
    """Those that may sign; raises Garbled where there is none."""
    listed = document.get("keys")
    usable = [
        key
        for key in (listed if isinstance(listed, list) else ())
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
    ]
    try:
        found = KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, TypeError, KeyError):
        found = None
    if found is None or not found.keys:
        raise Garbled(f"the {PARTY} publishes no key that can be used", party=PARTY)
    return found


def _header(token: str) -> Mapping[str, Any]:
    """Unproven: only to choose a key by."""
    part = token.partition(".")[0]
    try:
        return _mapping(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
    except (ValueError, Garbled):
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Garbled(f"the {PARTY} sent no JSON object", party=PARTY)
    return value


def _basic(client_id: str, secret: SecretStr) -> str:
    """RFC 6749, 2.3.1: both are form-encoded first."""
    pair = urlencode({client_id: secret.get_secret_value()}).replace("=", ":", 1)
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
