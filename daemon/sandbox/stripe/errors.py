"""Stripe's refusals: an HTTP status and its error envelope."""

from __future__ import annotations

from typing import Any

TYPE = "invalid_request_error"


class StripeError(Exception):
    """An answer that is not 2xx. `type` is api_error, card_error, idempotency_error or
    invalid_request_error (the four of the official package's error object)."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = TYPE,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.headers = headers

    def document(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/logs/{request_id}"
        return {"error": error}


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> StripeError:
    return StripeError(400, message, code=code, param=param)


def unknown_parameter(name: str) -> StripeError:
    return invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def missing_parameter(name: str) -> StripeError:
    return invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)


def no_such(what: str, record_id: str, *, param: str | None = None, status: int = 404) -> StripeError:
    """404 where the id stands in the path, 400 where it is a parameter."""
    return StripeError(status, f"No such {what}: '{record_id}'", code="resource_missing", param=param or "id")


def throttled(reason: str, *, retry_after: float | None = None) -> StripeError:
    headers = [("Stripe-Rate-Limited-Reason", reason)]
    if retry_after is not None:
        headers.append(("Retry-After", str(max(1, round(retry_after)))))
    message = (
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
    )
    return StripeError(429, message, code="rate_limit", headers=tuple(headers))


def lock_timeout() -> StripeError:
    return StripeError(
        429,
        "This object cannot be accessed right now because another API request or Stripe process is currently "
        "accessing it.",
        code="lock_timeout",
    )


def server_error() -> StripeError:
    return StripeError(
        500, "An unknown error occurred", kind="api_error", headers=(("Stripe-Should-Retry", "true"),)
    )
