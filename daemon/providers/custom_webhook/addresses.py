"""The customer's addresses: templates whose variables stand in path and query only."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator

MAX_URL = 2048
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_TELLING = re.compile(
    r"(^|[_.-])(api_?key|apikey|key|token|secret|passw(or)?d|auth|signature)$", re.IGNORECASE
)


def check(template: str, known: Collection[str], needed: Collection[str] = ()) -> str:
    """The template as given; raises ValueError that says what is wrong with it. Whether the address is public
    is judged at every send: names move."""
    if len(template) > MAX_URL or re.search(r"[\s\x00-\x1f\\]", template):
        raise ValueError(f"it must be an address of up to {MAX_URL} characters without spaces")
    try:
        parts = urlsplit(template)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("it is not an address") from None
    plain_port = parts.scheme == "http" and port is not None
    if not host or not (parts.scheme == "https" or plain_port):
        raise ValueError("it must begin with https:// and a host's name")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("it must not hold a user, a password or a #fragment")
    if "{" in parts.netloc or "}" in parts.netloc:
        raise ValueError("variables stand in the path or the query, never in the host")
    _refuse_secrets(parts.query)
    _check_variables(template, known, needed)
    return template


def _refuse_secrets(query: str) -> None:
    for pair in query.split("&"):
        name = pair.partition("=")[0]
        if _TELLING.search(name):
            raise ValueError(
                f"{name[:40]} looks like a secret, and addresses end in logs: use the credentials"
            )


def _check_variables(template: str, known: Collection[str], needed: Collection[str]) -> None:
    names = _VARIABLE.findall(template)
    for name in names:
        if name not in known:
            there = ", ".join(f"{{{one}}}" for one in known) or "none"
            raise ValueError(f"{{{name[:40]}}} is no variable here; there is: {there}")
    if _VARIABLE.sub("", template).count("{") or _VARIABLE.sub("", template).count("}"):
        raise ValueError("a brace stands alone")
    if needed and not set(names) & set(needed):
        raise ValueError(f"it must hold {' or '.join(f'{{{one}}}' for one in needed)}")


def variables(template: str) -> frozenset[str]:
    return frozenset(_VARIABLE.findall(template))


def fill(template: str, values: Mapping[str, str], base_url: str = "") -> str:
    """The address with its variables, each quoted whole; `base_url` replaces scheme, host and port. A value
    can neither add a segment nor leave the host."""
    filled = _VARIABLE.sub(lambda match: quote(values[match[1]], safe=""), template)
    if not base_url:
        return filled
    parts, base = urlsplit(filled), urlsplit(base_url)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


def url_field(known: Collection[str] = (), needed: Collection[str] = ()) -> Any:
    def checked(value: str) -> str:
        return check(value, known, needed)

    return AfterValidator(checked)


CreateUrl = Annotated[str, url_field(("reference",))]
StatusUrl = Annotated[
    str, url_field(("external_id", "reference", "number"), ("external_id", "reference", "number"))
]
LookupUrl = Annotated[str, url_field(("reference", "number"), ("reference", "number"))]
ListUrl = Annotated[str, url_field(("since", "page"), ("since",))]
