"""What a customer's system answers: JSON or XML from somebody else's hands, and paths into it.

JSON keeps its decimals and has no name twice; XML has no DTD and becomes the same kind of tree (attributes
"@name", text beside them "#text"). Paths are JMESPath without the functions that lose cents: to_number() of a
Decimal drops them, and sum() and max() refuse it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

import jmespath
import xmltodict
from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Guarded
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator

from daemon.errors import Garbled
from daemon.wire import Reply

PARTY = "the customer's system"
CREATE_BYTES, STATUS_BYTES, LIST_BYTES = 64 * 1024, 1024 * 1024, 5 * 1024 * 1024
MAX_DEPTH = 64
MAX_PATH = 500
MAX_ELEMENTS = 200_000
FUNCTIONS = frozenset(
    ["length", "not_null", "contains", "starts_with", "ends_with", "keys", "values", "type"]
)

_MULTIPLYING = ("multi_select_list", "multi_select_dict")
"""`[@, @][] | [@, @][] | …` doubles a list with each step: 500 characters would fill any memory."""


def check_path(expression: str) -> str:
    """The path as given; raises ValueError."""
    if not 0 < len(expression) <= MAX_PATH:
        raise ValueError(f"a path has 1 to {MAX_PATH} characters")
    try:
        parsed = _compiled(expression).parsed
    except JMESPathError as error:
        raise ValueError(f"it is not a JMESPath: {str(error).splitlines()[0][:120]}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    for node in _nodes(parsed):
        if node["type"] == "function_expression" and node["value"] not in FUNCTIONS:
            there = ", ".join(sorted(FUNCTIONS))
            raise ValueError(f"{node['value'][:40]}() is not allowed; there is: {there}")
        if node["type"] in _MULTIPLYING:
            raise ValueError("a path picks a value; it makes no lists or objects of its own")
    return expression


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.get("children", ()):
        if isinstance(child, dict):
            yield from _nodes(child)


Path = Annotated[str, AfterValidator(check_path)]


@lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def found(document: Any, expression: str | None) -> Any:
    """What stands there; None where nothing does, or where there is no path. Raises Garbled."""
    if expression is None:
        return None
    try:
        return _compiled(expression).search(document)
    except (JMESPathError, TypeError, ArithmeticError) as error:
        raise Garbled(
            f"{PARTY} answered what the path {expression[:60]!r} cannot read", party=PARTY
        ) from error


def word(document: Any, expression: str | None) -> str | None:
    """A short text, or a whole number as text; raises Garbled where something else stands there."""
    value = found(document, expression)
    if value is None:
        return None
    if isinstance(value, dict) and "#text" in value:
        value = value["#text"]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise garbled(f"{expression!r} is not a text")
    text = str(value).strip()
    if len(text) > 2048:
        raise garbled(f"{expression!r} is longer than 2048 characters")
    return text or None


def read(reply: Reply, *, at_most: int, lists: Sequence[str] = ()) -> Any:
    """The document in an answer, None where the answer is empty; raises Garbled. `lists` are names of XML
    elements that repeat, so that one alone is a list too."""
    if len(reply.body) > at_most:
        raise garbled(f"the answer is larger than {at_most // 1024} KiB", reply)
    return read_bytes(reply.body, reply.headers.get("content-type", ""), lists, reply)


def read_bytes(body: bytes, content_type: str, lists: Sequence[str] = (), reply: Reply | None = None) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    start = _start(body)
    if not start:
        return None
    if is_page(body, kind):
        raise garbled("the answer is a web page, perhaps a login", reply)
    is_xml = "xml" in kind or ("json" not in kind and start.startswith(b"<"))
    return _xml(body, lists, reply) if is_xml else _json(body, reply)


def is_page(body: bytes, content_type: str) -> bool:
    return "html" in content_type.lower() or _start(body).startswith((b"<!doctype html", b"<html"))


def refuse_page(reply: Reply) -> None:
    """Where nothing is read of an answer, a login page in its place is noticed all the same."""
    if is_page(reply.body, reply.headers.get("content-type", "")):
        raise garbled("the answer is a web page, perhaps a login", reply)


def _start(body: bytes) -> bytes:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()


def _json(body: bytes, reply: Reply | None) -> Any:
    try:
        return json.loads(
            body, parse_float=_decimal, parse_constant=_refuse, object_pairs_hook=_no_name_twice
        )
    except (ValueError, RecursionError) as error:
        raise garbled("the answer is not JSON", reply) from error


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > 30:
        raise ValueError("a number out of reach")
    return number


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name stands twice")
    return document


def _xml(body: bytes, lists: Sequence[str], reply: Reply | None) -> Any:
    depth = count = 0
    try:
        for event, element in Guarded.iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=True):
            if event == "end":
                depth -= 1
                element.clear()
                continue
            depth, count = depth + 1, count + 1
            if depth > MAX_DEPTH or count > MAX_ELEMENTS:
                raise garbled("the answer is nested too deeply, or has too many elements", reply)
        return xmltodict.parse(body, force_list=tuple(lists))
    except (ParseError, ExpatError, DefusedXmlException, ValueError, LookupError) as error:
        raise garbled("the answer is not XML that can be read", reply) from error


def garbled(what: str, reply: Reply | None = None) -> Garbled:
    status = reply.status_code if reply else None
    return Garbled(f"{PARTY}: {what}", party=PARTY, status_code=status)
