"""Requests to a customer's system: signed, authorised, and what each status code means."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from daemon.clock import Clock
from daemon.errors import Garbled, OutcomeUnknown, RemoteError, Unauthorised, Unreachable
from daemon.providers.custom_webhook import answers
from daemon.providers.custom_webhook.addresses import fill
from daemon.providers.custom_webhook.answers import PARTY
from daemon.providers.custom_webhook.setup import CustomCredentials, CustomSettings
from daemon.wire import Reply, Wire, raise_for, retry_after_s

AGENT = "wispbill/1"
ACCEPTED = "application/json, application/xml;q=0.9, text/xml;q=0.8"


class Client:
    """`base_url` stands in for scheme, host and port of every address: the operator's, trusted as written."""

    def __init__(
        self,
        credentials: CustomCredentials,
        settings: CustomSettings,
        wire: Wire,
        clock: Clock,
        base_url: str,
    ) -> None:
        self._credentials, self._settings = credentials, settings
        self._wire, self._clock, self._base_url = wire, clock, base_url

    def post(self, body: bytes, message: str, content_type: str, reference: str) -> Reply:
        """An event to the address for new invoices; returns 2xx and 409, raises what else it was."""
        create = self._settings.create
        url = fill(create.url, {"reference": reference}, self._base_url)
        reply = self._signed(create.method, url, body, message, content_type)
        if reply.status_code != 409:
            self._raise_for_post(reply)
        return reply

    def post_to(self, template: str, values: Mapping[str, str], body: bytes, message: str) -> Reply:
        """An event about an invoice; returns 2xx, raises what else it was."""
        url = fill(template, values, self._base_url)
        reply = self._signed("POST", url, body, message, "application/json")
        self._raise_for(reply)
        return reply

    def _signed(self, method: str, url: str, body: bytes, message: str, content_type: str) -> Reply:
        """The bytes that are signed are the bytes sent."""
        headers = self._headers() | {"content-type": content_type, "idempotency-key": message}
        headers |= self._settings.signing.headers(
            message, self._clock.now(), body, self._credentials.signing_secrets()
        )
        return self._wire.request(method, url, headers=headers, body=body, scope="write")

    def get(self, template: str, values: Mapping[str, str]) -> Reply:
        """Returns 2xx, 404 and 410; raises what else it was."""
        url = fill(template, values, self._base_url)
        reply = self._wire.request("GET", url, headers=self._headers(), scope="read")
        if reply.status_code == 410:
            return reply
        if reply.status_code == 404:
            answers.refuse_page(reply)  # a web server's own 404 says nothing about an invoice
            return reply
        self._raise_for(reply)
        return reply

    def document(self, reply: Reply, *, at_most: int = answers.STATUS_BYTES) -> Any:
        status = self._settings.status
        return answers.read(reply, at_most=at_most, lists=status.repeated_elements if status else ())

    def _headers(self) -> dict[str, str]:
        given = self._credentials
        key = given.api_key.get_secret_value() if given.api_key else ""
        headers = {"user-agent": AGENT, "accept": ACCEPTED, "accept-encoding": "identity"}
        match given.auth:
            case "bearer":
                headers["authorization"] = f"Bearer {key}"
            case "basic":
                pair = base64.b64encode(f"{given.user}:{key}".encode()).decode()
                headers["authorization"] = f"Basic {pair}"
            case "header":
                headers[(given.header_name or "").lower()] = key
        return headers

    def _raise_for_post(self, reply: Reply) -> None:
        """404 and 405: a wrong address, or a deployment under way; nothing was done, and the queue goes on by
        itself. 410: the endpoint wants nothing more (Standard Webhooks), until it is tested again."""
        if reply.status_code in (404, 405):
            raise _error(Unreachable, reply, "its address for new invoices is not there")
        if reply.status_code == 410:
            raise _error(Unauthorised, reply, "it says that it takes no more invoices")
        self._raise_for(reply)

    def _raise_for(self, reply: Reply) -> None:
        status = reply.status_code
        if status in (408, 425):
            raise _error(OutcomeUnknown, reply, "it did not wait for the request")
        if 300 <= status < 400:
            raise _error(Garbled, reply, f"it redirects{_whither(reply)}, which is not followed")
        raise_for(reply, PARTY, message=self._told(reply))

    def _told(self, reply: Reply) -> str | None:
        """Their own words about a refusal, with nothing of our secrets in them."""
        try:
            document = json.loads(reply.body[: answers.CREATE_BYTES])
        except (ValueError, RecursionError):
            return None
        text = _sentence(document)
        return None if text is None else f"{reply.status_code}: {self._redacted(text)[:300]}"

    def _redacted(self, text: str) -> str:
        given = self._credentials
        secrets = (given.api_key, given.signing_secret, given.previous_signing_secret, given.inbound_secret)
        for secret in secrets:
            if secret is not None:
                text = text.replace(secret.get_secret_value(), "…")
        return text


def _sentence(document: Any) -> str | None:
    if isinstance(document, str):
        return " ".join(document.split())
    if not isinstance(document, dict):
        return None
    for name in ("message", "detail", "error_description", "error", "title"):
        text = _sentence(document.get(name))
        if text:
            return text
    return None


def _whither(reply: Reply) -> str:
    try:
        host = urlsplit(reply.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return f" to {host[:100]}" if host else ""


def _error(kind: type[RemoteError], reply: Reply, why: str) -> RemoteError:
    return kind(
        f"{PARTY} answered {reply.status_code}: {why}",
        party=PARTY,
        status_code=reply.status_code,
        retry_after=retry_after_s(reply.headers),
    )
