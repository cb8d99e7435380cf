"""Reading invoices: a hundred in a query, their payments a hundred in another; an id that is not among the
answers is asked for by itself, since only that tells a deleted one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from daemon.errors import Garbled, Missing
from daemon.model import Asked, Document, Observation
from daemon.providers.quickbooks.api import Api, chunks
from daemon.providers.quickbooks.read import View, adds_up, linked_payments, observe
from daemon.providers.quickbooks.words import IDS


class Reader:
    """The truth about invoices."""

    def __init__(self, api: Api, view: View) -> None:
        self._api, self._view = api, view

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        """Each ref once; what is read before a fault is answered before it. An invoice that cannot be read
        keeps no other from being told; it is raised in the end."""
        refs = list(dict.fromkeys(one.ref for one in asked))
        faults: list[Garbled] = []
        for some in chunks(refs, IDS):
            yield from self._some(some, faults)
        if faults:
            raise faults[0]

    def _some(self, refs: Sequence[str], faults: list[Garbled]) -> Iterator[Observation]:
        """What is no number never was an id there."""
        ids = [ref for ref in refs if ref.isascii() and ref.isdigit()]
        found = {doc["Id"]: doc for docs in self._api.by_ids("Invoice", ids) for doc in docs}
        for ref in ids:
            if ref not in found and (doc := self.document(ref)) is not None:
                found[ref] = doc
        read = self.observed(found.values())
        seen = {ref: one for ref, one in zip(found, read, strict=True) if isinstance(one, Observation)}
        faults += [one for one in read if isinstance(one, Garbled)]
        for ref in refs:
            if ref in seen:
                yield seen[ref]
            elif ref not in found:
                yield Observation.missing(ref)

    def document(self, ref: str) -> Document | None:
        """The invoice as it stands; None where it was deleted."""
        try:
            doc = self._api.entity("Invoice", ref)
        except Missing:
            return None
        return None if doc.get("status") == "Deleted" else doc

    def observed(
        self, docs: Iterable[Document], known: Mapping[str, Document] | None = None
    ) -> list[Observation | Garbled]:
        """Invoices with the payments that they link to, in their order; `known` are those that were read
        already. Garbled where one cannot be read."""
        invoices = list(docs)
        payments = dict(known or {})
        wanted = {name for doc in invoices for name in _links(doc)} - payments.keys()
        for rows in self._api.by_ids("Payment", wanted):
            payments |= {row["Id"]: row for row in rows}
        return [self._readable(doc, payments) for doc in invoices]

    def _readable(self, doc: Document, payments: Mapping[str, Document]) -> Observation | Garbled:
        try:
            return self._observed(doc, payments)
        except Garbled as error:
            return error

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


def _links(doc: Document) -> list[str]:
    """None where they cannot be read: then the invoice cannot, either."""
    try:
        return linked_payments(doc)
    except Garbled:
        return []
