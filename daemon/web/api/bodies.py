"""What comes with a request, read strictly: JSON without doubt, listed fields alone, query names once."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from daemon.errors import InvalidInput
from daemon.model import reasons

M = TypeVar("M", bound=BaseModel)

MOST = 262_144
DEEPEST = 32
LONGEST_QUERY = 4096
LONGEST_NUMBER = 40


class NotJson(InvalidInput):
    """The body is not one JSON object, read strictly."""

    def __init__(self, reason: str) -> None:
        super().__init__("WB-INPUT-JSON", f"the body: {reason}")


class Misgiven(InvalidInput):
    """A field of what was sent is wrong; `field` is as it was sent."""


def read(model: type[M], raw: bytes) -> M:
    """The body as its model; raises InvalidInput that names the field, never a value."""
    text = _text(raw)
    _insist_on_depth(text)
    try:
        document = json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_bounded,
        )
    except NotJson:
        raise
    except (ValueError, RecursionError):
        raise NotJson("it is not JSON") from None
    if not isinstance(document, dict):
        raise NotJson("a JSON object is needed")
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise told(model, error, "body") from None


def read_query(model: type[M], query: str) -> M:
    """The query as its model; raises InvalidInput."""
    if len(query) > LONGEST_QUERY:
        raise InvalidInput("WB-INPUT-TOO-LARGE", "the query is too long")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise InvalidInput("WB-INPUT", "the query cannot be read") from None
    given = dict(pairs)
    if len(given) != len(pairs):
        raise InvalidInput("WB-INPUT", "the query names something twice")
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise told(model, error, "query") from None


def told(model: type[BaseModel], error: ValidationError, whole: str) -> InvalidInput:
    """In plain words, the first thing that is wrong."""
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    field, reason = reasons.told(error, known, whole=whole)
    if error.errors(include_input=False, include_url=False)[0]["type"] == "json_invalid":
        return NotJson("it holds text that is not Unicode")
    return Misgiven("WB-INPUT", reason, field=field)


def camel(name: str) -> str:
    """`lines.1.tax_rate` is `lines.1.taxRate`."""
    return ".".join(to_camel(part) for part in name.split("."))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None


def _insist_on_depth(text: str) -> None:
    """Before a parser that recurses sees it."""
    depth, inside, escaped = 0, False, False
    for char in text:
        if inside:
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside, escaped = True, False
        elif char in "[{":
            depth += 1
            if depth > DEEPEST:
                raise NotJson(f"it is nested more than {DEEPEST} deep")
        elif char in "]}":
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise NotJson("an object names a field twice")
    return document


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise NotJson("a number is too long")
    return int(digits)


def _bounded(digits: str) -> float:
    """What is beyond a float would go on as Infinity."""
    if len(digits) > LONGEST_NUMBER or not math.isfinite(value := float(digits)):
        raise NotJson("a number is too long, or too large")
    return value


def _no_constant(_name: str) -> object:
    raise NotJson("NaN and Infinity are no JSON")
