"""Wrong input: bodies that are no JSON, fields that are not on the list, values of every wrong kind. Each is
refused with a code and a field, and nothing that was given comes back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.store import customers, integrations, invoices, tokens
from daemon.web.api.routing import Route
from daemon.web.api.table import ROUTES
from tests.api.asking import build_office
from tests.api.test_flow import INVOICE, INVOICES
from tests.api.world import World, body_of, filled

WRITING = [route for route in ROUTES if route.given is not None]
ASKING = [route for route in ROUTES if route.asked is not None]
CANARY = "canary-of-the-caller"


def names(routes: Any) -> dict[str, Any]:
    return {"argvalues": routes, "ids": [route.name for route in routes]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    office = build_office(tmp_path_factory.mktemp("input"), empty_database, api__per_minute=1_000_000)
    yield World(office)
    office.house.close()


def sent(world: World, route: Route, raw: bytes, **headers: str) -> tuple[int, str]:
    got = world.office.ask(route.method, filled(route, world.own), raw=raw, as_="platform_admin", **headers)
    assert CANARY.encode() not in got.body
    return got.status, got.code if got.status >= 400 else ""


# --- bodies -------------------------------------------------------------------------------------------

NO_JSON = {
    "nothing like it": b"hello",
    "a list": b"[]",
    "a text": b'"text"',
    "null": b"null",
    "half of it": b'{"reference": "C',
    "two of them": b"{}{}",
    "a field twice": b'{"a": 1, "a": 1}',
    "a field twice, deeper": b'{"a": {"b": 1, "b": 2}}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [-Infinity]}',
    "latin-1": '{"a": "é"}'.encode("latin-1"),
    "UTF-16": '{"a": "b"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "33 deep": b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
    "a million deep": b'{"a":' + b"[" * 200_000,
    "a comment": b"{} // so",
    "single quotes": b"{'a': 1}",
    "a long number": b'{"a": ' + b"9" * 5000 + b"}",
    "a number of 41 digits": b'{"a": ' + b"9" * 41 + b"}",
    "a number beyond all": b'{"a": 1e999}',
    "a long fraction": b'{"a": 0.' + b"1" * 60 + b"}",
}


@pytest.mark.parametrize("route", **names(WRITING))
@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON.keys())
def test_a_body_that_is_not_one_json_object_is_refused(world: World, route: Route, raw: bytes) -> None:
    assert sent(world, route, raw) == (400, "WB-INPUT-JSON")


def test_brackets_within_text_are_not_depth(world: World) -> None:
    body = INVOICE | {"number": "77", "memo": '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["{{{'}
    assert world.office.ask("POST", INVOICES, body).status == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "text/json"])
def test_a_body_of_another_type_is_refused(world: World, kind: str) -> None:
    """So that no form on a page elsewhere can send one."""
    got = world.office.ask("POST", INVOICES, INVOICE, content_type=kind)
    assert (got.status, got.code) == (400, "WB-INPUT-JSON")


@pytest.mark.parametrize("route", **names(WRITING))
def test_a_body_above_the_limit_is_refused(world: World, route: Route) -> None:
    assert sent(world, route, b"{" + b" " * 262_144 + b"}") == (413, "WB-INPUT-TOO-LARGE")


@pytest.mark.parametrize("route", **names([route for route in ROUTES if route.given is None]))
def test_a_body_where_none_belongs_is_refused(world: World, route: Route) -> None:
    assert sent(world, route, b"{}") == (422, "WB-INPUT")


# --- mass assignment ----------------------------------------------------------------------------------

FOREIGN = (
    *("id", "tenantId", "tenant_id", "customerId", "state", "status", "paymentStatus", "paid", "paidMinor"),
    *("approved", "baseUrl", "base_url", "accountId", "serviceStatus", "hash", "createdBy", "externalId"),
    *("__proto__", "may_connect", "due_on", "tax_rate"),
)


@pytest.mark.parametrize("route", **names(WRITING))
@pytest.mark.parametrize("name", FOREIGN)
def test_a_field_that_is_not_on_the_list_is_refused_by_name(world: World, route: Route, name: str) -> None:
    body = (body_of(route) or {}) | {name: CANARY}
    got = world.office.ask(route.method, filled(route, world.own), body, as_="platform_admin")
    assert (got.status, got.code, got.json["field"]) == (422, "WB-INPUT", got.json["field"])
    assert got.json["field"].replace("_", "").lower() == name.replace("_", "").lower()
    assert CANARY.encode() not in got.body


# --- any value in any place ---------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["\x00", "\u202e", "a" * 100_000, "2026-02-30", "1e999", "-0", "1,5", "../..", "'--"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from places(one, (*path, key))


def replaced(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(body)
    there: Any = made
    for key in path[:-1]:
        there = there[key]
    there[path[-1]] = value
    return made


@pytest.mark.parametrize("route", **names([route for route in WRITING if body_of(route)]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_place_is_taken_or_refused_and_never_breaks(
    world: World, route: Route, data: st.DataObject
) -> None:
    body = body_of(route) or {}
    path = data.draw(st.sampled_from(sorted(places(body), key=str)))
    changed = replaced(body, path, data.draw(ANYTHING))
    got = world.office.ask(route.method, filled(route, world.own), changed, as_="platform_admin")
    assert got.status < 500, got.body


@pytest.mark.parametrize("route", **names(WRITING))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps({"a": value}).encode()))
def test_any_bytes_are_refused_and_never_break(world: World, route: Route, raw: bytes) -> None:
    got = world.office.ask(route.method, filled(route, world.own), raw=raw or b"x", as_="platform_admin")
    assert 400 <= got.status < 500 or raw == b"{}", got.body


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(segment=st.text(min_size=1, max_size=40) | st.binary(min_size=1, max_size=20))
def test_any_name_in_a_path_names_nothing_and_never_breaks(world: World, segment: str | bytes) -> None:
    raw = segment.encode("utf-8", "surrogatepass") if isinstance(segment, str) else segment
    quoted = "".join(f"%{byte:02X}" for byte in raw)
    for path in (f"/api/customers/{quoted}", f"/api/customers/ref:C-1/invoices/{quoted}", f"/api/{quoted}"):
        got = world.office.ask("GET", path)
        assert got.status in (404, 429), got.body


# --- fields -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"number": ""}, "WB-INPUT", "number"),
        ({"number": 7}, "WB-INPUT", "number"),
        ({"dueOn": "01.04.2026"}, "WB-INPUT", "dueOn"),
        ({"dueOn": 1775001600}, "WB-INPUT", "dueOn"),
        ({"dueOn": "2026-03-01"}, "WB-INVOICE-DUE", "dueOn"),
        ({"lines": []}, "WB-INPUT", "lines"),
        ({"lines": [{"description": "x", "amount": 45.5}]}, "WB-INPUT", "lines.0.amount"),
        ({"lines": [{"description": "x", "amount": "45.005"}]}, "WB-MONEY-DECIMALS", "lines.0.amount"),
        ({"lines": [{"description": "x", "amount": "0"}]}, "WB-MONEY-AMOUNT", "lines"),
        ({"lines": [{"description": "x", "amount": "9" * 24}]}, "WB-MONEY-AMOUNT", None),
        ({"lines": [{"description": "x", "amount": "1", "tax": "1"}]}, "WB-INPUT", "lines.0.amount"),
        ({"currency": "XXX1"}, "WB-INPUT", "currency"),
        ({"currency": "QQQ"}, "WB-MONEY-CURRENCY", None),
        ({"total": "44.00"}, "WB-INPUT", "total"),
        ({"memo": "two\nlines"}, "WB-INPUT", "memo"),
        ({"due_on": "2026-04-01"}, "WB-INPUT", "due_on"),
    ],
)
def test_an_invoice_with_a_mistake_is_told_which(
    world: World, change: dict[str, Any], code: str, field: str | None
) -> None:
    before = len(invoices.listing(world.office.tenant.id, limit=1000))
    got = world.office.ask("POST", INVOICES, INVOICE | {"number": "555"} | change)
    assert (got.status, got.code) == (422, code), got.body
    assert field is None or got.json["field"] == field
    assert "_" not in got.json["detail"].partition(":")[0] or "due_on" in change
    assert len(invoices.listing(world.office.tenant.id, limit=1000)) == before


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "limit=1&limit=2", "Limit=1", "offset=3", "a", "after=%FF"]
)
@pytest.mark.parametrize("route", **names([route for route in ASKING if "limit" in route.asked.model_fields]))  # type: ignore[union-attr]
def test_a_query_with_a_mistake_is_refused(world: World, route: Route, query: str) -> None:
    got = world.office.ask("GET", f"{filled(route, world.own)}?{query}", as_="platform_admin")
    assert (got.status, got.code) == (422, "WB-INPUT")


def test_a_query_where_none_belongs_is_refused(world: World) -> None:
    assert world.office.ask("GET", "/api/plans?limit=1").code == "WB-INPUT"
    assert world.office.ask("GET", "/api/customers?after=" + "a" * 5000).code == "WB-INPUT-TOO-LARGE"


@pytest.mark.parametrize(
    "path", ["/api/", "/api", "/api/nothing", "/api/customers/", "/api//customers", "/api/v1/customers"]
)
def test_what_is_no_address_is_404(world: World, path: str) -> None:
    got = world.office._answered(
        world.office._environ("GET", path, None, None)
        | {"HTTP_AUTHORIZATION": f"Bearer {world.office.tokens['tenant_admin']}"}
    )
    assert got.status == 404


HIDDEN = ("\u202e", "\u200b", "\u2066", "\u00ad", "\ufeff", "\u00a0", "\u2028", "\x85")
"""Right-to-left override, zero width, isolate, soft hyphen, byte order mark, other blanks and line ends."""


@pytest.mark.parametrize("char", HIDDEN, ids=ascii)
def test_what_names_something_holds_nothing_that_nobody_sees(world: World, char: str) -> None:
    """Two names that look alike would be two; and what no address can hold could not be asked for."""
    name = f"C{char}9"
    plan = {"reference": name, "lines": [{"description": "x", "amount": "1"}]}
    subscription = {"customer": "ref:C-1", "plan": "ref:home", "reference": name}
    for path, body, field in (
        ("/api/customers", {"reference": name}, "reference"),
        (INVOICES, INVOICE | {"number": name}, "number"),
        (INVOICES, INVOICE | {"number": "5", "reference": name}, "reference"),
        ("/api/plans", plan, "reference"),
        ("/api/subscriptions", subscription, "reference"),
    ):
        got = world.office.ask("POST", path, body)
        assert (got.status, got.json["field"]) == (422, field), path


def test_names_of_every_script_are_names(world: World) -> None:
    office = world.office
    for name in (
        "Łódź 1",
        "東京-7",
        "\u0645\u0634\u062a\u0631\u06a9\u200c\u0647\u0627",
        "नेटवर्क\u200d1",
        "Ω≈ç√",
    ):
        made = office.post("/api/customers", {"reference": f"S-{name.encode().hex()[:20]}", "name": name})
        assert made["name"] == name
    office.post("/api/customers", {"reference": "東京 7"})
    assert office.get("/api/customers/ref:%E6%9D%B1%E4%BA%AC%207")["reference"] == "東京 7"


def test_another_method_is_told_which_there_are(world: World) -> None:
    got = world.office.ask("DELETE", "/api/customers")
    assert (got.status, got.code, got.headers["allow"]) == (405, "WB-INPUT-METHOD", "GET, POST")


def test_a_reference_with_a_slash_is_one_name(world: World) -> None:
    office = world.office
    office.a_customer(office.tenant, "A/B 100%")
    assert office.get("/api/customers/ref:A%2FB%20100%25")["reference"] == "A/B 100%"


def test_a_bare_reference_is_not_a_name(world: World) -> None:
    """Else a customer whose reference looks like an id could stand in for another."""
    for path in ("/api/customers/C-1", f"{INVOICES}/1001", "/api/plans/home"):
        assert world.office.ask("GET", path).status == 404


def test_nothing_of_all_this_was_written_for_another_tenant(world: World) -> None:
    """Run last: what junk was accepted went into the tenant that was named."""
    other = world.office.other.id
    assert [row.reference for row in customers.listing(other, limit=100)] == ["C-3"]
    assert len(integrations.listing(other)) == 1
    assert len(tokens.listing(other, limit=100)) == 2
