"""A transport that lets nothing pass that Xero's OpenAPI document does not describe: neither a request nor an
answer. Without the document it only passes on."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jsonschema_rs

from tests.specs import SPECS

ROOT = "/api.xro/2.0"
BEYOND = {
    "Id",
    "Status",
    "ProviderName",
    "DateTimeUTC",
    "DateString",
    "DueDateString",
    "Description",
    "InvoiceNumber",
    "Warnings",
    "HasErrors",
    "HasValidationErrors",
    "StatusAttributeString",
    "HasAccount",
}
"""What the examples and the prose have, and the schemas here and there leave out."""


class XeroSpecTransport(httpx.BaseTransport):
    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._spec = xero_spec()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        operation = None
        if self._spec is not None and request.url.path.startswith((ROOT, "/connections")):
            operation = self._spec.check(request)
        response = self._inner.handle_request(request)
        if self._spec is not None and operation is not None and response.status_code in (200, 400):
            response.read()
            self._spec.check_answer(request, operation, response)
        return response


@cache
def xero_spec() -> XeroSpec | None:
    return XeroSpec(json.loads((SPECS / "xero.openapi.json").read_text())) if SPECS else None


class XeroSpec:
    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations)
            for path, operations in sorted(document["paths"].items(), key=lambda one: one[0].count("{"))
        ]
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def check(self, request: httpx.Request) -> dict[str, Any]:
        """The operation that this is; raises AssertionError where the request is none of it."""
        path = request.url.path.removeprefix(ROOT)
        operation = self._operation(request.method, path)
        where = f"{request.method} {path}"
        known = [self._resolved(one) for one in operation.get("parameters", ())]
        query = {one["name"] for one in known if one["in"] == "query"}
        for name, _value in parse_qsl(request.url.query.decode()):
            assert name in query, f"{where}: no query parameter {name}"
        headers = {one["name"].lower() for one in known if one["in"] == "header"}
        for name in ("idempotency-key", "if-modified-since"):
            assert name not in request.headers or name in headers, f"{where}: no header {name}"
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            assert request.headers.get("content-type") == "application/json", where
            self._fits(where, content["schema"], json.loads(request.content))
        return operation

    def check_answer(
        self, request: httpx.Request, operation: dict[str, Any], response: httpx.Response
    ) -> None:
        if "json" not in response.headers.get("content-type", ""):
            return
        told = operation["responses"].get(str(response.status_code))
        if told is None:
            return
        schema = self._resolved(told).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            try:
                document = json.loads(response.content)
            except ValueError:  # cut off on its way
                return
            self._fits(f"{response.status_code} to {request.method} {request.url.path}", schema, document)

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                found: dict[str, Any] = operations[method.lower()]
                return found
        raise AssertionError(f"{method} {path} is not in the specification")

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        found: Any = {"components": self._components}
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self._resolved(found)

    def _fits(self, where: str, schema: dict[str, Any], value: Any) -> None:
        self._knows(where, schema, value)
        name = json.dumps(schema)
        if name not in self._validators:
            whole = {**schema, "components": {"schemas": _opened(self._components["schemas"])}}
            self._validators[name] = jsonschema_rs.validator_for(whole)
        for error in self._validators[name].iter_errors(value):
            raise AssertionError(f"{where}: {error.message} at {list(error.instance_path)}")

    def _knows(self, where: str, schema: dict[str, Any], value: Any) -> None:
        """Every name that is used is one that the document has."""
        schema = self._resolved(schema)
        if isinstance(value, list):
            for one in value:
                self._knows(where, schema.get("items", {}), one)
        elif isinstance(value, dict) and "properties" in schema:
            for name, one in value.items():
                known = name in schema["properties"] or name in BEYOND or where.endswith(".Elements")
                assert known, f"{where}: nothing is called {name}"
                self._knows(f"{where}.{name}", schema["properties"].get(name, {}), one)


def _opened(node: Any) -> Any:
    """A type beside a reference means the reference; an element may be refused, with less in it."""
    if isinstance(node, dict):
        kept = {name: _opened(one) for name, one in node.items() if name not in ("required", "example")}
        return {"$ref": kept["$ref"]} if "$ref" in kept else kept
    return [_opened(one) for one in node] if isinstance(node, list) else node
