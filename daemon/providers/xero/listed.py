"""Listing what an organisation holds, 500 invoices a page: those that people made there too, since a copy of
one of ours carries our reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daemon.errors import Garbled
from daemon.model import Carried
from daemon.providers.xero.api import Api, Oversized, rows
from daemon.providers.xero.pull import PAGE, is_last
from daemon.providers.xero.read import observe

SMALLEST = 20


def listed(api: Api, since: datetime) -> Iterator[Carried]:
    """Every sales invoice that changed since then, which all that were made since then did."""
    page, size = 1, PAGE
    while True:
        try:
            answer = api.modified(
                "Invoices",
                since,
                where='Type=="ACCREC"',
                order="UpdatedDateUTC ASC",
                page=str(page),
                pageSize=str(size),
                unitdp="4",
            )
        except Oversized:
            if size <= SMALLEST:
                raise
            page, size = (page - 1) * 5 + 1, size // 5  # the same place, in smaller pages
            continue
        found = rows(answer, "Invoices")
        for row in found:
            try:
                seen = observe(row)
            except Garbled:
                continue
            yield Carried(seen.ref, seen.status, seen.number, seen.our_reference, seen.total)
        if not found or is_last(answer, page):
            return
        page += 1
