"""Reading a request as Stripe does."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.sandbox.http import Answer, Environ, StartResponse
from daemon.sandbox.stripe.errors import StripeError, invalid
from daemon.sandbox.stripe.forms import decode

__all__ = ["Answer", "Environ", "Request", "StartResponse", "read"]

MAX_BODY = 1024 * 1024
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """`pairs` are the parameters in order, from the query of a GET or DELETE or the form of a POST."""

    method: str
    path: str
    query: str
    body: bytes
    authorization: str
    version: str
    key: str
    account: str
    content_type: str

    def pairs(self) -> list[tuple[str, str]]:
        """Raises StripeError where parameters stand in the wrong place or encoding."""
        if self.method != "POST":
            if self.body:
                raise invalid(f"{self.method} requests take their parameters in the query, not in a body.")
            return decode(self.query)
        if self.query:
            raise invalid("POST requests take their parameters in the body, not in the query.")
        if self.body and self.content_type.partition(";")[0].strip().lower() != _FORM:
            raise invalid(
                "Invalid request (check that your POST content type is application/x-www-form-urlencoded)."
            )
        try:
            return decode(self.body.decode("ascii"))
        except UnicodeDecodeError:
            raise invalid("Form bodies are percent-encoded ASCII.") from None


def read(environ: Environ) -> Request:
    """Raises StripeError where the body is too large or of no stated length."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY:
        raise StripeError(413, "Request body is too large.")
    return Request(
        environ["REQUEST_METHOD"],
        environ.get("PATH_INFO", ""),
        environ.get("QUERY_STRING", ""),
        environ["wsgi.input"].read(int(length)) if length != "0" else b"",
        environ.get("HTTP_AUTHORIZATION", ""),
        environ.get("HTTP_STRIPE_VERSION", ""),
        environ.get("HTTP_IDEMPOTENCY_KEY", ""),
        environ.get("HTTP_STRIPE_ACCOUNT", ""),
        environ.get("CONTENT_TYPE", ""),
    )
