"""Listing what a company holds: every invoice that changed since then, in pages of a query."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from daemon.errors import Garbled
from daemon.model import Carried
from daemon.providers.quickbooks.api import Api
from daemon.providers.quickbooks.read import View, observe
from daemon.providers.quickbooks.words import TOO_LARGE

PAGE = 500


def listed(api: Api, view: View, since: datetime) -> Iterator[Carried]:
    """One that was deleted is in no list."""
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    start, size = 1, PAGE
    while True:
        where = f"where MetaData.LastUpdatedTime >= '{moment}' orderby Id startposition {start}"
        try:
            found = api.query("Invoice", where, most=size)
        except Garbled as error:
            if TOO_LARGE not in error.message or size == 1:
                raise
            size = -(-size // 4)
            continue
        for doc in found:
            try:
                seen = observe(doc, view, {})
            except Garbled:
                continue
            yield Carried(seen.ref, seen.status, seen.number, seen.our_reference, seen.total)
        if len(found) < size:
            return
        start += len(found)
