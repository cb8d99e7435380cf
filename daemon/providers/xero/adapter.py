"""Xero invoicing. Amounts are decimal numbers with two places. An Idempotency-Key is kept for 6 minutes
only; what protects is PUT with our own InvoiceNumber, which is unique.  https://developer.xero.com"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar, cast

from daemon.errors import Unsupported
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
from daemon.providers.oauth import OAuth, TokenSet
from daemon.providers.xero import drafts, hints, roster
from daemon.providers.xero.account import Check
from daemon.providers.xero.api import ROOT, Api
from daemon.providers.xero.documents import CREATING
from daemon.providers.xero.feed import Feed
from daemon.providers.xero.listed import listed
from daemon.providers.xero.numbers import encoded
from daemon.providers.xero.oauth import API_URL, XeroOAuth, minted
from daemon.providers.xero.pull import Reader
from daemon.providers.xero.push import Alone, Pusher
from daemon.providers.xero.setup import CAPABILITIES, XeroCredentials, XeroSettings
from daemon.providers.xero.verbs import Verbs
from daemon.providers.xero.words import CUSTOM_SCOPES


class Xero(Provider):
    name: ClassVar[str] = "xero"
    label: ClassVar[str] = "Xero"
    live_url: ClassVar[str] = API_URL
    sandbox_url: ClassVar[str] = API_URL  # there is only the Demo Company
    can: ClassVar[Capabilities] = CAPABILITIES
    credentials: ClassVar[type[Credentials]] = XeroCredentials
    settings: ClassVar[type[ProviderSettings]] = XeroSettings
    oauth: ClassVar[type[OAuth] | None] = XeroOAuth
    mints: ClassVar[bool] = True
    docs: ClassVar[str] = "docs/providers/xero.md"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._given = cast(XeroCredentials, context.credentials)
        self._settings = cast(XeroSettings, context.settings)
        self._api = Api(self.wire, self.base_url, context.tokens, self._given.tenant_id)
        self._reader = Reader(self._api, self._settings)
        self._pusher = Pusher(self._api, self._settings)
        self._verbs = Verbs(self._api, self._reader, self._settings, context.clock)

    @classmethod
    def mint(cls, context: Context) -> TokenSet:
        given = cast(XeroCredentials, context.credentials)
        if not given.is_custom or given.client_secret is None:
            raise Unsupported("only a custom connection makes its own tokens; this one works under a consent")
        return minted(context.wire, context.base_url, given.client_id, given.client_secret, CUSTOM_SCOPES)

    def check(self) -> AccountInfo:
        return Check(self._api, self._given, self._settings, self.mode)()

    def accepts(self, draft: InvoiceDraft) -> None:
        drafts.accepts(draft, self._settings)

    def preview(self, draft: InvoiceDraft | None) -> Document:
        draft = draft or drafts.sample()
        self.accepts(draft)
        contact = draft.payer.external_id
        body = drafts.invoice_body(draft, contact or "(the contact's id)", self._settings)
        shown: Document = {"method": "PUT", "url": f"{self.base_url}{ROOT}/Invoices?{CREATING}"}
        if contact is None:
            payer = {"Contacts": [drafts.payer_body(draft.payer)]}
            shown["contact_first"] = encoded(payer).decode()
        return shown | {"body": encoded({"Invoices": [body]}).decode()}

    def push(self, drafts: Sequence[InvoiceDraft], journals: Journals) -> Iterator[PushResult]:
        return self._pusher.push(drafts, journals)

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        (result,) = self._pusher.push([draft], Alone(journal))
        if result.pushed is None:
            raise result.error or Unsupported("nothing became of it")
        return result.pushed

    def changed(self, cursor: Document | None) -> Changes:
        return Feed(self._api, self._settings.short_code).changed(cursor)

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        return self._reader.pull(asked)

    def listed(self, since: datetime) -> Iterator[Carried]:
        return listed(self._api, since)

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
        """Those of the organisation's own, where it is known which one that is."""
        own = self._given.tenant_id
        return [hint for hint in hints.read_app_hints(delivery) if own in ("", hint.account)]

    @classmethod
    def read_app_hints(cls, delivery: Delivery) -> list[Hint]:
        return hints.read_app_hints(delivery)
