"""Signatures of both directions, over raw bytes: Standard Webhooks (`daemon.wire.signing`), and beside it
"hmac": HMAC-SHA256 over the body alone, in a header of the receiver's choice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from daemon.clock import to_unix
from daemon.errors import HintRejected
from daemon.wire.signing import ID, PREFIX, TIME, same, standard_headers, standard_key, verify_standard

__all__ = ["MIN_TEXT", "PREFIX", "Signature", "standard_key", "verify_standard"]

MIN_TEXT = 16
"""Characters of a plain HMAC secret."""


class Signature(BaseModel):
    """How one direction is signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Literal["standard", "hmac", "none"] = Field(
        default="standard",
        title="Profile",
        description="standard: Standard Webhooks; hmac: HMAC-SHA256 over the body alone.",
    )
    header: str = Field(
        default="x-signature",
        title="Header of a plain HMAC",
        pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$",
    )
    encoding: Literal["hex", "base64"] = Field(default="hex", title="Encoding of a plain HMAC")
    prefix: str = Field(
        default="", title="Prefix of a plain HMAC", pattern=r"^[A-Za-z0-9=_-]{0,16}$", examples=["sha256="]
    )

    def headers(self, message: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
        """What goes out with `body`: `message` is the event's id, the same at every try; `secrets` are the
        current one and, during a rotation, the one before. Raises ValueError on a secret of another form."""
        if self.profile == "standard":
            return standard_headers(message, at, body, secrets)
        named = {ID: message, TIME: str(to_unix(at))}
        if self.profile == "hmac" and secrets:
            named[self.header.lower()] = self._plain(secrets[0].encode(), body)
        return named

    def verify(
        self, body: bytes, headers: Mapping[str, str], secrets: Iterable[str], received_at: datetime
    ) -> str:
        """The event's id, where a secret fits; raises HintRejected. A plain HMAC has no time and no id: its
        id is the body's hash and the hour, so that a replay costs one look an hour, and the same words about
        a later change are heard."""
        if self.profile == "standard":
            return verify_standard(body, headers, secrets, received_at)
        if self.profile == "hmac":
            event = self._verify_plain(body, headers.get(self.header.lower(), ""), secrets)
            return f"{event}:{received_at:%Y%m%d%H}"
        raise HintRejected("deliveries without a signature are not taken")

    def _verify_plain(self, body: bytes, given: str, secrets: Iterable[str]) -> str:
        fits = False
        for secret in secrets:
            fits |= len(secret) >= MIN_TEXT and same(given, self._plain(secret.encode(), body))
        if not fits:
            raise HintRejected
        return f"sha256-{hashlib.sha256(body).hexdigest()}"

    def _plain(self, key: bytes, body: bytes) -> str:
        digest = hmac.new(key, body, hashlib.sha256).digest()
        text = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
        return self.prefix + text
