"""A mapping is data: a JSON tree that is copied, in which objects with $-keys are replaced. No code, no text
templates. What is wrong with one is said when it is saved, with the place.

{"$path": "/total", "$fmt": "number:2", "$default": …, "$omit_if_missing": true, "$map": {"EUR": "978"}},
{"$const": …}, {"$concat": ["INV-", {"$path": "/number"}]}, {"$each": "/lines", "$do": …}. Inside $do a name
without a slash belongs to the line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from daemon.model import Document
from daemon.providers.custom_webhook import formats
from daemon.providers.custom_webhook.canonical import at
from daemon.providers.custom_webhook.formats import Number

MAX_DEPTH, MAX_NODES, MAX_BYTES = 16, 2000, 64 * 1024
MAX_OUTPUT = 256 * 1024

ABSENT: Any = object()
"""What is left out of the output."""

_OPTIONS = {"$fmt", "$default", "$omit_if_missing", "$map"}
_HEADS = {"$path": _OPTIONS, "$const": set(), "$concat": set(), "$each": {"$do"}}
ELEMENT = {"$el", "$ns", "$attr", "$text", "$children"}


class Misplaced(ValueError):
    """A mapping, or a value for it, that cannot be; `where` is the place in the mapping."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where or '/'}: {why}")


# --- when it is saved ---------------------------------------------------------------------------------


def check(tree: Any, sample: Document) -> None:
    """Raises Misplaced. `sample` has every path that there is."""
    if len(json.dumps(tree)) > MAX_BYTES:
        raise Misplaced("", f"a mapping has {MAX_BYTES // 1024} KiB at most")
    for count, (where, depth, _node) in enumerate(walk(tree), 1):
        if depth > MAX_DEPTH:
            raise Misplaced(where, f"a mapping has {MAX_DEPTH} levels at most")
        if count > MAX_NODES:
            raise Misplaced(where, f"a mapping has {MAX_NODES} nodes at most")
    _check(tree, "", sample, None)


def walk(node: Any, where: str = "", depth: int = 0) -> Iterator[tuple[str, int, Any]]:
    yield where, depth, node
    if depth > MAX_DEPTH:
        return
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, inner in items:
        yield from walk(inner, f"{where}/{name}", depth + 1)


def _check(node: Any, where: str, sample: Document, line: Document | None) -> None:
    if isinstance(node, list):
        for place, inner in enumerate(node):
            _check(inner, f"{where}/{place}", sample, line)
        return
    if not isinstance(node, dict):
        return
    head = head_of(node, where)
    match head:
        case None:
            for name, inner in node.items():
                _check(inner, f"{where}/{name}", sample, line)
        case "$path":
            _check_path(node, where, sample, line)
        case "$concat":
            _check_concat(node["$concat"], f"{where}/$concat", sample, line)
        case "$each":
            if line is not None:
                raise Misplaced(where, "$each does not stand inside $do")
            if "$do" not in node:
                raise Misplaced(where, "$each needs $do")
            _check(node["$do"], f"{where}/$do", sample, _first(node["$each"], f"{where}/$each", sample))


def head_of(node: Document, where: str) -> str | None:
    """The $-key that says what this object is; None for one that is copied. Raises Misplaced."""
    marks = {name for name in node if name.startswith("$")}
    if not marks:
        return None
    if len(marks) != len(node):
        raise Misplaced(where, "an object has either $-keys or names of its own")
    heads = marks & _HEADS.keys()
    if len(heads) != 1:
        known = ", ".join(sorted({*_HEADS, *_OPTIONS, "$do"}))
        unknown = sorted(marks - _OPTIONS - _HEADS.keys() - {"$do"})
        raise Misplaced(where, f"{unknown[0] if unknown else 'this'} says nothing; there is: {known}")
    head = heads.pop()
    strangers = sorted(marks - {head} - _HEADS[head])
    if strangers:
        raise Misplaced(f"{where}/{strangers[0]}", f"it does not stand beside {head}")
    return head


def _check_path(node: Document, where: str, sample: Document, line: Document | None) -> None:
    value = _sampled(node["$path"], f"{where}/$path", sample, line)
    if isinstance(value, dict | list):
        raise Misplaced(f"{where}/$path", "it names an object or a list; name a value in it, or use $each")
    _check_options(node, where)
    try:
        formats.write(value, node.get("$fmt", "text"))
    except ValueError as error:
        if str(value) != "Sample":
            raise Misplaced(f"{where}/$fmt", str(error)) from None


def _check_options(node: Document, where: str) -> None:
    if "$fmt" in node:
        try:
            formats.check(node["$fmt"])
        except ValueError as error:
            raise Misplaced(f"{where}/$fmt", str(error)) from None
    if not isinstance(node.get("$omit_if_missing", False), bool):
        raise Misplaced(f"{where}/$omit_if_missing", "true or false is needed")
    if isinstance(node.get("$default"), dict | list | float):
        raise Misplaced(f"{where}/$default", "a text, a whole number, true, false or null is needed")
    table = node.get("$map", {})
    plain = isinstance(table, dict) and not any(
        isinstance(word, dict | list | float) for word in table.values()
    )
    if not plain:
        raise Misplaced(f"{where}/$map", "a table of words is needed")


def _check_concat(parts: Any, where: str, sample: Document, line: Document | None) -> None:
    if not isinstance(parts, list) or not parts:
        raise Misplaced(where, "a list is needed")
    for place, part in enumerate(parts):
        if isinstance(part, dict):
            if head_of(part, f"{where}/{place}") != "$path":
                raise Misplaced(f"{where}/{place}", "only texts and $path stand here")
            _check_path(part, f"{where}/{place}", sample, line)
        elif not isinstance(part, str):
            raise Misplaced(f"{where}/{place}", "only texts and $path stand here")


def _sampled(pointer: Any, where: str, sample: Document, line: Document | None) -> Any:
    if not isinstance(pointer, str) or not pointer:
        raise Misplaced(where, "a path like /number is needed")
    if line is None and not pointer.startswith("/"):
        raise Misplaced(where, "a path begins with /; names without it stand inside $do")
    try:
        return at(sample if pointer.startswith("/") else line, pointer)
    except KeyError:
        raise Misplaced(where, f"there is no {pointer[:80]!r} in an invoice") from None


def _first(pointer: Any, where: str, sample: Document) -> Document:
    rows = _sampled(pointer, where, sample, None)
    if not isinstance(rows, list):
        raise Misplaced(where, "it names no list; there is /lines")
    return cast(Document, rows[0])


# --- when it is used ----------------------------------------------------------------------------------


def render(  # noqa: PLR0911 - one for each kind of node
    node: Any, invoice: Document, line: Document | None = None, where: str = ""
) -> Any:
    """The tree with everything replaced: dicts, lists, str, bool, None and Number. Raises Misplaced where the
    invoice has no such value."""
    if isinstance(node, list):
        rendered = [render(inner, invoice, line, f"{where}/{n}") for n, inner in enumerate(node)]
        return [value for value in rendered if value is not ABSENT]
    if not isinstance(node, dict):
        return plain(node)
    match head_of(node, where):
        case "$path":
            return value_of(node, invoice, line, where)
        case "$const":
            return plain(node["$const"])
        case "$concat":
            return joined(node["$concat"], invoice, line, f"{where}/$concat")
        case "$each":
            rows = at(invoice, node["$each"])
            return [render(node["$do"], invoice, row, f"{where}/$do") for row in rows]
    found = {name: render(inner, invoice, line, f"{where}/{name}") for name, inner in node.items()}
    return {name: value for name, value in found.items() if value is not ABSENT}


def value_of(node: Document, invoice: Document, line: Document | None, where: str) -> Any:
    pointer = node["$path"]
    value = at(invoice if pointer.startswith("/") else line, pointer)
    if value is None:
        if node.get("$omit_if_missing"):
            return ABSENT
        return plain(node.get("$default"))
    try:
        written = formats.write(value, node.get("$fmt", "text"))
    except ValueError as error:
        raise Misplaced(where, f"{pointer}: {error}") from None
    if "$map" not in node:
        return written
    word = text_of(written)
    if word in node["$map"]:
        return plain(node["$map"][word])
    if "$default" in node:
        return plain(node["$default"])
    raise Misplaced(f"{where}/$map", f"it has no word for {word[:40]!r}")


def joined(parts: list[Any], invoice: Document, line: Document | None, where: str) -> str:
    texts = [
        part if isinstance(part, str) else value_of(part, invoice, line, f"{where}/{place}")
        for place, part in enumerate(parts)
    ]
    return "".join(text_of(text) for text in texts if text is not ABSENT)


def plain(value: Any) -> Any:
    """A literal of the mapping; its numbers keep their text."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return (
        Number(json.dumps(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value
    )


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Number) else str(value)


def dumps(value: Any) -> str:
    """JSON in one serialisation, which is signed and sent; numbers stand as they were written."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        pairs = (f"{json.dumps(name, ensure_ascii=False)}:{dumps(inner)}" for name, inner in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)
