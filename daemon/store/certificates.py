"""Certificates that a provider signs its webhooks with: wanted by the receiver, fetched by a job.

Whoever knows a webhook's address can name certificates before anything is verified, so that wishes are
bounded: an adapter names only addresses of its provider's own, and an integration wants a handful at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from daemon.store import records
from daemon.store.tables import Certificate

HANDFUL = 4
"""Wishes of one integration that wait at once."""

KEPT = 16
"""Certificates of one integration: a provider changes its own once in months."""

LONGEST_URL = 500
AGAIN = timedelta(hours=1)
"""A certificate that does not serve (any more) is fetched anew this often, and one that could not be fetched
gives its place to another wish after that."""


def of(integration_id: str) -> dict[str, bytes]:
    """PEM by address: those that were fetched."""
    rows = records.Certificate.select(
        (Certificate.integration_id == integration_id) & Certificate.pem.is_null(False)
    )
    return {row.url: (row.pem or "").encode() for row in rows}


def want(integration_id: str, url: str, now: datetime) -> bool:
    """Inside a transaction: note that this one is needed. False where it is noted already, or was fetched a
    moment ago, or too many are wanted."""
    if len(url) > LONGEST_URL or not url.isascii():
        return False
    rows = list(records.Certificate.select(Certificate.integration_id == integration_id))
    known = next((row for row in rows if row.url == url), None)
    if known is not None:
        if known.is_wanted or now - (known.fetched_at or now) < AGAIN:
            return False
        Certificate.update(wanted_at=now).where(_is(integration_id, url)).execute()
        return True
    if not _make_room(rows, now):
        return False
    Certificate.insert(integration_id=integration_id, url=url, wanted_at=now).execute()
    return True


def _make_room(rows: list[records.Certificate], now: datetime) -> bool:
    waiting = [row for row in rows if row.is_wanted]
    if len(waiting) < HANDFUL and len(rows) < KEPT:
        return True
    given_up = [row for row in waiting if row.fault and now - row.wanted_at >= AGAIN]
    spare = given_up or ([] if len(waiting) >= HANDFUL else sorted(rows, key=lambda row: row.wanted_at))
    if not spare:
        return False
    drop(spare[0].integration_id, spare[0].url)
    return True


def wanted() -> list[records.Certificate]:
    """Those to fetch, never tried ones first."""
    waits = Certificate.fetched_at.is_null() | (Certificate.fetched_at < Certificate.wanted_at)
    rows = records.Certificate.select(waits, order=(Certificate.wanted_at, Certificate.url))
    return sorted(rows, key=lambda row: row.tried_at is not None)


def keep(integration_id: str, url: str, pem: bytes, now: datetime) -> None:
    """Inside a transaction: it was fetched."""
    values = {"pem": pem.decode(), "fetched_at": now, "tried_at": now, "fault": None}
    Certificate.update(values).where(_is(integration_id, url)).execute()


def failed(integration_id: str, url: str, why: str, now: datetime) -> None:
    """Inside a transaction: it could not be fetched this time."""
    Certificate.update(tried_at=now, fault=why[:500]).where(_is(integration_id, url)).execute()


def drop(integration_id: str, url: str) -> None:
    """Inside a transaction."""
    Certificate.delete().where(_is(integration_id, url)).execute()


def _is(integration_id: str, url: str) -> object:
    return (Certificate.integration_id == integration_id) & (Certificate.url == url)
