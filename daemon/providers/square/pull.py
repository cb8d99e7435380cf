"""Reading invoices at Square: a few each by itself, many by listing their location; then their orders in
batches, and what became of the payments.

Square has no batch read of invoices, and searches them by location and customer alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from daemon.errors import Garbled, Missing, Rejected, WispbillError
from daemon.model import Asked, Document, Observation
from daemon.providers.square.api import Api, part, rows_of
from daemon.providers.square.read import Losses, View, observe, split, text
from daemon.providers.square.words import PARTY, REFUNDED

SINGLE_READS = 5
SPARE_PAGES = 2
PAGE = 200
ORDERS = 100
_CHUNK = 100
_FEW = 2
_REFUND_PAGES = 100


ByPayment = dict[str, list[Document]]


class Reader:
    """The truth about invoices."""

    def __init__(self, api: Api, view: View) -> None:
        self._api, self._view = api, view

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        """Each ref once. What was read before a fault is answered before the fault goes on, and what befell
        a single invoice waits until all others are answered."""
        refs = list(dict.fromkeys(one.ref for one in asked))
        faults: list[WispbillError] = []
        if len(refs) > SINGLE_READS:
            yield from self._by_listing(refs, faults)
        else:
            yield from self._singly(refs, faults)
        if faults:
            raise faults[0]

    def document(self, ref: str) -> Document:
        """The invoice as it stands; raises Missing."""
        doc = part(self._api.get("v2", "invoices", ref), "invoice")
        if doc["id"] != ref:
            raise Garbled("Square answered with another invoice", party=PARTY)
        return doc

    def observe(self, doc: Document) -> Observation:
        """An invoice just read, with what is around it."""
        faults: list[WispbillError] = []
        for seen in self._complete([doc], faults):
            return seen
        raise faults[0]

    def pages(self) -> Iterator[list[Document]]:
        """Every invoice of the location, newest first; ended early where Square's cursor was, which lives
        some minutes."""
        body = search_body(self._view.location_id)
        try:
            yield from self._api.searched("invoices", "v2", "invoices", "search", body=body, partly=True)
        except Rejected as error:
            if error.provider_code != "INVALID_CURSOR":
                raise

    def _singly(self, refs: Sequence[str], faults: list[WispbillError]) -> Iterator[Observation]:
        docs: list[Document] = []
        fault: WispbillError | None = None
        for ref in refs:
            try:
                docs.append(self.document(ref))
            except Missing:
                yield Observation.missing(ref)
            except (Garbled, Rejected) as error:
                faults.append(error)
            except WispbillError as error:
                fault = error
                break
        yield from self._complete(docs, faults)
        if fault is not None:
            raise fault

    def _by_listing(self, refs: Sequence[str], faults: list[WispbillError]) -> Iterator[Observation]:
        """As long as a page answers one ref on average: never more requests than reading each by itself,
        and a two-hundredth of them where the invoices stand together."""
        wanted = dict.fromkeys(refs)
        disputes = cache(self._disputes)  # once for all pages
        found = 0
        for turn, page in enumerate(self.pages(), 1):
            hits = list({str(doc.get("id")): doc for doc in page if doc.get("id") in wanted}.values())
            for doc in hits:
                del wanted[doc["id"]]
            found += len(hits)
            yield from self._complete(hits, faults, disputes)
            if not wanted or turn >= found + SPARE_PAGES:
                break
        left = iter(wanted)
        while chunk := list(islice(left, _CHUNK)):
            yield from self._singly(chunk, faults)

    def _complete(
        self,
        docs: Sequence[Document],
        faults: list[WispbillError],
        disputes: Callable[[], ByPayment] | None = None,
    ) -> Iterator[Observation]:
        """An invoice whose order is not told is answered without its payments, which then are not gone."""
        named = _readable(docs, lambda doc: text(doc, "order_id"), faults)
        orders = self.orders([doc["order_id"] for doc in named])

        def seen(doc: Document, losses: Losses | None) -> Observation:
            return observe(doc, self._view, orders.get(doc["order_id"]), losses)

        sound = _readable(named, lambda doc: seen(doc, None), faults)
        losses = self._losses(sound, orders, disputes or self._disputes)
        for doc in _readable(sound, lambda doc: seen(doc, losses), faults):
            yield seen(doc, losses)

    def orders(self, ids: Sequence[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        place, left = self._view.location_id, iter(dict.fromkeys(ids))
        while chunk := list(islice(left, ORDERS)):
            body = {"location_id": place, "order_ids": chunk}
            rows = rows_of(self._api.search("v2", "orders", "batch-retrieve", body=body), "orders")
            for row in rows:
                if row.get("location_id") != place:
                    raise Garbled("Square answered with an order of another location", party=PARTY)
                found[text(row, "id")] = row
        return found

    # --- refunds and disputes -------------------------------------------------------------------------

    def _losses(
        self, docs: Sequence[Document], orders: dict[str, Document], disputes: Callable[[], ByPayment]
    ) -> Losses:
        paid = [doc for doc in docs if split(doc, orders.get(doc["order_id"]))[0]]
        if not paid:
            return Losses()
        payments = {doc["id"]: [one.id for one in split(doc, orders[doc["order_id"]])[0]] for doc in paid}
        if sum(map(len, payments.values())) <= _FEW:
            return Losses(self._refunds_of(ref for refs in payments.values() for ref in refs), disputes())
        refunds, whole = self._refunds_since(min(text(doc, "created_at") for doc in paid))
        # The list of refunds may be some seconds behind the invoice; a payment is not.
        told = [doc for doc in paid if doc.get("status") in REFUNDED]
        refs = [ref for doc in told for ref in payments[doc["id"]]]
        return Losses(refunds | self._refunds_of(refs), disputes(), whole)

    def _refunds_of(self, payments: Iterable[str]) -> ByPayment:
        found: ByPayment = {}
        for ref in payments:
            try:
                payment = part(self._api.get("v2", "payments", ref), "payment")
            except Missing:
                continue  # recorded outside the Payments API: nothing is refunded through it
            ids = payment.get("refund_ids") or []
            found[ref] = [part(self._api.get("v2", "refunds", str(one)), "refund") for one in ids]
        return found

    def _refunds_since(self, start: str) -> tuple[ByPayment, bool]:
        """Refunds of every location, by payment; whether that was all."""
        found: ByPayment = {}
        pages = self._api.listed("refunds", "v2", "refunds", begin_time=start, sort_order="ASC", limit=100)
        for page in islice(pages, _REFUND_PAGES):
            _sort(found, page, lambda row: row.get("payment_id"))
        return found, next(pages, None) is None

    def _disputes(self) -> ByPayment:
        """All of the location: Square filters them by nothing that would help."""
        found: ByPayment = {}
        for page in self._api.listed("disputes", "v2", "disputes", location_id=self._view.location_id):
            _sort(found, page, disputed)
        return found


def _readable(
    docs: Sequence[Document], read: Callable[[Document], object], faults: list[WispbillError]
) -> list[Document]:
    """Those that can be read so; one that says nonsense keeps no other from being told."""
    found = []
    for doc in docs:
        try:
            read(doc)
        except Garbled as error:
            faults.append(error)
        else:
            found.append(doc)
    return found


def search_body(location_id: str, customer: str | None = None) -> Document:
    wanted: Document = {"location_ids": [location_id]}
    if customer is not None:
        wanted["customer_ids"] = [customer]
    sort = {"field": "INVOICE_SORT_DATE", "order": "DESC"}
    return {"query": {"filter": wanted, "sort": sort}, "limit": PAGE}


def disputed(row: Document) -> object:
    payment = row.get("disputed_payment")
    return payment.get("payment_id") if isinstance(payment, dict) else None


def _sort(into: ByPayment, rows: Iterable[Document], by: Callable[[Document], object]) -> None:
    for row in rows:
        ref = by(row)
        if isinstance(ref, str):
            into.setdefault(ref, []).append(row)
