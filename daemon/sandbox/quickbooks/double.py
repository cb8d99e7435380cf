"""QuickBooks Online as a WSGI app: the Accounting API v3 and Intuit's OAuth under one address.

Stricter than the original where that is not certain: stored answers live for a few minutes, an older
refresh token dies with the first use of the newer one, `/send` mails each time.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from daemon.clock import Clock, Entropy
from daemon.sandbox.double import BaseDouble, Route
from daemon.sandbox.faults import Faults
from daemon.sandbox.http import Answer, Request
from daemon.sandbox.outbox import Outbox, Posting
from daemon.sandbox.quickbooks import answers, hooks
from daemon.sandbox.quickbooks.account import QuickBooksAccount
from daemon.sandbox.quickbooks.answers import Refusal
from daemon.sandbox.quickbooks.books import Company
from daemon.sandbox.quickbooks.grants import App, Grants
from daemon.sandbox.quickbooks.service import Service

API = "/v3/company/{realm}"
KEPT_S = 300.0
"""How long the answer of a `requestid` is replayed; Intuit does not say."""
LAPSED = ("RESTRICTED", "SUSPENDED", "EXPIRED", "CANCELLED")

ROUTES = (
    Route("GET", "/connect/oauth2", "authorize"),
    Route("POST", "/oauth2/v1/tokens/bearer", "bearer"),
    Route("POST", "/v2/oauth2/tokens/revoke", "revoke_token"),
    Route("GET", f"{API}/companyinfo/{{id}}", "company_info"),
    Route("GET", f"{API}/preferences", "preferences"),
    Route("GET", f"{API}/query", "query", lists=True),
    Route("POST", f"{API}/query", "query", lists=True),
    Route("GET", f"{API}/cdc", "cdc", lists=True),
    Route("POST", f"{API}/batch", "batch", writes=True),
    Route("POST", f"{API}/customer", "customer", writes=True),
    Route("GET", f"{API}/customer/{{id}}", "read_customer"),
    Route("POST", f"{API}/invoice", "invoice", writes=True),
    Route("GET", f"{API}/invoice/{{id}}", "read_invoice"),
    Route("GET", f"{API}/invoice/{{id}}/pdf", "pdf"),
    Route("POST", f"{API}/invoice/{{id}}/send", "send", writes=True),
    Route("POST", f"{API}/payment", "payment", writes=True),
    Route("GET", f"{API}/payment/{{id}}", "read_payment"),
)
_OAUTH = {"authorize", "bearer", "revoke_token"}


class QuickBooksDouble(BaseDouble):
    """`verifier` signs the webhooks of the app, which go to `hook_url` once that is set; `cloud_events`
    says in which form."""

    name = "quickbooks"
    routes = ROUTES
    request_id_header = "intuit_tid"

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        public_url: str = "https://sandbox.test",
        faults: Faults | None = None,
        rates: bool = True,
        verifier: str = "test-verifier-token",
        cloud_events: bool = True,
    ) -> None:
        super().__init__(clock, entropy, public_url=public_url, faults=faults, rates=rates)
        self.outbox = Outbox(clock, self.faults, hooks.RETRY_AFTER_S)
        self.grants = Grants(clock, entropy)
        self.verifier, self.cloud_events = verifier, cloud_events
        self.hook_url: str | None = None
        self._accounts: dict[str, QuickBooksAccount] = {}
        self._calls: dict[str, deque[float]] = {}
        self._told = 0

    # --- the world ------------------------------------------------------------------------------------

    def add_app(self, redirect_uri: str = "https://wisp.example/oauth/callback") -> App:
        with self.lock:
            return self.grants.add_app(redirect_uri)

    def add_account(self, company: Company | None = None) -> QuickBooksAccount:
        with self.lock:
            realm = str(9130000000000001 + len(self._accounts))
            account = QuickBooksAccount(realm, self.clock, company or Company())
            self._accounts[realm] = account
            self.grants.consenting = realm
            return account

    def account(self, account_id: str) -> QuickBooksAccount:
        return self._accounts[account_id]

    def accounts(self) -> list[QuickBooksAccount]:
        return list(self._accounts.values())

    # --- requests -------------------------------------------------------------------------------------

    def serve(self, route: Route, args: tuple[str, ...], request: Request, *, stale_s: float) -> Answer:
        if route.handler in _OAUTH:
            handlers = {"authorize": self.grants.authorize, "bearer": self.grants.bearer}
            return handlers.get(route.handler, self.grants.revoke)(request)
        answer = self._api(route, args, request, stale_s)
        self._queue_hooks()
        plain = request.headers.get("accept", "").startswith(("application/json", "application/pdf"))
        answer.headers.append((self.request_id_header, f"1-{self.stats.total():08x}"))
        return answer if plain else answers.as_xml(answer)

    def _api(self, route: Route, args: tuple[str, ...], request: Request, stale_s: float) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.grants.of(token) if scheme == "Bearer" else None
        if grant is None:
            return answers.unauthenticated(token)
        account = self._accounts.get(args[0])
        if account is None or grant.realm != args[0]:
            return self.forbidden()
        if self.rates and self._too_fast(args[0], route):
            return self.too_many(None)
        try:
            return self._answered(account, route, args[1:], request, stale_s)
        except Refusal as refusal:
            return self._stored(account, request, answers.refused(refusal, self.clock.now()))

    def _answered(
        self,
        account: QuickBooksAccount,
        route: Route,
        args: tuple[str, ...],
        request: Request,
        stale_s: float,
    ) -> Answer:
        if route.writes:
            kept = account.answers.get(request.param("requestid")) if route.handler != "send" else None
            if kept is not None and self.clock.monotonic() - kept[0] < KEPT_S:
                return Answer(kept[1].status, kept[1].body)
            if account.company.subscription in LAPSED:
                raise Refusal("6190", "Invalid Company Status", "Subscription period has ended or canceled")
        service = Service(account, self.clock, stale_s)
        handler = getattr(service, route.handler)
        body = _body(request) if route.writes and route.handler != "send" else request
        answer: Answer = handler(*args, body, request) if route.writes else handler(*args, request)
        return self._stored(account, request, answer) if route.writes else answer

    def _stored(self, account: QuickBooksAccount, request: Request, answer: Answer) -> Answer:
        name = request.param("requestid")
        if name and request.method == "POST" and not request.path.endswith("/send"):
            account.answers[name] = (self.clock.monotonic(), answer)
        return Answer(answer.status, answer.body, list(answer.headers), answer.content_type)

    def _too_fast(self, realm: str, route: Route) -> bool:
        """500 in a minute for a company, 10 in a second, 40 batches in a minute."""
        now = self.clock.monotonic()
        limits = [(realm, 500, 60.0), (f"{realm}/s", 10, 1.0)]
        if route.handler == "batch":
            limits.append((f"{realm}/batch", 40, 60.0))
        for name, most, window_s in limits:
            calls = self._calls.setdefault(name, deque())
            while calls and now - calls[0] >= window_s:
                calls.popleft()
            if len(calls) >= most:
                return True
        for name, _most, _window_s in limits:
            self._calls[name].append(now)
        return False

    def no_such_route(self, request: Request) -> Answer:
        return answers.gateway_fault(404, "004041", "NotFound")

    def too_many(self, retry_after_s: float | None) -> Answer:
        refusal = Refusal(
            "3001",
            "ThrottleExceeded",
            "message=ThrottleExceeded; errorCode=003001; statusCode=429",
            status=429,
        )
        answer = answers.refused(refusal, self.clock.now())
        if retry_after_s is not None:
            answer.headers.append(("Retry-After", f"{retry_after_s:g}"))
        return answer

    def server_error(self) -> Answer:
        fault = Refusal("10000", "An application error has occurred", status=500, kind="SystemFault")
        return answers.refused(fault, self.clock.now())

    def forbidden(self) -> Answer:
        return answers.gateway_fault(403, "003100", "ApplicationAuthorizationFailed")

    def revoke(self, request: Request) -> None:
        grant = self.grants.of(request.headers.get("authorization", "").partition(" ")[2])
        if grant is not None:
            grant.dead = True

    # --- webhooks -------------------------------------------------------------------------------------

    def next_delivery(self) -> Posting | None:
        with self.lock:
            self._queue_hooks()
            return self.outbox.pop()

    def _queue_hooks(self) -> None:
        """What changed since, a delivery for each company."""
        for account in self._accounts.values():
            changed = [one for one in account.books.changed if one[0] in hooks.TOLD]
            account.books.changed.clear()
            if changed and self.hook_url is not None:
                self._queue(account.id, changed)

    def _queue(self, realm: str, changed: list[tuple[str, str, str]]) -> None:
        at = self.clock.now()
        ids = list(self._event_ids(len(changed)))
        body = (
            hooks.cloud_events(realm, changed, at, ids)
            if self.cloud_events
            else hooks.classic(realm, changed, at)
        )
        kind = "application/cloudevents+json" if self.cloud_events else "application/json"

        def write(forged: bool) -> Posting | None:
            if self.hook_url is None:
                return None
            signature = hooks.sign("somebody-else" if forged else self.verifier, body)
            return Posting(self.hook_url, {"Content-Type": kind, "intuit-signature": signature}, body, ids[0])

        self.outbox.put(ids[0], changed[0][0].lower(), write)

    def _event_ids(self, count: int) -> Iterator[str]:
        for _ in range(count):
            self._told += 1
            yield f"evt-{self._told:08d}"


def _body(request: Request) -> dict[str, Any]:
    """Raises Refusal where it is not a JSON object."""
    if request.content_type != "application/json":
        raise Refusal("2010", "Unsupported media type", status=415)
    try:
        body = json.loads(request.body, parse_float=Decimal)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal("2010", "Request has invalid or unsupported property", "invalid JSON")
    return body
