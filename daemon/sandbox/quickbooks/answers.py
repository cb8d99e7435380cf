"""How QuickBooks writes: JSON with money as decimal numbers, and its three envelopes of a fault."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from daemon.sandbox.http import Answer

_PACIFIC = ZoneInfo("America/Los_Angeles")


class Refusal(Exception):
    """What QuickBooks refuses: `code` and HTTP `status` by its table of errors."""

    def __init__(
        self,
        code: str,
        message: str,
        detail: str = "",
        *,
        element: str | None = None,
        status: int = 400,
        kind: str = "ValidationFault",
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.detail = code, message, detail or message
        self.element, self.status, self.kind = element, status, kind

    @property
    def fault(self) -> dict[str, Any]:
        error = {"Message": self.message, "Detail": self.detail, "code": self.code}
        return {"Error": [error | ({"element": self.element} if self.element else {})], "type": self.kind}


def stamp(moment: datetime, timespec: str = "seconds") -> str:
    """A time as QuickBooks writes it: with the Pacific offset, -08:00 in winter and -07:00 in summer."""
    return moment.astimezone(_PACIFIC).isoformat(timespec=timespec)


def dumps(value: Any) -> str:
    """JSON with Decimal as a number."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dumps(one) for one in value) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def ok(document: dict[str, Any], now: datetime) -> Answer:
    return Answer(200, dumps({**document, "time": stamp(now, "milliseconds")}).encode())


def refused(refusal: Refusal, now: datetime) -> Answer:
    body = {"Fault": refusal.fault, "time": stamp(now, "milliseconds")}
    return Answer(refusal.status, dumps(body).encode())


def unauthenticated(token: str) -> Answer:
    """The gateway's lower-case envelope; its detail repeats the token."""
    error = {
        "message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
        "detail": f"Token expired: {token}" if token else "Missing token",
        "code": "3200",
        "element": None,
    }
    fault = {"error": [error], "type": "AUTHENTICATION"}
    body = {"warnings": None, "intuitObject": None, "fault": fault, "report": None, "queryResponse": None}
    challenge = ("WWW-Authenticate", 'Bearer realm="Intuit", error="invalid_token"')
    return Answer(401, dumps(body).encode(), [challenge])


def as_xml(answer: Answer) -> Answer:
    """What comes to one who did not ask for JSON."""
    text = escape(answer.body.decode())
    body = f'<?xml version="1.0"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3">{text}'
    return Answer(
        answer.status, f"{body}</IntuitResponse>".encode(), answer.headers, content_type="application/xml"
    )


def gateway_fault(status: int, code: str, name: str) -> Answer:
    """The gateway's own XML."""
    body = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<IntuitResponse xmlns="http://schema.intuit.com/finance/v3">'
        f'<Fault type="AUTHORIZATION"><Error code="{code}"><Message>message={name}; errorCode={code}; '
        f"statusCode={status}</Message></Error></Fault></IntuitResponse>"
    )
    return Answer(status, body.encode(), content_type="application/xml")
