"""Invoices: a draft on an order, published, cancelled or deleted, found by place and customer alone."""

from __future__ import annotations

from daemon.sandbox.square.call import Call, limit_of
from daemon.sandbox.square.errors import Refusal, conflict, not_found
from daemon.sandbox.square.tables import Doc
from daemon.sandbox.square.world import World, told

_CANCELLABLE = ("UNPAID", "PARTIALLY_PAID", "SCHEDULED")
_US_ONLY = ("bank_account", "cash_app_pay")


def create_invoice(call: Call) -> Doc:
    world, given = call.world, call.body["invoice"]
    location = world.location(given["location_id"])
    if location is None:
        raise not_found("The location")
    order = _order_for(world, given)
    _insist_on_methods(given, location)
    _insist_on_due(world, given, location)
    number = given.get("invoice_number") or str(len(world.invoices.all()) + 1).zfill(7)
    if any(one["invoice_number"] == number for one in _at(world, location["id"])):
        raise Refusal(
            world.switches.number_code,
            f"Invoice number {number} is already in use at this location.",
            field="invoice.invoice_number",
        )
    doc = _draft(world, {**given, "invoice_number": number}, order["total_money"], location)
    world.emit_invoice("invoice.created", world.keep(world.invoices, doc))
    return {"invoice": told(doc)}


def _draft(world: World, given: Doc, money: Doc, location: Doc) -> Doc:
    request = {
        "tipping_enabled": False,
        "automatic_payment_source": "NONE",
        **given["payment_requests"][0],
        "uid": world.new_id(),
        "computed_amount_money": dict(money),
        "total_completed_amount_money": {**money, "amount": 0},
    }
    return {
        **given,
        "id": world.new_id("inv:0-Ch"),
        "payment_requests": [request],
        "primary_recipient": _recipient(world, given),
        "status": "DRAFT",
        "next_payment_amount_money": dict(money),
        "timezone": location["timezone"],
        "created_at": world.stamp(),
        "_sorted_by": world.stamp(),
    }


def get_invoice(call: Call) -> Doc:
    return {"invoice": told(_invoice(call))}


def update(call: Call) -> Doc:
    """Sparse: what is not named stays. A payment request is found by its uid."""
    world, invoice, given = call.world, _invoice(call), call.body["invoice"]
    _insist_on_version(invoice, given["version"])
    if invoice["status"] not in ("DRAFT", *_CANCELLABLE):
        raise Refusal(
            "BAD_REQUEST", f"An invoice that is {invoice['status']} cannot be updated.", field="status"
        )
    for request in given.get("payment_requests", ()):
        if request["uid"] != invoice["payment_requests"][0]["uid"]:
            raise Refusal("INVALID_VALUE", "No such request.", field="invoice.payment_requests[0].uid")
        invoice["payment_requests"][0].update(request)
    _insist_on_due(world, invoice, world.location(invoice["location_id"]) or {})
    world.emit_invoice("invoice.updated", world.keep(world.invoices, invoice))
    return {"invoice": told(invoice)}


def publish(call: Call) -> Doc:
    world, invoice = call.world, _invoice(call)
    _insist_on_version(invoice, call.body["version"])
    if invoice["status"] != "DRAFT":
        raise Refusal("BAD_REQUEST", "Only a draft can be published.", field="status")
    customer = world.customer(invoice["primary_recipient"]["customer_id"])
    if customer is None or (invoice["delivery_method"] == "EMAIL" and not customer.get("email_address")):
        raise Refusal(
            "BAD_REQUEST", "The recipient has no email address.", field="primary_recipient.email_address"
        )
    _insist_on_due(world, invoice, world.location(invoice["location_id"]) or {})
    invoice["status"] = "UNPAID"
    invoice["public_url"] = f"{call.public_url}/pay-invoice/{invoice['id']}"
    invoice["_sorted_by"] = world.stamp()
    invoice["_sent"] = invoice.get("_sent", 0) + 1
    world.emit_invoice("invoice.published", world.keep(world.invoices, invoice))
    return {"invoice": told(invoice)}


def cancel(call: Call) -> Doc:
    world, invoice = call.world, _invoice(call)
    _insist_on_version(invoice, call.body["version"])
    if invoice["status"] not in _CANCELLABLE:
        raise Refusal(
            "BAD_REQUEST", f"An invoice that is {invoice['status']} cannot be cancelled.", field="status"
        )
    invoice["status"] = "CANCELED"
    invoice["next_payment_amount_money"]["amount"] = 0
    world.emit_invoice("invoice.canceled", world.keep(world.invoices, invoice))
    world.cancel_order(invoice["order_id"])
    return {"invoice": told(invoice)}


def delete(call: Call) -> Doc:
    world, invoice = call.world, _invoice(call)
    version = call.known_query("version").get("version")
    if version is not None:
        _insist_on_version(invoice, int(version) if version.isdigit() else -1)
    if invoice["status"] != "DRAFT":
        raise Refusal("BAD_REQUEST", "Only a draft can be deleted.", field="status")
    world.invoices.drop(invoice["id"], world.moment)
    world.cancel_order(invoice["order_id"])
    world.emit_invoice("invoice.deleted", invoice)
    return {}


def list_invoices(call: Call) -> Doc:
    query = call.known_query("location_id", "cursor", "limit")
    if "location_id" not in query:
        raise Refusal("MISSING_REQUIRED_PARAMETER", "location_id is required.", field="location_id")
    size = limit_of(query.get("limit", "100"), 200)
    return _page(call, query["location_id"], (), "DESC", size=size, cursor=query.get("cursor"))


def search_invoices(call: Call) -> Doc:
    query = call.body["query"]
    wanted = query["filter"]
    order = query.get("sort", {}).get("order", "DESC")
    size, cursor = call.body.get("limit", 100), call.body.get("cursor")
    customers = tuple(wanted.get("customer_ids", ()))
    return _page(call, wanted["location_ids"][0], customers, order, size=size, cursor=cursor)


def _page(
    call: Call, place: str, customers: tuple[str, ...], order: str, *, size: int, cursor: str | None
) -> Doc:
    if call.world.location(place) is None:
        raise not_found("The location")
    rows = [one for one in call.seen(call.world.invoices) if one["location_id"] == place]
    rows = [one for one in rows if not customers or one["primary_recipient"].get("customer_id") in customers]
    rows.sort(key=lambda one: (one["_sorted_by"], one["id"]), reverse=order == "DESC")
    return call.page("invoices", rows, size=size, cursor=cursor)


def _invoice(call: Call) -> Doc:
    found = call.world.invoices.get(call.args[0])
    if found is None:
        raise not_found("The invoice")
    return found


def _at(world: World, location_id: str) -> list[Doc]:
    return [one for one in world.invoices.all() if one["location_id"] == location_id]


def _order_for(world: World, given: Doc) -> Doc:
    order = world.orders.get(given["order_id"])
    if order is None:
        raise not_found("The order")
    if order["location_id"] != given["location_id"]:
        raise Refusal("LOCATION_MISMATCH", "The order is of another location.", field="invoice.location_id")
    if order["state"] != "OPEN":
        raise Refusal("BAD_REQUEST", "The order must be OPEN.", field="invoice.order_id")
    if world.invoice_of(order["id"]) is not None:
        raise Refusal("BAD_REQUEST", "The order is on another invoice.", field="invoice.order_id")
    if order["total_money"]["amount"] <= 0:
        raise Refusal("VALUE_TOO_LOW", "The order's total must be positive.", field="invoice.order_id")
    return order


def _recipient(world: World, given: Doc) -> Doc:
    recipient: Doc = given.get("primary_recipient", {})
    customer = world.customer(recipient.get("customer_id", ""))
    if customer is None:
        raise Refusal("CUSTOMER_NOT_FOUND", "There is no such customer.", field="invoice.primary_recipient")
    shown = ("given_name", "family_name", "email_address", "phone_number", "company_name", "address")
    return {**recipient, **{name: customer[name] for name in shown if name in customer}}


def _insist_on_methods(given: Doc, location: Doc) -> None:
    methods = given.get("accepted_payment_methods", {})
    if not any(methods.values()):
        raise Refusal("BAD_REQUEST", "Accept one payment method.", field="invoice.accepted_payment_methods")
    for name in _US_ONLY:
        if methods.get(name) and location["country"] != "US":
            raise Refusal(
                "BAD_REQUEST", f"{name} is only for the US.", field="invoice.accepted_payment_methods"
            )


def _insist_on_due(world: World, given: Doc, location: Doc) -> None:
    if given["payment_requests"][0]["due_date"] < world.today(location):
        raise Refusal(
            "INVALID_DATE",
            "The due date must not be in the past.",
            field="invoice.payment_requests[0].due_date",
        )


def _insist_on_version(invoice: Doc, version: int) -> None:
    if invoice["version"] != version:
        raise conflict(f"The invoice has version {invoice['version']}, not {version}.")
