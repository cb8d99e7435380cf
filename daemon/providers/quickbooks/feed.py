"""What changed at QuickBooks: one call tells invoices, payments and credit memos, deleted ones too.

It reaches back 30 days, has no pages, and stops at 1,000 objects. What is full is asked for again by each
entity alone; an entity that is full even so is read by queries, page by page, which tell no deleted ones: of
invoices the pull of open ones notices that, of payments nothing would, so that everything open is read again
(CursorLost) once the pages have been told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from daemon.errors import CursorLost, Garbled, Rejected
from daemon.model import Changes, Document, Hint, Observation
from daemon.providers.quickbooks import read
from daemon.providers.quickbooks.api import Api, rows_in
from daemon.providers.quickbooks.drafts import read_note
from daemon.providers.quickbooks.pull import Reader
from daemon.providers.quickbooks.shapes import part, rows
from daemon.providers.quickbooks.words import PARTY, REACH_DAYS, ROWS, TOO_LARGE

ENTITIES = ("Invoice", "Payment", "CreditMemo")
OVERLAP = timedelta(minutes=5)
PAGE = 200
"""Objects in a page of a query: a few kilobytes each, and an answer has at most five megabytes."""
_TOO_OLD = "older than"
"""In QuickBooks' refusal of a time that its feed does not reach."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """`since`: QuickBooks' own clock at the last whole answer. While an overflow is read by pages: `until`
    is where it ends, `left` the entities to go, `at` and `skip` where the first of them stands."""

    since: str
    until: str | None = None
    left: tuple[str, ...] = ()
    at: str | None = None
    skip: int = 0
    lost: bool = False

    @classmethod
    def of(cls, document: Document) -> Cursor:
        try:
            left = tuple(document.get("left", ()))
            cursor = cls(
                document["since"],
                document.get("until"),
                left,
                document.get("at"),
                int(document.get("skip", 0)),
                bool(document.get("lost")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CursorLost from error
        if read.moment(cursor.since) is None or (left and read.moment(cursor.until) is None):
            raise CursorLost
        return cursor

    def document(self) -> Document:
        if not self.left:
            return {"since": self.since}
        fields = {"at": self.at, "skip": self.skip or None, "lost": self.lost or None}
        named = {name: value for name, value in fields.items() if value is not None}
        return {"since": self.since, "until": self.until, "left": list(self.left), **named}


class _Told(NamedTuple):
    """Objects by entity, the answer's own time, and the entities of which it may not tell all."""

    rows: Mapping[str, Sequence[Document]]
    time: str
    full: tuple[str, ...]


class Feed:
    def __init__(self, api: Api, reader: Reader, realm: str) -> None:
        self._api, self._reader, self._realm = api, reader, realm

    def changed(self, document: Document | None) -> Changes:
        """Raises CursorLost where something may have been missed."""
        if document is None:
            return Changes(cursor={"since": self._now()})
        cursor = Cursor.of(document)
        if cursor.left:
            return self._page(cursor)
        told = self._told(ENTITIES, cursor)
        if told is None or told.full:
            told = self._one_by_one(cursor, told.time if told else self._now())
        if told.full:
            lost = any(entity != "Invoice" for entity in told.full)
            onward = Cursor(cursor.since, told.time, told.full, lost=lost)
            return replace(self._changes(told.rows, onward), more=True)
        return self._changes(told.rows, Cursor(told.time))

    def _now(self) -> str:
        """QuickBooks' clock, by the cheapest of its answers."""
        return _time_of(self._api.read(f"companyinfo/{self._realm}"))

    # --- the feed -------------------------------------------------------------------------------------

    def _told(self, entities: Sequence[str], cursor: Cursor) -> _Told | None:
        """None where up to a thousand objects are more than an answer may weigh."""
        since = _moment(cursor.since) - OVERLAP
        try:
            document = self._api.read("cdc", entities=",".join(entities), changedSince=_zulu(since))
        except Garbled as error:
            if TOO_LARGE in error.message:
                return None
            raise
        except Rejected as error:
            if _TOO_OLD in error.message:
                raise CursorLost from error
            raise
        time = _time_of(document)
        if _moment(time) - since > timedelta(days=REACH_DAYS):
            raise CursorLost
        rows = _rows(document, entities)
        total = sum(len(some) for some in rows.values())
        return _Told(rows, time, tuple(entities) if total >= ROWS else ())

    def _one_by_one(self, cursor: Cursor, time: str) -> _Told:
        """Each entity alone; those that do not fit even so are left to the pages."""
        rows: dict[str, Sequence[Document]] = {}
        full: list[str] = []
        for entity in ENTITIES:
            alone = self._told([entity], cursor)
            if alone is None or alone.full:
                full.append(entity)
            else:
                rows |= alone.rows
        return _Told(rows, time, tuple(full))

    # --- an overflow, page by page --------------------------------------------------------------------

    def _page(self, cursor: Cursor) -> Changes:
        """By the time of the last change: what changes meanwhile moves behind `until`, and shifts nothing."""
        entity, *others = cursor.left
        start = cursor.at or _zulu(_moment(cursor.since) - OVERLAP)
        rows, size = self._rows_from(entity, start, cursor)
        if len(rows) == size:
            last = _utc(part(rows[-1], "MetaData").get("LastUpdatedTime"))
            same = last == start
            onward = replace(cursor, at=last, skip=cursor.skip + size if same else 0)
            return replace(self._changes({entity: rows}, onward), more=True)
        if others:
            onward = replace(cursor, left=tuple(others), at=None, skip=0)
            return replace(self._changes({entity: rows}, onward), more=True)
        return self._whole(cursor, {entity: rows})

    def _rows_from(self, entity: str, start: str, cursor: Cursor) -> tuple[list[Document], int]:
        """A page and how many it may hold: fewer where many lines make more than an answer may weigh."""
        where = (
            f"where MetaData.LastUpdatedTime >= '{start}' "
            f"and MetaData.LastUpdatedTime <= '{_utc(cursor.until)}' "
            f"orderby MetaData.LastUpdatedTime startposition {cursor.skip + 1}"
        )
        size = PAGE
        while True:
            try:
                return self._api.query(entity, where, most=size), size
            except Garbled as error:
                if TOO_LARGE not in error.message or size == 1:
                    raise
                size = -(-size // 4)

    def _whole(self, cursor: Cursor, rows: Mapping[str, Sequence[Document]]) -> Changes:
        """All pages were told. The last one is told once more where the cursor is given up after it."""
        if cursor.lost and not any(rows.values()):
            raise CursorLost(
                "more payments changed at once than QuickBooks tells, deleted ones perhaps among them; "
                "everything open is read again"
            )
        if cursor.lost:
            end = replace(
                cursor, at=_zulu(_moment(cursor.until or cursor.since) + timedelta(seconds=1)), skip=0
            )
            return replace(self._changes(rows, end), more=True)
        return self._changes(rows, Cursor(cursor.until or cursor.since))

    # --- what it means --------------------------------------------------------------------------------

    def _changes(self, rows: Mapping[str, Sequence[Document]], onward: Cursor) -> Changes:
        invoices = rows.get("Invoice", ())
        payments = {row["Id"]: row for row in rows.get("Payment", ()) if not _is_gone(row)}
        gone = [Observation.missing(row["Id"]) for row in invoices if _is_gone(row)]
        there = [row for row in invoices if not _is_gone(row)]
        ours = [row for row in there if read_note(row.get("PrivateNote"))[0]]
        # One that cannot be read is read again by itself, so that it holds up no other.
        truths = [one for one in self._reader.observed(ours, payments) if isinstance(one, Observation)]
        told = {one.ref for one in (*truths, *gone)}
        # An invoice without our note is the merchant's own, or one whose note was written over.
        hints = [_hint("Invoice", row, row["Id"]) for row in there if row["Id"] not in told]
        told |= {row["Id"] for row in there}
        hints += [
            _hint("Payment", row, ref)
            for row in payments.values()
            for ref in _settles(row)
            if ref not in told
        ]
        hints += _memo_hints(rows.get("CreditMemo", ()), told)
        return Changes(
            onward.document(),
            observations=(*truths, *gone),
            hints=tuple(hints),
            payments=_unsettled(rows),
        )


def _unsettled(rows: Mapping[str, Sequence[Document]]) -> tuple[str, ...]:
    """Payments that may have settled other invoices before: deleted or edited ones, those that cannot be
    read, and those through which a credit memo was applied. One that never changed has not."""
    names = [
        row["Id"]
        for row in rows.get("Payment", ())
        if _is_gone(row) or row.get("SyncToken") != "0" or not _settles(row)
    ]
    for memo in rows.get("CreditMemo", ()):
        names += read.linked_payments(memo)
    return tuple(dict.fromkeys(names))


def _settles(payment: Document) -> list[str]:
    """The invoices of a payment; none where they cannot be read."""
    try:
        return list(read.amounts_on(payment))
    except Garbled:
        return []


def _memo_hints(memos: Sequence[Document], told: set[str]) -> list[Hint]:
    return [
        _hint("CreditMemo", row, str(link["TxnId"]))
        for row in memos
        for link in rows(row, "LinkedTxn")
        if link.get("TxnType") == "Invoice" and link.get("TxnId") not in told
    ]


def _hint(entity: str, row: Document, ref: str) -> Hint:
    """A payment may move an invoice's time and not its version: both tell one change from another."""
    meta = row.get("MetaData")
    at = read.moment(meta.get("LastUpdatedTime")) if isinstance(meta, dict) else None
    version = f"{row.get('SyncToken')}:{_zulu(at) if at else ''}"
    return Hint(f"{entity}:{row['Id']}:{version}:{ref}", ref, at, entity)


def _rows(document: Document, entities: Sequence[str]) -> dict[str, list[Document]]:
    """Raises Garbled where it is not the answer of a feed."""
    found: dict[str, list[Document]] = {entity: [] for entity in entities}
    responses = document.get("CDCResponse")
    if not isinstance(responses, list) or not all(isinstance(one, dict) for one in responses):
        raise Garbled("QuickBooks' list of changes is none", party=PARTY)
    for response in responses:
        for some in rows(response, "QueryResponse"):
            for entity in entities:
                found[entity] += rows_in(some, entity)
    return found


def _is_gone(row: Document) -> bool:
    return row.get("status") == "Deleted"


def _time_of(document: Document) -> str:
    """The answer's own time, in UTC."""
    return _utc(document.get("time"))


def _utc(text: object) -> str:
    return _zulu(_moment(text))


def _moment(text: object) -> datetime:
    at = read.moment(text)
    if at is None:
        raise Garbled("QuickBooks' answer tells no time", party=PARTY)
    return at


def _zulu(at: datetime) -> str:
    """Without an offset, whose plus would have to be encoded."""
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
