"""Square Invoices on Orders. Amounts are integers in minor units. Keys are sent, but how long they count is
not published: every step looks. Invoices, orders and customers are versioned; invoices are found by location
and customer alone.  https://developer.squareup.com/docs/invoices-api"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar, cast

from daemon.model import (
    AccountInfo,
    Asked,
    Capabilities,
    Carried,
    Changes,
    Delivery,
    Document,
    Hint,
    InvoiceDraft,
    Journal,
    Observation,
    PayerPage,
    PayerSeen,
    Pushed,
    Webhook,
)
from daemon.providers.base import Context, Credentials, Provider, ProviderSettings
from daemon.providers.square import account, drafts, hints, roster
from daemon.providers.square.api import Api
from daemon.providers.square.feed import Feed
from daemon.providers.square.listed import listed
from daemon.providers.square.payers import Payers
from daemon.providers.square.pull import Reader
from daemon.providers.square.push import Pusher
from daemon.providers.square.read import View, observe
from daemon.providers.square.setup import CAPABILITIES, SquareCredentials, SquareSettings
from daemon.providers.square.verbs import Verbs


class Square(Provider):
    name: ClassVar[str] = "square"
    label: ClassVar[str] = "Square"
    live_url: ClassVar[str] = "https://connect.squareup.com"
    sandbox_url: ClassVar[str] = "https://connect.squareupsandbox.com"
    can: ClassVar[Capabilities] = CAPABILITIES
    credentials: ClassVar[type[Credentials]] = SquareCredentials
    settings: ClassVar[type[ProviderSettings]] = SquareSettings
    docs: ClassVar[str] = "docs/providers/square.md"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        given = cast(SquareCredentials, context.credentials)
        self._settings = cast(SquareSettings, context.settings)
        self._view = View(self.mode, self._settings.location_id)
        self._api = Api(given.access_token, self.wire, self.base_url)
        self._reader = Reader(self._api, self._view)
        self._payers = Payers(self._api, self._settings)
        self._pusher = Pusher(self._api, self._settings)
        self._verbs = Verbs(self._api, self._reader)

    def check(self) -> AccountInfo:
        return account.check(self._api, self.mode, self._settings)

    def accepts(self, draft: InvoiceDraft) -> None:
        drafts.accepts(draft, self._settings)

    def preview(self, draft: InvoiceDraft | None) -> Document:
        """The bodies of customer, order and invoice, as frozen."""
        draft = draft or drafts.sample()
        self.accepts(draft)
        known = draft.payer.external_id
        customer = known or "(the customer's id)"
        order = drafts.order_body(draft, customer, self._settings)
        invoice = drafts.invoice_body(draft, customer, "(the order's id)", self._settings)
        sent: Document = {"order": order, "invoice": invoice}
        return sent if known else {"customer": drafts.payer_body(draft.payer), **sent}

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        self.accepts(draft)
        payer = self._payers.payer(draft.payer, journal.payer(draft.payer.reference))
        live = self._pusher.invoice(draft, payer.external_id, journal)
        seen = observe(live, self._view, None, None, reference=draft.reference)
        return Pushed(live["id"], payer, seen)

    def changed(self, cursor: Document | None) -> Changes:
        return Feed(self._api, self._reader, self._settings.location_id).changed(cursor)

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        return self._reader.pull(asked)

    def listed(self, since: datetime) -> Iterator[Carried]:
        return listed(self._reader, self._view, since)

    def payers(self, cursor: str | None) -> PayerPage:
        return roster.page(self._api, cursor)

    def payer(self, ref: str) -> PayerSeen:
        return roster.one(self._api, ref)

    def void(self, ref: str, journal: Journal) -> Observation:
        return self._verbs.void(ref, journal)

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        return hints.read_hints(delivery)

    def register_webhook(self, url: str) -> Webhook:
        return account.register_webhook(self._api, url)

    def test_webhook(self, external_id: str) -> None:
        account.test_webhook(self._api, external_id)

    def remove_webhook(self, external_id: str) -> None:
        account.remove_webhook(self._api, external_id)
