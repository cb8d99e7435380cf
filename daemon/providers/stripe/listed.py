"""Listing what an account holds, 100 invoices a page (https://docs.stripe.com/api/invoices/list)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daemon.clock import to_unix
from daemon.errors import Garbled
from daemon.model import Carried, DocStatus
from daemon.providers.stripe.money import from_minor
from daemon.providers.stripe.read import integer, text
from daemon.providers.stripe.wire_client import Api
from daemon.providers.stripe.words import INVOICE_KEY, STATUS


def listed(api: Api, since: datetime) -> Iterator[Carried]:
    """A row that is no invoice is left out: it can be nobody's double."""
    for page in api.pages("invoices", created={"gte": to_unix(since)}):
        for doc in page:
            try:
                total = from_minor(integer(doc, "total"), text(doc, "currency"))
                ref = text(doc, "id")
            except Garbled:
                continue
            reference = (doc.get("metadata") or {}).get(INVOICE_KEY)
            status = STATUS.get(str(doc.get("status")), DocStatus.UNKNOWN)
            yield Carried(ref, status, doc.get("number"), reference, total)
