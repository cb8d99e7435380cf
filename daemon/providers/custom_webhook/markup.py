"""XML out of a mapping: the same tree, with element nodes {"$el", "$ns", "$attr", "$text", "$children"}."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Guarded

from daemon.model import Document
from daemon.providers.custom_webhook import mapping
from daemon.providers.custom_webhook.canonical import at
from daemon.providers.custom_webhook.mapping import ABSENT, ELEMENT, Misplaced, text_of

_NAME = re.compile(r"(?![Xx][Mm][Ll])[A-Za-z_][A-Za-z0-9._-]{0,99}", re.ASCII)
_NAMESPACE = re.compile(r"[^\s{}<>\"']{1,200}")
_OUTSIDE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not hold; ElementTree would write it unchanged."""

_OPTIONAL = "$omit_if_missing"


def check(tree: Any, sample: Document) -> None:
    """Raises Misplaced."""
    if not isinstance(tree, dict) or "$el" not in tree:
        raise Misplaced("", 'an XML mapping begins with an element: {"$el": "Invoice", …}')
    for count, (where, depth, _node) in enumerate(mapping.walk(tree), 1):
        if count > mapping.MAX_NODES or depth > mapping.MAX_DEPTH:
            raise Misplaced(
                where, f"a mapping has {mapping.MAX_NODES} nodes and {mapping.MAX_DEPTH} levels at most"
            )
    _check_element(tree, "", sample, inside=False)


def _check_element(node: Any, where: str, sample: Document, *, inside: bool) -> None:
    if not isinstance(node, dict) or "$el" not in node:
        raise Misplaced(where, 'an element is needed: {"$el": …}')
    strangers = sorted(node.keys() - ELEMENT - {_OPTIONAL})
    if strangers:
        raise Misplaced(f"{where}/{strangers[0]}", f"an element has {', '.join(sorted(ELEMENT))}")
    _check_name(node["$el"], f"{where}/$el")
    if "$ns" in node and not (isinstance(node["$ns"], str) and _NAMESPACE.fullmatch(node["$ns"])):
        raise Misplaced(f"{where}/$ns", "it is not a namespace")
    attributes = node.get("$attr", {})
    if not isinstance(attributes, dict):
        raise Misplaced(f"{where}/$attr", "an object with names and values is needed")
    for name, value in attributes.items():
        _check_name(name, f"{where}/$attr/{name[:20]}")
        _check_text(value, f"{where}/$attr/{name}", sample, inside=inside)
    if "$text" in node:
        _check_text(node["$text"], f"{where}/$text", sample, inside=inside)
    _check_children(node.get("$children", []), f"{where}/$children", sample, inside=inside)


def _check_children(children: Any, where: str, sample: Document, *, inside: bool) -> None:
    if not isinstance(children, list):
        raise Misplaced(where, "a list of elements is needed")
    for place, child in enumerate(children):
        here = f"{where}/{place}"
        if not isinstance(child, dict) or "$each" not in child:
            _check_element(child, here, sample, inside=inside)
        elif inside or child.keys() != {"$each", "$do"} or child["$each"] != "/lines":
            raise Misplaced(here, "$each is /lines, has a $do and does not stand inside another")
        else:
            _check_element(child["$do"], f"{here}/$do", sample, inside=True)


def _check_text(node: Any, where: str, sample: Document, *, inside: bool) -> None:
    if isinstance(node, dict | list):
        if not isinstance(node, dict) or mapping.head_of(node, where) not in ("$path", "$concat", "$const"):
            raise Misplaced(where, "a text, $path, $concat or $const is needed")
        wrapped: Any = {"$each": "/lines", "$do": node} if inside else node
        mapping._check(wrapped, where, sample, None)


def _check_name(name: Any, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Misplaced(where, "a name has letters, digits, - _ and ., begins with a letter and not with xml")


def write(tree: Document, invoice: Document) -> str:
    """The document as text, in UTF-8 with a declaration; raises Misplaced."""
    root = _element(tree, invoice, None, "")
    if root is None:
        raise Misplaced("", "the document is empty")
    text = '<?xml version="1.0" encoding="UTF-8"?>' + ET.tostring(root, encoding="unicode")
    try:
        Guarded.fromstring(text, forbid_dtd=True)  # what we wrote is what a careful reader takes
    except (ET.ParseError, DefusedXmlException, ValueError):
        raise Misplaced("", "what it makes cannot be read as XML") from None
    return text


def _element(node: Document, invoice: Document, line: Document | None, where: str) -> ET.Element | None:
    text = _text(node.get("$text"), invoice, line, f"{where}/$text")
    if text is ABSENT or (text == "" and node.get(_OPTIONAL)):
        return None
    space = node.get("$ns")
    element = ET.Element(f"{{{space}}}{node['$el']}" if space else node["$el"])
    for name, value in node.get("$attr", {}).items():
        written = _text(value, invoice, line, f"{where}/$attr/{name}")
        if written is not ABSENT:
            element.set(name, written)
    element.text = text or None
    element.extend(_children(node.get("$children", []), invoice, line, f"{where}/$children"))
    return element


def _children(
    nodes: list[Document], invoice: Document, line: Document | None, where: str
) -> Iterator[ET.Element]:
    for place, node in enumerate(nodes):
        rows = at(invoice, node["$each"]) if "$each" in node else [line]
        inner = node["$do"] if "$each" in node else node
        for row in rows:
            made = _element(inner, invoice, row, f"{where}/{place}")
            if made is not None:
                yield made


def _text(node: Any, invoice: Document, line: Document | None, where: str) -> Any:
    value = mapping.render(node, invoice, line, where)
    return ABSENT if value is ABSENT else _OUTSIDE.sub("", text_of(value))
