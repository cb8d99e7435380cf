"""Listing what a location holds, 200 invoices a page; our reference stands in their orders, 100 a call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daemon.errors import Garbled
from daemon.model import Carried
from daemon.providers.square.pull import Reader
from daemon.providers.square.read import View, moment, observe


def listed(reader: Reader, view: View, since: datetime) -> Iterator[Carried]:
    """Newest first, to the first page on which all are older."""
    for page in reader.pages():
        recent = [doc for doc in page if (moment(doc.get("created_at")) or since) >= since]
        orders = reader.orders([str(doc["order_id"]) for doc in recent if doc.get("order_id")])
        for doc in recent:
            order = orders.get(str(doc.get("order_id")))
            try:
                seen = observe(doc, view, order, None)
            except Garbled:
                continue
            yield Carried(seen.ref, seen.status, seen.number, seen.our_reference, seen.total)
        if page and not recent:
            return
