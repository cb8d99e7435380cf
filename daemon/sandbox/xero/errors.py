"""Refusals, in each of the envelopes that Xero uses; key case varies between them as it does there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from daemon.sandbox.http import Answer
from daemon.sandbox.xero.records import Doc


class Refused(Exception):
    """The request is answered with this instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Invalid(Exception):
    """One element is refused, with these sentences."""

    def __init__(self, *messages: str) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages


def as_json(document: Any, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    return Answer(status, json.dumps(document).encode(), list(headers), "application/json; charset=utf-8")


def unauthorised(detail: str) -> Refused:
    document: Doc = {
        "Type": None,
        "Title": "Unauthorized",
        "Status": 401,
        "Detail": detail,
        "Instance": "00000000-0000-0000-0000-000000000000",
        "Extensions": {},
    }
    return Refused(as_json(document, 401))


def forbidden(detail: str = "AuthenticationUnsuccessful") -> Refused:
    instance = "00000000-0000-0000-0000-000000000000"
    document = {"type": None, "title": "Forbidden", "status": 403, "detail": detail, "instance": instance}
    return Refused(as_json(document, 403))


def not_found() -> Refused:
    body = b"The resource you're looking for cannot be found"
    return Refused(Answer(404, body, content_type="text/html; charset=utf-8"))


def bad_request(message: str, number: int = 16, kind: str = "QueryParseException") -> Refused:
    return Refused(as_json({"ErrorNumber": number, "Type": kind, "Message": message}, 400))


def validation(elements: Sequence[Doc]) -> Refused:
    document: Doc = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": list(elements),
    }
    return Refused(as_json(document, 400))


def oauth(error: str, status: int = 400) -> Refused:
    return Refused(as_json({"error": error}, status))
