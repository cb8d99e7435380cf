"""Reading invoices: a hundred in a query, their payments a hundred in another; an id that is not among the
answers is asked for by itself, since only that tells a deleted one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from daemon.errors import Missing
from daemon.model import Asked, Document, Observation
from daemon.providers.quickbooks.api import Api, chunks
from daemon.providers.quickbooks.read import View, adds_up, linked_payments, observe
from daemon.providers.quickbooks.words import IDS


class Reader:
    """The truth about invoices."""

    def __init__(self, api: Api, view: View) -> None:
        self._api, self._view = api, view

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        """Each ref once; what is read before a fault is answered before it."""
        refs = list(dict.fromkeys(one.ref for one in asked))
        for some in chunks(refs, IDS):
            yield from self._some(some)

    def _some(self, refs: Sequence[str]) -> Iterator[Observation]:
        """What is no number never was an id there."""
        ids = [ref for ref in refs if ref.isascii() and ref.isdigit()]
        found = {doc["Id"]: doc for docs in self._api.by_ids("Invoice", ids) for doc in docs}
        for ref in ids:
            if ref not in found and (doc := self.document(ref)) is not None:
                found[ref] = doc
        seen = {one.ref: one for one in self.observed(found.values())}
        for ref in refs:
            yield seen.get(ref) or Observation.missing(ref)

    def document(self, ref: str) -> Document | None:
        """The invoice as it stands; None where it was deleted."""
        try:
            doc = self._api.entity("Invoice", ref)
        except Missing:
            return None
        return None if doc.get("status") == "Deleted" else doc

    def observed(
        self, docs: Iterable[Document], known: Mapping[str, Document] | None = None
    ) -> Iterator[Observation]:
        """Invoices with the payments that they link to; `known` are those that were read already."""
        invoices = list(docs)
        payments = dict(known or {})
        wanted = {name for doc in invoices for name in linked_payments(doc)} - payments.keys()
        for rows in self._api.by_ids("Payment", wanted):
            payments |= {row["Id"]: row for row in rows}
        for doc in invoices:
            yield self._observed(doc, payments)

    def _observed(self, doc: Document, payments: Mapping[str, Document]) -> Observation:
        """Where lists of two moments do not fit together, each object is read by its id, once."""
        if adds_up(doc, payments):
            return observe(doc, self._view, payments)
        now = self.document(doc["Id"])
        if now is None:
            return Observation.missing(doc["Id"])
        return observe(now, self._view, dict(self._payments(linked_payments(now))))

    def _payments(self, refs: Iterable[str]) -> Iterator[tuple[str, Document]]:
        for ref in refs:
            with suppress(Missing):
                yield ref, self._api.entity("Payment", ref)
