"""Stripe Invoicing. Amounts are integers in minor units. A key makes a repeat safe for 24 h; after that,
look by list and metadata, which is consistent at once (search is not).  https://docs.stripe.com/api"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar, cast
from zoneinfo import ZoneInfo

from daemon.errors import InvalidInput
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
    Limit,
    Mode,
    Observation,
    PayerPage,
    PayerSeen,
    Pushed,
    Webhook,
)
from daemon.money import Money
from daemon.providers.base import Context, Credentials, Provider, ProviderSettings
from daemon.providers.stripe import account, drafts, hints, roster
from daemon.providers.stripe.feed import Feed
from daemon.providers.stripe.listed import listed
from daemon.providers.stripe.pull import Reader
from daemon.providers.stripe.push import Pusher
from daemon.providers.stripe.read import Around, View, inline_payments, more_payments, observe
from daemon.providers.stripe.setup import CAPABILITIES, StripeCredentials, StripeSettings
from daemon.providers.stripe.verbs import Verbs
from daemon.providers.stripe.wire_client import Api
from daemon.providers.stripe.words import limits


class Stripe(Provider):
    name: ClassVar[str] = "stripe"
    label: ClassVar[str] = "Stripe"
    live_url: ClassVar[str] = "https://api.stripe.com"
    sandbox_url: ClassVar[str] = "https://api.stripe.com"  # the key decides
    can: ClassVar[Capabilities] = CAPABILITIES
    credentials: ClassVar[type[Credentials]] = StripeCredentials
    settings: ClassVar[type[ProviderSettings]] = StripeSettings
    docs: ClassVar[str] = "docs/providers/stripe.md"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        given = cast(StripeCredentials, context.credentials)
        self._given_mode = given.mode
        self._settings = cast(StripeSettings, context.settings)
        self._view = View(self.mode, ZoneInfo(self._settings.time_zone))
        self._api = Api(given.secret_key, self.wire, self.base_url)
        self._reader = Reader(self._api, self._view)
        self._pusher = Pusher(self._api, self._settings)
        self._verbs = Verbs(self._api, self._reader, self.wire, self.base_url)

    @classmethod
    def limits_in(cls, mode: Mode) -> tuple[Limit, ...]:
        return limits(mode)

    def check(self) -> AccountInfo:
        if self._given_mode is not self.mode:
            raise InvalidInput(
                "WB-CREDENTIALS-MODE", "the key belongs to the other mode (live or test)", field="secret_key"
            )
        return account.check(self._api, self.mode)

    def accepts(self, draft: InvoiceDraft) -> None:
        drafts.accepts(draft, self._settings)

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        self.accepts(draft)
        payer = self._pusher.payer(draft.payer, journal.payer(draft.payer.reference))
        live = self._pusher.invoice(draft, payer.external_id, journal)
        around = Around() if more_payments(live) else Around(payments=tuple(inline_payments(live)))
        return Pushed(live["id"], payer, observe(live, self._view, around))

    def changed(self, cursor: Document | None) -> Changes:
        return Feed(self._api).changed(cursor)

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
        return self._verbs.record_payment(ref, amount, journal)

    def document(self, ref: str) -> bytes:
        return self._verbs.document(ref)

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        return hints.read_hints(delivery)

    def register_webhook(self, url: str) -> Webhook:
        return account.register_webhook(self._api, url)

    def remove_webhook(self, external_id: str) -> None:
        account.remove_webhook(self._api, external_id)
