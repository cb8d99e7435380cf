"""PayPal's refusals, in the shapes of its documentation.

Invoicing and disputes answer the REST envelope, the token endpoint OAuth's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from daemon.sandbox.http import Answer

_NAMES: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: (
        "AUTHENTICATION_FAILURE",
        "Authentication failed due to missing authorization header, or invalid authentication credentials.",
    ),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    415: (
        "UNSUPPORTED_MEDIA_TYPE",
        "The server does not support the request payload's media type.",
    ),
    422: (
        "UNPROCESSABLE_ENTITY",
        "The requested action could not be performed, semantically incorrect, or failed business validation.",
    ),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
}


class PayPalError(Exception):
    """A refusal; `field` is a JSON pointer into the body. `name` where it is not the status' own."""

    def __init__(
        self,
        status: int,
        issue: str = "",
        description: str = "",
        *,
        field: str = "",
        location: str = "body",
        name: str = "",
    ) -> None:
        super().__init__(issue or name or str(status))
        self.status, self.name = status, name
        self.detail: dict[str, Any] = {}
        if issue:
            self.detail = {"issue": issue, "description": description}
        if issue and field:
            self.detail |= {"field": field, "location": location}

    def answer(self, debug_id: str) -> Answer:
        name, message = _NAMES[self.status]
        body: dict[str, Any] = {"name": self.name or name, "message": message, "debug_id": debug_id}
        if self.detail:
            body["details"] = [self.detail]
        body["links"] = []
        return Answer(self.status, json.dumps(body).encode(), [("Paypal-Debug-Id", debug_id)])


class TokenError(Exception):
    """The token endpoint's own shape (RFC 6749, 5.2)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description}

    def answer(self, debug_id: str) -> Answer:
        return Answer(self.status, json.dumps(self.body).encode(), [("Paypal-Debug-Id", debug_id)])


def invalid(field: str, issue: str, description: str = "") -> PayPalError:
    return PayPalError(400, issue, description or issue.replace("_", " ").capitalize() + ".", field=field)


def unprocessable(issue: str, description: str, field: str = "") -> PayPalError:
    return PayPalError(422, issue, description, field=field)


def not_found() -> PayPalError:
    return PayPalError(404, "RESOURCE_NOT_FOUND", "The specified resource does not exist.")
