"""The field table of the official .NET SDK's schemas, as a judge of requests and answers."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cache
from typing import Any

import httpx

from tests.specs import SPECS

_ENTITY = re.compile(r"/v3/company/\d+/(customer|invoice|payment)$")
_NAMES = {"customer": "Customer", "invoice": "Invoice", "payment": "Payment"}
_PLAIN = {
    "string": str,
    "id": str,
    "date": str,
    "dateTime": str,
    "anyURI": str,
    "boolean": bool,
    "int": int,
    "decimal": (int, Decimal),
    "positiveInteger": int,
}
_VALUES = {"ReferenceType": "value", "MemoRef": "value"}
"""Text of the element in XML, `value` in JSON."""


class FieldsTransport(httpx.BaseTransport):
    """Checks each entity that is written or answered against the table, then passes on. Without the table
    it only passes on."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        fields = quickbooks_fields()
        if fields is not None and request.method == "POST":
            fields.check_request(request)
        response = self._inner.handle_request(request)
        response.read()
        if fields is not None and "json" in response.headers.get("content-type", ""):
            fields.check_answer(response.content)
        return response

    def close(self) -> None:
        self._inner.close()


@cache
def quickbooks_fields() -> Fields | None:
    if SPECS is None:
        return None
    return Fields(json.loads((SPECS / "quickbooks.fields.json").read_text()))


class Fields:
    def __init__(self, document: dict[str, Any]) -> None:
        self._types: dict[str, list[dict[str, Any]]] = {**document["types"], **document["entities"]}
        self._enums: dict[str, list[str]] = document["enums"]
        self.entities: set[str] = set(document["entities"])

    def check_request(self, request: httpx.Request) -> None:
        match = _ENTITY.search(request.url.path)
        if match:
            self.check(_NAMES[match[1]], _loads(request.content))
        elif request.url.path.endswith("/batch"):
            for item in _loads(request.content)["BatchItemRequest"]:
                assert isinstance(item["bId"], str)
                for name in item.keys() & self.entities:
                    self.check(name, item[name])

    def check_answer(self, body: bytes) -> None:
        try:
            self._walk(_loads(body))
        except ValueError:
            return  # spoilt on its way

    def check(self, kind: str, value: Any, where: str = "") -> None:
        where = where or kind
        assert isinstance(value, dict), f"{where} is no object"
        known = {field["name"]: field for field in self._types[kind]}
        if kind in _VALUES:
            known.setdefault("value", {"type": "string"})
        for name, given in value.items():
            assert name in known, f"{where} has no {name}"
            self._fits(f"{where}.{name}", known[name], given)

    def _fits(self, where: str, field: dict[str, Any], given: Any) -> None:
        if field.get("list"):
            assert isinstance(given, list), f"{where} is no list"
            for one in given:
                self._fits(where, {"type": field["type"]}, one)
            return
        kind = field["type"]
        if kind in self._enums:
            assert given in self._enums[kind], f"{where} is {given!r}"
        elif kind in self._types:
            self.check(kind, given, where)
        else:
            wanted = _PLAIN[kind]
            is_bool = isinstance(given, bool) and wanted is not bool
            assert isinstance(given, wanted) and not is_bool, f"{where} is {given!r}"

    def _walk(self, value: Any) -> None:
        if not isinstance(value, dict):
            return
        for name, one in value.items():
            rows = one if isinstance(one, list) else [one]
            for row in rows:
                if name in self.entities:
                    self.check(name, row)
                else:
                    self._walk(row)


def _loads(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)
