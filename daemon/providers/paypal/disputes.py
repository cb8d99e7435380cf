"""Disputes: PayPal tells them apart from invoices, by transaction, and names the transactions only in each
dispute read whole. A few payments are asked about one by one, many through the list of the last 180 days.

https://developer.paypal.com/docs/api/customer-disputes/v1/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import parse_qs

from daemon.errors import Garbled, Rejected, Unauthorised
from daemon.model import Document
from daemon.providers.paypal.client import Api
from daemon.providers.paypal.money import PARTY
from daemon.providers.paypal.read import Losses

PATH = ("v1", "customer", "disputes")
PAGE = "50"
FEW = 5
MOST = 100
"""So many disputes are read whole to learn what they are about; of an account with more nothing is said."""
_TRANSACTION = re.compile(r"[0-9A-Z_]{1,255}", re.ASCII)


class Disputes:
    """One read's worth of disputes: each is read once, and a missing permission asked for once."""

    def __init__(self, api: Api, *, wanted: bool = True) -> None:
        self._api, self._readable = api, wanted
        self._whole: dict[str, Document] = {}

    def of(self, sources: Iterable[str]) -> Losses:
        """What is disputed of these payments."""
        asked = [one for one in dict.fromkeys(sources) if _TRANSACTION.fullmatch(one)]
        if not asked or not self._readable:
            return Losses()
        try:
            return self._singly(asked) if len(asked) <= FEW else self._by_list(asked)
        except (Unauthorised, Rejected) as error:
            # An app without the feature, or a filter refused: invoices are told without their disputes.
            if error.status_code == 401:
                raise
            self._readable = False
            return Losses()

    def whole(self, dispute_id: str) -> Document:
        if dispute_id not in self._whole:
            self._whole[dispute_id] = self._api.get(*PATH, dispute_id)
        return self._whole[dispute_id]

    def _singly(self, asked: Sequence[str]) -> Losses:
        found = {}
        for source in asked:
            rows = [row for page in pages(self._api, disputed_transaction_id=source) for row in page]
            found[source] = tuple(self.whole(_id(row)) for row in rows)
        return Losses(found, frozenset(asked))

    def _by_list(self, asked: Sequence[str]) -> Losses:
        rows: list[Document] = []
        for page in pages(self._api):
            rows += page
            if len(rows) > MOST:
                return Losses()
        found: dict[str, tuple[Document, ...]] = {}
        for row in rows:
            dispute = self.whole(_id(row))
            for source in transactions_of(dispute):
                found[source] = (*found.get(source, ()), dispute)
        return Losses(found, frozenset(asked))


def pages(api: Api, **params: str) -> Iterator[list[Document]]:
    """The list's pages; a token that comes again ends it."""
    token, seen = "", set()
    while token not in seen:
        seen.add(token)
        more = {"next_page_token": token} if token else {}
        document = api.get(*PATH, page_size=PAGE, **params, **more)
        yield rows_of(document)
        token = next_token(document)
        if not token:
            return


def rows_of(document: Document) -> list[Document]:
    """PayPal may leave `items` out where there is none, but never both it and the links."""
    rows = document.get("items", [] if "links" in document else None)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Garbled("PayPal's disputes are not a list", party=PARTY)
    return rows


def next_token(document: Document) -> str:
    """Only the token is taken from the link: its host may be another."""
    for link in listed(document.get("links")):
        if link.get("rel") == "next" and isinstance(link.get("href"), str):
            query: str = link["href"].partition("?")[2]
            return parse_qs(query).get("next_page_token", [""])[0]
    return ""


def transactions_of(dispute: Document) -> list[str]:
    names = (row.get("seller_transaction_id") for row in listed(dispute.get("disputed_transactions")))
    return [name for name in names if isinstance(name, str)]


def listed(value: object) -> list[Document]:
    """The objects of a list; what is none says nothing."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _id(row: Document) -> str:
    found = row.get("dispute_id")
    if not isinstance(found, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,255}", found):
        raise Garbled("PayPal's dispute has no id", party=PARTY)
    return found


def key_of(row: Document) -> tuple[str, str]:
    """(id, a name of this state of it): the same as long as it does not change."""
    return _id(row), f"{_id(row)}:{row.get('update_time')}"
