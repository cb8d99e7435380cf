"""A place at each provider: its double with one account in it, and what must be given to connect that.

For the demo, the benchmarks and the simulation. The same clock and entropy make the same seat.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daemon.clock import Clock, Entropy
from daemon.sandbox.double import BaseDouble, Hands
from daemon.sandbox.faults import Faults

if TYPE_CHECKING:
    from daemon.sandbox.stripe import StripeDouble

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AppSeat:
    """Our registration at a provider where tenants consent: `tokens` is what the token endpoint answered to
    the first consent, made without a browser."""

    client_id: str
    client_secret: str
    redirect_uri: str
    webhook_secret: str
    tokens: Document


@dataclass(frozen=True, slots=True)
class Seat:
    """`hook` tells the provider by hand where webhooks go ("" for nowhere), signed with `hook_secret`; both
    are None where the API registers them."""

    provider: str
    double: BaseDouble | StripeDouble
    hands: Hands
    account_id: str
    credentials: Document
    settings: Document
    app: AppSeat | None = None
    mode: str = "sandbox"
    hook: Callable[[str], None] | None = None
    hook_secret: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a seat is made on. `rates`: whether the provider's limits apply. `demo`: Xero's Demo Company,
    its stand-in for a sandbox, and payments tell of their invoice there (which Xero does not promise)."""

    clock: Clock
    entropy: Entropy
    faults: Faults
    public_url: str = "https://sandbox.test"
    currency: str = "USD"
    rates: bool = True
    redirect_uri: str = "https://wisp.example/oauth/callback"
    stripe_key: str = "sk_test_sandbox0000000000"
    demo: bool = False

    def options(self) -> Document:
        return {"public_url": self.public_url, "faults": self.faults, "rates": self.rates}


def seat(provider: str, ground: Ground) -> Seat:
    """Raises KeyError for a provider that has no double."""
    return _SEATS[provider](ground)


def stripe(ground: Ground) -> Seat:
    """Raises ValueError where the key is none."""
    from daemon.sandbox.stripe import StripeDouble
    from daemon.sandbox.stripe.hands import StripeHands

    double = StripeDouble(ground.clock, ground.entropy, **ground.options())
    account = double.add_account(ground.stripe_key, default_currency=ground.currency.lower())
    mode = "live" if account.livemode else "sandbox"
    credentials = {"secret_key": ground.stripe_key}
    return Seat("stripe", double, StripeHands(account), account.id, credentials, {}, mode=mode)


def paypal(ground: Ground) -> Seat:
    from daemon.sandbox.paypal import PayPalDouble

    double = PayPalDouble(ground.clock, ground.entropy, **ground.options())
    client_id, secret = "A" + "bCdEfGhIjKlMnOp1" * 4, "E" + "fGhIjKlMnOpQrSt2" * 4
    account = double.add_account(client_id, secret)
    credentials = {"client_id": client_id, "client_secret": secret}
    return Seat("paypal", double, account, account.id, credentials, {})


def square(ground: Ground) -> Seat:
    from daemon.sandbox.square import SquareDouble

    double = SquareDouble(ground.clock, ground.entropy, **ground.options())
    token = "EAAA" + "sandboxToken0001" * 3
    account = double.add_account(token, currency=ground.currency)
    settings = {"location_id": account.location_id}
    return Seat("square", double, account, account.id, {"access_token": token}, settings)


def quickbooks(ground: Ground) -> Seat:
    from daemon.sandbox.quickbooks import QuickBooksDouble
    from daemon.sandbox.quickbooks.books import Company

    verifier = "sandbox-verifier-token-0001"
    double = QuickBooksDouble(ground.clock, ground.entropy, verifier=verifier, **ground.options())
    account = double.add_account(Company(home_currency=ground.currency))
    app = double.add_app(ground.redirect_uri)
    tokens = dict(double.grants.issue(app, account.id))

    def hook(url: str) -> None:
        double.hook_url = url or None

    return Seat(
        "quickbooks",
        double,
        account,
        account.id,
        {"realm_id": account.id},
        {"item": account.item, "home_currency": ground.currency},
        AppSeat(app.client_id, app.client_secret, ground.redirect_uri, verifier, tokens),
        hook=hook,
        hook_secret=verifier,
    )


def xero(ground: Ground) -> Seat:
    from daemon.sandbox.xero import App, XeroDouble

    double = XeroDouble(ground.clock, ground.entropy, **ground.options())
    account = double.add_account(currency=ground.currency, demo=ground.demo)
    account.books.touched_by_payments = ground.demo
    key = "sandbox-webhook-key-0001"
    app = double.add_app(App("0123456789ABCDEF" * 2, "sandbox-secret-0001", (ground.redirect_uri,), key))
    scopes = (
        "offline_access openid profile email accounting.invoices accounting.payments accounting.contacts "
        "accounting.settings.read"
    )
    tokens = dict(double.consent(app, [account.id], scopes))

    def hook(url: str) -> None:
        app.webhook_url = url

    return Seat(
        "xero",
        double,
        account,
        account.id,
        {"tenant_id": account.id},
        {"account_code": "200", "payment_account": "090"},
        AppSeat(app.client_id, app.client_secret, ground.redirect_uri, key, tokens),
        # Xero has no sandbox: an organisation that is no demo company is a live one.
        mode="sandbox" if ground.demo else "live",
        hook=hook,
        hook_secret=key,
    )


def custom_webhook(ground: Ground) -> Seat:
    from daemon.sandbox.custom_webhook import CustomDouble

    double = CustomDouble(ground.clock, ground.entropy, **ground.options())
    signing, inbound = _whsec(1), _whsec(2)
    key = "sandbox-api-key-0001"
    account = double.add_account(key, secrets=[signing])
    credentials = {"api_key": key, "signing_secret": signing, "inbound_secret": inbound}

    def hook(url: str) -> None:
        account.hint_url, account.hint_secret = url, inbound

    return Seat(
        "custom_webhook",
        double,
        account,
        "billing.example.com/hooks/invoices",
        credentials,
        _CUSTOM_SETTINGS,
        hook=hook,
        hook_secret=inbound,
    )


def _whsec(byte: int) -> str:
    return "whsec_" + base64.b64encode(bytes([byte]) * 32).decode()


_ROOT = "https://billing.example.com"
_CUSTOM_SETTINGS: Document = {
    "create": {"url": f"{_ROOT}/hooks/invoices", "response": {"external_id": "id"}},
    "status": {
        "url_template": f"{_ROOT}/api/invoices/{{external_id}}",
        "lookup_url_template": f"{_ROOT}/api/references/{{reference}}",
        "changes": {
            "url_template": f"{_ROOT}/api/invoices?updated_since={{since}}&page={{page}}",
            "items": "invoice",
        },
        "paths": {
            "status": "status",
            "external_id": "id",
            "reference": "reference",
            "number": "number",
            "customer": "customer",
            "currency": "currency",
            "total": "total",
            "amount_paid": "amount_paid",
            "amount_due": "amount_due",
            "due_date": "due_date",
            "updated_at": "updated_at",
            "view_url": "view_url",
            "payments": {"items": "payments", "id": "id", "amount": "amount", "at": "at"},
            "refunds": {"items": "refunds", "id": "id", "amount": "amount", "at": "at"},
        },
    },
    "hint_path": "data.invoice",
}
"""What the owner of such a system would enter."""

_SEATS: dict[str, Callable[[Ground], Seat]] = {
    "stripe": stripe,
    "paypal": paypal,
    "square": square,
    "quickbooks": quickbooks,
    "xero": xero,
    "custom_webhook": custom_webhook,
}
SEATED = tuple(_SEATS)
