"""If-Match: only the very version that is there is changed, and where there is none it is not ignored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.web.api.openapi import description
from daemon.web.api.routing import Route
from daemon.web.api.table import ROUTES
from tests.api.asking import Office, build_office
from tests.api.test_flow import STRIPE
from tests.api.world import World, body_of, filled

ONE = "/api/customers/ref:C-1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    office = build_office(tmp_path_factory.mktemp("versions"), empty_database, api__per_minute=1_000_000)
    yield World(office)
    office.house.close()


@pytest.mark.parametrize("form", ["W/{0}", "{0}x", "x{0}", '"a{1}', '"*"', "", ",", '"' * 15_000, "{1}"])
def test_what_is_not_the_version_is_none(office: Office, form: str) -> None:
    version = office.ask("GET", ONE).headers["etag"]
    given = form.format(version, version.strip('"'))
    got = office.ask("PATCH", ONE, {"name": "x"}, if_match=given)
    assert (got.status, got.code) == (412, "WB-INPUT-CHANGED")


@pytest.mark.parametrize("form", ["{0}", ' "a", {0}', '{0},"b"', "*", " * "])
def test_one_of_several_versions_is_enough(office: Office, form: str) -> None:
    version = office.ask("GET", ONE).headers["etag"]
    assert office.ask("PATCH", ONE, {"name": "x"}, if_match=form.format(version)).status == 200


def test_anothers_version_is_none(office: Office) -> None:
    version = office.ask("GET", "/api/customers/ref:C-2").headers["etag"]
    assert office.ask("PATCH", ONE, {"name": "x"}, if_match=version).status == 412


@pytest.mark.parametrize(
    "route",
    [r for r in ROUTES if r.method != "GET" and not r.versioned],
    ids=lambda route: route.name,
)
def test_where_nothing_has_versions_a_condition_is_refused_not_ignored(world: World, route: Route) -> None:
    got = world.office.ask(
        route.method, filled(route, world.own), body_of(route), as_="platform_admin", if_match='"x"'
    )
    assert (got.status, got.code) == (422, "WB-INPUT")


@pytest.mark.parametrize("route", [r for r in ROUTES if r.collides], ids=lambda route: route.name)
def test_every_change_of_what_has_versions_heeds_them(world: World, route: Route) -> None:
    office, body = world.office, body_of(route)
    if "credentials" in route.path and "integrationId" in route.path:
        body = {"credentials": STRIPE["credentials"]}
    if "resume" in route.path:
        office.post(filled(route, world.own).replace("resume", "pause"), status=200)
    got = office.ask(route.method, filled(route, world.own), body, if_match='"another"')
    assert (got.status, got.code) == (412, "WB-INPUT-CHANGED"), got.body
    parameters = description()["paths"][route.path][route.method.lower()]["parameters"]
    assert {"$ref": "#/components/parameters/IfMatch"} in parameters
