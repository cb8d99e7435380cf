"""QuickBooks' faults: three envelopes (JSON, lower-case JSON of the gateway, XML), and a 200 that holds one.

The detail of a 401 may repeat the access token, so that nothing of it is passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from daemon.errors import (
    Garbled,
    Missing,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorised,
)
from daemon.providers.quickbooks.words import NO_OBJECT, PARTY
from daemon.wire import Reply, raise_for, retry_after_s

PAUSE_S = 60.0
"""A 429 says not how long; a minute is what the limits count."""
_SECRET = re.compile(r"[A-Za-z0-9_\-.+/=]{40,}")
_CODE = re.compile(r"errorCode=0*(\d+)")
_NAMES = {
    "AuthenticationFailed": "3200",
    "ApplicationAuthorizationFailed": "3100",
    "ThrottleExceeded": "3001",
}
_TROUBLE = frozenset(["10000", "140", "150"])
_STOPPED = {
    "3100": "the company is not connected to our app (any more), or belongs to the other environment",
    "120": "the person who connected it is no administrator of the company any more",
    "7001": "the company was deleted",
    "6190": "the company's subscription has lapsed: it is read only",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """`code` without leading zeros, as text; "" where there is none."""

    code: str
    message: str
    detail: str = ""
    kind: str = ""
    element: str | None = None


def fault_in(document: object) -> Fault | None:
    """The first error of a decoded answer, or of one item of a batch."""
    if not isinstance(document, dict):
        return None
    holder = _either(document, "Fault")
    if not isinstance(holder, dict):
        return None
    errors = _either(holder, "Error")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    message = str(_either(first, "Message") or "")
    return Fault(
        _code(str(first.get("code") or ""), message),
        message,
        str(_either(first, "Detail") or ""),
        str(holder.get("type") or ""),
        str(first["element"]) if first.get("element") else None,
    )


def fault_in_xml(body: bytes) -> Fault | None:
    """None where it is no XML, or tells no error."""
    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    for node in root.iter():
        if _local(node) == "error":
            parts = {_local(child): (child.text or "").strip() for child in node}
            message = parts.get("message", "")
            return Fault(
                _code(node.get("code") or parts.get("code", ""), message), message, parts.get("detail", "")
            )
    return None


def raise_for_quickbooks(reply: Reply, fault: Fault | None) -> None:
    """Return where the answer is good; else raise what it means."""
    if fault is not None:
        raise error_of(fault, reply)
    if reply.status_code == 429:
        raise _made(Throttled, "asked us to slow down", reply, None)
    if 400 <= reply.status_code < 500 and reply.status_code != 401:
        raise _made(Garbled, f"answered {reply.status_code} without saying why", reply, None)
    raise_for(reply, PARTY, ref=reply.headers.get("intuit_tid"))


def error_of(fault: Fault, reply: Reply) -> RemoteError:
    """The house's error for this fault; for an item of a batch the reply is the batch's."""
    code, status = fault.code, reply.status_code
    if code == "3001" or status == 429:
        return _made(Throttled, "asked us to slow down", reply, fault)
    if code == "3200" or status == 401 or fault.kind.upper().startswith("AUTHENTICATION"):
        return _made(Unauthorised, "does not accept our access token", reply, fault)
    if code in _STOPPED or status == 403:
        return _made(Unauthorised, f"refuses us: {_STOPPED.get(code, 'no permission')}", reply, fault)
    if code in _TROUBLE or status >= 500 or fault.kind == "SystemFault":
        return _made(OutcomeUnknown, "had an internal error", reply, fault)
    kind = Missing if code == NO_OBJECT else Rejected
    return _made(kind, f"refused it: {_said(fault)}", reply, fault)


def _made(kind: type[RemoteError], what: str, reply: Reply, fault: Fault | None) -> RemoteError:
    pause_s = (retry_after_s(reply.headers) or PAUSE_S) if kind is Throttled else None
    return kind(
        f"{PARTY} {what}",
        party=PARTY,
        ref=reply.headers.get("intuit_tid"),
        status_code=reply.status_code,
        provider_code=fault.code if fault else None,
        retry_after=pause_s,
        param=fault.element if fault else None,
    )


def _said(fault: Fault) -> str:
    parts = (
        [fault.message]
        if fault.message in fault.detail or not fault.detail
        else [fault.message, fault.detail]
    )
    text = fault.detail if len(parts) == 1 and fault.detail else ": ".join(part for part in parts if part)
    return f"{_SECRET.sub('…', text)[:400]} ({fault.code})"


def _code(code: str, message: str) -> str:
    """Codes come as "3200", "003200", or as a word."""
    found = _CODE.search(message)
    for name, number in _NAMES.items():
        if name in (code, message) or (not code and name in message):
            return number
    return (code.lstrip("0") if code.isdigit() else "") or (found[1] if found else code)


def _either(document: dict[str, Any], name: str) -> Any:
    return document.get(name, document.get(name.lower()))


def _local(node: Element) -> str:
    return str(node.tag).rpartition("}")[2].lower()
