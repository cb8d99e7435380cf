"""The customer's JSON Schema: hostile input. Nothing is fetched, and patterns match in linear time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs

from daemon.model import Document

MAX_BYTES, MAX_DEPTH, MAX_NODES = 128 * 1024, 32, 2000
_DRAFTS = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
)


def check(schema: Document) -> None:
    """Raises ValueError that says where the schema cannot be used."""
    text = json.dumps(schema)
    if len(text) > MAX_BYTES:
        raise ValueError(f"the schema is larger than {MAX_BYTES // 1024} KiB")
    for count, (where, depth, node) in enumerate(_walk(schema), 1):
        if count > MAX_NODES or depth > MAX_DEPTH:
            raise ValueError(f"the schema has more than {MAX_NODES} nodes, or more than {MAX_DEPTH} levels")
        if isinstance(node, dict):
            _check_references(where, node)
    try:
        _compiled(text)
    except ValueError as error:
        raise ValueError(f"the schema is not one: {_first_line(error)}") from None


def _check_references(where: str, node: Document) -> None:
    for name in ("$ref", "$dynamicRef", "$recursiveRef"):
        target = node.get(name)
        if isinstance(target, str) and not target.startswith("#"):
            raise ValueError(
                f"{where.rstrip('/')}/{name} leads out of the schema; only # references are followed"
            )
    draft = node.get("$schema")
    if isinstance(draft, str) and draft.rstrip("#") not in _DRAFTS:
        raise ValueError(f"{where.rstrip('/')}/$schema is no draft that is known")


def problem(schema: Document, document: Any) -> str | None:
    """Where a document does not keep to the schema, and why; None where it does."""
    for error in _compiled(json.dumps(schema)).iter_errors(document):
        where = "/".join(str(part) for part in error.instance_path)
        return f"/{where}: {_first_line(error)}"
    return None


@lru_cache(maxsize=64)
def _compiled(text: str) -> Any:
    return jsonschema_rs.validator_for(
        json.loads(text), retriever=_deny, pattern_options=jsonschema_rs.RegexOptions()
    )


def _deny(uri: str) -> Any:
    raise ValueError("nothing is fetched")


def _first_line(error: Exception) -> str:
    message = getattr(error, "message", None) or str(error)
    return str(message).splitlines()[0][:200]


def _walk(node: Any, where: str = "", depth: int = 0) -> Iterator[tuple[str, int, Any]]:
    yield where or "/", depth, node
    if depth > MAX_DEPTH:
        return
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from _walk(inner, f"{where}/{name}", depth + 1)
    elif isinstance(node, list):
        for place, inner in enumerate(node):
            yield from _walk(inner, f"{where}/{place}", depth + 1)
