"""What the double answers to, and what each operation needs: its shape, its scopes, its handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.sandbox.double import Route
from daemon.sandbox.square import hooks, invoices, money, orders, people, shapes
from daemon.sandbox.square.call import Call
from daemon.sandbox.square.shapes import Fields
from daemon.sandbox.square.tables import Doc

Handler = Callable[[Call], Doc]


@dataclass(frozen=True, slots=True)
class Operation:
    """`personal`: only the application's own token may."""

    route: Route
    run: Handler
    scopes: tuple[str, ...] = ()
    body: Fields = shapes.NOTHING
    lags: bool = False
    personal: bool = False


def _reads(
    template: str, run: Handler, *scopes: str, lags: bool = False, personal: bool = False
) -> Operation:
    route = Route("GET", template, run.__name__, lists=lags)
    return Operation(route, run, scopes, lags=lags, personal=personal)


def _searches(template: str, run: Handler, body: Fields, *scopes: str, lags: bool = True) -> Operation:
    return Operation(Route("POST", template, run.__name__, lists=lags), run, scopes, body, lags)


def _writes(
    method: str, template: str, run: Handler, body: Fields, *scopes: str, personal: bool = False
) -> Operation:
    return Operation(Route(method, template, run.__name__, writes=True), run, scopes, body, personal=personal)


_INVOICES = ("ORDERS_WRITE", "INVOICES_WRITE")
_HOOKS = "/v2/webhooks/subscriptions"

OPERATIONS = (
    _searches("/oauth2/token/status", people.token_status, shapes.NOTHING, lags=False),
    _reads("/v2/locations", people.list_locations, "MERCHANT_PROFILE_READ"),
    _writes("POST", "/v2/customers", people.create_customer, shapes.CREATE_CUSTOMER, "CUSTOMERS_WRITE"),
    _reads("/v2/customers", people.list_customers, "CUSTOMERS_READ", lags=True),
    _searches("/v2/customers/search", people.search_customers, shapes.SEARCH_CUSTOMERS, "CUSTOMERS_READ"),
    _reads("/v2/customers/{id}", people.get_customer, "CUSTOMERS_READ"),
    _writes("POST", "/v2/orders", orders.create_order, shapes.CREATE_ORDER, "ORDERS_WRITE"),
    _searches("/v2/orders/search", orders.search_orders, shapes.SEARCH_ORDERS, "ORDERS_READ"),
    _searches(
        "/v2/orders/batch-retrieve", orders.batch_retrieve, shapes.BATCH_RETRIEVE, "ORDERS_READ", lags=False
    ),
    _reads("/v2/orders/{id}", orders.get_order, "ORDERS_READ"),
    _writes("PUT", "/v2/orders/{id}", orders.update_order, shapes.UPDATE_ORDER, "ORDERS_WRITE"),
    _writes("POST", "/v2/invoices", invoices.create_invoice, shapes.CREATE_INVOICE, *_INVOICES),
    _reads("/v2/invoices", invoices.list_invoices, "INVOICES_READ", lags=True),
    _searches("/v2/invoices/search", invoices.search_invoices, shapes.SEARCH_INVOICES, "INVOICES_READ"),
    _reads("/v2/invoices/{id}", invoices.get_invoice, "INVOICES_READ"),
    _writes("PUT", "/v2/invoices/{id}", invoices.update, shapes.UPDATE_INVOICE, *_INVOICES),
    _writes("DELETE", "/v2/invoices/{id}", invoices.delete, shapes.NOTHING, *_INVOICES),
    _writes("POST", "/v2/invoices/{id}/publish", invoices.publish, shapes.PUBLISH, *_INVOICES),
    _writes("POST", "/v2/invoices/{id}/cancel", invoices.cancel, shapes.CANCEL, *_INVOICES),
    _reads("/v2/payments", money.list_payments, "PAYMENTS_READ", lags=True),
    _reads("/v2/payments/{id}", money.get_payment, "PAYMENTS_READ"),
    _reads("/v2/refunds", money.list_refunds, "PAYMENTS_READ", lags=True),
    _reads("/v2/refunds/{id}", money.get_refund, "PAYMENTS_READ"),
    _reads("/v2/disputes", money.list_disputes, "DISPUTES_READ", lags=True),
    _reads(_HOOKS, hooks.list_all, personal=True),
    _writes("POST", _HOOKS, hooks.create, shapes.CREATE_SUBSCRIPTION, personal=True),
    _writes("DELETE", f"{_HOOKS}/{{id}}", hooks.delete, shapes.NOTHING, personal=True),
    _writes("POST", f"{_HOOKS}/{{id}}/test", hooks.test, shapes.TEST_SUBSCRIPTION, personal=True),
)
PAGES = (
    Route("GET", "/pay-invoice/{id}", "show"),
    Route("POST", "/pay-invoice/{id}", "pay", writes=True),
)
"""The page on which a subscriber pays; whoever has the link may."""
BY_NAME = {one.route.operation: one for one in OPERATIONS}
