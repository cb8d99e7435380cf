"""What an answer must look like: the response schemas of Stripe's specification, read strictly.

A field that is not nullable must be there, a field that the schema does not name must not be, and where an
id was expanded, the object must fit too.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs

from tests.specs import SPECS

_OPTIONAL = {"deleted", "total_count"}  # the count is left out unless it is expanded


class Oracle:
    def __init__(self, document: dict[str, Any]) -> None:
        self.paths: dict[str, Any] = document["paths"]
        self.schemas: dict[str, Any] = document["components"]["schemas"]
        self._strict = {name: _strict(schema, self.schemas) for name, schema in self.schemas.items()}
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def check(self, operation: str, status: int, answer: dict[str, Any]) -> None:
        """`operation` is "GET /v1/invoices/{invoice}"."""
        method, _, template = operation.partition(" ")
        responses = self.paths[template][method.lower()]["responses"]
        if answer.get("deleted") is True:
            assert set(answer) == {"id", "object", "deleted"}
            return
        wanted = responses["200" if status == 200 else "default"]["content"]["application/json"]["schema"]
        self._fits(operation, wanted, answer)
        for event in answer["data"] if answer.get("object") == "list" else [answer]:
            if event.get("object") == "event":
                self.check_object(event["data"]["object"])

    def check_object(self, document: dict[str, Any]) -> None:
        kind = document["object"]
        if kind in self.schemas:
            self._fits(kind, {"$ref": f"#/components/schemas/{kind}"}, document)

    def parameters(self, operation: str) -> dict[str, Any]:
        """The schema of each parameter in query or body, with `$ref` resolved."""
        method, _, template = operation.partition(" ")
        described = self.paths[template][method.lower()]
        if method != "POST":
            found = [one for one in described.get("parameters", ()) if one["in"] == "query"]
            return {one["name"]: self.opened(one["schema"]) for one in found}
        content = described.get("requestBody", {}).get("content", {})
        schema = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
        return dict(self.opened(schema).get("properties", {}))

    def opened(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema or "allOf" in schema:
            inner = schema["allOf"][0] if "allOf" in schema else schema
            schema = self.schemas[inner["$ref"].rpartition("/")[2]]
        return schema

    def _fits(self, where: str, schema: dict[str, Any], answer: Any) -> None:
        name = json.dumps(schema)
        if name not in self._validators:
            whole = {**_strict(schema, self.schemas), "components": {"schemas": self._strict}}
            self._validators[name] = jsonschema_rs.validator_for(whole, retriever=_offline)
        for error in self._validators[name].iter_errors(answer):
            raise AssertionError(f"{where}: {list(error.instance_path)}: {error.message[:300]}")


@cache
def stripe_oracle() -> Oracle | None:
    if SPECS is None:
        return None
    return Oracle(json.loads((SPECS / "stripe.openapi.json").read_text()))


def _strict(schema: Any, schemas: dict[str, Any]) -> Any:
    """OpenAPI 3.0's `nullable` and the expandable ids as JSON Schema; objects closed."""
    if isinstance(schema, list):
        return [_strict(one, schemas) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _strict(value, schemas) for key, value in schema.items() if key in _CHECKED}
    if "properties" in schema:
        plain["properties"] = {name: _strict(one, schemas) for name, one in schema["properties"].items()}
        plain["additionalProperties"] = False
        needed = [name for name, one in schema["properties"].items() if not _may_miss(name, one)]
        plain["required"] = sorted({*schema.get("required", ()), *needed})
    choices = [plain, *(_expanded(kind, schemas) for kind in schema.get("x-expandable-to", ()))]
    if schema.get("nullable"):
        choices.append({"type": "null"})
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _may_miss(name: str, schema: dict[str, Any]) -> bool:
    return bool(schema.get("nullable")) or name in _OPTIONAL


def _expanded(kind: str, schemas: dict[str, Any]) -> dict[str, Any]:
    gone = {"type": "object", "required": ["id", "object", "deleted"]}
    if kind not in schemas:
        return {"type": "object", "required": ["id", "object"], "properties": {"object": {"const": kind}}}
    return {"anyOf": [{"$ref": f"#/components/schemas/{kind}"}, gone]}


_CHECKED = {"$ref", "type", "enum", "items", "anyOf", "oneOf", "allOf", "additionalProperties", "required"}


def _offline(uri: str) -> Any:
    raise AssertionError(f"{uri} is not fetched")
