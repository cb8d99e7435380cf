"""The description: valid, complete, the same as what is served; and the page that shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from daemon.providers import names, provider_class
from daemon.web.api.openapi import description, operation_id
from daemon.web.api.table import ROUTES
from tests.api.asking import Office

DOCUMENT = description()
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_route_is_described_and_nothing_else() -> None:
    assert {f"{method.upper()} {path}" for path, method, _ in OPERATIONS} == {route.name for route in ROUTES}


def test_every_reference_leads_somewhere() -> None:
    for reference in set(references(DOCUMENT)):
        there = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            there = there[part]


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one_of_json_schema_2020_12(name: str) -> None:
    jsonschema_rs.meta.validate(
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | DOCUMENT["components"]["schemas"][name]
    )


def test_operations_have_names_of_their_own() -> None:
    found = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(found) == len(set(found))
    assert operation_id(ROUTES[0]) in found


def test_what_a_path_names_is_a_parameter() -> None:
    for path, _, operation in OPERATIONS:
        named = [one["name"] for one in operation["parameters"] if one.get("in") == "path"]
        assert named == re.findall(r"\{(\w+)\}", path)


def test_the_shape_is_that_of_openapi_3_1() -> None:
    """The parts of the official schema that a mistake would break."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert set(DOCUMENT) <= {"openapi", "info", "servers", "security", "paths", "components"}
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for _, _, operation in OPERATIONS:
        assert set(operation) <= {
            *("operationId", "summary", "description", "tags", "parameters", "requestBody", "responses")
        }
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
        for status, answer in operation["responses"].items():
            assert status == "default" or (re.fullmatch("[1-5][0-9][0-9]", status) and answer["description"])
        for one in operation["parameters"]:
            assert set(one) == {"$ref"} or {"name", "in", "schema"} <= set(one)
            assert one.get("in") != "path" or one["required"] is True


def test_each_providers_credentials_and_settings_are_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for name in names():
        kind = provider_class(name)
        for model in (kind.credentials, kind.settings):
            described = schemas[f"{name}.{model.__name__}"].get("properties", {})
            assert set(described) == set(model.model_fields)


def test_it_is_served_to_everybody_as_it_is_printed(office: Office) -> None:
    environ = office._environ("GET", "/api/openapi.json", None, None)
    got = office._answered(environ)
    assert (got.status, got.headers["content-type"]) == (200, "application/json")
    assert got.json == json.loads(json.dumps(DOCUMENT))


class Links(HTMLParser):
    """What a page loads, and what it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.leads: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.ids.add(given.get("id") or "")
        if tag == "a":
            self.leads.add(given.get("href") or "")
        elif given.get("src") or given.get("href"):
            self.loads.append(given.get("src") or given.get("href") or "")
        assert not any(name.startswith("on") or name == "style" for name in given)


def test_the_page_shows_all_of_it_without_a_script_or_anything_from_elsewhere(office: Office) -> None:
    got = office._answered(office._environ("GET", "/api/docs", None, None))
    page = Links()
    page.feed(got.body.decode())
    assert page.loads == ["/api/docs/style.css"]
    assert "script" not in page.tags
    assert "'unsafe" not in got.headers["content-security-policy"]
    assert got.headers["content-security-policy"].startswith("default-src 'none'")
    assert {operation["operationId"] for _, _, operation in OPERATIONS} <= page.ids
    assert {lead[1:] for lead in page.leads if lead.startswith("#")} <= page.ids
    style = office._answered(office._environ("GET", "/api/docs/style.css", None, None))
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert b"url(" not in style.body


def test_every_address_that_the_page_about_it_names_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    known = {re.sub(r"\{\w+\}", "{}", path) for path in DOCUMENT["paths"]}
    known |= {"/api/docs", "/api/openapi.json"}
    named = {path.rstrip(".,") for path in re.findall(r"`(?:[A-Z]+ )?(/api/[^`?\s]+)", page)}
    assert {path for path in named if re.sub(r"\{\w+\}", "{}", path) not in known} == set()
    assert len(named) > 20
