"""Ids, references and keys.

Our ids are random (sortable by time, unguessable) and never leave the house as identity; what a
provider sees is computed from tenant, platform reference and provider account, so that it is the same
after a restore.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime

from daemon.clock import Entropy, to_micros

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_REFERENCE = re.compile(r"WB-[A-Z2-7]{16}")

TENANT, CUSTOMER, INTEGRATION, PAYER, INVOICE, LINK, RUN = "wbt", "wbc", "wbn", "wbp", "wbi", "wbl", "wbr"
APP, GRANT, CONSENT = "wba", "wbg", "wbo"
PLAN, SUBSCRIPTION = "wbf", "wbs"
EVENT, ENDPOINT = "wbv", "wbe"
DIFFERENCE = "wbd"
RECEIPT = "wbq"
WEB_SESSION, PORTAL_LINK = "wbw", "wbj"
STAFF = "wbu"
TICKET = "wbk"
PROPOSAL = "wbm"
CLOSE = "wbx"


def new_id(prefix: str, now: datetime, entropy: Entropy) -> str:
    """`wbi_` and 26 characters: 48 bits of milliseconds, then 80 random bits."""
    value = (to_micros(now) // 1000) << 80 | int.from_bytes(entropy.bytes(10), "big")
    return f"{prefix}_" + "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def step_key(
    *, tenant: str, reference: str, account: str, operation: str, revision: int, send_no: int
) -> str:
    """The idempotency key of one send of one step: 32 characters, computed, never random.

    `tenant` and `reference` are the platform's names (not our ids), `account` the provider's.
    """
    fields = ["wb1", tenant, reference, account, operation, str(revision), str(send_no)]
    digest = hashlib.sha256("|".join(_escape(field) for field in fields).encode()).digest()
    return base64.b32encode(digest).decode()[:32]


def our_reference(*, tenant: str, reference: str, account: str, operation: str) -> str:
    """`WB-` and the first 16 characters of the step's first key; goes where the provider can search it."""
    key = step_key(
        tenant=tenant, reference=reference, account=account, operation=operation, revision=0, send_no=0
    )
    return f"WB-{key[:16]}"


def is_our_reference(text: object) -> bool:
    return isinstance(text, str) and bool(_REFERENCE.fullmatch(text))


def is_our_key(text: object) -> bool:
    """Whether an idempotency key has the form of ours, so that our own echo can be told apart."""
    return isinstance(text, str) and bool(re.fullmatch(r"[A-Z2-7]{32}", text))


def _escape(field: str) -> str:
    return field.replace("\\", "\\\\").replace("|", "\\|")
