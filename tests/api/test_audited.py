"""The audit covers every change by a person: whatever a call changed, a row of the chain says who did it.

Every route that writes is asked as the role that may; then the database is held against itself before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from daemon.store import audit
from daemon.web.api.routing import Route
from daemon.web.api.table import ROUTES
from tests.api.asking import KEY, Got, Office
from tests.api.world import BODIES, World, body_of, filled
from tests.books import audit_rows, audited_since, books

WRITES = {route.name: route for route in ROUTES if route.method != "GET"}

Prepare = Callable[[World], object]


def first(method: str, path: str, body: Mapping[str, Any] | None = None, status: int = 200) -> Prepare:
    """Another call goes before."""

    def ask(world: World) -> None:
        route = WRITES[f"{method} {path.partition('?')[0]}"]
        place = filled(route, world.own) + ("?" + path.partition("?")[2] if "?" in path else "")
        got = world.office.ask(method, place, body if body is not None else body_of(route))
        assert got.status == status, got.body

    return ask


OWN = "/api/customers/{customerId}"
PAYMENT = f"{OWN}/invoices/{{invoiceId}}/payments/{{paymentId}}"

BEFORE: Mapping[str, Prepare] = {
    f"POST {OWN}/billing-integration/setup": first("DELETE", f"{OWN}/billing-integration?force=true"),
    "POST /api/integrations": first("DELETE", "/api/integrations/{integrationId}?force=true"),
    f"POST {OWN}/invoices/{{invoiceId}}/void": first("DELETE", PAYMENT),
    "POST /api/integrations/{integrationId}/resume": first("POST", "/api/integrations/{integrationId}/pause"),
    "POST /api/subscriptions/{subscriptionId}/resume": first(
        "POST", "/api/subscriptions/{subscriptionId}/pause"
    ),
    f"POST {OWN}/service/release": first("POST", f"{OWN}/service/hold"),
    "POST /api/reports/close/reopen": first("POST", "/api/reports/close", status=201),
    "POST /api/endpoints/{endpointId}/resume": first("POST", "/api/endpoints/{endpointId}/pause"),
}

BODY: Mapping[str, Mapping[str, Any]] = {
    "PUT /api/integrations/{integrationId}/credentials": {"credentials": {"secret_key": KEY}},
}

ELSEWHERE = {
    f"DELETE {OWN}/billing-integration/webhook",
    "DELETE /api/integrations/{integrationId}/webhook",
    f"POST {OWN}/billing-integration/switch/undo",
    "POST /api/integrations/{integrationId}/switch/undo",
    f"POST {PAYMENT}/settle",
    "PUT /api/customers/{customerId}/payer",
}
"""These need more of a world than there is here; the tests of their own follow them."""


def done(world: World, route: Route) -> tuple[Got, str]:
    """The answer, and who asked."""
    roles = {role.value for role in route.rule.roles}
    role = "tenant_admin" if "tenant_admin" in roles else "platform_admin"
    body = BODY.get(route.name) or body_of(route)
    got = world.office.ask(route.method, filled(route, world.own), body, as_=role)
    return got, f"token:{world.office.rows[role].id}"


@pytest.mark.parametrize("name", WRITES)
def test_what_a_call_changed_is_in_the_audit_under_the_name_of_who_asked(office: Office, name: str) -> None:
    world = World(office)
    if name in BEFORE:
        BEFORE[name](world)
    before, rows = books(), audit_rows()

    got, actor = done(world, WRITES[name])

    if name in ELSEWHERE:
        assert got.status in (409, 422), "it can be asked here now: take it off the list"
        return
    assert got.status < 300, got.body
    changed = {table for table, kept in books().items() if kept != before[table]}
    if changed:
        assert actor in audited_since(rows), f"{name} changed {changed}, and the audit does not say so"
    assert audit.verify()[1] == []


def test_every_body_that_a_route_takes_is_asked() -> None:
    assert {route.given for route in WRITES.values() if route.given} <= BODIES.keys()
