"""Who may do what: every route, for every role, on what is theirs, another's and nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.store.tokens import Role
from daemon.web.api.roles import Rule
from daemon.web.api.routing import Route
from daemon.web.api.table import ROUTES
from tests.api.asking import Got, Office, build_office
from tests.api.world import MISSING, World, body_of, filled

ROLES = [role.value for role in Role]
NAMED = [route for route in ROUTES if route.parameters]


def names(routes: Any) -> dict[str, Any]:
    return {"argvalues": routes, "ids": [route.name for route in routes]}


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    """For what changes nothing."""
    office = build_office(tmp_path_factory.mktemp("matrix"), empty_database, api__per_minute=1_000_000)
    yield World(office)
    office.house.close()


@pytest.fixture
def world(office: Office) -> World:
    return World(office)


def ask(world: World, route: Route, path: dict[str, str], **more: Any) -> Got:
    return world.office.ask(route.method, filled(route, path), body_of(route), **more)


def allowed(route: Route) -> list[str]:
    return sorted(role.value for role in route.rule.roles)


# --- each route has a rule ----------------------------------------------------------------------------


@pytest.mark.parametrize("route", **names(ROUTES))
def test_every_route_says_who_may_ask(route: Route) -> None:
    assert isinstance(route.rule, Rule)
    assert route.rule.roles
    assert Role.PLATFORM_ADMIN in route.rule.roles


def test_who_only_reads_can_ask_for_nothing_that_writes() -> None:
    assert {route.method for route in ROUTES if Role.READ_ONLY in route.rule.roles} == {"GET"}


def test_a_customer_sees_only_what_stands_below_a_customer_and_writes_only_to_connect_and_to_ask() -> None:
    theirs = [route for route in ROUTES if Role.CUSTOMER_OWNER in route.rule.roles]
    assert all(route.path.startswith("/api/customers/{customerId}") for route in theirs)
    writes = [route for route in theirs if route.method != "GET"]
    connecting = [route for route in writes if "/billing-integration" in route.path]
    assert all(route.rule.connects for route in connecting)
    assert all("/tickets" in route.path for route in writes if route not in connecting)


def test_the_staff_handles_neither_credentials_nor_tokens_nor_tenants() -> None:
    for route in (route for route in ROUTES if Role.TENANT_STAFF in route.rule.roles):
        writes = route.method != "GET"
        assert not (writes and route.path.startswith(("/api/tokens", "/api/tenants"))), route.name
        assert not route.path.endswith(("/credentials", "/setup", "/approve")), route.name
        assert not (writes and route.path == "/api/integrations"), route.name


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", **names(ROUTES))
@pytest.mark.parametrize("path", ["own", "other", "missing"])
def test_without_a_token_there_is_nothing(standing: World, route: Route, path: str) -> None:
    there = {"own": standing.own, "other": standing.other, "missing": MISSING}[path]
    got = ask(standing, route, there, token="")
    assert (got.status, got.code) == (401, "WB-ACCESS-TOKEN")


@pytest.mark.parametrize("route", **names(ROUTES))
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ["own", "other", "missing"])
def test_a_role_that_the_rule_does_not_name_is_refused_whatever_is_named(
    standing: World, route: Route, role: str, path: str
) -> None:
    if role in allowed(route):
        return
    there = {"own": standing.own, "other": standing.other, "missing": MISSING}[path]
    got = ask(standing, route, there, as_=role)
    assert (got.status, got.code) == (403, "WB-ACCESS-ROLE")


@pytest.mark.parametrize("route", **names(NAMED))
@pytest.mark.parametrize("role", ROLES)
def test_what_is_anothers_is_as_what_does_not_exist(standing: World, route: Route, role: str) -> None:
    if role not in allowed(route) or (role == "platform_admin" and route.scope == "platform"):
        return
    other = ask(standing, route, standing.other, as_=role)
    missing = ask(standing, route, MISSING, as_=role)
    assert (other.status, other.code) == (missing.status, missing.code) == (404, "WB-NOT-FOUND")
    assert other.json.keys() == missing.json.keys()
    for key in ("title", "code", "status", "type"):
        assert other.json[key] == missing.json[key]


@pytest.mark.parametrize("route", **names([r for r in NAMED if Role.CUSTOMER_OWNER in r.rule.roles]))
def test_a_customer_does_not_see_the_neighbour(standing: World, route: Route) -> None:
    path = standing.own | {"customerId": standing.office.neighbour.id}
    assert ask(standing, route, path, as_="customer_owner").status == 404
    by_reference = standing.own | {"customerId": "ref:C-2"}
    assert ask(standing, route, by_reference, as_="customer_owner").status == 404


@pytest.mark.parametrize("route", **names([r for r in ROUTES if r.rule.connects]))
def test_a_customer_connects_nothing_before_the_tenant_grants_it(standing: World, route: Route) -> None:
    got = ask(standing, route, standing.own, as_="customer_owner")
    assert (got.status, got.code) == (403, "WB-ACCESS-CONNECT")


@pytest.mark.parametrize("route", **names([r for r in ROUTES if r.scope == "tenant"]))
def test_a_platform_admin_names_one_tenant(standing: World, route: Route) -> None:
    for tenant in ("", "*"):
        got = ask(standing, route, standing.own, as_="platform_admin", tenant=tenant)
        assert (got.status, got.code) == (400, "WB-ACCESS-TENANT")
    assert ask(standing, route, standing.own, as_="platform_admin", tenant="nobody").status == 404


@pytest.mark.parametrize("route", **names([r for r in ROUTES if r.scope == "tenant"]))
def test_the_header_gives_nobody_another_tenant(standing: World, route: Route) -> None:
    got = ask(standing, route, standing.other, as_="tenant_admin", tenant="wisp-2")
    assert got.status == 404


# --- what is allowed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", **names(ROUTES))
def test_whom_the_rule_names_is_served(world: World, route: Route) -> None:
    """One after the other: that it cannot be done twice is no matter of access."""
    office = world.office
    office.ask("PATCH", f"/api/customers/{office.customer.id}", {"mayConnect": True})
    if route.given and "credentials" in route.path and "integrationId" in route.path:
        world.own["integrationId"] = office.get("/api/integrations")["integrations"][1]["id"]
    for place, role in enumerate(allowed(route)):
        got = ask(world, route, world.own, as_=role)
        assert got.status in (200, 201, 202, 404, 409, 422), (role, got.body)
        assert got.status != 404 or place, got.body
