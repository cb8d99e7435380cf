"""Shapes that several documents share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Doc = dict[str, Any]


def envelope(url: str, data: Iterable[Doc], *, has_more: bool) -> Doc:
    return {"object": "list", "url": url, "has_more": has_more, "data": list(data)}


def address(given: Mapping[str, str] | None) -> Doc | None:
    if given is None:
        return None
    return {part: given.get(part) for part in ("city", "country", "line1", "line2", "postal_code", "state")}
