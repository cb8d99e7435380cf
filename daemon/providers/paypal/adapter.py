"""PayPal Invoicing v2. Amounts are decimal text. No key makes a repeat safe: the invoice's own number does,
and search by our reference tells what landed.  https://developer.paypal.com/docs/api/invoicing/v2/"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar, cast

from daemon.errors import Garbled, HintRejected
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
    Mode,
    Observation,
    PayerCreated,
    Pushed,
    Webhook,
)
from daemon.money import Money
from daemon.providers.base import Context, Credentials, Provider, ProviderSettings
from daemon.providers.oauth import TokenSet
from daemon.providers.paypal import account, drafts, hints
from daemon.providers.paypal.certificates import insist_on_origin, loaded
from daemon.providers.paypal.client import Api, mint
from daemon.providers.paypal.feed import Feed
from daemon.providers.paypal.listed import listed
from daemon.providers.paypal.money import PARTY
from daemon.providers.paypal.pull import Reader
from daemon.providers.paypal.push import Pusher
from daemon.providers.paypal.read import Losses, observe
from daemon.providers.paypal.setup import CAPABILITIES, PayPalCredentials, PayPalSettings
from daemon.providers.paypal.verbs import Verbs
from daemon.wire import raise_for


class PayPal(Provider):
    name: ClassVar[str] = "paypal"
    label: ClassVar[str] = "PayPal"
    live_url: ClassVar[str] = "https://api-m.paypal.com"
    sandbox_url: ClassVar[str] = "https://api-m.sandbox.paypal.com"
    can: ClassVar[Capabilities] = CAPABILITIES
    credentials: ClassVar[type[Credentials]] = PayPalCredentials
    settings: ClassVar[type[ProviderSettings]] = PayPalSettings
    mints: ClassVar[bool] = True
    docs: ClassVar[str] = "docs/providers/paypal.md"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._client_id = cast(PayPalCredentials, context.credentials).client_id
        self._own_base = context.base_url
        self._settings = cast(PayPalSettings, context.settings)
        self._api = Api(self.wire, context.tokens, self.base_url)
        self._clock = context.clock
        self._reader = Reader(self._api, disputes=self._settings.read_disputes)
        self._pusher = Pusher(self._api, self._reader, self._settings)
        self._verbs = Verbs(self._api, self._reader)

    @classmethod
    def mint(cls, context: Context) -> TokenSet:
        given = cast(PayPalCredentials, context.credentials)
        base = context.base_url or (cls.live_url if context.mode is Mode.LIVE else cls.sandbox_url)
        return mint(context.wire, base, given.client_id, given.client_secret)

    def check(self) -> AccountInfo:
        return account.check(self._api, self._client_id, self.mode, disputes=self._settings.read_disputes)

    def accepts(self, draft: InvoiceDraft) -> None:
        drafts.accepts(draft, self._settings)

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        """The payer's id is computed, so that there is nothing to find or create."""
        self.accepts(draft)
        live = self._pusher.invoice(draft, journal)
        payer = drafts.payer_id(draft.payer)
        origin = "preset" if draft.payer.external_id else "found"
        return Pushed(live["id"], PayerCreated(payer, origin), observe(live, Losses()))

    def changed(self, cursor: Document | None) -> Changes:
        return Feed(self._api, disputes=self._settings.read_disputes).changed(cursor)

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        return self._reader.pull(asked)

    def listed(self, since: datetime) -> Iterator[Carried]:
        return listed(self._api, self._clock, since)

    def void(self, ref: str, journal: Journal) -> Observation:
        return self._verbs.void(ref, journal)

    def record_payment(self, ref: str, amount: Money, note: str, journal: Journal) -> Observation:
        return self._verbs.record_payment(ref, amount, note, journal)

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        return hints.read_hints(delivery, self.mode, self._own_base)

    def certificate(self, url: str) -> bytes:
        """Fetched without our token, which is not for this host perhaps."""
        insist_on_origin(url, self.mode, self._own_base)
        reply = self.wire.request("GET", url, scope="read")
        raise_for(reply, PARTY)
        try:
            loaded(reply.body)
        except HintRejected as error:
            raise Garbled("PayPal's certificate is not one", party=PARTY) from error
        return reply.body

    def register_webhook(self, url: str) -> Webhook:
        return account.register_webhook(self._api, url)

    def remove_webhook(self, external_id: str) -> None:
        account.remove_webhook(self._api, external_id)
