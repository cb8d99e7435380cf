"""Xero's words: states, scopes, rate limits, and the refusals that are ours.

Sources: the OpenAPI document of XeroAPI/Xero-OpenAPI (16.1.0); developer.xero.com, FAQ on limits and scopes.
"""

from __future__ import annotations

import re

from daemon.errors import Rejected
from daemon.model import DocStatus, Limit

PARTY = "Xero"

STATUS = {
    "DRAFT": DocStatus.DRAFT,
    "SUBMITTED": DocStatus.DRAFT,
    "AUTHORISED": DocStatus.OPEN,
    "PAID": DocStatus.PAID,
    "VOIDED": DocStatus.VOID,
    "DELETED": DocStatus.MISSING,
}
"""Only a draft is ever deleted; a live invoice is voided."""

LIVE = ("AUTHORISED", "PAID")

SCOPES = (
    "offline_access",
    "openid",
    "profile",
    "email",
    "accounting.invoices",
    "accounting.payments",
    "accounting.contacts",
    "accounting.settings.read",
)
"""Granular ones: an app registered since 2026-03-02 can ask for no others."""

CUSTOM_SCOPES = tuple(scope for scope in SCOPES if "." in scope)
"""What a custom connection asks for: there is no user to be offline from."""

READ, WRITE = "read", "write"

LIMITS = (
    Limit("", 60, 60, name="minute"),
    # 1000 on the Starter tier: X-DayLimit-Remaining then corrects us, but not the reserve, which is a fifth
    # of the smaller day therefore: 200 calls, enough for 5000 invoices.
    Limit("", 5000, 86_400, reserve=0.04, spares=(READ,), name="day"),
)
APP_LIMITS = (Limit("", 10_000, 60, name="appminute"),)

NOBODY = "00000000-0000-0000-0000-000000000000"
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def is_guid(text: object) -> bool:
    """An id that names something: Xero writes one of zeros where there is nothing."""
    return isinstance(text, str) and text != NOBODY and bool(GUID.fullmatch(text.lower()))


def refused(code: str, message: str) -> Rejected:
    """A refusal of ours, before anything is sent, under a code of the catalogue."""
    error = Rejected(message, party=PARTY)
    error.code = code
    return error
