"""Listing what an account holds, through search, 100 invoices a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.clock import Clock
from daemon.errors import Garbled
from daemon.model import Carried, DocStatus
from daemon.model.ids import is_our_reference
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.money import from_doc
from daemon.providers.paypal.read import part, text
from daemon.providers.paypal.searching import search, span, wanted_states
from daemon.providers.paypal.words import CLOSED_SEARCH, OPEN_SEARCH, STATUS

STATES = (OPEN_SEARCH, ("DRAFT", *CLOSED_SEARCH[:4]), CLOSED_SEARCH[4:])
"""A search takes five states at most."""
_AHEAD = timedelta(days=1)


def listed(api: Api, clock: Clock, since: datetime) -> Iterator[Carried]:
    created = span(since, clock.now() + _AHEAD)
    for states in STATES:
        page = 1
        while True:
            seen = search(api, wanted_states(states, created), page)
            for row in seen.rows:
                try:
                    yield _carried(row)
                except Garbled:
                    continue
            page += 1
            if page > seen.pages or not seen.rows:
                break


def _carried(row: dict[str, object]) -> Carried:
    detail = part(row, "detail")
    number, reference = detail.get("invoice_number"), detail.get("reference")
    return Carried(
        ref=text(row, "id"),
        status=STATUS.get(str(row.get("status")), DocStatus.UNKNOWN),
        number=number if isinstance(number, str) else None,
        reference=reference if is_our_reference(reference) else None,
        total=from_doc(row.get("amount"), "total"),
    )
