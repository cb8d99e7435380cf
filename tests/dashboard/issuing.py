"""An OpenID Connect issuer, as strict as the specification: what is not as it should be is refused, and what
it refuses is noted. It holds its own keys, codes and people; nothing of ours is in it but the wire."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from daemon.wire.protocol import Reply

ISSUER = "https://login.example.net/realms/wisp"
CLIENT_ID, CLIENT_SECRET = "wispbill", "canary+client/secret="
REDIRECT = "https://billing.example.com/dashboard/oidc"


@dataclass
class Issuer:
    """`claims` goes over what the next ID token says; `spoil` changes the token itself."""

    now: Any
    public: bool = False
    claims: dict[str, Any] = field(default_factory=dict)
    keys: list[Any] = field(default_factory=lambda: [RSAKey.generate_key(2048, {"kid": "k1"}, private=True)])
    algorithm: str = "RS256"
    document: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    signing: Any = None
    spoil: Any = None

    # --- the browser's side ---------------------------------------------------------------------------

    def consented(self, address: str) -> str:
        """Somebody signs in there; returns where their browser is sent to."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
        asked = {name: value[0] for name, value in parse_qs(parts.query, strict_parsing=True).items()}
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT_ID
        assert asked["redirect_uri"] == REDIRECT
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
        assert len(asked["state"]) >= 22 and len(asked["nonce"]) >= 22
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{REDIRECT}?{urlencode({'code': code, 'state': asked['state']})}"

    # --- the wire's side ------------------------------------------------------------------------------

    def request(self, method: str, url: str, *, headers: Any = None, body: Any = None, **_: Any) -> Reply:
        self.asked.append(f"{method} {url}")
        given = {name.lower(): value for name, value in (headers or {}).items()}
        if (method, url) == ("GET", f"{ISSUER}/.well-known/openid-configuration"):
            return _json(200, self._configuration())
        if (method, url) == ("GET", f"{ISSUER}/keys"):
            return _json(200, {"keys": [key.as_dict(private=False) for key in self.keys]})
        if (method, url) == ("POST", f"{ISSUER}/token"):
            return self._token(given, (body or b"").decode())
        return _json(404, {})

    def told(self, *_: Any) -> None: ...

    def close(self) -> None: ...

    def _configuration(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        } | self.document

    def _token(self, headers: dict[str, str], body: str) -> Reply:
        """RFC 6749, 4.1.3 and RFC 7636, 4.6."""
        form = {name: value[0] for name, value in parse_qs(body, strict_parsing=True).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        basic = base64.b64encode(f"{CLIENT_ID}:{urlencode({'': CLIENT_SECRET})[1:]}".encode()).decode()
        wrong = [
            what
            for what, right in {
                "content type": headers.get("content-type") == "application/x-www-form-urlencoded",
                "grant": form.get("grant_type") == "authorization_code",
                "code": asked is not None,
                "redirect": form.get("redirect_uri") == REDIRECT,
                "verifier": asked is not None and verifier.decode().rstrip("=") == asked["code_challenge"],
                "client": self.public or headers.get("authorization") == f"Basic {basic}",
                "public client": not self.public or form.get("client_id") == CLIENT_ID,
            }.items()
            if not right
        ]
        self.refused += wrong
        if wrong or asked is None:
            return _json(400, {"error": "invalid_grant"})
        return _json(200, {"access_token": "a", "token_type": "Bearer", "id_token": self._signed(asked)})

    def _signed(self, asked: dict[str, str]) -> str:
        now = int(self.now().timestamp())
        said = {
            "iss": ISSUER,
            "aud": CLIENT_ID,
            "sub": "person-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "email": "office@example.com",
            "email_verified": True,
        } | self.claims
        said = {name: value for name, value in said.items() if value is not None}
        key = self.signing or self.keys[-1]
        header = {"alg": self.algorithm, "kid": key.kid}
        token = jwt.encode(header, said, key, algorithms=[self.algorithm])
        return self.spoil(token) if self.spoil else token


def another_key(kid: str = "k1", kind: str = "RSA") -> Any:
    if kind == "EC":
        return ECKey.generate_key("P-256", {"kid": kid}, private=True)
    return RSAKey.generate_key(2048, {"kid": kid}, private=True)


def _json(status: int, document: Any) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(document).encode())
