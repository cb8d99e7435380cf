"""Reading invoices: many by listing what is open, 500 a call; the rest by id, 40 a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daemon.errors import Garbled, Rejected, RemoteError
from daemon.model import Asked, DocStatus, Document, Observation
from daemon.providers.xero.api import Api, Oversized, rows
from daemon.providers.xero.documents import IDS, Documents
from daemon.providers.xero.read import observe
from daemon.providers.xero.setup import XeroSettings
from daemon.providers.xero.words import is_guid

LIST_FROM = 4 * IDS
PAGE = 500
"""1000 are allowed; what many lines make of a page must stay below the wire's bound."""


class Reader:
    """The truth about invoices."""

    def __init__(self, api: Api, settings: XeroSettings) -> None:
        self._api, self._documents, self._settings = api, Documents(api), settings

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        """Each ref once. What was read before a fault is answered before the fault goes on."""
        refs = list(dict.fromkeys(one.ref for one in asked))
        for ref in refs:
            if not is_guid(ref):
                yield Observation.missing(ref)
        known = {ref.lower(): ref for ref in refs if is_guid(ref)}
        if len(known) > LIST_FROM:
            yield from self._by_listing(known)
        yield from self._by_id(known, alone=len(refs) == 1)

    def one(self, ref: str) -> Observation:
        return next(self.pull([Asked(ref)]))

    def _by_id(self, known: dict[str, str], *, alone: bool) -> Iterator[Observation]:
        left = list(known)
        faults: list[Garbled] = []
        for n in range(0, len(left), IDS):
            part = left[n : n + IDS]
            there = self._documents.read(part)
            for ref in part:
                try:
                    yield from self._told(ref, there.get(ref), alone=alone)
                except Garbled as error:  # one that cannot be read keeps no other from being told
                    faults.append(error)
        if faults:
            raise faults[0]

    def _told(self, ref: str, row: Document | None, *, alone: bool) -> Iterator[Observation]:
        if row is None:
            yield Observation.missing(ref)
            return
        seen = observe(row, self._settings.short_code)
        if alone and seen.status is DocStatus.OPEN and self._settings.pay_links:
            yield from self._with_link(row)
        else:
            yield seen

    def _with_link(self, row: Document) -> Iterator[Observation]:
        """The link costs a call, so it is fetched where somebody waits for this one invoice. The truth does
        not depend on it."""
        fault: RemoteError | None = None
        url = None
        try:
            url = self._pay_url(str(row["InvoiceID"]))
        except Rejected:
            pass
        except RemoteError as error:
            fault = error
        yield observe(row, self._settings.short_code, pay_url=url)
        if fault is not None:
            raise fault

    def _pay_url(self, ref: str) -> str | None:
        answer = self._api.get("Invoices", ref, "OnlineInvoice")
        urls = [row.get("OnlineInvoiceUrl") for row in rows(answer, "OnlineInvoices")]
        return next((url for url in urls if isinstance(url, str) and url.startswith("https://")), None)

    def _by_listing(self, known: dict[str, str]) -> Iterator[Observation]:
        """What is found is taken out of `known`; as long as a page answers more than a read by id would."""
        found = 0
        for page in range(1, 1000):
            try:
                answer = self._api.get(
                    "Invoices",
                    Statuses="AUTHORISED",
                    createdByMyApp="true",
                    order="UpdatedDateUTC ASC",
                    page=str(page),
                    pageSize=str(PAGE),
                    unitdp="4",
                )
            except Oversized:  # by id they come in smaller answers
                return
            listed = rows(answer, "Invoices")
            hits = [row for row in listed if known.pop(str(row.get("InvoiceID")).lower(), None)]
            yield from self._readable(hits, known)
            found += len(hits)
            if not known or is_last(answer, page) or found < (page - 2) * IDS:
                return

    def _readable(self, hits: Sequence[Document], known: dict[str, str]) -> Iterator[Observation]:
        """One that cannot be read goes back, to be read by its id."""
        for row in hits:
            try:
                yield observe(row, self._settings.short_code)
            except Garbled:
                ref = str(row["InvoiceID"]).lower()
                known[ref] = ref


def is_last(answer: Document, page: int) -> bool:
    """By the count of pages, which is told; else by an empty page."""
    told = answer.get("pagination")
    count = told.get("pageCount") if isinstance(told, dict) else None
    return page >= count if isinstance(count, int) else not rows(answer, "Invoices")
