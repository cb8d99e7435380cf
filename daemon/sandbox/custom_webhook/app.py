"""The system's own API: new invoices in, status out. Stricter than any that a customer will have: it checks
every signature and field, takes each webhook-id once, and knows a repeat."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.clock import Clock, Entropy, to_unix
from daemon.sandbox.custom_webhook.account import CustomAccount, signature
from daemon.sandbox.custom_webhook.invoices import Invoice
from daemon.sandbox.custom_webhook.shapes import Refused, check_invoice, read_event, read_xml, write
from daemon.sandbox.double import BaseDouble, Route
from daemon.sandbox.faults import Faults
from daemon.sandbox.http import Answer, Request

TOLERANCE_S = 300
PAGE_SIZE = 50
PER_SECOND = 20
MAX_BODY = 256 * 1024
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_TYPES = {"json": "application/json", "xml": "application/xml"}


class CustomDouble(BaseDouble):
    name = "custom_webhook"
    routes: Sequence[Route] = (
        Route("POST", "/hooks/invoices", "create", writes=True),
        Route("POST", "/api/invoices/{id}/void", "void", writes=True),
        Route("GET", "/api/invoices", "listed", lists=True),
        Route("GET", "/api/invoices/{id}", "one"),
        Route("GET", "/api/references/{reference}", "by_reference"),
    )

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        public_url: str = "https://sandbox.test",
        faults: Faults | None = None,
        rates: bool = True,
    ) -> None:
        super().__init__(clock, entropy, public_url=public_url, faults=faults, rates=rates)
        self._accounts: dict[str, CustomAccount] = {}
        self._second = (0, 0)

    def add_account(
        self,
        api_key: str,
        *,
        secrets: Sequence[str],
        **options: Any,
    ) -> CustomAccount:
        with self.lock:
            name = f"custom_{len(self._accounts) + 1}"
            made = CustomAccount(
                name, api_key, list(secrets), self.clock, self.entropy, self.outbox, **options
            )
            self._accounts[name] = made
            return made

    def account(self, account_id: str) -> CustomAccount:
        return self._accounts[account_id]

    def accounts(self) -> list[CustomAccount]:
        return list(self._accounts.values())

    # --- a request ------------------------------------------------------------------------------------

    def serve(self, route: Route, args: tuple[str, ...], request: Request, *, stale_s: float) -> Answer:
        if self.rates and self._too_fast():
            return self.too_many(1.0)
        account = self._caller(request)
        if account is None:
            return self.forbidden()
        try:
            return self._run(account, route.handler, args, request, stale_s)
        except Refused as error:
            return _error(error.status, error.message)

    def _run(
        self, account: CustomAccount, what: str, args: tuple[str, ...], request: Request, stale_s: float
    ) -> Answer:
        match what:
            case "create":
                return self._create(account, request)
            case "void":
                return self._void(account, args[0], request)
            case "listed":
                return self._listed(account, request, stale_s)
            case "one":
                return self._shown(account, account.invoices.get(args[0]))
        return self._shown(account, account.by_reference(args[0]))

    def _caller(self, request: Request) -> CustomAccount | None:
        given = request.headers.get("authorization", "")
        fits = [
            one for one in self._accounts.values() if not one.revoked and given == f"Bearer {one.api_key}"
        ]
        return fits[0] if fits else None

    def _too_fast(self) -> bool:
        second = to_unix(self.clock.now())
        count = self._second[1] + 1 if self._second[0] == second else 1
        self._second = (second, count)
        return count > PER_SECOND

    # --- new invoices ---------------------------------------------------------------------------------

    def _create(self, account: CustomAccount, request: Request) -> Answer:
        event_id = self._verified(account, request)
        if account.gone:
            raise Refused(410, "this address takes no more")
        is_test = b'"connection.test"' in request.body and request.content_type == "application/json"
        if not is_test and request.content_type != _TYPES[account.format]:
            raise Refused(415, f"the body is not {_TYPES[account.format]}")
        if is_test or account.format == "json":
            event = read_event(request.body)
            if event["type"] == "connection.test":
                return Answer(200, b'{"ok":true}')
            if event["type"] != "invoice.created":
                raise Refused(422, "this type of event is not known")
            data = event["data"]
        else:
            data = read_xml(request.body)
        return self._taken_in(account, event_id, request.body, data)

    def _taken_in(self, account: CustomAccount, event_id: str, body: bytes, data: dict[str, Any]) -> Answer:
        digest = hashlib.sha256(body).hexdigest()
        if event_id in account.answered:
            made, before = account.answered[event_id]
            if digest != before:
                raise Refused(422, "this webhook-id came with another body before")
            return self._made(account, account.invoices[made], 200)
        currency, total = check_invoice(data)
        if account.by_reference(data["reference"]) or account.by_number(data["number"]):
            raise Refused(409, "an invoice with this reference or number exists")
        invoice = account.add(
            reference=data["reference"],
            number=data["number"],
            customer=data["customer"]["reference"],
            currency=currency,
            total=total,
            due=data["due_date"],
        )
        account.answered[event_id] = (invoice.id, digest)
        return self._made(account, invoice, 201)

    def _made(self, account: CustomAccount, invoice: Invoice, status: int) -> Answer:
        document = {"accepted": True} if account.silent_ids else invoice.document()
        return self._written(account, document, "invoice", status)

    def _verified(self, account: CustomAccount, request: Request) -> str:
        """The webhook-id; raises Refused unless a secret of the account signed exactly these bytes now."""
        event_id, at = (request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp"))
        if not _ID.fullmatch(event_id) or request.headers.get("idempotency-key") != event_id:
            raise Refused(400, "webhook-id and Idempotency-Key are missing, or differ")
        if not at.isdigit() or abs(to_unix(self.clock.now()) - int(at)) > TOLERANCE_S:
            raise Refused(400, "webhook-timestamp is not now")
        if len(request.body) > MAX_BODY:
            raise Refused(413, "the body is too large")
        given = request.headers.get("webhook-signature", "").split(" ")
        wanted = [signature(secret, event_id, at, request.body) for secret in account.secrets]
        if not any(hmac.compare_digest(one, want) for one in given for want in wanted):
            raise Refused(401, "the signature does not fit")
        return event_id

    def _void(self, account: CustomAccount, ref: str, request: Request) -> Answer:
        """An invoice that is void already stays so; one that has payments is refused."""
        self._verified(account, request)
        event = read_event(request.body)
        if event["type"] != "invoice.void" or event["data"] != {"invoice": ref}:
            raise Refused(422, "the event is invoice.void, about this invoice")
        invoice = account.invoices.get(ref)
        if invoice is None or invoice.deleted:
            raise Refused(404, "there is no such invoice")
        if invoice.paid:
            raise Refused(422, "the invoice has payments")
        if invoice.status != "void":
            account.void(ref)
        return self._written(account, invoice.document(), "invoice", 200)

    # --- status ---------------------------------------------------------------------------------------

    def _shown(self, account: CustomAccount, invoice: Invoice | None) -> Answer:
        if invoice is None or invoice.deleted:
            raise Refused(404, "there is no such invoice")
        return self._written(account, invoice.document(), "invoice", 200)

    def _listed(self, account: CustomAccount, request: Request, stale_s: float) -> Answer:
        """Oldest change first, 50 a page, from page 1; deleted ones are not in it."""
        since, page = request.param("updated_since"), request.param("page", "1")
        if {name for name, _value in request.query} - {"updated_since", "page"} or not page.isdigit():
            raise Refused(400, "the query is updated_since and page")
        try:
            after = datetime.fromisoformat(since)
        except ValueError:
            raise Refused(400, "updated_since is not a time") from None
        if after.tzinfo is None:
            after = after.replace(tzinfo=UTC)
        latest = self.clock.now() - timedelta(seconds=stale_s)
        rows = [
            one for one in account.invoices.values() if after <= one.updated_at <= latest and not one.deleted
        ]
        rows.sort(key=lambda one: (one.updated_at, one.id))
        start = (max(1, int(page)) - 1) * PAGE_SIZE
        shown = [one.document() for one in rows[start : start + PAGE_SIZE]]
        return self._written(account, {"invoice": shown}, "invoices", 200)

    def _written(self, account: CustomAccount, document: dict[str, Any], root: str, status: int) -> Answer:
        xml = account.format == "xml"
        return Answer(
            status,
            write(document, root=root, xml=xml),
            content_type=f"{_TYPES[account.format]}; charset=utf-8",
        )

    # --- refusals -------------------------------------------------------------------------------------

    def no_such_route(self, request: Request) -> Answer:
        return _error(404, "there is no such address")

    def too_many(self, retry_after_s: float | None) -> Answer:
        answer = _error(429, "too many requests")
        if retry_after_s is not None:
            answer.headers.append(("Retry-After", str(max(1, round(retry_after_s)))))
        return answer

    def server_error(self) -> Answer:
        return _error(500, "something went wrong")

    def forbidden(self) -> Answer:
        return _error(401, "the API key is not known")

    def revoke(self, request: Request) -> None:
        account = self._caller(request)
        if account is not None:
            account.revoked = True


def _error(status: int, message: str) -> Answer:
    return Answer(status, json.dumps({"error": {"message": message}}).encode())
