"""Acme Books, Acme Pay's larger sister: the same documents, and beside them batches of 25 without keys,
access tokens minted from a client id and secret (they last 30 minutes), and one webhook address for all
accounts of a client.  https://books.example.com/docs"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from pydantic import Field, SecretStr

from daemon.errors import (
    Garbled,
    HintRejected,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Unauthorised,
    Unreachable,
)
from daemon.model import (
    Capabilities,
    Delivery,
    Document,
    Hint,
    InvoiceDraft,
    Journal,
    Journals,
    LookMany,
    Mode,
    PayerCreated,
    Pushed,
    SendMany,
)
from daemon.providers.base import Context, Credentials, Provider, PushResult
from daemon.providers.oauth import TokenKeeper, TokenSet
from daemon.wire import raise_for
from tests.sample_provider.acmepay import AcmePay, decoded, invoice_body, ours, sign


class BooksCredentials(Credentials):
    """A client of the account's own, made in Acme Books, Settings, API."""

    client_id: str = Field(title="Client id", description="It begins with client_.", pattern=r"^client_\w+$")
    client_secret: SecretStr = Field(title="Client secret", description="Shown once, when it is made.")


@dataclass(slots=True)
class Going:
    """A draft on its way: what the steps so far made of it, or what stopped it."""

    draft: InvoiceDraft
    journal: Journal
    payer: PayerCreated | None = None
    made: Document | None = None
    pushed: Pushed | None = None
    error: Exception | None = None


class AcmeBooks(AcmePay):
    name: ClassVar[str] = "acmebooks"
    label: ClassVar[str] = "Acme Books"
    live_url: ClassVar[str] = "https://books.example.com"
    sandbox_url: ClassVar[str] = "https://books-sandbox.example.com"
    credentials: ClassVar[type[Credentials]] = BooksCredentials
    mints: ClassVar[bool] = True
    can: ClassVar[Capabilities] = replace(AcmePay.can, lookup_lag_s=5, push_batch=25, registers_webhook=False)

    def __init__(self, context: Context) -> None:
        Provider.__init__(self, context)
        self._tokens = cast(TokenKeeper, context.tokens)

    # --- tokens ---------------------------------------------------------------------------------------

    @classmethod
    def mint(cls, context: Context) -> TokenSet:
        given = cast(BooksCredentials, context.credentials)
        base_url = context.base_url or (cls.live_url if context.mode is Mode.LIVE else cls.sandbox_url)
        body = json.dumps({"id": given.client_id, "secret": given.client_secret.get_secret_value()}).encode()
        try:
            reply = context.wire.request("POST", f"{base_url}/v1/token", body=body, scope="token")
            if reply.status_code >= 400:
                raise_for(reply, cls.label)
        except OutcomeUnknown as error:
            raise Unreachable(f"Acme Books gave no token: {error.message}", party=cls.label) from error
        answer = decoded(reply.body)
        return TokenSet(SecretStr(answer["token"]), float(answer["lasts_s"]))

    def _ask(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        key: str = "",
        params: Mapping[str, str] | None = None,
    ) -> Document:
        token = self._tokens.access()
        try:
            return self._asked(token, method, path, body, key, params)
        except Unauthorised:
            return self._asked(self._tokens.renewed(token), method, path, body, key, params)

    # --- push -----------------------------------------------------------------------------------------

    def push(self, drafts: Sequence[InvoiceDraft], journals: Journals) -> Iterator[PushResult]:
        going = [Going(draft, journals(draft)) for draft in drafts]
        self._alone(going, self._begin)
        self._together(going, journals, "create", self._create_all, self._find_all)
        seen = self._seen(going)  # a batch answers with ids alone
        self._alone(going, lambda one: self._compare(one, seen))
        self._together(going, journals, "send", self._send_all, self._were_sent, lag_s=0)
        live = self._seen(going)
        self._alone(going, lambda one: self._finish(one, live))
        for one in going:
            yield PushResult(one.draft, pushed=one.pushed, error=one.error)

    def _alone(self, going: Sequence[Going], work: Callable[[Going], None]) -> None:
        """Do this for each that nothing stopped; what goes wrong stops that one."""
        for one in going:
            if one.error is None:
                try:
                    work(one)
                except Exception as error:
                    one.error = error

    def _together(
        self,
        going: Sequence[Going],
        journals: Journals,
        step: str,
        send: SendMany,
        look: LookMany,
        lag_s: float | None = None,
    ) -> None:
        """One step of all that nothing stopped, in one call."""
        able = [one for one in going if one.error is None]
        items = [(one.journal, self._body(one)) for one in able]
        for one, answer in zip(able, journals.each(step, items, send, look, lag_s=lag_s), strict=True):
            if isinstance(answer, Exception):
                one.error = answer
            else:
                one.made = answer

    def _body(self, one: Going) -> Document:
        if one.made is None:
            return invoice_body(one.draft, cast(PayerCreated, one.payer))
        return {"id": one.made["id"]}

    def _begin(self, one: Going) -> None:
        self.accepts(one.draft)
        one.payer = self._payer(one.draft, one.journal.payer(one.draft.payer.reference))

    def _seen(self, going: Sequence[Going]) -> dict[str, Document]:
        """What they are there now, all in one call."""
        able = [one for one in going if one.error is None]
        try:
            return self._by_ids([cast(Document, one.made)["id"] for one in able]) if able else {}
        except RemoteError as error:
            for one in able:
                one.error = error
            return {}

    def _compare(self, one: Going, seen: Mapping[str, Document]) -> None:
        self._insist_on_total(one.draft, one.journal, self._shown(one, seen))

    def _shown(self, one: Going, seen: Mapping[str, Document]) -> Document:
        found = seen.get(cast(Document, one.made)["id"])
        if found is None:
            raise OutcomeUnknown("Acme Books does not show what it made", party=self.label)
        return found

    def _finish(self, one: Going, seen: Mapping[str, Document]) -> None:
        observed = self._observe(self._shown(one, seen))
        one.pushed = Pushed(observed.ref, cast(PayerCreated, one.payer), observed)

    def _create_all(self, sends: Sequence[tuple[Document, str]]) -> list[Document | Exception]:
        body = {"invoices": [frozen for frozen, _key in sends]}
        made = self._ask("POST", "/v1/invoices/batch", body)["made"]
        if len(made) != len(sends):
            raise OutcomeUnknown("Acme Books left an invoice out of its answer", party=self.label)
        return [{"id": x["id"]} if "id" in x else Rejected(x["error"], party=self.label) for x in made]

    def _find_all(self, bodies: Sequence[Document]) -> list[Document | Exception | None]:
        references = ",".join(body["reference"] for body in bodies)
        rows = self._ask("GET", "/v1/invoices", params={"references": references})["found"]
        found = {row["reference"]: row for row in rows}
        return [self._looked(found.get(body["reference"]), body) for body in bodies]

    def _looked(self, row: Document | None, body: Document) -> Document | Exception | None:
        try:
            return ours(row, body)
        except Exception as error:
            return error

    def _send_all(self, sends: Sequence[tuple[Document, str]]) -> list[Document | Exception]:
        ids = [body["id"] for body, _key in sends]
        sent = self._ask("POST", "/v1/invoices/send", {"ids": ids})["sent"]
        missed = OutcomeUnknown("Acme Books does not say that it sent it", party=self.label)
        return [{"id": ref} if ref in sent else missed for ref in ids]

    def _were_sent(self, bodies: Sequence[Document]) -> list[Document | Exception | None]:
        seen = self._by_ids([body["id"] for body in bodies])
        sent = [ref for ref, row in seen.items() if row["state"] != "draft"]
        return [{"id": body["id"]} if body["id"] in sent else None for body in bodies]

    def _by_ids(self, ids: Sequence[str]) -> dict[str, Document]:
        rows = self._ask("GET", "/v1/invoices", params={"ids": ",".join(ids)})["found"]
        return {row["id"]: row for row in rows}

    # --- webhooks -------------------------------------------------------------------------------------

    @classmethod
    def read_app_hints(cls, delivery: Delivery) -> list[Hint]:
        given = delivery.headers.get("acme-signature", "").encode()
        if not any(hmac.compare_digest(given, sign(delivery.body, s).encode()) for s in delivery.secrets):
            raise HintRejected
        try:
            event = decoded(delivery.body)
            return [Hint(f"change:{event['number']}", event["invoice"], account=event["account"])]
        except Garbled as error:
            raise HintRejected(error.message) from error
