"""QuickBooks Online. Amounts are decimal numbers. An invoice is live at once; what is in doubt is looked for
by number and private note. One call tells all that changed.
https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/invoice"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar, cast

from daemon.errors import WispbillError
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
    Journals,
    Observation,
    PayerPage,
    PayerSeen,
    Pushed,
)
from daemon.money import Money
from daemon.providers.base import Context, Credentials, Provider, ProviderSettings, PushResult
from daemon.providers.oauth import OAuth
from daemon.providers.quickbooks import account, drafts, hints, roster
from daemon.providers.quickbooks.api import Api
from daemon.providers.quickbooks.feed import Feed
from daemon.providers.quickbooks.listed import listed
from daemon.providers.quickbooks.oauth import QuickBooksOAuth
from daemon.providers.quickbooks.pull import Reader
from daemon.providers.quickbooks.push import Pusher
from daemon.providers.quickbooks.read import View
from daemon.providers.quickbooks.sending import Single
from daemon.providers.quickbooks.setup import CAPABILITIES, QuickBooksCredentials, QuickBooksSettings
from daemon.providers.quickbooks.verbs import Verbs
from daemon.providers.quickbooks.words import LIVE_URL, SANDBOX_URL


class QuickBooks(Provider):
    name: ClassVar[str] = "quickbooks"
    label: ClassVar[str] = "QuickBooks"
    live_url: ClassVar[str] = LIVE_URL
    sandbox_url: ClassVar[str] = SANDBOX_URL
    can: ClassVar[Capabilities] = CAPABILITIES
    credentials: ClassVar[type[Credentials]] = QuickBooksCredentials
    settings: ClassVar[type[ProviderSettings]] = QuickBooksSettings
    oauth: ClassVar[type[OAuth] | None] = QuickBooksOAuth
    docs: ClassVar[str] = "docs/providers/quickbooks.md"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._realm = cast(QuickBooksCredentials, context.credentials).realm_id
        self._settings = cast(QuickBooksSettings, context.settings)
        view = View(self._realm, self.mode, self._settings.home_currency)
        self._api = Api(self.wire, self.base_url, self._realm, context.tokens)
        self._view = view
        self._reader = Reader(self._api, view)
        self._pusher = Pusher(self._api, self._settings, view)
        self._verbs = Verbs(self._api, self._reader, view, self._settings)

    def check(self) -> AccountInfo:
        return account.check(self._api, self._realm, self.mode, self._settings)

    def accepts(self, draft: InvoiceDraft) -> None:
        drafts.accepts(draft, self._settings)

    def preview(self, draft: InvoiceDraft | None) -> Document:
        """The bodies of customer and invoice, as frozen."""
        draft = draft or drafts.sample(self._settings)
        self.accepts(draft)
        known = draft.payer.external_id
        invoice = drafts.invoice_body(draft, known or "(the customer's id)", self._settings)["invoice"]
        customer = drafts.customer_body(draft.payer, draft.currency, self._settings)
        return {"Invoice": invoice} if known else {"Customer": customer, "Invoice": invoice}

    def push(self, drafts: Sequence[InvoiceDraft], journals: Journals) -> Iterator[PushResult]:
        return self._pusher.push(drafts, journals)

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        (result,) = self._pusher.push([draft], Single(journal))
        if result.pushed is None:
            raise result.error or WispbillError()
        return result.pushed

    def changed(self, cursor: Document | None) -> Changes:
        return Feed(self._api, self._reader, self._realm).changed(cursor)

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        return self._reader.pull(asked)

    def listed(self, since: datetime) -> Iterator[Carried]:
        return listed(self._api, self._view, since)

    def payers(self, cursor: str | None) -> PayerPage:
        return roster.page(self._api, cursor)

    def payer(self, ref: str) -> PayerSeen:
        return roster.one(self._api, ref)

    def void(self, ref: str, journal: Journal) -> Observation:
        return self._verbs.void(ref, journal)

    def record_payment(self, ref: str, amount: Money, note: str, journal: Journal) -> Observation:
        return self._verbs.record_payment(ref, amount, note, journal)

    def document(self, ref: str) -> bytes:
        return self._verbs.document(ref)

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        """Those of this company: the app's one address serves all of them."""
        return [hint for hint in hints.read_hints(delivery) if hint.account == self._realm]

    @classmethod
    def read_app_hints(cls, delivery: Delivery) -> list[Hint]:
        return hints.read_hints(delivery)
