"""A transport that lets no request out that the provider's OpenAPI document does not describe."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import jsonschema_rs

from tests.specs import SPECS


class SpecTransport(httpx.BaseTransport):
    """Stripe's: checks method, path, parameter names and types, then asks `inner`. Without the document
    it only passes on."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._spec = stripe_spec()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if self._spec is not None and "/v1/" in request.url.path:
            self._spec.check(request)
        return self._inner.handle_request(request)


@cache
def stripe_spec() -> Spec | None:
    if SPECS is None:
        return None
    return Spec(json.loads((SPECS / "stripe.openapi.json").read_text()))


class Spec:
    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas = _opened(document["components"]["schemas"])
        # Fixed paths first: /customers/search is not a customer.
        paths = sorted(document["paths"], key=lambda path: path.count("{"))
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), document["paths"][path]) for path in paths
        ]
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def check(self, request: httpx.Request) -> None:
        path = "/v1/" + unquote(request.url.path).partition("/v1/")[2]
        operation = self._operation(request.method, path)
        where = f"{request.method} {path}"
        given = decode(request.url.query.decode())
        names = {
            one["name"]: one["schema"] for one in operation.get("parameters", ()) if one["in"] == "query"
        }
        for name, value in given.items():
            assert name in names, f"{where}: no query parameter {name}"
            self._fits(f"{where}?{name}", names[name], value)
        for one in operation.get("parameters", ()):
            if one["in"] == "query" and one.get("required"):
                assert one["name"] in given, f"{where}: {one['name']} is required"
        if request.method == "POST":
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
            assert request.headers.get("content-type") == "application/x-www-form-urlencoded", where
            self._fits(where, schema, decode(request.content.decode()))

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                return operations[method.lower()]
        raise AssertionError(f"{method} {path} is not in the specification")

    def _fits(self, where: str, schema: dict[str, Any], value: Any) -> None:
        typed = self._typed(where, schema, value)
        name = json.dumps(schema)
        if name not in self._validators:
            whole = {**schema, "components": {"schemas": self._schemas}}
            self._validators[name] = jsonschema_rs.validator_for(whole, retriever=_offline)
        for error in self._validators[name].iter_errors(typed):
            raise AssertionError(f"{where}: {error.message}")

    def _typed(self, where: str, schema: dict[str, Any], value: Any) -> Any:
        """Form values are all text: read them as the schema means them."""
        if "$ref" in schema:
            return self._typed(where, self._schemas[schema["$ref"].rpartition("/")[2]], value)
        if "allOf" in schema:
            return self._typed(where, schema["allOf"][0], value)
        if "anyOf" in schema:
            return self._any(where, schema["anyOf"], value)
        kind = schema.get("type")
        if kind == "object":
            assert isinstance(value, dict), f"{where}: {value!r} is not an object"
            return {
                name: self._typed(f"{where}.{name}", _member(where, schema, name), one)
                for name, one in value.items()
            }
        if kind == "array":
            assert isinstance(value, dict) and list(value) == [str(i) for i in range(len(value))], (
                f"{where}: {value!r}"
            )
            return [self._typed(f"{where}[{place}]", schema["items"], one) for place, one in value.items()]
        return _scalar(where, kind, value)

    def _any(self, where: str, schemas: list[dict[str, Any]], value: Any) -> Any:
        faults = []
        for schema in schemas:
            try:
                typed = self._typed(where, schema, value)
                assert "enum" not in schema or typed in schema["enum"], f"{where}: {value!r} is not allowed"
            except AssertionError as fault:
                faults.append(str(fault))
            else:
                return typed
        raise AssertionError("; ".join(faults))


def _opened(node: Any) -> Any:
    """The document types "a text, or empty" as an open enum of the empty text alone."""
    if isinstance(node, dict):
        free = node.get("enum") == [""] and node.get("x-open-enum")
        return {name: _opened(one) for name, one in node.items() if not (free and name == "enum")}
    return [_opened(one) for one in node] if isinstance(node, list) else node


def _member(where: str, schema: dict[str, Any], name: str) -> dict[str, Any]:
    if name in schema.get("properties", {}):
        return schema["properties"][name]
    extra = schema.get("additionalProperties")
    assert isinstance(extra, dict), f"{where}: no parameter {name}"
    return extra


def _scalar(where: str, kind: str | None, value: Any) -> Any:
    assert isinstance(value, str), f"{where}: {value!r} is not a plain value"
    if kind == "integer":
        assert re.fullmatch(r"-?\d+", value), f"{where}: {value!r} is not an integer"
        return int(value)
    if kind == "number":
        return float(value)
    if kind == "boolean":
        assert value in ("true", "false"), f"{where}: {value!r} is not a boolean"
        return value == "true"
    return value


def decode(form: str) -> dict[str, Any]:
    """`a[b][0]=c` as `{"a": {"b": {"0": "c"}}}`."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True, strict_parsing=bool(form)):
        first, *rest = re.findall(r"[^\[\]]+", name)
        at, last = root, first
        for part in rest:
            at, last = at.setdefault(last, {}), part
        assert last not in at, f"{name} is given twice"
        at[last] = value
    return root


def _offline(uri: str) -> Any:
    raise AssertionError(f"{uri} is not fetched")
