"""schemathesis against the real application with one of everything in it: whatever the description allows,
and what it forbids, is answered as the description promises, and never with a failure of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.schemas import BaseSchema

from daemon.store.tokens import Role
from daemon.web.api.routing import Route
from daemon.web.api.table import ROUTES
from daemon.web.listeners import public_app
from tests.api.asking import build_office
from tests.api.world import World
from tests.platform import Platform, connected

load_all_checks()
PROMISED = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
REMOTE = ("WB-REMOTE-", "WB-ADDRESS")
"""The one failure that is not ours: the provider's, who did not answer, or not as documented."""

ROLES = list(Role)
T = TypeVar("T")

IN_ORDER = sorted(ROUTES, key=lambda route: route.method == "DELETE")
"""What takes things away comes last."""

LENIENT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]


def nothing_of_ours_failed(_ctx: CheckContext, response: Response, _case: Case) -> None:
    if response.status_code >= 500:
        assert response.status_code == 502, response.text
        assert response.json()["code"].startswith(REMOTE), response.text


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    office = build_office(tmp_path_factory.mktemp("schema"), empty_database, api__per_minute=1_000_000)
    found = World(office)
    connected(office.house, ("platform.example.com", Platform()))
    yield found
    office.house.close()


@pytest.fixture(scope="module")
def schema(world: World) -> BaseSchema:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", public_app(world.office.house))


def asked(world: World, schema: BaseSchema, route: Route, data: st.DataObject) -> None:
    operation = schema[route.path][route.method]
    mode = data.draw(mostly(GenerationMode.POSITIVE, GenerationMode.NEGATIVE))
    own = {name: world.own[name] for name in route.parameters}
    path = data.draw(mostly(own, None)) if own else None
    case: Any = data.draw(operation.as_strategy(generation_mode=mode, path_parameters=path))
    role = data.draw(st.sampled_from(sorted(route.rule.roles)) | st.sampled_from(ROLES))
    headers = {"Authorization": f"Bearer {world.office.tokens[role]}"}
    if role == "platform_admin":
        headers["Wispbill-Tenant"] = data.draw(st.sampled_from(["wisp-1", "*"]))
    response = case.call(headers=headers)
    case.validate_response(response, checks=[*PROMISED, nothing_of_ours_failed])


def mostly(usual: T, other: T) -> st.SearchStrategy[T]:
    return st.sampled_from([usual, usual, usual, other])


def names(routes: Any) -> dict[str, Any]:
    return {"argvalues": routes, "ids": [route.name for route in routes]}


@pytest.mark.parametrize("route", **names(IN_ORDER))
@settings(max_examples=12, suppress_health_check=LENIENT, database=None)
@given(data=st.data())
def test_what_is_asked_is_answered_as_promised(
    world: World, schema: BaseSchema, route: Route, data: st.DataObject
) -> None:
    asked(world, schema, route, data)


@pytest.mark.long
@pytest.mark.parametrize("route", **names(IN_ORDER))
@settings(max_examples=100, suppress_health_check=LENIENT, database=None)
@given(data=st.data())
def test_what_is_asked_for_longer_is_answered_as_promised(
    world: World, schema: BaseSchema, route: Route, data: st.DataObject
) -> None:
    asked(world, schema, route, data)
