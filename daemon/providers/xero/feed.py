"""What changed at Xero: invoices by If-Modified-Since, then payments, now and then credit notes.

Times are Xero's own: of the documents, and of the answer. Each run goes back ten minutes behind the moment
of its first answer, since a change may become listable late. Rows are sorted by their time, so that a page
is followed by asking from the time of its last row on: pages counted by number would shift while rows move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from daemon.clock import EPOCH, from_micros, to_micros
from daemon.errors import CursorLost, Garbled
from daemon.model import Changes, DocStatus, Document, Hint, Observation
from daemon.providers.xero.api import Api, Oversized, rows
from daemon.providers.xero.numbers import moment
from daemon.providers.xero.pull import PAGE
from daemon.providers.xero.read import observe
from daemon.providers.xero.words import PARTY, is_guid

OVERLAP = timedelta(minutes=10)
CREDITS_EVERY = 4
SMALLEST = 20
TOLD = 500
STATUSES = "AUTHORISED,PAID,VOIDED,DELETED"
"""Not the drafts: ours are on their way, and the others are none of ours."""
_NAMES = {"invoices": "Invoices", "payments": "Payments", "credits": "CreditNotes"}


@dataclass(frozen=True, slots=True)
class Cursor:
    """`since`: everything before has been read; `credits`: every credit note before, which are not read in
    every run. Inside a run: `stage` and `page` are what comes next, from `at` on; `until` where `since`
    moves when the run is whole (0: the run has read nothing yet); `told` the invoices that this run has
    told, with their times, since their payments need no second look. Times are milliseconds. `run` counts."""

    since: int
    credits: int | None = None
    run: int = 0
    stage: str = "invoices"
    page: int = 1
    size: int = PAGE
    at: int | None = None
    until: int | None = None
    told: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Document) -> Cursor:
        try:
            cursor = cls(**document)
            told = {str(ref): int(at) for ref, at in cursor.told.items()}
            if (
                cursor.stage not in _NAMES
                or min(int(cursor.since), int(cursor.start)) < 0
                or int(cursor.size) < 1
            ):
                raise CursorLost
            return replace(cursor, told=told)
        except (AttributeError, TypeError, ValueError) as error:
            raise CursorLost from error

    def document(self) -> Document:
        if self.until is None:
            return {"since": self.since, "credits": self.credits, "run": self.run}
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def start(self) -> int:
        """From when on this page tells."""
        if self.at is not None:
            return self.at
        return self.since if self.stage != "credits" or self.credits is None else self.credits

    def after(self, stage: str) -> Cursor:
        return replace(self, stage=stage, page=1, at=None)


class Feed:
    def __init__(self, api: Api, short_code: str) -> None:
        self._api, self._short_code = api, short_code

    def changed(self, document: Document | None) -> Changes:
        """One page. Raises CursorLost where the cursor is none of ours."""
        if document is None:
            since = self._start()
            return Changes(cursor=Cursor(since, since).document())
        cursor = Cursor.of(document)
        try:
            answer = self._page(cursor)
            found = rows(answer, _NAMES[cursor.stage])
        except Oversized:
            if cursor.size <= SMALLEST:
                raise
            # From here on pages are smaller, until the run is whole. Where that was its first page, the
            # first that can be read tells where the run ends.
            smaller = replace(cursor, size=max(SMALLEST, cursor.size // 5), until=cursor.until or 0)
            return Changes(smaller.document(), more=True)
        if not cursor.until:
            cursor = replace(cursor, until=_until(answer, found, cursor.since))
        return self._told(cursor, answer, found)

    def _start(self) -> int:
        """From now on, as Xero's clock tells it."""
        answer = self._api.get("Invoices", page="1", pageSize="1", summaryOnly="true")
        at = moment(answer, "DateTimeUTC")
        return _millis(at - OVERLAP) if at else 0

    def _page(self, cursor: Cursor) -> Document:
        since = from_micros(cursor.start * 1000)
        params = {"page": str(cursor.page), "pageSize": str(cursor.size), "order": "UpdatedDateUTC ASC"}
        if cursor.stage == "invoices":
            params |= {"createdByMyApp": "true", "Statuses": STATUSES, "unitdp": "4"}
        elif cursor.stage == "payments":
            params |= {"where": 'PaymentType=="ACCRECPAYMENT"'}
        return self._api.modified(_NAMES[cursor.stage], since, **params)

    def _told(self, cursor: Cursor, answer: Document, found: Sequence[Document]) -> Changes:
        seen, hints, payments = self._read(cursor, found)
        told = {**cursor.told, **{one.ref: _millis(one.as_of) for one in seen if one.as_of}}
        onward = _onward(replace(cursor, told=dict(list(told.items())[-TOLD:])), answer, found)
        return Changes(onward.document(), seen, hints, payments, more=onward.until is not None)

    def _read(
        self, cursor: Cursor, found: Sequence[Document]
    ) -> tuple[tuple[Observation, ...], tuple[Hint, ...], tuple[str, ...]]:
        if cursor.stage == "invoices":
            return self._invoices([row for row in found if row.get("Type") == "ACCREC"])
        if cursor.stage == "payments":
            hints = tuple(hint for row in found for hint in _of_payment(row, cursor.told))
            nameless = [row["PaymentID"] for row in found if row.get("PaymentID") and not _invoice(row)]
            return (), hints, tuple(map(str, nameless))
        return (), tuple(hint for row in found for hint in _of_credit_note(row, cursor.told)), ()

    def _invoices(
        self, found: Sequence[Document]
    ) -> tuple[tuple[Observation, ...], tuple[Hint, ...], tuple[str, ...]]:
        """One that cannot be read is read again by itself, so that it holds up no other."""
        seen, hints = [], []
        for row in found:
            try:
                one = observe(row, self._short_code)
            except Garbled:
                ref, at = row.get("InvoiceID"), moment(row, "UpdatedDateUTC")
                if not isinstance(ref, str) or not is_guid(ref):
                    raise
                hints += _hints([ref.lower()], "unreadable", at, "invoice", {})
            else:
                seen += [one] if one.status is not DocStatus.DRAFT else []
        return tuple(seen), tuple(hints), ()


def _onward(cursor: Cursor, answer: Document, found: Sequence[Document]) -> Cursor:
    """The next page of this stage, the next stage, or the end of the run."""
    if found and not _is_whole(cursor, answer):
        times = [at for row in found if (at := moment(row, "UpdatedDateUTC"))]
        last = _millis(max(times)) // 1000 * 1000 - 1000 if times else cursor.start
        if last > cursor.start:
            return replace(cursor, page=1, at=last)
        return replace(cursor, page=cursor.page + 1)
    if cursor.stage == "invoices":
        return cursor.after("payments")
    if cursor.stage == "payments" and cursor.run % CREDITS_EVERY == 0:
        return cursor.after("credits")
    since = max(cursor.since, cursor.until or 0)
    return Cursor(since, since if cursor.stage == "credits" else cursor.credits, cursor.run + 1)


def _is_whole(cursor: Cursor, answer: Document) -> bool:
    told = answer.get("pagination")
    count = told.get("pageCount") if isinstance(told, dict) else None
    return isinstance(count, int) and cursor.page >= count


def _until(answer: Document, found: Sequence[Document], since: int) -> int:
    """Ten minutes behind Xero's clock or, where it is not told, behind the newest row; never back."""
    at = moment(answer, "DateTimeUTC")
    if at is None:
        at = max((one for row in found if (one := moment(row, "UpdatedDateUTC"))), default=None)
    return max(since, _millis(at - OVERLAP)) if at else since


def _of_payment(row: Document, told: dict[str, int]) -> list[Hint]:
    """Its invoice, unless this run has told it as of then or later. A deleted payment still names it."""
    ref, at = _invoice(row), moment(row, "UpdatedDateUTC")
    if ref is None:
        return []
    if not isinstance(row.get("PaymentID"), str):
        raise Garbled("Xero's payment has no id", party=PARTY)
    return _hints([ref], f"{row['PaymentID']}", at, "payment", told)


def _of_credit_note(row: Document, told: dict[str, int]) -> list[Hint]:
    refs = []
    listed = row.get("Allocations")
    for one in listed if isinstance(listed, list) else []:
        ref = _invoice(one) if isinstance(one, dict) else None
        if ref:
            refs.append(ref)
    return _hints(refs, str(row.get("CreditNoteID")), moment(row, "UpdatedDateUTC"), "credit note", told)


def _hints(
    refs: Sequence[str], source: str, at: datetime | None, kind: str, told: dict[str, int]
) -> list[Hint]:
    when = _millis(at) if at else 0
    return [
        Hint(f"{source}:{when}:{ref}", ref, at, kind)
        for ref in dict.fromkeys(refs)
        if not when or told.get(ref, -1) < when
    ]


def _invoice(row: Document) -> str | None:
    inner = row.get("Invoice")
    ref = inner.get("InvoiceID") if isinstance(inner, dict) else None
    return ref.lower() if isinstance(ref, str) and is_guid(ref) else None


def _millis(at: datetime) -> int:
    return to_micros(at.astimezone(UTC) if at > EPOCH else EPOCH) // 1000
