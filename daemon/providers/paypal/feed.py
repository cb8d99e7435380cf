"""What changed at PayPal, as far as it tells: it has no list of changes.

One poll is three lists: what was paid since two days before the last poll (payments have the resolution of
a day), what of the last half year was refunded (that can come months later), and disputes by their update.
Rows of a search lag and are partial, so that they only hint: what they point at is read. The cursor
remembers what was told, for as long as it is told again. Cancelled invoices are seen by the poll of the
open ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from daemon.errors import CursorLost, Garbled, Rejected, Unauthorised
from daemon.model import Changes, Document, Hint
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.disputes import PAGE as DISPUTES_PAGE
from daemon.providers.paypal.disputes import PATH, Disputes, key_of, next_token, rows_of, transactions_of
from daemon.providers.paypal.money import PARTY
from daemon.providers.paypal.read import moment as parsed
from daemon.providers.paypal.read import part
from daemon.providers.paypal.searching import FIELDS, LAST_PAGE, Page, moment, search, span
from daemon.providers.paypal.words import PAID_SEARCH, REFUNDED

OVERLAP = timedelta(days=2)
AHEAD = timedelta(days=1)
REFUNDS_REACH = timedelta(days=180)
REACH = timedelta(days=170)
DISPUTES_OVERLAP = timedelta(hours=1)
REMEMBERED = 5_000
PAID, REFUNDS, DISPUTES = "paid", "refunds", "disputes"


@dataclass(frozen=True, slots=True)
class Cursor:
    """`since`: the last whole poll, by PayPal's clock. Inside a poll: `at` is the list, `page` or `token` the
    next page of it, `until` where `since` moves to, `fresh` what this poll has seen so far. `told` are the
    names of what was told before."""

    since: datetime
    at: str = PAID
    page: int = 1
    token: str = ""
    until: datetime | None = None
    told: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Document) -> Cursor:
        since, until = parsed(document.get("since")), parsed(document.get("until"))
        at, page, token = document.get("at", PAID), document.get("page", 1), document.get("token", "")
        lists = [document.get(name, []) for name in ("told", "fresh")]
        known = at in (PAID, REFUNDS, DISPUTES) and type(page) is int and 1 <= page <= LAST_PAGE
        if not known or since is None or not all(isinstance(one, list) for one in lists):
            raise CursorLost
        told, fresh = (tuple(str(name) for name in one) for one in lists)
        return cls(since, at, page, str(token), until, told, fresh)

    def document(self) -> Document:
        inside = {"at": self.at, "page": self.page, "token": self.token, "fresh": list(self.fresh)}
        document: Document = {"since": moment(self.since), "told": list(self.told)}
        return document | {"until": moment(self.until)} | inside if self.until else document

    def seen(self, names: Iterable[str]) -> Cursor:
        return replace(self, fresh=tuple(dict.fromkeys([*self.fresh, *names])))


class Feed:
    def __init__(self, api: Api, *, disputes: bool = True) -> None:
        self._api, self._with_disputes = api, disputes

    def changed(self, document: Document | None) -> Changes:
        """One page. Raises CursorLost where disputes that were not read may be out of reach."""
        if document is None:
            page = search(self._api, {"status": list(PAID_SEARCH)}, size=1)
            return Changes(Cursor(_now(page)).document())
        cursor = Cursor.of(document)
        if cursor.at == PAID:
            return self._paid(cursor)
        return self._refunds(cursor) if cursor.at == REFUNDS else self._disputes(cursor)

    def _paid(self, cursor: Cursor) -> Changes:
        page = self._paid_page(cursor, (cursor.until or cursor.since + AHEAD) + AHEAD)
        if cursor.until is None:
            until = max(cursor.since, _now(page))
            if until - cursor.since > REACH:
                raise CursorLost
            if until > cursor.since + AHEAD:  # the first poll after a long while
                page = self._paid_page(cursor, until + AHEAD)
            cursor = replace(cursor, until=until)
        return self._hinted(cursor, page, REFUNDS)

    def _paid_page(self, cursor: Cursor, end: datetime) -> Page:
        """The end lies a day ahead of PayPal's clock: in which zone it counts its days is not said."""
        body = {
            "status": list(PAID_SEARCH),
            "payment_date_range": span(cursor.since - OVERLAP, end),
            "fields": FIELDS,
        }
        return search(self._api, body, cursor.page)

    def _refunds(self, cursor: Cursor) -> Changes:
        until = cursor.until or cursor.since
        body = {
            "status": list(REFUNDED),
            "creation_date_range": span(until - REFUNDS_REACH, until + AHEAD),
            "fields": FIELDS,
        }
        return self._hinted(cursor, search(self._api, body, cursor.page), DISPUTES)

    def _hinted(self, cursor: Cursor, page: Page, following: str) -> Changes:
        names = {_name(row): row["id"] for row in page.rows}
        poll = moment(cursor.since)  # an invoice may come back to a state that was told long ago
        hints = tuple(
            Hint(f"{name}@{poll}", ref, kind=cursor.at) for name, ref in names.items() if _new(name, cursor)
        )
        cursor = cursor.seen(names)
        if page.rows and cursor.page < page.pages:
            return Changes(replace(cursor, page=cursor.page + 1).document(), hints=hints, more=True)
        onward = replace(cursor, at=following, page=1)
        if following == DISPUTES and not self._with_disputes:
            return Changes(_done(onward).document(), hints=hints)
        return Changes(onward.document(), hints=hints, more=True)

    def _disputes(self, cursor: Cursor) -> Changes:
        """Payments whose disputes changed: which invoices they paid is known here, not there."""
        after = moment(cursor.since - DISPUTES_OVERLAP)
        params = {"page_size": DISPUTES_PAGE, "update_time_after": after}
        if cursor.token:
            params["next_page_token"] = cursor.token
        try:
            page = self._api.get(*PATH, **params)
        except (Unauthorised, Rejected) as error:
            if error.status_code == 401:
                raise
            return Changes(_done(cursor).document())  # an app without the feature
        reader = Disputes(self._api)
        fresh = [key_of(row) for row in rows_of(page)]
        payments = [source for ref, name in fresh if _new(name, cursor) for source in _disputed(reader, ref)]
        cursor = cursor.seen(name for _ref, name in fresh)
        token = next_token(page)
        more = bool(token) and token != cursor.token
        cursor = replace(cursor, token=token) if more else _done(cursor)
        return Changes(cursor.document(), payments=tuple(dict.fromkeys(payments)), more=more)


def _disputed(reader: Disputes, ref: str) -> list[str]:
    """The payments that a dispute is about; one that PayPal lists and does not show is about none."""
    try:
        return transactions_of(reader.whole(ref))
    except (Unauthorised, Rejected) as error:
        if error.status_code == 401:
            raise
        return []


def _done(cursor: Cursor) -> Cursor:
    """A whole poll: what it saw is what the next one need not tell."""
    return Cursor(cursor.until or cursor.since, told=cursor.fresh[-REMEMBERED:])


def _new(name: str, cursor: Cursor) -> bool:
    return name not in cursor.told and name not in cursor.fresh


def _name(row: Document) -> str:
    """This state of the invoice: the same as long as neither its word nor its money moves."""
    paid = part(part(row, "payments"), "paid_amount").get("value", "")
    refunded = part(part(row, "refunds"), "refund_amount").get("value", "")
    return f"{row['id']}:{row.get('status')}:{paid}:{refunded}"


def _now(page: Page) -> datetime:
    if page.now is None:
        raise Garbled("PayPal's answer has no date", party=PARTY)
    return page.now
