"""A customer's own system. Amounts are as its settings say; the webhook-id makes a repeat safe where the
receiver keeps to Standard Webhooks, and a look by our reference comes first where there is an address for it.

What comes in is a hint and carries no money: state is only what a read of the status address says.
docs/providers/custom_webhook.md is what the receiver must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from daemon.errors import Garbled, InvalidInput, Rejected
from daemon.model import (
    AccountInfo,
    Asked,
    Capabilities,
    Changes,
    Delivery,
    DocStatus,
    Document,
    Hint,
    InvoiceDraft,
    Journal,
    Observation,
    Pushed,
    Webhook,
)
from daemon.providers.base import Context, Credentials, Provider, ProviderSettings
from daemon.providers.custom_webhook import account, push
from daemon.providers.custom_webhook.addresses import fill
from daemon.providers.custom_webhook.answers import read_bytes, word
from daemon.providers.custom_webhook.canonical import sample_draft
from daemon.providers.custom_webhook.client import Client
from daemon.providers.custom_webhook.feed import Feed
from daemon.providers.custom_webhook.push import Pusher, body_of
from daemon.providers.custom_webhook.setup import (
    CAPABILITIES,
    CustomCredentials,
    CustomSettings,
    insist_on_secrets,
)
from daemon.providers.custom_webhook.status import Reader, believably_dated
from daemon.providers.custom_webhook.verbs import Voider

GIVES_UP = 20
"""So many unreadable answers in a row are a maintenance page, not odd invoices."""


class CustomWebhook(Provider):
    name: ClassVar[str] = "custom_webhook"
    label: ClassVar[str] = "Custom system"
    live_url: ClassVar[str] = ""  # every address stands in the settings
    sandbox_url: ClassVar[str] = ""
    can: ClassVar[Capabilities] = CAPABILITIES
    credentials: ClassVar[type[Credentials]] = CustomCredentials
    settings: ClassVar[type[ProviderSettings]] = CustomSettings
    public: ClassVar[bool] = True
    docs: ClassVar[str] = "docs/providers/custom_webhook.md"
    by_settings: ClassVar[Mapping[str, str]] = {
        "change_feed": "status.changes",
        "refunds": "status.paths.refunds",
        "void": "void",
        "webhooks": "inbound.profile",
        "registers_webhook": "inbound.profile",
    }

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._given = cast(CustomCredentials, context.credentials)
        self._settings = cast(CustomSettings, context.settings)
        insist_on_secrets(self._given, self._settings)
        self._clock = context.clock
        self._client = Client(self._given, self._settings, self.wire, self._clock, self.base_url)
        self._pusher = Pusher(self._client, self._settings)
        status = self._settings.status
        lists = status is not None and status.changes is not None
        hears = self._settings.inbound.profile != "none"
        # This one account's: what its settings offer.
        vars(self)["can"] = replace(
            CAPABILITIES,
            change_feed=lists,
            void=self._settings.void is not None,
            webhooks=hears,
            registers_webhook=hears,
        )

    def check(self) -> AccountInfo:
        return account.check(self._client, self._settings, self.mode, self._clock.now())

    def accepts(self, draft: InvoiceDraft) -> None:
        body_of(draft, self._settings, self._clock.now())

    def preview(self, draft: InvoiceDraft | None) -> Document:
        draft = draft or sample_draft((*self._settings.currencies, "EUR")[0])
        url = fill(self._settings.create.url, {"reference": draft.reference}, self.base_url)
        return push.preview(draft, self._settings, url, self._clock.now())

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        pushed = self._pusher.push(draft, body_of(draft, self._settings, self._clock.now()), journal)
        return replace(pushed, observation=believably_dated(pushed.observation, self._clock.now()))

    def changed(self, cursor: Document | None) -> Changes:
        status = self._settings.status
        if status is None or status.changes is None:
            raise self._unsupported("tell what changed")
        return Feed(self._client, self._settings, status, status.changes).changed(cursor, self._clock)

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        faults: list[Garbled | Rejected] = []
        in_a_row = 0
        for ref in dict.fromkeys(one.ref for one in asked):
            try:
                seen = self._read(ref)
            except (Garbled, Rejected) as error:  # one that cannot be read keeps no other from being told
                faults.append(error)
                in_a_row += 1
                if in_a_row >= GIVES_UP:
                    break
            else:
                in_a_row = 0
                yield seen
        if faults:
            raise faults[0]

    def _read(self, ref: str) -> Observation:
        """Without a status address nothing is known, and UNKNOWN overwrites nothing."""
        status = self._settings.status
        if status is None:
            return Observation(ref, DocStatus.UNKNOWN, covers=frozenset())
        reply = self._client.get(status.url_template, {status.ref_is: ref})
        if reply.status_code in (404, 410):
            return Observation.missing(ref)
        seen = Reader(self._settings, status).observe(self._client.document(reply), ref)
        return believably_dated(seen, self._clock.now())

    def void(self, ref: str, journal: Journal) -> Observation:
        status, where = self._settings.status, self._settings.void
        if status is None or where is None:
            raise self._unsupported("void an invoice")
        voider = Voider(self._client, Reader(self._settings, status), status, where)
        return believably_dated(voider.void(ref, journal, self._clock.now()), self._clock.now())

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        """The signature first; of the body only which invoice to look at."""
        event = self._settings.inbound.verify(
            delivery.body, delivery.headers, delivery.secrets, delivery.received_at
        )
        return [Hint(event, self._named(delivery))]

    def _named(self, delivery: Delivery) -> str | None:
        path = self._settings.hint_path
        if path is None:
            return None
        try:
            document: Any = read_bytes(delivery.body, delivery.headers.get("content-type", ""))
            ref = word(document, path)
        except Garbled:
            return None
        return ref if ref is not None and len(ref) <= push.MAX_ID else None

    def register_webhook(self, url: str) -> Webhook:
        """Nothing is called: the owner enters our address there. The secret is the owner's."""
        secret = self._given.inbound_secret
        if secret is None:
            raise InvalidInput(
                "WB-CREDENTIALS-FORMAT",
                f"give an inbound_secret first (integrations rotate), then enter {url} in your system",
                field="inbound_secret",
            )
        return Webhook("inbound", secret.get_secret_value())

    def remove_webhook(self, external_id: str) -> None:
        """There is nothing of ours there."""
