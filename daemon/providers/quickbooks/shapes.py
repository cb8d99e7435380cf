"""Parts of QuickBooks' documents, none of which is trusted to have the shape that is documented."""

from __future__ import annotations

from daemon.errors import Garbled
from daemon.model import Document
from daemon.providers.quickbooks.words import PARTY


def part(document: Document, name: str) -> Document:
    """An object within; empty where it is absent. Raises Garbled where it is none."""
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Garbled(f"QuickBooks' {name} is not an object", party=PARTY)
    return value


def rows(document: Document, name: str) -> list[Document]:
    """A list of objects within; empty where it is absent. Raises Garbled where it is none."""
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Garbled(f"QuickBooks' {name} is not a list", party=PARTY)
    return value


def text(document: Document, name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def value_of(reference: object) -> str | None:
    """The id that a reference holds."""
    value = reference.get("value") if isinstance(reference, dict) else None
    return value if isinstance(value, str) and value else None
