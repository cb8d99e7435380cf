"""QuickBooks' words: its addresses, the version we speak, its codes, its limits.

Sources: Intuit's reference pages and blogs (throttling 2025-08, minor versions 2025-01, webhooks 2025-11,
metered reads 2026-01), and the schemas of the official .NET SDK, as of 2026-11.
"""

from __future__ import annotations

from daemon.model import Limit

PARTY = "QuickBooks"
MINOR_VERSION = "75"
"""Since 2025-08 the only one; sent all the same."""
SCOPE = "com.intuit.quickbooks.accounting"

LIVE_URL = "https://quickbooks.api.intuit.com"
SANDBOX_URL = "https://sandbox-quickbooks.api.intuit.com"
AUTHORIZE_URL = "https://appcenter.intuit.com/connect/oauth2"
TOKEN_URL = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"  # noqa: S105 - an address
REVOKE_URL = "https://developer.api.intuit.com/v2/oauth2/tokens/revoke"

READ, WRITE, BATCH = "read", "write", "batch"
READ_S, WRITE_S = 60.0, 130.0
"""A request ends there after 120 s; what a write has not answered by then can still have been done."""

ITEMS = 30
"""In one call to the batch endpoint."""
IDS = 100
"""In one `where Id in (…)`."""
ROWS = 1000
"""In one page of a query, and in one answer of the change feed."""
REACH_DAYS = 30
TOO_LARGE = "larger than"
"""In what our wire says of an answer that it does not take in whole."""
LINES = 600
"""In one call to the batch endpoint: the answer repeats them, at about half a kilobyte each."""

STALE, NUMBER_IN_USE, NAME_IN_USE = "5010", "6140", "6240"
NO_OBJECT = "610"
LAPSED = frozenset(["RESTRICTED", "SUSPENDED", "EXPIRED", "CANCELLED", "CANCELED"])
"""Subscription states in which a company is read only."""

LIMITS = (
    Limit("", 500, 60),
    Limit("", 10, 1),
    Limit(BATCH, 40, 60),
)
"""500 a minute and 10 a second for a company; batches 120 a minute by Intuit's blog, 40 by its pages: the
smaller."""

APP_LIMITS = (Limit(READ, 500_000, 30 * 86_400, reserve=0.1, spares=(READ,), name="CorePlus"),)
"""Reads are metered for the whole app, by calendar month: half a million are free, then they are blocked."""

VOIDED = "Voided"
"""What QuickBooks puts before the note of a voided invoice; it may be translated."""
EMAIL_SENT = "EmailSent"
EVENTS = {"invoice", "payment", "creditmemo"}
"""Of the entities that webhooks tell of, those that move money."""
ECHOES = {"created", "create", "emailed"}
"""Of an invoice: what our own pushes cause."""
