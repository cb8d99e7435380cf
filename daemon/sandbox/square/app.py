"""A stateful double of the Square API: sellers, each with locations, customers, orders, invoices and money.

Written from the official API document (version 2025-08-20) and the documentation; where they leave a thing
open the stricter reading is taken, and `Switches` turns it round. Lists lag by `lag_s`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict, deque

from daemon.clock import Clock, Entropy
from daemon.sandbox.double import BaseDouble, Route
from daemon.sandbox.faults import Faults
from daemon.sandbox.http import Answer, Request
from daemon.sandbox.square import hosted
from daemon.sandbox.square.call import Call
from daemon.sandbox.square.errors import (
    Refusal,
    envelope,
    internal,
    not_found,
    out_of_scope,
    too_many,
    unauthorised,
)
from daemon.sandbox.square.hands import SquareAccount
from daemon.sandbox.square.routes import BY_NAME, OPERATIONS, PAGES, Operation
from daemon.sandbox.square.tables import Doc
from daemon.sandbox.square.world import RETRIES_S, Token, World

KEPT_S = 24 * 3600.0
"""How long a key is remembered. Square does not publish it."""
CALLS_A_SECOND = 10


class SquareDouble(BaseDouble):
    name = "square"
    routes = (*(one.route for one in OPERATIONS), *PAGES)

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        public_url: str = "https://sandbox.test",
        faults: Faults | None = None,
        rates: bool = True,
        lag_s: float = 20.0,
    ) -> None:
        super().__init__(clock, entropy, public_url=public_url, faults=faults, rates=rates)
        self.lag_s = lag_s
        self.outbox.retry_after_s = RETRIES_S
        self._accounts: dict[str, SquareAccount] = {}
        self._called: dict[str, deque[float]] = defaultdict(deque)

    def add_account(
        self,
        token: str,
        *,
        currency: str = "USD",
        country: str = "US",
        timezone: str = "America/Denver",
        merchant_id: str | None = None,
        scopes: frozenset[str] | None = None,
    ) -> SquareAccount:
        """A seller with one active location; `token` is a personal one unless `scopes` are given."""
        with self.lock:
            seller = merchant_id or f"ML{len(self._accounts) + 1:010}"
            location = {
                "id": f"L{len(self._accounts) + 1:012}",
                "name": "Main",
                "status": "ACTIVE",
                "capabilities": ["CREDIT_CARD_PROCESSING"],
                "currency": currency,
                "country": country,
                "timezone": timezone,
                "merchant_id": seller,
                "business_name": "Example Wireless",
            }
            world = World(self.clock, self.entropy, self.outbox, seller, [location])
            world.tokens[token] = Token(scopes)
            self._accounts[seller] = SquareAccount(world, token)
            return self._accounts[seller]

    def account(self, account_id: str) -> SquareAccount:
        return self._accounts[account_id]

    def accounts(self) -> list[SquareAccount]:
        return list(self._accounts.values())

    # --- one request ----------------------------------------------------------------------------------

    def serve(self, route: Route, args: tuple[str, ...], request: Request, *, stale_s: float) -> Answer:
        if route in PAGES:
            return hosted.answer(self.accounts(), route, args[0])
        operation = BY_NAME[route.operation]
        try:
            world, token = self._authorised(request)
            self._pace(token)
            self._insist_on_scopes(operation, world.tokens[token])
            _insist_on_version(request)
            body = _body(request)
            operation.body.check(body)
            behind = (self.lag_s if operation.lags else 0.0) + stale_s
            call = Call(world, token, args, request, body, behind, self.public_url)
            return self._json(200, self._once(operation, call))
        except Refusal as refusal:
            return self._refused(refusal)

    def _once(self, operation: Operation, call: Call) -> Doc:
        """The first success under this key, where it was seen before with the same content."""
        key = call.body.get("idempotency_key")
        if not key:
            return operation.run(call)
        world, name = call.world, (operation.route.operation, str(key))
        digest = hashlib.sha256(call.request.path.encode() + call.request.body).hexdigest()
        kept = world.replays.get(name)
        if kept is not None and kept[0] + KEPT_S > world.moment:
            if kept[1] != digest:
                raise Refusal(
                    "IDEMPOTENCY_KEY_REUSED",
                    "The idempotency key was used with other content.",
                    field="idempotency_key",
                )
            return kept[2]
        answer = operation.run(call)
        world.replays[name] = (world.moment, digest, json.loads(json.dumps(answer)))
        return answer

    def _authorised(self, request: Request) -> tuple[World, str]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        for account in self._accounts.values():
            known = account.world.tokens.get(token)
            if scheme == "Bearer" and known is not None:
                if known.revoked:
                    raise unauthorised("ACCESS_TOKEN_REVOKED")
                return account.world, token
        raise unauthorised()

    def _insist_on_scopes(self, operation: Operation, token: Token) -> None:
        if token.scopes is None:
            return
        if operation.personal:
            raise unauthorised()
        for scope in operation.scopes:
            if scope not in token.scopes:
                raise out_of_scope(scope)

    def _pace(self, token: str) -> None:
        """Square publishes no limits; this one is kept for each token."""
        if not self.rates:
            return
        called, now = self._called[token], self.clock.monotonic()
        while called and called[0] <= now - 1:
            called.popleft()
        if len(called) >= CALLS_A_SECOND:
            raise too_many()
        called.append(now)

    # --- refusals -------------------------------------------------------------------------------------

    def no_such_route(self, request: Request) -> Answer:
        return self._refused(not_found("The resource"))

    def too_many(self, retry_after_s: float | None) -> Answer:
        answer = self._refused(too_many())
        if retry_after_s is not None:
            answer.headers.append(("Retry-After", str(int(retry_after_s))))
        return answer

    def server_error(self) -> Answer:
        return self._refused(internal())

    def forbidden(self) -> Answer:
        return self._refused(unauthorised())

    def revoke(self, request: Request) -> None:
        _scheme, _, token = request.headers.get("authorization", "").partition(" ")
        for account in self._accounts.values():
            if token in account.world.tokens:
                account.revoke(token)

    def _refused(self, refusal: Refusal) -> Answer:
        return self._json(refusal.status, envelope(refusal))

    def _json(self, status: int, document: Doc) -> Answer:
        headers = [("X-Request-Id", self.entropy.bytes(8).hex())]
        return Answer(status, json.dumps(document).encode(), headers)


def _insist_on_version(request: Request) -> None:
    version = request.headers.get("square-version", "")
    if not version:
        raise Refusal("API_VERSION_INCOMPATIBLE", "The Square-Version header is missing.")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", version):
        raise Refusal("INVALID_SQUARE_VERSION_FORMAT", "The Square-Version header is not a date.")


def _body(request: Request) -> Doc:
    if not request.body:
        return {}
    if request.content_type != "application/json":
        raise Refusal("INVALID_CONTENT_TYPE", "Send application/json.", status=415)
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refusal("EXPECTED_JSON_BODY", "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refusal("EXPECTED_OBJECT", "The body is not an object.")
    return body
