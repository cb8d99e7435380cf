"""Reading invoices at PayPal: a few each by itself, many through search, 100 a page.

Search never asks more than reading each by itself would. What it does not show in the expected states, and
what it shows too little of, is read by itself, so that the truth about an unusual invoice is never a row's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from daemon.errors import Garbled, Missing, Rejected, Unauthorised, WispbillError
from daemon.model import Asked, Document, FactKind, Observation
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.disputes import Disputes
from daemon.providers.paypal.money import PARTY
from daemon.providers.paypal.read import observe, part, sources, transactions
from daemon.providers.paypal.searching import search, span, wanted_states
from daemon.providers.paypal.words import CANCELLED, CLOSED_SEARCH, OPEN_SEARCH, SETTLED

SINGLE_READS = 10
CHUNK = 50
INVOICES = ("v2", "invoicing", "invoices")
_BEFORE, _AFTER = timedelta(days=9), timedelta(days=1)
"""A push may have been in doubt for a week before it was known."""
_PLAIN = ("SENT", "UNPAID", *CANCELLED)


class Reader:
    """The truth about invoices."""

    def __init__(self, api: Api, *, disputes: bool = True) -> None:
        self._api, self._with_disputes = api, disputes

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        """Each ref once. What was read before a fault is answered before the fault goes on, and what befell
        a single invoice waits until all others are answered."""
        unique = list({one.ref: one for one in asked}.values())
        disputes = Disputes(self._api, wanted=self._with_disputes)
        faults: list[WispbillError] = []
        wanted = dict.fromkeys(one.ref for one in unique)
        if len(unique) > SINGLE_READS:
            for states in (OPEN_SEARCH, CLOSED_SEARCH):
                yield from self._by_search(wanted_states(states, _window(unique)), wanted, disputes, faults)
        yield from self._singly(list(wanted), disputes, faults)
        if faults:
            raise faults[0]

    def document(self, ref: str) -> Document:
        """The invoice as it stands; raises Missing, and Garbled where it is another account's."""
        try:
            doc = self._api.get(*INVOICES, ref)
        except Unauthorised as error:
            if error.provider_code == "PERMISSION_DENIED":
                raise Garbled(
                    f"the invoice {ref[:40]} belongs to another PayPal account", party=PARTY, status_code=403
                ) from error
            raise
        if doc.get("id") != ref:
            raise Garbled("PayPal answered with another invoice than was asked for", party=PARTY)
        return doc

    def observe(self, doc: Document) -> Observation:
        """An invoice just read, with its disputes."""
        losses = Disputes(self._api, wanted=self._with_disputes).of(sources(doc))
        return observe(doc, losses)

    def _singly(
        self, refs: Sequence[str], disputes: Disputes, faults: list[WispbillError]
    ) -> Iterator[Observation]:
        waiting = iter(refs)
        while chunk := list(islice(waiting, CHUNK)):
            docs: list[Document] = []
            for ref in chunk:
                try:
                    docs.append(self.document(ref))
                except Missing:
                    yield Observation.missing(ref)
                except (Garbled, Rejected) as error:
                    faults.append(error)
                except WispbillError:
                    yield from _told(docs, disputes, faults)
                    raise
            yield from _told(docs, disputes, faults)

    def _by_search(
        self, body: Document, wanted: dict[str, None], disputes: Disputes, faults: list[WispbillError]
    ) -> Iterator[Observation]:
        """The pages of these states, as long as there are fewer of them than refs to read; takes out of
        `wanted` what it answers."""
        page = 1
        while wanted:
            seen = search(self._api, body, page)
            hits = {doc["id"]: doc for doc in seen.rows if doc["id"] in wanted and _tells_enough(doc)}
            for ref in hits:
                del wanted[ref]
            yield from _told(list(hits.values()), disputes, faults, rows=True)
            page += 1
            if page > seen.pages or seen.pages - page >= len(wanted) or not seen.rows:
                return


def _told(
    docs: Sequence[Document], disputes: Disputes, faults: list[WispbillError], *, rows: bool = False
) -> Iterator[Observation]:
    """What these say, with what is disputed of their payments; one that says nonsense stops no other. `rows`
    of a search may be older than a refund that is known."""
    paid: list[str] = []
    for doc in docs:
        with suppress(Garbled):  # said again below
            paid += sources(doc)
    losses = disputes.of(paid)
    for doc in docs:
        try:
            seen = observe(doc, losses, whole=_says_when(doc) or doc.get("status") in SETTLED)
        except Garbled as error:
            faults.append(error)
            continue
        if rows and not _says_when(doc):
            seen = replace(seen, covers=seen.covers - {FactKind.REFUND})
        yield seen


def _tells_enough(row: Document) -> bool:
    """Whether a row can stand for the invoice. Search lags, so that one which does not say when it changed
    is believed only in the plain states."""
    try:
        return _is_enough(row)
    except Garbled:
        return False


def _is_enough(row: Document) -> bool:
    if not isinstance(row.get("amount"), dict) or not isinstance(row.get("detail"), dict):
        return False
    if row.get("status") in SETTLED:
        return bool(transactions(row, "payments"))
    return row.get("status") in _PLAIN or (_says_when(row) and "payments" in row)


def _says_when(doc: Document) -> bool:
    metadata = part(part(doc, "detail"), "metadata")
    return "last_update_time" in metadata


def _window(asked: Sequence[Asked]) -> Document | None:
    """When the invoices were created; None where one is not known."""
    times = [one.pushed_at for one in asked if one.pushed_at is not None]
    if len(times) < len(asked):
        return None
    return span(min(times) - _BEFORE, max(times) + _AFTER)
