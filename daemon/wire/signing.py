"""Standard Webhooks signatures, over raw bytes: of what the platform is told, and of customers' own systems.

standard-webhooks/standard-webhooks, spec/standard-webhooks.md: HMAC-SHA256 over `id.timestamp.body`, `v1,`
and base64; during a rotation one entry for each secret, and any that fits is enough.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from daemon.clock import Entropy, to_unix
from daemon.errors import HintRejected

TOLERANCE_S = 300
MAX_ENTRIES = 8
ID, TIME, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
MIN_SECRET, MAX_SECRET = 24, 64
"""Bytes of a whsec_ secret."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


def new_secret(entropy: Entropy) -> str:
    """`whsec_` and 32 random bytes."""
    return PREFIX + base64.b64encode(entropy.bytes(32)).decode()


def standard_headers(message: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """What goes out with `body`: `message` is the same at every try; `secrets` are the current one and,
    during a rotation, the one before. Raises ValueError on a secret of another form."""
    named = {ID: message, TIME: str(to_unix(at))}
    if secrets:
        named[SIGNATURE] = " ".join(
            standard(key, message, named[TIME], body) for key in map(standard_key, secrets)
        )
    return named


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
            fits |= same(entry, expected)
    if not fits:
        raise HintRejected
    return message


def same(given: str, expected: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
