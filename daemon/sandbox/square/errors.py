"""Square's error envelope: `{"errors": [{"category", "code", "detail", "field"}]}`, one entry or several."""

from __future__ import annotations

from typing import Any

REQUEST = "INVALID_REQUEST_ERROR"
AUTH = "AUTHENTICATION_ERROR"


class Refusal(Exception):
    """What the API answers instead of doing it."""

    def __init__(
        self, code: str, detail: str, *, field: str | None = None, status: int = 400, category: str = REQUEST
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.field = code, detail, field
        self.status, self.category = status, category


def envelope(refusal: Refusal) -> dict[str, Any]:
    entry = {"category": refusal.category, "code": refusal.code, "detail": refusal.detail}
    return {"errors": [entry if refusal.field is None else {**entry, "field": refusal.field}]}


def not_found(what: str) -> Refusal:
    return Refusal("NOT_FOUND", f"{what} was not found.", status=404)


def conflict(detail: str) -> Refusal:
    return Refusal("CONFLICT", detail, field="version", status=409)


def unauthorised(code: str = "UNAUTHORIZED") -> Refusal:
    return Refusal(code, "This request could not be authorized.", status=401, category=AUTH)


def out_of_scope(scope: str) -> Refusal:
    detail = f"The merchant has not given your application sufficient permissions: {scope}."
    return Refusal("INSUFFICIENT_SCOPES", detail, status=403, category=AUTH)


def too_many() -> Refusal:
    return Refusal("RATE_LIMITED", "Too many requests.", status=429, category="RATE_LIMIT_ERROR")


def internal() -> Refusal:
    return Refusal("INTERNAL_SERVER_ERROR", "An internal error.", status=500, category="API_ERROR")
