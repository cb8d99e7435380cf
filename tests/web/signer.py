"""A provider that signs its webhooks: with a certificate, or at an app's address with the app's secret.

Its "certificate" is the key of an HMAC, which is enough to tell who signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from daemon.errors import HintNotReady, HintRejected
from daemon.model import Capabilities, Delivery, Hint, Limit
from daemon.providers.base import Credentials, Provider
from daemon.wire import raise_for

OWN = "https://signer.test/certificates/"
KEY = b"the-key-of-the-certificate"


class SignerCredentials(Credentials):
    token: str = "token"


class Signer(Provider):
    name: ClassVar[str] = "signer"
    label: ClassVar[str] = "Signer"
    live_url: ClassVar[str] = "https://signer.test"
    sandbox_url: ClassVar[str] = "https://signer.test"
    credentials: ClassVar[type[Credentials]] = SignerCredentials
    can: ClassVar[Capabilities] = Capabilities(
        webhooks=True, webhook_bytes=2 << 20, app_limits=(Limit("read", 10, 31 * 86_400, name="month"),)
    )

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        url = delivery.headers.get("certificate", "")
        if not url.startswith(OWN):
            raise HintRejected
        if url not in delivery.certificates:
            raise HintNotReady(wants=url)
        return _hints(delivery, [delivery.certificates[url]])

    @classmethod
    def read_app_hints(cls, delivery: Delivery) -> list[Hint]:
        return _hints(delivery, [secret.encode() for secret in delivery.secrets])

    def certificate(self, url: str) -> bytes:
        if not url.startswith(OWN):
            raise HintRejected
        reply = self.wire.request("GET", url, scope="read")
        raise_for(reply, self.label)
        return reply.body


def _hints(delivery: Delivery, keys: list[bytes]) -> list[Hint]:
    given = delivery.headers.get("signature", "")
    if not any(hmac.compare_digest(given, sign(delivery.body, key)) for key in keys):
        raise HintRejected
    told: list[list[str]] = json.loads(delivery.body)
    return [Hint(event, ref, account=account) for account, event, ref in told]


def sign(body: bytes, key: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


class CertificateServer:
    """WSGI: what stands at the addresses of certificates. Others are 404."""

    def __init__(self, **pages: bytes) -> None:
        self.pages: Mapping[str, bytes] = pages
        self.asked: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        name = environ["PATH_INFO"].rpartition("/")[2]
        self.asked.append(name)
        page = self.pages.get(name)
        start_response("404 Not Found" if page is None else "200 OK", [])
        return [page or b""]
