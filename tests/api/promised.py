"""Every answer is held against the API's own description."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs

from daemon.web.api.openapi import description
from daemon.web.api.routing import Found, Table
from daemon.web.api.table import ROUTES

TABLE = Table(ROUTES)


def check(method: str, path: str, status: int, kind: str, body: bytes) -> None:
    """Fails where the description does not promise such an answer."""
    found = TABLE.find(method, path)
    if status >= 400:
        assert kind == "application/problem+json"
        validator("Problem").validate(json.loads(body))
        return
    if not isinstance(found, Found):
        return
    operation = description()["paths"][found.route.path][method.lower()]
    assert str(status) in operation["responses"], f"{found.route.name} does not promise {status}"
    content = operation["responses"][str(status)]["content"]
    assert kind in content, f"{found.route.name} does not promise {kind}"
    if kind != "application/json":
        return
    schema = content[kind]["schema"]
    validator(schema["$ref"].rsplit("/", 1)[-1]).validate(json.loads(body))


@cache
def validator(name: str) -> Any:
    """Of one of the components; a field that is not promised is an error."""
    schemas = {key: closed(one) for key, one in description()["components"]["schemas"].items()}
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    return {"additionalProperties": False} | schema if "properties" in schema else schema
