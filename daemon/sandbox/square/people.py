"""Customers, locations, and what a token may do."""

from __future__ import annotations

import re

from daemon.sandbox.square.call import Call
from daemon.sandbox.square.errors import Refusal, not_found, unauthorised
from daemon.sandbox.square.tables import Doc
from daemon.sandbox.square.world import SCOPES, stamped, told

_NAMES = ("given_name", "family_name", "company_name", "email_address", "phone_number")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+?\d{9,16}")


def create_customer(call: Call) -> Doc:
    given = {name: one for name, one in call.body.items() if name != "idempotency_key"}
    if not any(given.get(name) for name in _NAMES):
        raise Refusal("BAD_REQUEST", "At least one name, e-mail or phone number is required.")
    if "email_address" in given and not _EMAIL.fullmatch(given["email_address"]):
        raise Refusal("INVALID_EMAIL_ADDRESS", "Expected a valid email address.", field="email_address")
    if "phone_number" in given and not _PHONE.fullmatch(given["phone_number"]):
        raise Refusal("INVALID_PHONE_NUMBER", "Expected a valid phone number.", field="phone_number")
    world = call.world
    doc = {"id": world.new_id("CU"), "created_at": world.stamp(), **given, "creation_source": "THIRD_PARTY"}
    return {"customer": told(world.keep(world.customers, doc))}


def get_customer(call: Call) -> Doc:
    doc = call.world.customer(call.args[0])
    if doc is None:
        raise not_found("The customer")
    return {"customer": told(doc)}


def search_customers(call: Call) -> Doc:
    rows = call.seen(call.world.customers)
    for name, given in call.body.get("query", {}).get("filter", {}).items():
        wanted = given["exact"].casefold() if name == "email_address" else given["exact"]
        rows = [one for one in rows if one.get(name, "") == wanted]
    rows.sort(key=_by_name)
    return call.page("customers", rows, size=call.body.get("limit", 100), cursor=call.body.get("cursor"))


def list_customers(call: Call) -> Doc:
    """In the order of `search_customers`."""
    query = call.known_query("cursor", "limit", "sort_field", "sort_order", "count")
    limit = query.get("limit", "100")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        raise Refusal("VALUE_TOO_HIGH", "The limit is from 1 to 100.", field="limit")
    rows = sorted(call.seen(call.world.customers), key=_by_name)
    return call.page("customers", rows, size=int(limit), cursor=query.get("cursor"))


def _by_name(doc: Doc) -> tuple[str, str, str]:
    return doc.get("given_name", ""), doc.get("family_name", ""), doc["id"]


def list_locations(call: Call) -> Doc:
    call.known_query()
    return {"locations": [told(one) for one in call.world.locations]}


def token_status(call: Call) -> Doc:
    """A personal token names its scopes too; `expires_at` is only there for one of OAuth."""
    world = call.world
    if not world.switches.token_status:
        raise unauthorised()
    scopes = world.tokens[call.token].scopes
    answer: Doc = {
        "scopes": sorted(SCOPES if scopes is None else scopes),
        "client_id": "sq0idp-double",
        "merchant_id": world.id,
    }
    return answer if scopes is None else {**answer, "expires_at": stamped(world.clock.now())}
