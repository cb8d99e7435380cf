"""Acme Pay. Amounts are integers in cents. A Request-Id makes a repeat safe for 24 h; after that, look by
`reference`, which lists at once what was created.  https://api.example.com/docs"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, ClassVar, cast
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from daemon.errors import CursorLost, Garbled, HintRejected, Missing, Rejected, StepStuck
from daemon.model import (
    AccountInfo,
    Asked,
    Capabilities,
    Changes,
    Delivery,
    DocStatus,
    Document,
    Fact,
    FactKind,
    Hint,
    InvoiceDraft,
    Journal,
    Limit,
    Links,
    Mode,
    Observation,
    PayerCreated,
    Pushed,
    Webhook,
)
from daemon.money import Money
from daemon.providers.base import Context, Credentials, Provider
from daemon.wire import raise_for

STATUS = {"draft": DocStatus.DRAFT, "sent": DocStatus.OPEN, "paid": DocStatus.PAID, "void": DocStatus.VOID}
KEPT = ("id", "state", "number", "reference", "payer", "total", "paid", "currency", "due_on", "payments")


class AcmeCredentials(Credentials):
    """One token; its first word says whether it is for Acme Pay's test mode."""

    token: SecretStr = Field(
        title="API token",
        description="Acme Pay, Settings, Developers. It begins with live_ or test_.",
    )

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"(live|test)_[a-z0-9]{16,}", value.get_secret_value()):
            raise ValueError("a token looks like live_… or test_…, and is copied whole")
        return value

    @property
    def mode(self) -> Mode:
        return Mode.LIVE if self.token.get_secret_value().startswith("live_") else Mode.SANDBOX


class AcmePay(Provider):
    name: ClassVar[str] = "acmepay"
    label: ClassVar[str] = "Acme Pay"
    live_url: ClassVar[str] = "https://api.example.com"
    sandbox_url: ClassVar[str] = "https://sandbox.example.com"
    credentials: ClassVar[type[Credentials]] = AcmeCredentials
    can: ClassVar[Capabilities] = Capabilities(
        key_window_s=20 * 3600,  # they keep a Request-Id for 24 h
        settle_s=60,  # they give up a request after 30 s
        min_poll_s=60,
        max_number_length=40,
        limits=(Limit("", 20, 1.0), Limit("", 50_000, 86_400.0, reserve=0.2, spares=("read",), name="day")),
        change_feed=True,
        partial_payments=True,
        void=True,
        pay_page=True,
        webhooks=True,
        registers_webhook=True,
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._token = cast(AcmeCredentials, context.credentials).token

    def check(self) -> AccountInfo:
        found = self._ask("GET", "/v1/account")
        return AccountInfo(found["id"], found["name"], self.mode, currencies=(found["currency"],))

    # --- push -----------------------------------------------------------------------------------------

    def accepts(self, draft: InvoiceDraft) -> None:
        if not draft.payer.email:
            error = Rejected("the customer has no e-mail address", party=self.label)
            error.code = "WB-CUSTOMER-EMAIL"
            raise error

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        self.accepts(draft)
        payer = self._payer(draft, journal.payer(draft.payer.reference))
        made = journal.once("create", invoice_body(draft, payer), self._create, self._find)
        self._insist_on_total(draft, journal, made)
        path = {"path": f"/v1/invoices/{made['id']}"}
        journal.once("send", path, self._send, self._was_sent, lag_s=0)
        return Pushed(made["id"], payer, self._observe(self._ask("GET", path["path"])))

    def _insist_on_total(self, draft: InvoiceDraft, journal: Journal, made: Document) -> None:
        if made["total"] == draft.total.minor:
            return
        path = {"path": f"/v1/invoices/{made['id']}"}
        journal.once("withdraw", path, self._withdraw, self._is_withdrawn)
        theirs = Money(made["total"], draft.currency)
        raise StepStuck("WB-PUSH-TOTAL", f"the total is {draft.total} here and {theirs} there")

    def _payer(self, draft: InvoiceDraft, journal: Journal) -> PayerCreated:
        if draft.payer.external_id:
            return PayerCreated(draft.payer.external_id, "preset")
        body = {
            "reference": draft.payer.reference,
            "name": draft.payer.name,
            "email": draft.payer.email,
        }
        done = journal.once("payer", body, self._enrol, self._find_payer, look_first=True)
        return PayerCreated(done["id"], done["origin"])

    def _enrol(self, body: Document, key: str) -> Document:
        return {"id": self._ask("POST", "/v1/payers", body, key)["id"], "origin": "created"}

    def _find_payer(self, body: Document) -> Document | None:
        found = self._by_reference("/v1/payers", body)
        return {"id": found["id"], "origin": "found"} if found else None

    def _create(self, body: Document, key: str) -> Document:
        made = self._ask("POST", "/v1/invoices", body, key)
        return {"id": made["id"], "total": made["total"]}

    def _find(self, body: Document) -> Document | None:
        return ours(self._by_reference("/v1/invoices", body), body)

    def _send(self, body: Document, key: str) -> Document:
        self._ask("POST", f"{body['path']}/send", {}, key)
        return {}

    def _was_sent(self, body: Document) -> Document | None:
        return None if self._ask("GET", body["path"])["state"] == "draft" else {}

    def _withdraw(self, body: Document, key: str) -> Document:
        self._ask("POST", f"{body['path']}/void", {}, key)
        return {}

    def _is_withdrawn(self, body: Document) -> Document | None:
        return {} if self._ask("GET", body["path"])["state"] == "void" else None

    def void(self, ref: str, journal: Journal) -> Observation:
        path = {"path": f"/v1/invoices/{quote(ref, safe='')}"}
        journal.once("void", path, self._withdraw, self._is_withdrawn, lag_s=0)
        return self._observe(self._ask("GET", path["path"]))

    # --- pull -----------------------------------------------------------------------------------------

    def changed(self, cursor: Document | None) -> Changes:
        if cursor is None:
            return Changes({"after": self._ask("GET", "/v1/changes/last")["number"]})
        after = cursor.get("after")
        if not isinstance(after, int):
            raise CursorLost
        page = self._ask("GET", "/v1/changes", params={"after": str(after)})
        hints = tuple(Hint(f"change:{row['number']}", row["invoice"]) for row in page["changes"])
        last = page["changes"][-1]["number"] if page["changes"] else after
        return Changes({"after": last}, hints=hints, more=page["more"])

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        for ref in dict.fromkeys(one.ref for one in asked):
            try:
                yield self._observe(self._ask("GET", f"/v1/invoices/{quote(ref, safe='')}"))
            except Missing:
                yield Observation.missing(ref)

    def _observe(self, doc: Document) -> Observation:
        currency = doc["currency"]
        paid = [
            Fact(FactKind.PAYMENT, one["id"], Money(one["amount"], currency), method=one["method"])
            for one in doc["payments"]
        ]
        return Observation(
            ref=doc["id"],
            status=STATUS.get(doc["state"], DocStatus.UNKNOWN),  # a new word changes nothing here
            total=Money(doc["total"], currency),
            paid_total=Money(doc["paid"], currency),
            facts=tuple(paid),
            covers=frozenset({FactKind.PAYMENT}),
            version=doc["version"],
            number=doc["number"],
            our_reference=doc["reference"],
            payer_ref=doc["payer"],
            due_on=date.fromisoformat(doc["due_on"]),
            links=Links(pay_url=doc["pay_url"]),
            raw={name: doc[name] for name in KEPT},
        )

    # --- webhooks -------------------------------------------------------------------------------------

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        given = delivery.headers.get("acme-signature", "").encode()
        fitting = [s for s in delivery.secrets if hmac.compare_digest(given, sign(delivery.body, s).encode())]
        if not fitting:
            raise HintRejected
        try:
            event = decoded(delivery.body)
            return [Hint(f"change:{event['number']}", event["invoice"])]
        except Garbled as error:
            raise HintRejected(error.message) from error

    def register_webhook(self, url: str) -> Webhook:
        made = self._ask("POST", "/v1/webhooks", {"url": url})
        return Webhook(made["id"], made["secret"])

    def remove_webhook(self, external_id: str) -> None:
        with suppress(Missing):
            self._ask("DELETE", f"/v1/webhooks/{quote(external_id, safe='')}")

    # --- the wire -------------------------------------------------------------------------------------

    def _by_reference(self, path: str, body: Document) -> Document | None:
        found = self._ask("GET", path, params={"reference": body["reference"]})["found"]
        return cast(Document, found[0]) if found else None

    def _ask(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        key: str = "",
        params: Mapping[str, str] | None = None,
    ) -> Document:
        return self._asked(self._token, method, path, body, key, params)

    def _asked(
        self,
        token: SecretStr,
        method: str,
        path: str,
        body: Document | None,
        key: str,
        params: Mapping[str, str] | None,
    ) -> Document:
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"}
        if key:
            headers["Request-Id"] = key
        content = None if body is None else json.dumps(body).encode()
        scope = "read" if method == "GET" else "write"
        url = self.base_url + path
        reply = self.wire.request(method, url, headers=headers, params=params, body=content, scope=scope)
        left = reply.headers.get("acme-calls-left", "")
        if left.isascii() and left.isdigit():
            self.wire.told("day", int(left))
        if reply.status_code >= 400:
            raise_for(reply, self.label, message=sentence(reply.body))
        return decoded(reply.body)


def invoice_body(draft: InvoiceDraft, payer: PayerCreated) -> Document:
    return {
        "reference": draft.reference,
        "payer": payer.external_id,
        "number": draft.number,
        "currency": draft.currency,
        "due_on": draft.due_on.isoformat(),
        "lines": [{"text": line.description, "amount": line.gross.minor} for line in draft.lines],
    }


def ours(found: Document | None, body: Document) -> Document | None:
    """What was made of this body, of an invoice with its reference; raises StepStuck where it is not ours."""
    if found is None or found["state"] == "void":
        return None
    if found["payer"] != body["payer"]:
        raise StepStuck("WB-PUSH-MISMATCH", "our reference is on another payer's invoice")
    return {"id": found["id"], "total": found["total"]}


class Answer(dict[str, Any]):
    """What they said; without a field that their documentation promises it is not to be trusted."""

    def __missing__(self, name: str) -> Any:
        raise Garbled(f"Acme Pay's answer lacks {name!r}", party="Acme Pay")


def decoded(body: bytes) -> Answer:
    try:
        answer = json.loads(body, object_hook=Answer)
    except ValueError:
        answer = None
    if not isinstance(answer, Answer):
        raise Garbled("Acme Pay's answer is not a JSON object", party="Acme Pay")
    return answer


def sentence(body: bytes) -> str | None:
    """Their own words about a refusal, where they gave any."""
    try:
        return str(decoded(body)["error"])
    except Garbled:
        return None


def sign(body: bytes, secret: str) -> str:
    """The Acme-Signature of a delivery: HMAC-SHA256 over its raw bytes, in hexadecimal."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
