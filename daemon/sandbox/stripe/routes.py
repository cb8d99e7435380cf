"""Every operation of this double: what it accepts, who does it, what it shows, which permission it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daemon.sandbox.stripe import (
    credit_notes,
    customers,
    drafts,
    events,
    invoices,
    lines,
    money,
    params,
    search,
)
from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.forms import Form


@dataclass(frozen=True, slots=True)
class Route:
    """`shows` names the answer: a kind of `render`, `list:<kind>`, `search:<kind>` or `deleted:<kind>`."""

    method: str
    template: str
    form: Form
    run: Callable[[Call], Any]
    shows: str
    permission: str

    @property
    def operation(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def lists(self) -> bool:
        return self.shows.startswith("list:")


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a request and the ids in its path."""
    steps = path.split("/")
    for holes in ((), (3,), (3, 5)):
        if len(steps) <= max(holes, default=0):
            break
        pattern = tuple("*" if position in holes else step for position, step in enumerate(steps))
        route = _BY_PATTERN.get((method, *pattern))
        if route is not None and all(steps[position] for position in holes):
            return route, tuple(steps[position] for position in holes)
    return None


def _account(call: Call) -> None:
    return None


_ONE = "/v1/invoices/{invoice}"

ROUTES = [
    Route("GET", "/v1/account", params.ONLY_EXPAND, _account, "account", "account_read"),
    Route("POST", "/v1/customers", params.CUSTOMER_CREATE, customers.create, "customer", "customer_write"),
    Route("GET", "/v1/customers", params.CUSTOMER_LIST, customers.list_, "list:customer", "customer_read"),
    Route("GET", "/v1/customers/search", params.SEARCH, search.customers, "search:customer", "customer_read"),
    Route(
        "GET",
        "/v1/customers/{customer}",
        params.ONLY_EXPAND,
        customers.retrieve,
        "customer",
        "customer_read",
    ),
    Route(
        "POST",
        "/v1/customers/{customer}",
        params.CUSTOMER_UPDATE,
        customers.update,
        "customer",
        "customer_write",
    ),
    Route(
        "DELETE",
        "/v1/customers/{customer}",
        params.EMPTY,
        customers.delete,
        "deleted:customer",
        "customer_write",
    ),
    Route("POST", "/v1/invoices", params.INVOICE_CREATE, drafts.create, "invoice", "invoice_write"),
    Route("GET", "/v1/invoices", params.INVOICE_LIST, invoices.list_, "list:invoice", "invoice_read"),
    Route("GET", "/v1/invoices/search", params.SEARCH, search.invoices, "search:invoice", "invoice_read"),
    Route("GET", _ONE, params.ONLY_EXPAND, invoices.retrieve, "invoice", "invoice_read"),
    Route("POST", _ONE, params.INVOICE_UPDATE, drafts.update, "invoice", "invoice_write"),
    Route("DELETE", _ONE, params.EMPTY, invoices.delete, "deleted:invoice", "invoice_write"),
    Route("GET", f"{_ONE}/lines", params.LINES_LIST, lines.list_, "list:line_item", "invoice_read"),
    Route(
        "POST",
        f"{_ONE}/lines/{{line_item_id}}",
        params.UPDATE_LINE,
        lines.update_one,
        "line_item",
        "invoice_write",
    ),
    Route("POST", f"{_ONE}/add_lines", params.ADD_LINES, lines.add, "invoice", "invoice_write"),
    Route("POST", f"{_ONE}/update_lines", params.UPDATE_LINES, lines.update, "invoice", "invoice_write"),
    Route("POST", f"{_ONE}/remove_lines", params.REMOVE_LINES, lines.remove, "invoice", "invoice_write"),
    Route(
        "POST",
        f"{_ONE}/finalize",
        params.INVOICE_FINALIZE,
        invoices.finalize_call,
        "invoice",
        "invoice_write",
    ),
    Route("POST", f"{_ONE}/send", params.ONLY_EXPAND, invoices.send_call, "invoice", "invoice_write"),
    Route("POST", f"{_ONE}/pay", params.INVOICE_PAY, invoices.pay_call, "invoice", "invoice_write"),
    Route("POST", f"{_ONE}/void", params.ONLY_EXPAND, invoices.void_call, "invoice", "invoice_write"),
    Route(
        "POST",
        f"{_ONE}/mark_uncollectible",
        params.ONLY_EXPAND,
        invoices.mark_call,
        "invoice",
        "invoice_write",
    ),
    Route(
        "POST",
        f"{_ONE}/attach_payment",
        params.INVOICE_ATTACH,
        invoices.attach_call,
        "invoice",
        "invoice_write",
    ),
    Route(
        "GET",
        "/v1/invoice_payments",
        params.INVOICE_PAYMENT_LIST,
        money.payment_list,
        "list:invoice_payment",
        "invoice_payment_read",
    ),
    Route(
        "GET",
        "/v1/invoice_payments/{invoice_payment}",
        params.ONLY_EXPAND,
        money.payment,
        "invoice_payment",
        "invoice_payment_read",
    ),
    Route("GET", "/v1/charges/{charge}", params.ONLY_EXPAND, money.charge, "charge", "charge_read"),
    Route("GET", "/v1/refunds", params.REFUND_LIST, money.refund_list, "list:refund", "refund_read"),
    Route("POST", "/v1/refunds", params.REFUND_CREATE, money.refund_create, "refund", "refund_write"),
    Route("GET", "/v1/refunds/{refund}", params.ONLY_EXPAND, money.refund, "refund", "refund_read"),
    Route("GET", "/v1/disputes", params.DISPUTE_LIST, money.dispute_list, "list:dispute", "dispute_read"),
    Route("GET", "/v1/disputes/{dispute}", params.ONLY_EXPAND, money.dispute, "dispute", "dispute_read"),
    Route(
        "GET",
        "/v1/credit_notes",
        params.CREDIT_NOTE_LIST,
        credit_notes.list_,
        "list:credit_note",
        "credit_note_read",
    ),
    Route(
        "POST",
        "/v1/credit_notes",
        params.CREDIT_NOTE_CREATE,
        credit_notes.create,
        "credit_note",
        "credit_note_write",
    ),
    Route(
        "GET",
        "/v1/credit_notes/{id}",
        params.ONLY_EXPAND,
        credit_notes.retrieve,
        "credit_note",
        "credit_note_read",
    ),
    Route(
        "POST",
        "/v1/credit_notes/{id}/void",
        params.ONLY_EXPAND,
        credit_notes.void_call,
        "credit_note",
        "credit_note_write",
    ),
    Route("GET", "/v1/events", params.EVENT_LIST, events.list_, "list:event", "event_read"),
    Route("GET", "/v1/events/{id}", params.ONLY_EXPAND, events.retrieve, "event", "event_read"),
    Route(
        "POST",
        "/v1/webhook_endpoints",
        params.ENDPOINT_CREATE,
        events.endpoint_create,
        "new_webhook_endpoint",
        "webhook_write",
    ),
    Route(
        "GET",
        "/v1/webhook_endpoints",
        params.ENDPOINT_LIST,
        events.endpoint_list,
        "list:webhook_endpoint",
        "webhook_read",
    ),
    Route(
        "GET",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        params.ONLY_EXPAND,
        events.endpoint,
        "webhook_endpoint",
        "webhook_read",
    ),
    Route(
        "POST",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        params.ENDPOINT_UPDATE,
        events.endpoint_update,
        "webhook_endpoint",
        "webhook_write",
    ),
    Route(
        "DELETE",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        params.EMPTY,
        events.endpoint_delete,
        "deleted:webhook_endpoint",
        "webhook_write",
    ),
]


def _pattern(route: Route) -> tuple[str, ...]:
    steps = route.template.split("/")
    return (route.method, *("*" if step.startswith("{") else step for step in steps))


_BY_PATTERN = {_pattern(route): route for route in ROUTES}
