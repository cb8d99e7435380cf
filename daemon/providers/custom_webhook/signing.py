"""Signatures of both directions, over raw bytes.

Standard Webhooks (standard-webhooks/standard-webhooks, spec/standard-webhooks.md): HMAC-SHA256 over
`id.timestamp.body`, `v1,` and base64; during a rotation one entry for each secret, and any that fits is
enough. Beside it "hmac": HMAC-SHA256 over the body alone, in a header of the receiver's choice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from daemon.clock import to_unix
from daemon.errors import HintRejected

TOLERANCE_S = 300
MAX_ENTRIES = 8
ID, TIME, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
MIN_SECRET, MAX_SECRET = 24, 64
"""Bytes of a whsec_ secret."""
MIN_TEXT = 16
"""Characters of a plain HMAC secret."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


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
        named = {ID: message, TIME: str(to_unix(at))}
        if self.profile == "standard" and secrets:
            named[SIGNATURE] = " ".join(
                standard(key, message, named[TIME], body) for key in map(standard_key, secrets)
            )
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
            fits |= len(secret) >= MIN_TEXT and _same(given, self._plain(secret.encode(), body))
        if not fits:
            raise HintRejected
        return f"sha256-{hashlib.sha256(body).hexdigest()}"

    def _plain(self, key: bytes, body: bytes) -> str:
        digest = hmac.new(key, body, hashlib.sha256).digest()
        text = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
        return self.prefix + text


def standard_key(secret: str) -> bytes:
    """The key in a whsec_ secret; raises ValueError that shows nothing of it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a signing secret is whsec_ and base64") from None
    if not secret.startswith(PREFIX) or not MIN_SECRET <= len(key) <= MAX_SECRET:
        raise ValueError(f"a signing secret is whsec_ and base64 of {MIN_SECRET} to {MAX_SECRET} bytes")
    return key


def standard(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """One entry of webhook-signature."""
    signed = f"{message}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verify_standard(
    body: bytes, headers: Mapping[str, str], secrets: Iterable[str], received_at: datetime
) -> str:
    """The webhook-id, where a `v1` entry fits one of the secrets and the time is within five minutes of ours,
    before or after; raises HintRejected. Whatever was sent, nothing else is raised."""
    message, timestamp = headers.get(ID, ""), headers.get(TIME, "")
    if not _ID.fullmatch(message) or not _TIME.fullmatch(timestamp):
        raise HintRejected
    skew_s = to_unix(received_at) - int(timestamp)
    if abs(skew_s) > TOLERANCE_S:
        raise HintRejected(f"the delivery's time is off by {skew_s} seconds; 300 are allowed")
    entries = headers.get(SIGNATURE, "").split(" ", MAX_ENTRIES)[:MAX_ENTRIES]
    given = [entry for entry in entries if entry.startswith("v1,")]
    fits = False
    for secret in secrets:
        try:
            expected = standard(standard_key(secret), message, timestamp, body)
        except ValueError:
            continue
        for entry in given:
            fits |= _same(entry, expected)
    if not fits:
        raise HintRejected
    return message


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
