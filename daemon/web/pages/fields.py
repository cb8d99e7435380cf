"""A pydantic model as the fields of a form, and what a form brought back as the model's document.

Made for the credentials and settings of adapters: labels, help, formats, choices and defaults are the model's
own, so that a new provider has its form at once. A secret is never written into a page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from daemon.errors import InvalidInput
from daemon.model import Document
from daemon.web.pages.forms import Fields

LONG = 300
"""From so many allowed characters on, a field has lines."""

ON = "on"
SHOWN_TOO = ".given"
"""Beside a tick box there is a hidden field, since a box that is not ticked is not sent at all."""


@dataclass(frozen=True, slots=True)
class Field:
    """`name` as it stands in the form, with dots (`settings.create.url`). `kind`: text, long, secret, check,
    choice, several, list, map, json or group; of a group `inner` are the parts. `columns` are of a map whose
    values have parts: `NAME = first, second` on each line."""

    name: str
    title: str
    help: str
    kind: str
    required: bool = False
    choices: tuple[str, ...] = ()
    example: str = ""
    default: Any = None
    columns: tuple[str, ...] = ()
    inner: tuple[Field, ...] = field(default=())

    @property
    def placeholder(self) -> str:
        return self.example if self.kind in ("text", "secret") else ""


def fields_of(model: type[BaseModel], prefix: str) -> list[Field]:
    """In the model's order, each name under `prefix` and a dot."""
    schema = model.model_json_schema()
    return list(_fields(schema, schema.get("$defs", {}), prefix))


def read(fields: list[Field], form: Fields) -> Document:
    """What the form says, without what was left empty. Raises InvalidInput where a map or JSON cannot be
    read; everything else is the model's to judge."""
    found: Document = {}
    for one in fields:
        name = one.name.rpartition(".")[2]
        value = read(list(one.inner), form) if one.kind == "group" else _value(one, form)
        if value not in (None, "", {}) or (value == [] and one.kind == "several"):
            found[name] = value
    return found


def texts(fields: list[Field], document: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in each field where the model's document is this; secrets stay empty."""
    found: dict[str, Any] = {}
    for one in fields:
        value = document.get(one.name.rpartition(".")[2], one.default)
        if one.kind == "group":
            found |= texts(list(one.inner), value if isinstance(value, Mapping) else {})
        elif one.kind != "secret":
            found[one.name] = _text(one, value)
    return found


def typed(fields: list[Field], form: Fields) -> dict[str, Any]:
    """What a person had typed, to be shown again beside what is wrong; secrets stay empty."""
    found: dict[str, Any] = {}
    for one in fields:
        if one.kind == "group":
            found |= typed(list(one.inner), form)
        elif one.kind == "check":
            found[one.name] = one.name in form
        elif one.kind == "several":
            found[one.name] = form.all(one.name)
        elif one.kind != "secret":
            found[one.name] = form.raw(one.name)
    return found


# --- from the schema ------------------------------------------------------------------------------------


def _fields(schema: Document, parts: Document, prefix: str, *, needed: bool = True) -> Iterator[Field]:
    """`needed`: so is what they are part of; else a browser would ask for parts of what is left out."""
    for name, given in schema.get("properties", {}).items():
        inner = _resolved(given, parts)
        kind = _kind(inner, parts)
        example = next(iter(given.get("examples", ())), "")
        full = f"{prefix}.{name}"
        required = needed and name in schema.get("required", ())
        yield Field(
            name=full,
            title=given.get("title") or name.replace("_", " ").capitalize(),
            help=given.get("description") or "",
            kind=kind,
            required=required,
            choices=tuple(inner.get("enum") or inner.get("items", {}).get("enum") or ()),
            example=example if isinstance(example, str) else "",
            default=given.get("default"),
            columns=_columns(inner, parts),
            inner=tuple(_fields(inner, parts, full, needed=required)) if kind == "group" else (),
        )


def _kind(given: Document, parts: Document) -> str:
    match given.get("type"):
        case "boolean":
            return "check"
        case "array":
            return _kind_of_list(given.get("items", {}))
        case "object" if "properties" in given:
            return "group"
        case "object":
            values = given.get("additionalProperties")
            plain = isinstance(values, dict) and _resolved(values, parts).get("type") == "string"
            return "map" if plain or _columns(given, parts) else "json"
        case "string" | "number" | "integer":
            return _kind_of_text(given)
    return "json" if "type" not in given else "text"


def _kind_of_list(items: Document) -> str:
    if "enum" in items:
        return "several"
    return "list" if items.get("type") == "string" else "json"


def _kind_of_text(given: Document) -> str:
    if given.get("format") == "password":
        return "secret"
    if "enum" in given:
        return "choice"
    return "long" if given.get("maxLength", 0) > LONG else "text"


def _resolved(given: Document, parts: Document) -> Document:
    """The one thing that is meant beside null, as its own description has it."""
    options = [one for one in given.get("anyOf", ()) if one.get("type") != "null"]
    numbers = [one for one in options if one.get("type") in ("number", "integer")]
    chosen: Document = (numbers or options or [given])[0]
    ref = chosen.get("$ref")
    return parts[ref.rpartition("/")[2]] if ref else chosen


def _columns(given: Document, parts: Document) -> tuple[str, ...]:
    values = given.get("additionalProperties")
    if not isinstance(values, dict):
        return ()
    return tuple(_resolved(values, parts).get("properties", ()))


# --- to and from text -----------------------------------------------------------------------------------


def _value(one: Field, form: Fields) -> Any:
    text = form.raw(one.name) if one.kind == "secret" else form.get(one.name)
    match one.kind:
        case "check":
            return one.name in form if f"{one.name}{SHOWN_TOO}" in form else None
        case "several":
            return form.all(one.name)
        case "list":
            return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
        case "map":
            return dict(_entries(one, text))
        case "json":
            return _json(one, text)
    return text


def _entries(one: Field, text: str) -> Iterator[tuple[str, Any]]:
    """`NAME = value`, a line each."""
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name or not value:
            raise InvalidInput("WB-INPUT", f"{one.title}: NAME = value on each line", field=one.name)
        if not one.columns:
            yield name, value
            continue
        parts = [part.strip() for part in value.split(",", len(one.columns) - 1)]
        yield name, dict(zip(one.columns, parts, strict=False))


def _json(one: Field, text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("WB-INPUT", f"{one.title}: it is not JSON", field=one.name) from None


def _text(one: Field, value: Any) -> Any:
    match one.kind:
        case "check" | "several":
            return value
        case "list":
            return ", ".join(value or ())
        case "map":
            return "\n".join(_line(one, name, given) for name, given in (value or {}).items())
        case "json":
            return "" if value is None else json.dumps(value, ensure_ascii=False, indent=1)
    return "" if value is None else str(value)


def _line(one: Field, name: str, given: Any) -> str:
    if isinstance(given, Mapping):
        given = ", ".join(str(given.get(column, "")) for column in one.columns)
    return f"{name} = {given}"
