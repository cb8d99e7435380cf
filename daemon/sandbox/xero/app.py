"""The double as a WSGI app: identity server, connections and Accounting API under one address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from daemon.clock import Clock, Entropy
from daemon.sandbox.double import BaseDouble, Route
from daemon.sandbox.faults import MAX_STALE_S, Fault, FaultKind, Faults
from daemon.sandbox.http import Answer, Request
from daemon.sandbox.outbox import Outbox, Posting
from daemon.sandbox.xero import errors, reading
from daemon.sandbox.xero.account import XeroAccount, furnish
from daemon.sandbox.xero.errors import Refused, as_json
from daemon.sandbox.xero.guard import Rates, Replays, too_many
from daemon.sandbox.xero.identity import App, Identity
from daemon.sandbox.xero.records import Books, Doc
from daemon.sandbox.xero.writing import Writer

ROOT = "/api.xro/2.0"
DAY_S = 86400
RETRIES_S = (0.0, *[900.0] * 96)
"""At once, then every 15 minutes for a day."""


def _api(method: str, path: str, handler: str, *, lists: bool = False) -> Route:
    return Route(method, ROOT + path, handler, writes=method != "GET", lists=lists)


_AREAS = {
    "Invoices": "invoices",
    "CreditNotes": "invoices",
    "Payments": "payments",
    "Contacts": "contacts",
}


class XeroDouble(BaseDouble):
    """`add_app` and `add_account` first; `consent` is the short way to tokens."""

    name = "xero"
    request_id_header = "xero-correlation-id"
    routes: Sequence[Route] = (
        Route("GET", "/identity/connect/authorize", "authorize"),
        Route("POST", "/connect/token", "token", writes=True),
        Route("POST", "/connect/revocation", "revocation", writes=True),
        Route("GET", "/connections", "connections"),
        Route("DELETE", "/connections/{id}", "disconnect", writes=True),
        _api("GET", "/Organisation", "organisation"),
        _api("GET", "/Organisation/Actions", "actions"),
        _api("GET", "/Accounts", "accounts"),
        _api("GET", "/TaxRates", "tax_rates"),
        _api("GET", "/Currencies", "currencies"),
        _api("GET", "/BrandingThemes", "themes"),
        _api("GET", "/Contacts", "contacts", lists=True),
        _api("GET", "/Contacts/{ContactID}", "contact"),
        _api("PUT", "/Contacts", "create_contacts"),
        _api("GET", "/Invoices", "invoices", lists=True),
        _api("GET", "/Invoices/{InvoiceID}", "invoice"),
        _api("PUT", "/Invoices", "create_invoices"),
        _api("POST", "/Invoices", "change_invoices"),
        _api("POST", "/Invoices/{InvoiceID}", "change_invoice"),
        _api("POST", "/Invoices/{InvoiceID}/Email", "email"),
        _api("GET", "/Invoices/{InvoiceID}/OnlineInvoice", "online_invoice"),
        _api("GET", "/CreditNotes", "credit_notes", lists=True),
        _api("GET", "/Payments", "payments", lists=True),
        _api("GET", "/Payments/{PaymentID}", "payment"),
        _api("PUT", "/Payments", "create_payments"),
        _api("POST", "/Payments/{PaymentID}", "delete_payment"),
    )

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        public_url: str = "https://sandbox.test",
        faults: Faults | None = None,
        rates: bool = True,
        per_day: int = 5000,
    ) -> None:
        super().__init__(clock, entropy, public_url=public_url, faults=faults, rates=rates)
        self.outbox = Outbox(clock, self.faults, RETRIES_S)
        self.identity = Identity(clock, entropy)
        self.replays = Replays(clock)
        self.limits = Rates(clock, per_day=per_day)
        self._accounts: dict[str, XeroAccount] = {}

    # --- setting up -----------------------------------------------------------------------------------

    def add_app(self, app: App) -> App:
        self.identity.apps[app.client_id] = app
        return app

    def add_account(
        self, name: str = "Wisp One", *, currency: str = "USD", demo: bool = False
    ) -> XeroAccount:
        subscribed = list(dict.fromkeys([currency, "USD", "EUR"]))
        books = Books(self.identity.new_id(), name, currency, subscribed, demo=demo)
        books.email_limit = 0 if demo else 1000
        account = XeroAccount(self, furnish(books, self.identity.new_id()))
        self._accounts[books.id] = account
        self.identity.names[books.id] = name
        return account

    def account(self, account_id: str) -> XeroAccount:
        return self._accounts[account_id]

    def accounts(self) -> list[XeroAccount]:
        return list(self._accounts.values())

    def consent(self, app: App, tenants: Sequence[str], scopes: str) -> Doc:
        """Tokens as the token endpoint answers, without the browser."""
        with self.lock:
            return self.identity.issue(self.identity.consent(app, tenants, scopes.split()))

    # --- requests -------------------------------------------------------------------------------------

    def serve(self, route: Route, args: tuple[str, ...], request: Request, *, stale_s: float) -> Answer:
        try:
            if not route.template.startswith(ROOT):
                return self._identity(route, args, request)
            answer = self._accounting(route, args, request, stale_s)
        except Refused as refused:
            answer = refused.answer
        answer.headers.append((self.request_id_header, self.identity.new_id()))
        return answer

    def _identity(self, route: Route, args: tuple[str, ...], request: Request) -> Answer:
        match route.handler:
            case "authorize":
                return self.identity.authorize(request)
            case "token":
                return self.identity.token(request)
            case "revocation":
                return self.identity.revoke(request)
            case "connections":
                return self.identity.list_connections(request)
        return self.identity.disconnect(request, *args)

    def _accounting(self, route: Route, args: tuple[str, ...], request: Request, stale_s: float) -> Answer:
        area = _AREAS.get(route.template.removeprefix(ROOT).split("/")[1], "settings")
        app, tenant = self.identity.admit(request, area)
        headers = self.limits.take(app.client_id, tenant, enforced=self.rates)
        try:
            answer = self.replays.find(app.client_id, request)
            if answer is None:
                answer = self._run(route, args, request, app, self._accounts[tenant].books, stale_s)
                self.replays.keep(app.client_id, request, answer)
        except Refused as refused:
            answer = refused.answer
        answer.headers.extend(headers)
        return answer

    def _run(
        self, route: Route, args: tuple[str, ...], request: Request, app: App, books: Books, stale_s: float
    ) -> Answer:
        if books.offline:
            return as_json({"Title": "Organisation offline", "Status": 503, "Detail": "try later"}, 503)
        try:
            if route.writes:
                writer = Writer(books, app.client_id, self.clock.now(), self.identity.new_id, self.tell)
                return writer.answer(route.handler, args, request)
            asof = self.clock.now() - timedelta(seconds=min(stale_s, MAX_STALE_S))
            return reading.answer(books, app.client_id, route.handler, args, request, asof, self.clock.now())
        except Refused as refused:
            return refused.answer

    def _instead(self, fault: Fault | None, request: Request) -> Answer | None:
        answer = super()._instead(fault, request)
        if answer is not None and fault is not None and fault.kind is FaultKind.ERROR_STORED:
            with self.lock:
                for app in self.identity.apps:
                    self.replays.keep(app, request, answer)
        return answer

    def no_such_route(self, request: Request) -> Answer:
        return errors.not_found().answer

    def too_many(self, retry_after_s: float | None) -> Answer:
        return too_many("minute" if retry_after_s is not None else "concurrent", retry_after_s)

    def server_error(self) -> Answer:
        document = {"Type": None, "Title": "An error occurred", "Status": 500, "Detail": "An error occurred"}
        return as_json(document, 500)

    def forbidden(self) -> Answer:
        return errors.forbidden().answer

    def revoke(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.identity.access:
            self.identity.kill(self.identity.access[token].grant)

    # --- webhooks -------------------------------------------------------------------------------------

    def tell(self, books: Books, category: str, object_id: str, kind: str) -> None:
        """Queue an event for every app that is connected and has a webhook."""
        joined = {one.app for one in self.identity.connections.values() if one.tenant == books.id}
        for app in [self.identity.apps[one] for one in sorted(joined)]:
            if app.webhook_url:
                event = _event(books.id, category, object_id, kind, self.clock.now())
                app.sequence += 1
                self._post(app, [event], app.sequence)

    def intend_to_receive(self, app: App) -> None:
        """What Xero sends when a webhook is set up: no events, signed rightly and wrongly."""
        with self.lock:
            for wrong in (False, True, False, True):
                self._post(app, [], 0, wrong=wrong)

    def _post(self, app: App, events: list[Doc], sequence: int, *, wrong: bool = False) -> None:
        body = json.dumps(
            {
                "events": events,
                "firstEventSequence": sequence,
                "lastEventSequence": sequence,
                "entropy": self.entropy.bytes(12).hex(),
            }
        ).encode()
        write = _writer(app, body, wrong)
        delivery_id = self.identity.new_id()
        self.outbox.put(delivery_id, events[0]["eventCategory"] if events else "INTENT", write)


def _writer(app: App, body: bytes, wrong: bool) -> Callable[[bool], Posting | None]:
    def write(forged: bool) -> Posting | None:
        key = "somebody else's" if forged or wrong else app.webhook_key
        digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "x-xero-signature": base64.b64encode(digest).decode(),
        }
        return Posting(app.webhook_url, headers, body, "")

    return write


def _event(tenant: str, category: str, object_id: str, kind: str, now: datetime) -> Doc:
    noun = {"INVOICE": "Invoices", "CONTACT": "Contacts", "CREDITNOTE": "CreditNotes"}[category]
    return {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/{noun}/{object_id}",
        "resourceId": object_id,
        "eventDateUtc": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}",
        "eventType": kind,
        "eventCategory": category,
        "tenantId": tenant,
        "tenantType": "ORGANISATION",
    }
