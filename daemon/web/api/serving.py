"""The API as a WSGI application: token, pace, route, role, tenant, body; then the handler; then one answer.

Everything is denied that no rule allows; a tenant's rows are asked for with the token's tenant, so that what
belongs to another is not there. Errors are problem details; none shows what was given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from daemon.errors import InvalidInput, NotFound, StoreError, WispbillError
from daemon.house import House
from daemon.store import records, tenants, tokens
from daemon.store.audit import PLATFORM
from daemon.store.tokens import ApiToken, Role
from daemon.web.access import REQUEST_ID, WSGI, Environ, logged
from daemon.web.api import bodies, documents
from daemon.web.api.bodies import read, read_query
from daemon.web.api.pace import TooFast
from daemon.web.api.problems import problem
from daemon.web.api.replaying import Reply, checked_key, digest, once
from daemon.web.api.routing import Answer, Found, Request, Route, Table
from daemon.web.api.table import ROUTES
from daemon.web.files import disposition
from daemon.web.limits import Budget, client_of

ROOT = "/api/"
TENANT_HEADER = "HTTP_WISPBILL_TENANT"
EVERYONE = "*"
ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

log = structlog.get_logger()


class AccessDenied(InvalidInput):
    """No token, or none that counts."""

    def __init__(self) -> None:
        super().__init__("WB-ACCESS-TOKEN", "a valid token is needed: Authorization: Bearer wb_…")


def api_app(house: House) -> WSGI:
    """What stands under /api/, but for the webhooks."""
    return logged(Api(house), face="api", clock=house.clock, entropy=house.entropy)


class Api:
    """A WSGI application, used by all threads of the server."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._table = Table(ROUTES)
        self._paces = Budget(house.settings.api.per_minute, house.clock)
        self._wrong = Budget(house.settings.api.wrong_per_minute, house.clock)
        self._crossed: dict[tuple[str, str], object] = {}

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        reply = self._reply(environ)
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body
        headers = ALWAYS | reply.headers
        if reply.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(reply.body))
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(headers.items()))
        return [body]

    def _reply(self, environ: Environ) -> Reply:
        request_id = environ.get(REQUEST_ID, "")
        try:
            public = documents.serve(environ)
            if public is not None:
                return public
            with self._house.store.session():
                return self._admitted(environ, request_id)
        except WispbillError as error:
            if not isinstance(error, InvalidInput):
                log.warning("api.failed", request_id=request_id, code=error.code, text=error.message)
            return Reply(*problem(error, request_id))
        except Exception:
            log.exception("api.broken", request_id=request_id)
            return Reply(*problem(WispbillError("the log line names the request id"), request_id))

    # --- who asks -------------------------------------------------------------------------------------

    def _admitted(self, environ: Environ, request_id: str) -> Reply:
        token, secret = self._token(environ)
        wait_s = self._paces.take(token.id)
        if wait_s:
            raise TooFast(wait_s)
        found = self._found(environ)
        if isinstance(found, Reply):
            return found
        route = found.route
        if Role(token.role) not in route.rule.roles:
            raise InvalidInput("WB-ACCESS-ROLE", f"a {token.role} may not do this")
        tenant = self._tenant(environ, token, route)
        return self._done(environ, Admitted(token, secret, tenant, found, request_id))

    def _token(self, environ: Environ) -> tuple[ApiToken, str]:
        """The token that was presented; raises AccessDenied, or TooFast after many wrong ones from one
        address (who has a right one is served all the same: others may come from there too)."""
        kind, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        now = self._house.clock.now()
        token = tokens.find(secret.strip()) if kind.lower() == "bearer" else None
        if token is None or not token.is_valid(now):
            wait_s = self._wrong.take(client_of(environ.get("REMOTE_ADDR", ""))) if secret else 0
            if wait_s:
                raise TooFast(wait_s, "too many wrong tokens from this address")
            raise AccessDenied
        if tokens.is_worth_noting(token, now):
            with suppress(StoreError):  # what can be read is read, on a full disk too
                self._house.store.write("api.token.used", lambda: tokens.note_use(token, now))
        return token, secret.strip()

    def _found(self, environ: Environ) -> Found | Reply:
        path = path_of(environ)
        found = self._table.find(environ["REQUEST_METHOD"], path)
        if isinstance(found, Found):
            return Found(found.route, {name: _plain(text) for name, text in found.path.items()})
        if not found:
            raise NotFound("address", path)
        error = InvalidInput("WB-INPUT-METHOD", f"this address takes {', '.join(found)}")
        reply = Reply(*problem(error, environ.get(REQUEST_ID, "")))
        return Reply(reply.status, reply.headers | {"Allow": ", ".join(found)}, reply.body)

    def _tenant(self, environ: Environ, token: ApiToken, route: Route) -> records.Tenant | None:
        """Of the token; a platform admin's names it in the header. Raises InvalidInput, or NotFound also
        where a header names another tenant than the token's."""
        name = environ.get(TENANT_HEADER, "").strip()
        if not name.isprintable():
            raise NotFound("tenant", name)
        if token.tenant_id != PLATFORM:
            row = tenants.of(token.tenant_id)
            if name and name not in (row.id, row.reference, f"ref:{row.reference}"):
                raise NotFound("tenant", name)
            return row
        if route.scope == "platform":
            return None
        if not name or (name == EVERYONE and route.scope != "either"):
            raise InvalidInput("WB-ACCESS-TENANT", "name the tenant in the header Wispbill-Tenant")
        tenant = None if name == EVERYONE else tenants.get(name.removeprefix("ref:"))
        self._note_crossing(token, tenant, route)
        return tenant

    def _note_crossing(self, token: ApiToken, tenant: records.Tenant | None, route: Route) -> None:
        """In the audit of the tenant, or of the platform: once a day, with what it began with."""
        now = self._house.clock.now()
        chain = tenant.id if tenant else PLATFORM
        if self._crossed.get((token.id, chain)) == now.date():
            return
        data = {"first": route.name}
        self._house.store.write(
            "api.token.crossed", lambda: tokens.note_crossing(token, chain, data, now=now)
        )
        if len(self._crossed) > 10_000:
            self._crossed.clear()
        self._crossed[token.id, chain] = now.date()

    # --- what is done ---------------------------------------------------------------------------------

    def _done(self, environ: Environ, admitted: Admitted) -> Reply:
        route = admitted.found.route
        raw = _body(environ)
        request = self._request(environ, admitted, raw)
        key = checked_key(environ.get("HTTP_IDEMPOTENCY_KEY")) if route.method == "POST" else None
        if key is None:
            return _as_reply(route.handle(request))
        tenant = request.tenant_row.id if request.tenant_row else EVERYONE
        parts = (tenant.encode(), route.method.encode(), path_of(environ).encode(), raw)
        of = digest(admitted.secret, *parts, environ.get("QUERY_STRING", "").encode("latin-1"))

        def work() -> Reply:
            try:
                return _as_reply(route.handle(request))
            except WispbillError as error:
                return Reply(*problem(error, request.id))

        return once(self._house, request.token.id, key, of, work)

    def _request(self, environ: Environ, admitted: Admitted, raw: bytes) -> Request:
        route = admitted.found.route
        query_text = environ.get("QUERY_STRING", "")
        if route.asked is None and query_text:
            raise InvalidInput("WB-INPUT", "this address takes no query")
        if environ.get("HTTP_IF_MATCH") is not None and route.method != "GET" and not route.collides:
            raise InvalidInput("WB-INPUT", "this address has no versions: If-Match would be in vain")
        if route.given is None and raw:
            raise InvalidInput("WB-INPUT", "this request takes no body")
        if raw and environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
            raise bodies.NotJson("Content-Type: application/json is needed")
        return Request(
            house=self._house,
            token=admitted.token,
            tenant_row=admitted.tenant,
            path=admitted.found.path,
            query=read_query(route.asked, query_text) if route.asked else None,
            body=read(route.given, raw or b"{}") if route.given else None,
            if_match=environ.get("HTTP_IF_MATCH"),
            rule=route.rule,
            id=admitted.request_id,
            accept=environ.get("HTTP_ACCEPT", ""),
        )


class Admitted:
    """A request whose token, route and tenant are known."""

    __slots__ = ("found", "request_id", "secret", "tenant", "token")

    def __init__(
        self, token: ApiToken, secret: str, tenant: records.Tenant | None, found: Found, request_id: str
    ) -> None:
        self.token = token
        self.secret = secret
        self.tenant = tenant
        self.found = found
        self.request_id = request_id


def path_of(environ: Environ) -> str:
    """As it was sent, so that a `/` within a reference (%2F) is not one of the path."""
    uri = environ.get("REQUEST_URI")
    if not uri:
        return str(environ.get("PATH_INFO", ""))
    # `//host/path` is a path here, too: an address that is written otherwise is not the address.
    return str(uri).partition("?")[0] if uri.startswith("/") else urlsplit(uri).path


def _plain(text: str) -> str:
    """Raises NotFound: what is not printable UTF-8 names nothing."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise NotFound("address", text) from None
    if not plain.isprintable() or len(plain) > 200:
        raise NotFound("address", text)
    return plain


def _body(environ: Environ) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > bodies.MOST:
        raise InvalidInput("WB-INPUT-TOO-LARGE", f"a body may have {bodies.MOST} bytes")
    raw: bytes = environ["wsgi.input"].read(length) if length else b""
    return raw


def _as_reply(answer: Answer) -> Reply:
    headers = dict(answer.headers)
    if answer.etag is not None:
        headers["ETag"] = answer.etag
    if answer.file is not None:
        headers["Content-Type"] = answer.file.media_type
        headers["Content-Disposition"] = disposition(answer.file.name, inline=True)
        return Reply(answer.status, headers, answer.file.content, answer.kept)
    if answer.shown is None:
        return Reply(204, headers, b"", answer.kept)
    document = answer.shown.model_dump(mode="json", by_alias=True)
    headers["Content-Type"] = "application/json"
    return Reply(answer.status, headers, json.dumps(document).encode(), answer.kept)
