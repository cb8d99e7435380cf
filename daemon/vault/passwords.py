"""Passwords of people, as Argon2id (RFC 9106) in PHC strings: never kept, shown, or compared themselves."""

from __future__ import annotations

import threading

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import SecretStr

from daemon.clock import Entropy
from daemon.errors import InvalidInput

MEMORY_KIB, ITERATIONS, LANES = 19_456, 2, 1
"""OWASP's smallest setting for Argon2id: 19 MiB, twice over. About 25 ms of one core."""

LEAST, MOST = 12, 200
"""Characters. A short one is guessed; a long one would only cost us time."""

_AT_ONCE = threading.BoundedSemaphore(2)
"""Each takes 19 MiB: a flood of sign-ins must not take all memory."""

_DUMMY = "$argon2id$v=19$m=19456,t=2,p=1$d2lzcGJpbGwtbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def check(password: SecretStr, *, beside: str = "") -> None:
    """Raises InvalidInput where a new password is too short, too long, or no other than `beside` (the
    e-mail address)."""
    text = password.get_secret_value()
    if not LEAST <= len(text) <= MOST:
        raise InvalidInput("WB-INPUT", f"password: {LEAST} to {MOST} characters are needed", field="password")
    if len(set(text)) < 5 or text.strip().lower() == beside.lower():
        raise InvalidInput("WB-INPUT", "password: this one is guessed at once", field="password")


def hashed(password: SecretStr, entropy: Entropy) -> str:
    """A PHC string with a salt of its own."""
    made = Argon2id(
        salt=entropy.bytes(16), length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB
    )
    with _AT_ONCE:
        return made.derive_phc_encoded(password.get_secret_value().encode())


def fits(password: SecretStr, phc: str | None) -> bool:
    """Whether this is the password. Without a PHC string (nobody, or nobody who has one) it takes as long,
    and does not."""
    text = password.get_secret_value()
    if len(text) > MOST:
        return False
    with _AT_ONCE:
        try:
            Argon2id.verify_phc_encoded(text.encode(), phc or _DUMMY)
        except InvalidKey:
            return False
    return phc is not None
