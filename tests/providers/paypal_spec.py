"""PayPal's OpenAPI documents as a judge of requests and answers: no field but theirs, each as they say."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from tests.specs import SPECS

DOCUMENTS = (
    "paypal.invoicing_v2.json",
    "paypal.customer_disputes_v1.json",
    "paypal.notifications_webhooks_v1.json",
)


class SpecTransport(httpx.BaseTransport):
    """Checks each request that the documents describe, and PayPal's answers to it; without the documents it
    only passes on. Answers that a test made up are not PayPal's: they are checked where they fit."""

    def __init__(self, inner: httpx.BaseTransport, *, answers: bool = False) -> None:
        self._inner, self._answers = inner, answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        spec = paypal_spec()
        found = spec.find(request.method, request.url.path) if spec else None
        if spec and found:
            spec.check_request(found, request)
        reply = self._inner.handle_request(request)
        if spec and found and self._answers:
            reply.read()
            spec.check_answer(found, reply)
        return reply


class Operation:
    def __init__(
        self, schemas: dict[str, Any], parameters: dict[str, Any], described: dict[str, Any]
    ) -> None:
        self.schemas, self.described = schemas, described
        resolved = [
            parameters[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            for one in described.get("parameters", ())
        ]
        self.query = {one["name"]: one["schema"] for one in resolved if one["in"] == "query"}


class Spec:
    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._operations: list[tuple[re.Pattern[str], dict[str, Operation]]] = []
        for document in documents:
            components = document["components"]
            for path in sorted(document["paths"], key=lambda one: one.count("{")):
                operations = {
                    method: Operation(components["schemas"], components.get("parameters", {}), described)
                    for method, described in document["paths"][path].items()
                    if method in ("get", "post", "put", "delete")
                }
                self._operations.append((re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations))
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def find(self, method: str, path: str) -> Operation | None:
        """None for what is in none of the documents: tokens, certificates."""
        if path.startswith(("/v1/oauth2/", "/v1/notifications/certs/", "/invoice/")):
            return None
        for pattern, operations in self._operations:
            if pattern.fullmatch(path) and method.lower() in operations:
                return operations[method.lower()]
        raise AssertionError(f"{method} {path} is in none of PayPal's documents")

    def check_request(self, found: Operation, request: httpx.Request) -> None:
        where = f"{request.method} {request.url.path}"
        for name, value in request.url.params.multi_items():
            assert name in found.query, f"{where}: no query parameter {name}"
            self._fits(f"{where}?{name}", found, found.query[name], _typed(found.query[name], value))
        content = found.described.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            assert request.headers["content-type"] == "application/json", where
            self._fits(where, found, content["application/json"]["schema"], json.loads(request.content))
        else:
            assert not request.content, f"{where} takes no body"

    def check_answer(self, found: Operation, reply: httpx.Response) -> None:
        responses = found.described["responses"]
        where = f"{reply.request.method} {reply.request.url.path}" if reply._request else "the answer"
        described = responses.get(str(reply.status_code))
        if described is None:
            assert reply.status_code >= 400, f"{where}: {reply.status_code} is not described"
            return
        content = described.get("content", {}).get("application/json")
        if content is None or not reply.content:
            assert not reply.content, f"{where}: an answer of {reply.status_code} has no body"
            return
        if reply.status_code == 201 and set(reply.json()) == {"rel", "href", "method"}:
            return  # `return=minimal`: told in prose only
        self._fits(where, found, self._schema(found, reply.status_code, content["schema"]), reply.json())

    def _schema(self, found: Operation, status: int, schema: dict[str, Any]) -> dict[str, Any]:
        """Of a refusal the envelope: the issues that the documents list are not all that there are."""
        envelope = f"error_{status}"
        return {"$ref": f"#/components/schemas/{envelope}"} if envelope in found.schemas else schema

    def _fits(self, where: str, found: Operation, schema: dict[str, Any], value: Any) -> None:
        name = f"{id(found.schemas)}{json.dumps(schema, sort_keys=True)}"
        if name not in self._validators:
            closed = _closed(schema, found.schemas)
            self._validators[name] = jsonschema_rs.validator_for(closed, validate_formats=False)
        for error in self._validators[name].iter_errors(value):
            raise AssertionError(f"{where}: {list(error.instance_path)}: {error.message[:300]}")


@cache
def paypal_spec() -> Spec | None:
    if SPECS is None:
        return None
    return Spec([json.loads((SPECS / name).read_text()) for name in DOCUMENTS])


def _typed(schema: dict[str, Any], value: str) -> Any:
    """Query values are all text: read them as the schema means them."""
    if schema.get("type") == "integer":
        return int(value)
    return value == "true" if schema.get("type") == "boolean" else value


def _closed(schema: Any, schemas: dict[str, Any], depth: int = 0) -> Any:
    """The schema with `$ref` resolved, `allOf` of objects merged into one, and objects closed."""
    if isinstance(schema, list):
        return [_closed(one, schemas, depth) for one in schema]
    if not isinstance(schema, dict) or depth > 40:
        return schema if not isinstance(schema, dict) else {}
    if "$ref" in schema:
        return _closed(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth + 1)
    if "allOf" in schema:
        return _merged([_closed(one, schemas, depth + 1) for one in schema["allOf"]])
    plain = {key: schema[key] for key in _CHECKED if key in schema}
    for key in ("items", "anyOf", "oneOf"):
        if key in plain:
            plain[key] = _closed(plain[key], schemas, depth + 1)
    if "properties" in schema:
        plain["properties"] = {
            name: _closed(one, schemas, depth + 1) for name, one in schema["properties"].items()
        }
        plain.setdefault("additionalProperties", False)
    return plain


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Each part adds properties; where two describe the same one, it must fit the later."""
    whole: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    for part in parts:
        whole["properties"] |= part.get("properties", {})
        whole["required"] += part.get("required", [])
    return {**whole, "additionalProperties": False}


_CHECKED = (
    *("type", "enum", "items", "anyOf", "oneOf", "required", "additionalProperties", "pattern"),
    *("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"),
)
