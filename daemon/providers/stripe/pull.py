"""Reading invoices at Stripe: a few each by itself, many by listing; what happened to their payments by
whichever way asks less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

from daemon.clock import to_unix
from daemon.errors import Garbled, Missing, Rejected, WispbillError
from daemon.model import Asked, Document, Observation
from daemon.providers.stripe.read import (
    Around,
    View,
    has_credit_notes,
    id_of,
    inline_payments,
    integer,
    is_paid,
    more_payments,
    observe,
    source_of,
)
from daemon.providers.stripe.wire_client import Api

SINGLE_READS = 50
FLIGHTS_FOR = 1000
"""Up to so many invoices, a listing also asks which open payments are under way, 100 a request."""
SPARE_PAGES = 2
PAGES = 100
WITH_INTENTS = ["payments", "payments.data.payment.payment_intent"]
_INTENT = "data.payment.payment_intent"
_MARGIN = timedelta(days=1)
_FEW = 2


@dataclass(slots=True)
class Losses:
    """Refunds and disputes by payment; `whole` says that no page was left out."""

    refunds: dict[str, list[Document]] = field(default_factory=dict)
    disputes: dict[str, list[Document]] = field(default_factory=dict)
    whole: bool = True

    def of(self, sources: Iterable[str]) -> tuple[tuple[Document, ...], tuple[Document, ...]]:
        names = list(sources)
        return (
            tuple(row for name in names for row in self.refunds.get(name, ())),
            tuple(row for name in names for row in self.disputes.get(name, ())),
        )


@dataclass(slots=True)
class Flights:
    """The payments under way, by the id of the invoice payment; `whole` says that all were asked for."""

    intents: dict[str, Document] = field(default_factory=dict)
    whole: bool = False


class Reader:
    """The truth about invoices."""

    def __init__(self, api: Api, view: View) -> None:
        self._api, self._view = api, view

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        """Each ref once. What was read before a fault is answered before the fault goes on, and what befell
        a single invoice waits until all others are answered."""
        unique = list({one.ref: one for one in asked}.values())
        faults: list[WispbillError] = []
        if len(unique) > SINGLE_READS:
            yield from self._by_listing(unique, faults)
        else:
            yield from self._singly([one.ref for one in unique], faults)
        if faults:
            raise faults[0]

    def document(self, ref: str) -> Document:
        """The invoice as it stands; raises Missing."""
        return self._api.get("invoices", ref, expand=WITH_INTENTS)

    def observe(self, doc: Document) -> Observation:
        """An invoice just read, with what is around it."""
        faults: list[WispbillError] = []
        for seen in self._complete([doc], None, None, faults):
            return seen
        raise faults[0]

    def _singly(self, refs: Sequence[str], faults: list[WispbillError]) -> Iterator[Observation]:
        docs: list[Document] = []
        fault: WispbillError | None = None
        for ref in refs:
            try:
                doc = self.document(ref)
            except Missing:
                doc = {"deleted": True}
            except (Garbled, Rejected) as error:
                faults.append(error)
                continue
            except WispbillError as error:
                fault = error
                break
            if doc.get("deleted"):
                yield Observation.missing(ref)
            else:
                docs.append(doc)
        yield from self._complete(docs, None, None, faults)
        if fault is not None:
            raise fault

    def _by_listing(self, asked: Sequence[Asked], faults: list[WispbillError]) -> Iterator[Observation]:
        """Newest first, as long as a page answers one ref on average: never more requests than reading
        each by itself, and a hundredth of them where the invoices stand together."""
        wanted = {one.ref for one in asked}
        created = _window(asked)
        since = created["created"]["gte"] if created else None
        losses = self._losses_since(since) if since else None
        flights = self._flights(since) if since and len(asked) <= FLIGHTS_FOR else Flights()
        found = 0
        for turn, page in enumerate(self._api.pages("invoices", expand=["data.payments"], **created), 1):
            hits = [doc for doc in page if doc["id"] in wanted]
            wanted -= {doc["id"] for doc in hits}
            found += len(hits)
            yield from self._complete(hits, losses, flights, faults)
            if not wanted or turn >= found + SPARE_PAGES:
                break
        left = iter(sorted(wanted))
        while chunk := list(islice(left, SINGLE_READS)):
            yield from self._singly(chunk, faults)

    def _complete(
        self,
        docs: Sequence[Document],
        losses: Losses | None,
        flights: Flights | None,
        faults: list[WispbillError],
    ) -> Iterator[Observation]:
        payments = {doc["id"]: self._payments(doc, flights) for doc in docs}
        if losses is None:
            losses = self._losses([row for rows in payments.values() for row in rows if is_paid(row)])
        for doc in docs:
            rows = payments[doc["id"]]
            try:
                seen = observe(doc, self._view, self._around(doc, rows, losses, flights))
            except Garbled as error:
                faults.append(error)
            else:
                yield seen

    def _around(
        self, doc: Document, payments: tuple[Document, ...], losses: Losses, flights: Flights | None
    ) -> Around:
        sources = [source for row in payments if is_paid(row) and (source := source_of(row))]
        refunds, disputes = losses.of(sources)
        return Around(
            payments=payments,
            refunds=refunds,
            disputes=disputes,
            credit_notes=tuple(self._api.all("credit_notes", invoice=doc["id"]))
            if has_credit_notes(doc)
            else None,
            losses_seen=losses.whole,
            in_flight_seen=flights.whole if flights is not None else _intents_shown(payments),
        )

    def _payments(self, doc: Document, flights: Flights | None) -> tuple[Document, ...]:
        rows: Iterable[Document] = inline_payments(doc)
        if more_payments(doc):
            rows = self._api.all(
                "invoice_payments", invoice=doc["id"], expand=["data.payment.payment_intent"]
            )
        under_way = flights.intents if flights is not None else {}
        return tuple(
            {**row, "payment": {**row["payment"], "payment_intent": under_way[row["id"]]}}
            if row["id"] in under_way
            else row
            for row in rows
        )

    def _losses(self, paid: Sequence[Document]) -> Losses:
        sources = {source for row in paid if (source := source_of(row))}
        if len(sources) > _FEW:
            return self._losses_since(min(integer(row, "created") for row in paid))
        losses = Losses()
        for source in sorted(sources):
            by = {"payment_intent" if source.startswith("pi_") else "charge": source}
            _sort(losses.refunds, self._api.all("refunds", **by))
            _sort(losses.disputes, self._api.all("disputes", **by))
        return losses

    def _losses_since(self, since: int) -> Losses:
        losses = Losses()
        for name, rows in (("refunds", losses.refunds), ("disputes", losses.disputes)):
            pages = self._api.pages(name, created={"gte": since})
            for page in islice(pages, PAGES):
                _sort(rows, page)
            losses.whole &= next(pages, None) is None
        return losses

    def _flights(self, since: int) -> Flights:
        """Payments that are open and being processed: bank debits, mostly."""
        flights = Flights()
        pages = self._api.pages("invoice_payments", status="open", expand=[_INTENT], created={"gte": since})
        shown = True
        for page in islice(pages, FLIGHTS_FOR // 100):
            shown &= _intents_shown(page)
            for row in page:
                intent = (row.get("payment") or {}).get("payment_intent")
                if isinstance(intent, dict) and intent.get("status") == "processing":
                    flights.intents[row["id"]] = intent
        flights.whole = shown and next(pages, None) is None
        return flights


def _sort(into: dict[str, list[Document]], rows: Iterable[Document]) -> None:
    for row in rows:
        source, charge = source_of(row), id_of(row.get("charge"))
        for name in {source, charge} - {None}:
            into.setdefault(str(name), []).append(row)


def _intents_shown(payments: Iterable[Document]) -> bool:
    """Whether each open payment shows its intent's state (or has none)."""
    return all(
        not isinstance((row.get("payment") or {}).get("payment_intent"), str)
        for row in payments
        if row.get("status") == "open"
    )


def _window(asked: Sequence[Asked]) -> dict[str, Any]:
    """When the invoices were created, with a day's margin on both sides; empty where one is not known."""
    times = [one.pushed_at for one in asked if one.pushed_at is not None]
    if len(times) < len(asked):
        return {}
    return {"created": {"gte": to_unix(min(times) - _MARGIN), "lte": to_unix(max(times) + _MARGIN)}}
