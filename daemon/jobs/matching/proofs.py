"""What a decision rests on, as a short text that changes with it."""

from __future__ import annotations

import base64
import hashlib

from daemon.store import matches, records
from daemon.store.fields import canonical
from daemon.store.matches import Drawn


def proof_of(customer: records.Customer, drawn: Drawn | matches.Proposal) -> str:
    """Changes with what either side says of itself, and with who else is alike."""
    facts = [customer.id, customer.name, customer.email, customer.phone, dict(customer.address)]
    rests = [drawn.kind, drawn.external_id, drawn.shown, list(drawn.others)]
    digest = hashlib.sha256(canonical([*facts, *rests]).encode()).digest()
    return base64.b32encode(digest).decode()[:12]
