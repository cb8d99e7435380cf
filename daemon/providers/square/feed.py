"""What changed at Square: orders that were touched, and the payments, refunds and disputes that were.

An order does not name its invoice, so that the invoices are looked up by customer, or by listing where many
changed. A poll goes back five minutes behind Square's own clock; what was told is not looked up again.
Nothing promises that every change of an invoice touches its order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from daemon.errors import CursorLost, Rejected
from daemon.model import Changes, Document, Hint
from daemon.model.ids import is_our_reference
from daemon.providers.square.api import Api, rows_of
from daemon.providers.square.pull import Reader, disputed, search_body
from daemon.providers.square.read import moment, text, whole
from daemon.providers.square.words import SOURCE

OVERLAP = timedelta(minutes=5)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_FEW = 5
_TOLD = 500
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Cursor:
    """`since`: everything before has been read. Inside a run of pages: `page` is Square's own cursor and
    `until` where `since` may move when the run is whole. `told`: changes that were told already."""

    since: datetime
    page: str | None = None
    until: datetime | None = None
    told: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Document) -> Cursor:
        try:
            until = document.get("until")
            return cls(
                datetime.fromisoformat(document["since"]),
                document.get("page"),
                datetime.fromisoformat(until) if until else None,
                tuple(document.get("told", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CursorLost from error

    def document(self) -> Document:
        found: Document = {"since": self.since.isoformat(), "told": list(self.told)}
        if self.page is not None:
            found["page"] = self.page
        if self.until is not None:
            found["until"] = self.until.isoformat()
        return found


class Feed:
    def __init__(self, api: Api, reader: Reader, location_id: str) -> None:
        self._api, self._reader, self._location = api, reader, location_id

    def changed(self, document: Document | None) -> Changes:
        """One page of orders; with the last of them the payments. Raises CursorLost."""
        if document is None:
            self._orders(_BEGINNING, None, limit=1)
            return Changes(cursor=Cursor(self._mark(_BEGINNING)).document())
        cursor = Cursor.of(document)
        page = self._page(cursor)
        until = cursor.until or self._mark(cursor.since)
        touched = [row for row in rows_of(page, "orders") if _is_touched(row)]
        hints = self._hints(touched, cursor.told)
        known = {*cursor.told, *(hint.event_id for hint in hints)}
        # One whose invoice search does not show yet is looked for again.
        told = _latest(cursor.told, [_name(row) for row in touched if _name(row) in known])
        after = page.get("cursor")
        if isinstance(after, str) and after and after != cursor.page:
            onward = Cursor(cursor.since, after, until, told)
            return Changes(onward.document(), hints=hints, more=True)
        payments = {name: ref for name, ref in self._payments(cursor.since) if name not in told}
        told = _latest(told, list(payments))
        done = Cursor(until, told=told)
        return Changes(done.document(), hints=hints, payments=tuple(dict.fromkeys(payments.values())))

    def _page(self, cursor: Cursor) -> Document:
        """A page cursor of Square's lives some minutes: where it is over, the run starts anew."""
        try:
            return self._orders(cursor.since, cursor.page)
        except Rejected as error:
            if cursor.page is None or error.provider_code != "INVALID_CURSOR":
                raise
            return self._orders(cursor.since, None)

    def _orders(self, since: datetime, page: str | None, limit: int = _PAGE) -> Document:
        body: Document = {
            "location_ids": [self._location],
            "query": {
                "filter": {
                    "date_time_filter": {"updated_at": {"start_at": since.isoformat()}},
                    "source_filter": {"source_names": [SOURCE]},
                },
                "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
            },
            "limit": limit,
        }
        return self._api.search("v2", "orders", "search", body={**body, "cursor": page} if page else body)

    def _mark(self, since: datetime) -> datetime:
        """Where the mark may move: five minutes behind Square's clock; where none was told it stays."""
        told = self._api.told_at
        return since if told is None else max(since, told - OVERLAP)

    # --- orders to invoices ---------------------------------------------------------------------------

    def _hints(self, orders: Sequence[Document], told: Sequence[str]) -> tuple[Hint, ...]:
        known = frozenset(told)
        wanted = {text(row, "id"): row for row in orders if _name(row) not in known}
        hints = []
        for order_id, ref in self._invoices_on(wanted):
            row = wanted[order_id]
            hints.append(Hint(_name(row), ref, moment(row.get("updated_at")), "order.updated"))
        return tuple(sorted(hints, key=lambda hint: hint.event_id))

    def _invoices_on(self, orders: dict[str, Document]) -> Iterator[tuple[str, str]]:
        """(order, invoice): by listing while a page answers one on average, the rest by customer."""
        left = dict(orders)
        payers = {str(row.get("customer_id")) for row in orders.values()}
        if len(payers) > _FEW:
            for turn, page in enumerate(self._reader.pages(), 1):
                yield from _taken(left, page)
                if not left or turn > len(orders) - len(left):
                    break
        for payer in sorted({str(row.get("customer_id")) for row in left.values()}):
            body = search_body(self._location, payer)
            for page in self._api.searched("invoices", "v2", "invoices", "search", body=body):
                yield from _taken(left, page)

    # --- payments -------------------------------------------------------------------------------------

    def _payments(self, since: datetime) -> Iterator[tuple[str, str]]:
        """(change, payment) of what was refunded, disputed, or came to nothing."""
        span = {"updated_at_begin_time": since.isoformat(), "sort_field": "UPDATED_AT", "sort_order": "ASC"}
        place = self._location
        for page in self._api.listed("payments", "v2", "payments", location_id=place, limit=100, **span):
            for row in page:
                if row.get("status") in ("FAILED", "CANCELED"):
                    yield _name(row), text(row, "id")
        for page in self._api.listed("refunds", "v2", "refunds", limit=100, **span):
            yield from ((_name(row), str(row["payment_id"])) for row in page if row.get("payment_id"))
        for page in self._api.listed("disputes", "v2", "disputes", location_id=place):
            for row in page:
                at, payment = moment(row.get("updated_at")), disputed(row)
                if payment and (at is None or at >= since):
                    yield _name(row), str(payment)


def _is_touched(order: Document) -> bool:
    """One of ours that is more than just made: our own echo costs no look."""
    if not is_our_reference(order.get("reference_id")):
        return False
    return order.get("state") != "OPEN" or bool(order.get("tenders")) or whole(order, "version") > 1


def _taken(left: dict[str, Document], invoices: Iterable[Document]) -> Iterator[tuple[str, str]]:
    for invoice in invoices:
        order_id = invoice.get("order_id")
        if isinstance(order_id, str) and left.pop(order_id, None) is not None:
            yield order_id, text(invoice, "id")


def _name(row: Document) -> str:
    """Of one change of one thing."""
    ref = row.get("id") or row.get("dispute_id")
    return f"{ref}@{row.get('version') or row.get('updated_at')}"


def _latest(before: Sequence[str], now: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*now, *before]))[:_TOLD]
