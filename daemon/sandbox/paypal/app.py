"""The double itself: the routes of api-m.paypal.com that a biller needs, and the accounts behind them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from daemon.clock import Clock, Entropy
from daemon.sandbox.double import BaseDouble, Route
from daemon.sandbox.faults import Faults
from daemon.sandbox.http import Answer, Request
from daemon.sandbox.outbox import Outbox, Posting
from daemon.sandbox.paypal import disputes, forms, hosted, invoices, search, webhooks
from daemon.sandbox.paypal.access import SCOPES, Access, App
from daemon.sandbox.paypal.account import PayPalAccount
from daemon.sandbox.paypal.certificate import Signer, signer
from daemon.sandbox.paypal.errors import PayPalError, TokenError, not_found
from daemon.sandbox.paypal.forms import body_of, query
from daemon.sandbox.paypal.ledger import Doc, Invoice, Ledger
from daemon.sandbox.paypal.render import invoice_doc, links, payer_url

_ALL = "/v2/invoicing/invoices"
_ONE = f"{_ALL}/{{invoice_id}}"
_HOOKS = "/v1/notifications/webhooks"
_DISPUTES = "/v1/customer/disputes"

ROUTES = (
    Route("POST", "/v1/oauth2/token", "token"),
    Route("POST", _ALL, "create", writes=True),
    Route("GET", _ALL, "list", lists=True),
    Route("GET", _ONE, "get"),
    Route("PUT", _ONE, "update", writes=True),
    Route("DELETE", _ONE, "delete", writes=True),
    Route("POST", f"{_ONE}/send", "send", writes=True),
    Route("POST", f"{_ONE}/cancel", "cancel", writes=True),
    Route("POST", f"{_ONE}/payments", "record", writes=True),
    Route("DELETE", f"{_ONE}/payments/{{transaction_id}}", "unrecord", writes=True),
    Route("POST", "/v2/invoicing/search-invoices", "search", lists=True),
    Route("GET", _DISPUTES, "disputes", lists=True),
    Route("GET", f"{_DISPUTES}/{{id}}", "dispute"),
    Route("POST", _HOOKS, "hook_create", writes=True),
    Route("GET", _HOOKS, "hook_list"),
    Route("DELETE", f"{_HOOKS}/{{webhook_id}}", "hook_delete", writes=True),
    Route("GET", "/v1/notifications/webhooks-event-types", "event_types"),
    Route("GET", f"{webhooks.CERTS}/{{cert}}", "certificate"),
    Route("GET", "/invoice/p/{code}", "pay_page"),
    Route("POST", "/invoice/p/{code}", "pay_now", writes=True),
    Route("GET", "/invoice/details/{invoice_id}", "details_page"),
)
_FEATURES = {
    **dict.fromkeys(("disputes", "dispute"), "disputes"),
    **dict.fromkeys(("hook_create", "hook_list", "hook_delete", "event_types"), "webhooks"),
}
_OPEN = ("token", "certificate", "pay_page", "pay_now", "details_page")


class PayPalDouble(BaseDouble):
    """`search_lag_s` is how far search and list are behind the books."""

    name = "paypal"
    routes = ROUTES
    request_id_header = "paypal-debug-id"

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        public_url: str = "https://sandbox.test",
        faults: Faults | None = None,
        rates: bool = True,
        search_lag_s: float = 5.0,
    ) -> None:
        super().__init__(clock, entropy, public_url=public_url, faults=faults, rates=rates)
        self.outbox = Outbox(clock, self.faults, webhooks.RETRIES_S)
        self.search_lag_s = search_lag_s
        self._access = Access(clock, entropy)
        self._accounts: dict[str, PayPalAccount] = {}
        self._made: dict[tuple[bool, str], Signer] = {}
        self._debug = 0

    # --- accounts -------------------------------------------------------------------------------------

    def add_account(
        self,
        client_id: str,
        secret: str,
        *,
        email: str = "merchant@example.com",
        name: str = "Example WISP",
        zone: str = "UTC",
    ) -> PayPalAccount:
        """A merchant with one REST app, at which all features are on. The client id is what the account is
        known by: PayPal tells a caller no other id of it."""
        with self.lock:
            ledger = Ledger(
                client_id,
                email,
                name,
                ZoneInfo(zone),
                self.clock,
                self.entropy,
                self.search_lag_s,
                self.public_url,
            )
            app = App(client_id, secret, ledger, set(SCOPES))
            self._access.apps[client_id] = app
            self._accounts[client_id] = PayPalAccount(ledger, self._access, self.lock, app)
            return self._accounts[client_id]

    def account(self, account_id: str) -> PayPalAccount:
        """Raises KeyError."""
        return self._accounts[account_id]

    def accounts(self) -> list[PayPalAccount]:
        return list(self._accounts.values())

    def set_public_url(self, url: str) -> None:
        with self.lock:
            super().set_public_url(url)
            self._made.clear()
            for account in self._accounts.values():
                account.ledger.public_url = self.public_url

    # --- what a provider is ---------------------------------------------------------------------------

    def serve(self, route: Route, args: tuple[str, ...], request: Request, *, stale_s: float) -> Answer:
        handler: Callable[..., Answer] = getattr(self, f"_{route.handler}")
        try:
            if route.handler in _OPEN:
                return handler(*args, request)
            feature = _FEATURES.get(route.handler, "invoicing")
            ledger = self._access.open(request, feature, rates=self.rates)
            invoices.advance(ledger)
            more = {"stale_s": stale_s} if route.handler in ("search", "list") else {}
            return handler(ledger, *self._opened(route, ledger, args), request, **more)
        except (PayPalError, TokenError) as error:
            return error.answer(self._debug_id())
        finally:
            self._post()

    def no_such_route(self, request: Request) -> Answer:
        return not_found().answer(self._debug_id())

    def too_many(self, retry_after_s: float | None) -> Answer:
        """`Retry-After` is not promised."""
        answer = PayPalError(429).answer(self._debug_id())
        if retry_after_s is not None:
            answer.headers.append(("Retry-After", str(int(retry_after_s))))
        return answer

    def server_error(self) -> Answer:
        return PayPalError(500).answer(self._debug_id())

    def forbidden(self) -> Answer:
        return PayPalError(403).answer(self._debug_id())

    def revoke(self, request: Request) -> None:
        app = self._access.bearer(request)
        if app is not None:
            self._access.revoke(app)

    def next_delivery(self) -> Posting | None:
        with self.lock:
            self._post()
            return super().next_delivery()

    def signer(self, *, stranger: bool = False) -> Signer:
        """Whoever signs now; a certificate is made when it is first needed."""
        host = urlsplit(self.public_url).hostname or "sandbox.test"
        if (stranger, host) not in self._made:
            self._made[stranger, host] = signer(self.clock.now(), host, stranger=stranger)
        return self._made[stranger, host]

    # --- tokens, certificates, pages ------------------------------------------------------------------

    def _token(self, request: Request) -> Answer:
        return _json(200, self._access.mint(request, rates=self.rates))

    def _certificate(self, name: str, request: Request) -> Answer:
        if name != self.signer().name:
            raise not_found()
        return Answer(200, self.signer().pem, content_type="application/x-pem-file")

    def _pay_page(self, code: str, request: Request) -> Answer:
        ledger, invoice = self._by_code(code)
        return hosted.page(ledger, invoice)

    def _pay_now(self, code: str, request: Request) -> Answer:
        ledger, invoice = self._by_code(code)
        try:
            self._accounts[ledger.id].pay(invoice.id)
        except ValueError as error:
            raise PayPalError(422, "CANNOT_PROCESS_PAYMENTS", str(error)) from error
        return hosted.page(ledger, invoice)

    def _details_page(self, invoice_id: str, request: Request) -> Answer:
        for account in self._accounts.values():
            if invoice_id in account.ledger.invoices:
                return hosted.page(account.ledger, account.ledger.open(invoice_id), pays=False)
        raise not_found()

    def _by_code(self, code: str) -> tuple[Ledger, Invoice]:
        for account in self._accounts.values():
            for invoice in account.ledger.invoices.values():
                if invoice.code == code and not invoice.deleted and invoice.sent_at is not None:
                    return account.ledger, invoice
        raise not_found()

    # --- invoices -------------------------------------------------------------------------------------

    def _opened(self, route: Route, ledger: Ledger, args: tuple[str, ...]) -> tuple[Any, ...]:
        """The invoice that the path names, in place of its id. An invoice of another account is 403."""
        if "{invoice_id}" not in route.template:
            return args
        others = (one.ledger for one in self._accounts.values() if one.ledger is not ledger)
        if any(args[0] in other.invoices for other in others):
            described = "The requested invoice is not associated with the requested user."
            raise PayPalError(403, "PERMISSION_DENIED", described)
        return (ledger.open(args[0]), *args[1:])

    def _create(self, ledger: Ledger, request: Request) -> Answer:
        query(request)
        invoice = invoices.create(ledger, body_of(request, forms.INVOICE))
        if ledger.representation and request.headers.get("prefer") == "return=representation":
            return _json(201, invoice_doc(ledger, invoice))
        return _json(201, links(ledger, invoice)[0])

    def _list(self, ledger: Ledger, request: Request, *, stale_s: float) -> Answer:
        return _json(200, search.listed(ledger, request, stale_s))

    def _get(self, ledger: Ledger, invoice: Invoice, request: Request) -> Answer:
        query(request)
        return _json(200, invoice_doc(ledger, invoice))

    def _update(self, ledger: Ledger, invoice: Invoice, request: Request) -> Answer:
        query(request, send_to_recipient=None, send_to_invoicer=None)
        mail = request.param("send_to_recipient", "true") == "true"
        invoices.update(ledger, invoice, body_of(request, forms.INVOICE), mail=mail)
        return _json(200, invoice_doc(ledger, invoice))

    def _delete(self, ledger: Ledger, invoice: Invoice, request: Request) -> Answer:
        invoices.delete(ledger, invoice)
        return Answer(204, b"")

    def _send(self, ledger: Ledger, invoice: Invoice, request: Request) -> Answer:
        if not invoices.send(ledger, invoice, body_of(request, forms.NOTIFICATION)):
            return Answer(202, b"")
        return _json(200, {"rel": "payer-view", "href": payer_url(ledger, invoice), "method": "GET"})

    def _cancel(self, ledger: Ledger, invoice: Invoice, request: Request) -> Answer:
        body_of(request, forms.NOTIFICATION)
        invoices.cancel(ledger, invoice)
        return Answer(204, b"")

    def _record(self, ledger: Ledger, invoice: Invoice, request: Request) -> Answer:
        payment = invoices.record(ledger, invoice, body_of(request, forms.PAYMENT))
        return _json(200, {"payment_id": payment.id})

    def _unrecord(self, ledger: Ledger, invoice: Invoice, payment_id: str, request: Request) -> Answer:
        invoices.unrecord(ledger, invoice, payment_id)
        return Answer(204, b"")

    def _search(self, ledger: Ledger, request: Request, *, stale_s: float) -> Answer:
        given = body_of(request, forms.SEARCH)
        return _json(200, search.search(ledger, given, request, stale_s))

    # --- disputes and webhooks ------------------------------------------------------------------------

    def _disputes(self, ledger: Ledger, request: Request) -> Answer:
        return _json(200, disputes.listed(ledger, request))

    def _dispute(self, ledger: Ledger, dispute_id: str, request: Request) -> Answer:
        return _json(200, disputes.show(ledger, dispute_id))

    def _hook_create(self, ledger: Ledger, request: Request) -> Answer:
        return _json(201, webhooks.register(ledger, body_of(request, forms.WEBHOOK)))

    def _hook_list(self, ledger: Ledger, request: Request) -> Answer:
        return _json(200, {"webhooks": [webhooks.shown(ledger, one) for one in ledger.hooks.values()]})

    def _hook_delete(self, ledger: Ledger, hook_id: str, request: Request) -> Answer:
        webhooks.remove(ledger, hook_id)
        return Answer(204, b"")

    def _event_types(self, ledger: Ledger, request: Request) -> Answer:
        return _json(200, {"event_types": [{"name": name} for name in webhooks.EVENT_TYPES]})

    # --- inside ---------------------------------------------------------------------------------------

    def _post(self) -> None:
        for account in self._accounts.values():
            webhooks.post(account.ledger, self.outbox, lambda forged: self.signer(stranger=forged))

    def _debug_id(self) -> str:
        with self.lock:
            self._debug += 1
            return f"{self._debug:013x}"


def _json(status: int, document: Doc) -> Answer:
    return Answer(status, json.dumps(document).encode())
