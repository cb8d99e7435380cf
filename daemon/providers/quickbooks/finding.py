"""What an earlier send may have left: our invoice among those of its number, or of its customer and day."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.errors import Garbled, StepStuck
from daemon.model import Document
from daemon.providers.quickbooks import read
from daemon.providers.quickbooks.api import Api, quoted
from daemon.providers.quickbooks.drafts import differences, read_note
from daemon.providers.quickbooks.sending import Outcome, one
from daemon.providers.quickbooks.shapes import value_of
from daemon.providers.quickbooks.words import ITEMS, PARTY


class Finder:
    def __init__(self, api: Api) -> None:
        self._api = api

    def find(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        """By number, which a void invoice keeps; what is not there, and what QuickBooks numbers, by customer
        and day: where custom numbers were turned off, ours were not taken."""
        numbers = [body["invoice"]["DocNumber"] for body in bodies if "DocNumber" in body["invoice"]]
        pages = self._api.where_in("Invoice", "DocNumber", numbers, ITEMS)
        rows = [row for page in pages for row in page]
        found: list[Outcome | None] = []
        for body in bodies:
            own = self._own(body, rows)
            if own is None:
                own = self._own(body, self._of_that_day(body["invoice"]))
            found.append(own if own is not None else _of_another(body, rows))
        return found

    def _of_that_day(self, invoice: Document) -> list[Document]:
        customer, day = quoted([invoice["CustomerRef"]["value"]]), quoted([invoice["TxnDate"]])
        return self._api.query("Invoice", f"where CustomerRef = {customer} and TxnDate = {day}")

    def _own(self, body: Document, rows: Sequence[Document]) -> Outcome | None:
        """The invoice with our reference and payer; a difference in its total is told by `made`."""
        voided = set(body.get("but", ()))
        ours = [
            row
            for row in rows
            if read_note(row.get("PrivateNote"))[0] == body["reference"] and row["Id"] not in voided
        ]
        if not ours:
            return None
        live = [row for row in ours if not read.is_void(row)]
        if not live:
            return mismatch("the invoice was voided at QuickBooks before it was sent")
        # A copy that the office makes of an invoice bears its note too: the older one is ours.
        oldest = min(live, key=lambda row: (len(row["Id"]), row["Id"]))
        if value_of(oldest.get("CustomerRef")) != body["invoice"]["CustomerRef"]["value"]:
            return mismatch("our reference is on an invoice of another customer")
        return one(lambda: _untouched(body, oldest))


def made(body: Document, doc: Document) -> Document:
    """Raises Garbled where the answer is about another invoice than was sent."""
    if read_note(doc.get("PrivateNote"))[0] not in (None, body["reference"]):
        raise Garbled("QuickBooks answered with another invoice", party=PARTY)
    return {"invoice": read.remembered(doc), "differences": differences(body, doc)}


def _untouched(body: Document, doc: Document) -> Document:
    """An invoice whose total differs is withdrawn where QuickBooks reckoned so when it was made; what people
    have changed since is theirs."""
    found = made(body, doc)
    if found["differences"] and read.version_of(doc):
        raise mismatch(f"the invoice was changed at QuickBooks: {found['differences'][0]}")
    return found


def _of_another(body: Document, rows: Sequence[Document]) -> StepStuck | None:
    """Why the number cannot be ours."""
    number = body["invoice"].get("DocNumber")
    others = [row for row in rows if row["Id"] not in body.get("but", ())]
    same = (str(row.get("DocNumber")).lower() == number.lower() for row in others) if number else ()
    return taken(body) if any(same) else None


def taken(body: Document) -> StepStuck:
    number = body["invoice"].get("DocNumber")
    return StepStuck("WB-PUSH-NUMBER-TAKEN", f"the number {number} is used by another invoice at QuickBooks")


def mismatch(what: str) -> StepStuck:
    return StepStuck("WB-PUSH-MISMATCH", what)
