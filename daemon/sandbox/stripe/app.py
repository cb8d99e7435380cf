"""The double itself: a WSGI app that answers as api.stripe.com does, and the accounts behind it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from daemon.clock import Clock, Entropy
from daemon.sandbox.faults import MAX_STALE_S, Fault, FaultKind, Faults, LostAnswer
from daemon.sandbox.stripe import access, errors, expand, forms, hosted, idempotency, render, routes, shapes
from daemon.sandbox.stripe.access import ApiKey, Realm
from daemon.sandbox.stripe.automation import advance
from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.errors import StripeError
from daemon.sandbox.stripe.http import Answer, Environ, Request, StartResponse, read
from daemon.sandbox.stripe.idempotency import Keys
from daemon.sandbox.stripe.ledger import NOBODY, VERSION, Cause, Ledger, token
from daemon.sandbox.stripe.listing import Page
from daemon.sandbox.stripe.rates import Rates
from daemon.sandbox.stripe.routes import Route
from daemon.sandbox.stripe.webhooks import Delivery, Outbox
from daemon.sandbox.stripe.world import Account

_BEFORE = {
    FaultKind.REFUSED,
    FaultKind.TIMEOUT_BEFORE,
    FaultKind.RESET_BEFORE,
    FaultKind.HALF_OPEN,
}
_AFTER = {FaultKind.TIMEOUT_AFTER, FaultKind.RESET_AFTER}


@dataclass(slots=True)
class _Accepted:
    """A request that may run: its parameters are good, its key is ours or it has none."""

    route: Route
    request: Request
    realm: Realm
    call: Call
    expansions: Sequence[Sequence[str]]
    request_id: str
    key: str


class StripeDouble:
    """`faults` is the menu, `rates` whether limits apply, `public_url` where hosted pages are reached,
    `search_lag_s` how far search lags behind. One lock guards the state; waits never hold it."""

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        public_url: str = "https://sandbox.test",
        faults: Faults | None = None,
        rates: bool = True,
        search_lag_s: float = 60,
    ) -> None:
        self.clock = clock
        self.entropy = entropy
        self.public_url = public_url.rstrip("/")
        self.faults = faults or Faults()
        self.rates = rates
        self.search_lag_s = search_lag_s
        self.lock = threading.RLock()
        self.stats: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._realms: dict[tuple[str, bool], Realm] = {}
        self._keys: dict[str, ApiKey] = {}
        self._outbox = Outbox(clock, entropy, self.faults)

    # Accounts and keys

    def add_account(
        self,
        key: str,
        account_id: str | None = None,
        default_currency: str = "usd",
        country: str = "US",
        permissions: Iterable[str] | None = None,
    ) -> Account:
        """A key for a new account, or one more for a known `account_id`; its prefix decides the mode.
        `permissions` (of an rk_ key) are names like `invoice_write`. Raises ValueError on a bad key."""
        kind, _, rest = key.partition("_")
        mode, _, secret = rest.partition("_")
        if kind not in ("sk", "rk") or mode not in ("test", "live") or not secret:
            raise ValueError("a key begins with sk_test_, sk_live_, rk_test_ or rk_live_")
        with self.lock:
            account_id = account_id or f"acct_{token(self.entropy, 16)}"
            realm = self._realms.get((account_id, mode == "live"))
            if realm is None:
                ledger = Ledger(
                    account_id,
                    livemode=mode == "live",
                    country=country,
                    default_currency=default_currency,
                    clock=self.clock,
                    entropy=self.entropy,
                    public_url=self.public_url,
                    keep_s=max(self.search_lag_s, MAX_STALE_S),
                )
                realm = Realm(ledger, Keys(), Rates(livemode=mode == "live"))
                self._realms[account_id, mode == "live"] = realm
            given = frozenset(permissions or ()) if kind == "rk" else None
            self._keys[key] = ApiKey(key, realm, given)
            return Account(realm.ledger, self.lock)

    def set_public_url(self, url: str) -> None:
        """Where hosted pages are reached from now on."""
        with self.lock:
            self.public_url = url.rstrip("/")
            for realm in self._realms.values():
                realm.ledger.public_url = self.public_url

    def account(self, account_id: str, *, livemode: bool = False) -> Account:
        """Raises KeyError."""
        return Account(self._realms[account_id, livemode].ledger, self.lock)

    def accounts(self) -> list[Account]:
        return [Account(realm.ledger, self.lock) for realm in self._realms.values()]

    def account_of(self, key: str) -> Account:
        """The account that a key opens; raises KeyError."""
        return Account(self._keys[key].realm.ledger, self.lock)

    def revoke(self, key: str) -> None:
        """From now on the key is unknown, as after a roll in the dashboard."""
        with self.lock:
            self._keys.pop(key, None)

    def expire(self, key: str) -> None:
        with self.lock:
            self._keys[key].expired = True

    def seed_invoices(
        self, key: str, count: int, *, amount: int = 4500, days_until_due: int = 14, prefix: str = "SEED"
    ) -> list[str]:
        """`count` open invoices for one new customer, through the functions that requests use; their ids."""
        return self.account_of(key).seed(count, amount=amount, days_until_due=days_until_due, prefix=prefix)

    # Webhooks

    def deliveries(self) -> Iterator[Delivery]:
        """What is due for delivery now; each is handed out once and counted as delivered unless
        `failed` is told otherwise, as a sender over a network does."""
        while (delivery := self.next_delivery()) is not None:
            self.delivered(delivery)
            yield delivery

    def next_delivery(self) -> Delivery | None:
        """For a sender that reports back with `delivered` or `failed`."""
        with self.lock:
            for realm in self._realms.values():
                self._outbox.collect(realm.ledger)
            return self._outbox.pop()

    def delivered(self, delivery: Delivery) -> None:
        with self.lock:
            self._outbox.done(delivery)

    def failed(self, delivery: Delivery) -> None:
        """The endpoint did not answer 2xx: the delivery comes back later."""
        with self.lock:
            self._outbox.failed(delivery)

    # Requests

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Raises LostAnswer where no answer is to reach the caller."""
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/v1/"):
            with self.lock:
                return self._page(environ, path).send(start_response)
        answer, fault = self._answer(environ)
        with self.lock:
            self.statuses[answer.status] += 1
        if fault is None:
            return answer.send(start_response)
        if fault.kind is FaultKind.DRIP:
            return answer.drip(start_response, self.clock, fault.lasts_s)
        if fault.kind is FaultKind.GARBLED:
            answer.body = answer.body[: len(answer.body) // 2]
        return answer.send(start_response)

    def _page(self, environ: Environ, path: str) -> Answer:
        ledgers = {(realm.ledger.id, realm.ledger.mode): realm.ledger for realm in self._realms.values()}
        return hosted.answer(ledgers, environ["REQUEST_METHOD"], path)

    def _answer(self, environ: Environ) -> tuple[Answer, Fault | None]:
        with self.lock:
            request_id = f"req_{token(self.entropy, 14)}"
        fault = None
        key = ""
        try:
            request = read(environ)
            found = routes.find(request.method, request.path)
            if found is None:
                raise StripeError(404, f"Unrecognized request URL ({request.method}: {request.path}).")
            route, ids = found
            key = request.key if route.method == "POST" else ""
            with self.lock:
                self.stats[route.operation] += 1
            fault = self.faults.draw(route.operation, writes=route.writes, lists=route.lists)
            self._spoil_before(fault, request)
            with self.lock:
                ready = self._accept(route, ids, request, request_id, fault)
            answer = ready if isinstance(ready, Answer) else self._run(ready, fault)
        except StripeError as error:
            answer = _refusal(error, request_id)
        if fault is not None and fault.kind in _AFTER:
            raise LostAnswer(fault, after_commit=True)
        answer.headers += [
            ("Date", format_datetime(self.clock.now(), usegmt=True)),
            ("Request-Id", request_id),
            ("Stripe-Version", VERSION),
        ]
        if key:
            answer.headers.append(("Idempotency-Key", key))
        return answer, fault

    def _spoil_before(self, fault: Fault | None, request: Request) -> None:
        if fault is None:
            return
        if fault.kind in _BEFORE:
            raise LostAnswer(fault, after_commit=False)
        if fault.kind is FaultKind.ERROR_BEFORE:
            raise errors.server_error()
        if fault.kind is FaultKind.THROTTLED:
            raise errors.throttled("global-rate", retry_after=fault.seconds)
        if fault.kind is FaultKind.LOCK_TIMEOUT:
            raise errors.lock_timeout()
        if fault.kind is FaultKind.REVOKED_KEY:
            self.revoke(access.credential(request.authorization))

    def _accept(
        self, route: Route, ids: tuple[str, ...], request: Request, request_id: str, fault: Fault | None
    ) -> _Accepted | Answer:
        """Everything that is checked before execution begins; none of it is stored under the key."""
        api_key = access.open_with(self._keys, request.authorization)
        realm = api_key.realm
        if self.rates:
            realm.rates.take(route.operation, self.clock.monotonic())
        _check_headers(request, realm.ledger)
        access.require(api_key, route.permission)
        pairs = request.pairs()
        params = route.form.read(forms.nest(pairs))
        expansions = expand.check(_shape(route.shows), params.get("expand", ()))
        key = request.key if request.method == "POST" else ""
        if key:
            print_ = idempotency.fingerprint(request.method, request.path, pairs)
            entry = realm.keys.begin(key, print_, now=realm.ledger.now, request=request_id)
            if entry is not None:
                replayed = [("Idempotent-Replayed", "true"), ("Original-Request", entry.request)]
                return Answer(entry.status, entry.body, replayed)
        stale = fault.lasts_s if fault is not None and fault.kind is FaultKind.STALE_LIST else 0.0
        call = Call(realm.ledger, ids, params, stale, self.search_lag_s)
        return _Accepted(route, request, realm, call, expansions, request_id, key)

    def _run(self, ready: _Accepted, fault: Fault | None) -> Answer:
        """Execute, and store the answer under the key whatever it is."""
        try:
            if self.faults.latency_s:
                self.clock.wait(self.faults.latency_s)
            with self.lock:
                answer = self._executed(ready, fault.kind if fault is not None else None)
                if ready.key:
                    ready.realm.keys.finish(ready.key, answer.status, answer.body)
        except BaseException:
            if ready.key:
                ready.realm.keys.release(ready.key)
            raise
        return answer

    def _executed(self, ready: _Accepted, kind: FaultKind | None) -> Answer:
        try:
            if kind is FaultKind.ERROR_STORED:
                raise errors.server_error()
            answer = self._execute(ready)
            if kind is FaultKind.ERROR_AFTER:
                raise errors.server_error()
        except StripeError as error:
            return _refusal(error, ready.request_id)
        return answer

    def _execute(self, ready: _Accepted) -> Answer:
        ledger, call, route = ready.realm.ledger, ready.call, ready.route
        advance(ledger)
        ledger.cause = Cause(ready.request_id, ready.key or None)
        try:
            result = route.run(call)
        except StripeError as error:
            raise self._other_mode(error, ready) from None
        finally:
            ledger.cause = NOBODY
        document = _show(ledger, route, ready.request.path, result)
        if ready.expansions:
            expand.apply(ledger, _shape(route.shows), document, ready.expansions)
        return Answer(200, _dump(document))

    def _other_mode(self, error: StripeError, ready: _Accepted) -> StripeError:
        """The right id with a key of the wrong mode gets a hint, as at Stripe."""
        ledger = ready.realm.ledger
        other = self._realms.get((ledger.id, not ledger.livemode))
        if error.status == 404 and other is not None and ready.call.args:
            table = next((t for t in _tables(other.ledger) if t.get(ready.call.args[0])), None)
            if table is not None:
                error.message += (
                    f"; a similar object exists in {other.ledger.mode} mode, but a {ledger.mode} mode key "
                    "was used to make this request."
                )
        return error


def _tables(ledger: Ledger) -> list[Any]:
    return [
        ledger.invoices,
        ledger.customers,
        ledger.payments,
        ledger.refunds,
        ledger.disputes,
        ledger.events,
    ]


def _check_headers(request: Request, ledger: Ledger) -> None:
    """Stricter than Stripe, where a missing version means the account's default, and shapes differ."""
    if request.version != VERSION:
        raise errors.invalid(
            f"Invalid Stripe API version: {request.version or '(none)'}; this double speaks {VERSION} "
            "only, and every request must say so."
        )
    if request.account and request.account != ledger.id:
        raise StripeError(
            403,
            f"The provided key does not have access to account '{request.account}' (or that account does not "
            "exist). Application access may have been revoked.",
            code="account_invalid",
        )


def _shape(shows: str) -> str:
    return f"list:{shows[7:]}" if shows.startswith("search:") else shows


def _show(ledger: Ledger, route: Route, path: str, result: Any) -> dict[str, Any]:
    how, _, kind = route.shows.rpartition(":")
    if how == "deleted":
        return render.deleted(kind, result.id)
    if isinstance(result, str):
        return render.deleted(kind, result)
    if isinstance(result, Page):
        shown = [render.RENDER[kind](ledger, record) for record in result.records]
        document = shapes.envelope(path, shown, has_more=result.has_more)
        if how == "search":
            document |= {"object": "search_result", **result.extra}
        return document
    return render.RENDER[kind](ledger, result)


def _refusal(error: StripeError, request_id: str) -> Answer:
    return Answer(error.status, _dump(error.document(request_id)), list(error.headers))


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
