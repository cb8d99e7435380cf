"""A transport that lets nothing pass which Square's official API document does not describe: requests and
answers, read strictly (what a schema does not name must not be there)."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from tests.specs import SPECS


class SquareSpecTransport(httpx.BaseTransport):
    """Checks method, path, query and body, asks `inner`, and checks its answer where it is JSON with 200 or
    an error. Without the document it only passes on."""

    def __init__(self, inner: httpx.BaseTransport, *, requests: bool = True) -> None:
        """`requests=False`: answers alone, where wrong requests are made on purpose."""
        self._inner, self._requests = inner, requests
        self._spec = square_spec()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if self._spec is None:
            return self._inner.handle_request(request)
        operation = self._spec.operation(request)
        if self._requests:
            self._spec.asked(operation, request)
        response = self._inner.handle_request(request)
        self._spec.answered(operation, response)
        return response


@cache
def square_spec() -> SquareSpec | None:
    if SPECS is None:
        return None
    return SquareSpec(json.loads((SPECS / "square.json").read_text()))


class SquareSpec:
    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = {name: _strict(schema) for name, schema in document["components"]["schemas"].items()}
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", one)), document["paths"][one]) for one in paths
        ]
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def asked(self, operation: dict[str, Any], request: httpx.Request) -> None:
        where = f"{request.method} {request.url.path}"
        known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        given = set(request.url.params)
        assert given <= known, f"{where}: no query parameter {given - known}"
        for one in operation.get("parameters", ()):
            assert not one.get("required") or one["in"] != "query" or one["name"] in given, f"{where}: {one}"
        if request.content and "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            self.fits(where, schema, json.loads(request.content))

    def answered(self, operation: dict[str, Any], response: httpx.Response) -> None:
        response.read()
        body = json.loads(response.content)
        if response.status_code == 200:
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            self.fits(operation["operationId"], schema, body)
        else:
            assert set(body) == {"errors"} and body["errors"]
            for error in body["errors"]:
                self.fits("error", {"$ref": "#/components/schemas/Error"}, error)

    def fits(self, where: str, schema: dict[str, Any], value: Any) -> None:
        name = json.dumps(schema)
        if name not in self._validators:
            whole = {**_strict(schema), "components": {"schemas": self._schemas}}
            self._validators[name] = jsonschema_rs.validator_for(whole, retriever=_offline)
        for error in self._validators[name].iter_errors(value):
            raise AssertionError(f"{where}: {list(error.instance_path)}: {error.message[:300]}")

    def operation(self, request: httpx.Request) -> dict[str, Any]:
        for pattern, operations in self._paths:
            if pattern.fullmatch(request.url.path) and request.method.lower() in operations:
                found: dict[str, Any] = operations[request.method.lower()]
                return found
        raise AssertionError(f"{request.method} {request.url.path} is not in the specification")


def _strict(schema: Any) -> Any:
    """OpenAPI's `nullable` as JSON Schema; objects closed."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _strict(one) for name, one in schema.items() if name not in ("example", "examples")}
    if "properties" in schema:
        found["properties"] = {name: _strict(one) for name, one in schema["properties"].items()}
        found.setdefault("additionalProperties", False)
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        found["type"] = [schema["type"], "null"]
    return found


def _offline(uri: str) -> Any:
    raise AssertionError(f"{uri} is not fetched")
