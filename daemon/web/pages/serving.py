"""A face as a WSGI application: limits, session, rule, origin and token; then the handler; then the page."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from daemon import locales
from daemon.errors import CATALOGUE, InvalidInput, NotFound, WispbillError
from daemon.house import House
from daemon.store import records, sessions, tenants
from daemon.store.audit import PLATFORM
from daemon.store.sessions import WebSession
from daemon.store.tokens import Role
from daemon.web.access import REQUEST_ID, WSGI, Environ, logged
from daemon.web.api.pace import TooFast
from daemon.web.api.problems import status_of
from daemon.web.limits import Budget, client_of
from daemon.web.pages import headers
from daemon.web.pages.answers import Answer, File, Go, View
from daemon.web.pages.forms import Fields, cookies, read_form, read_query
from daemon.web.pages.rendering import Reader, render
from daemon.web.pages.routing import Face, Found, Page, Table, Visit

FORM_TOKEN = "token"  # noqa: S105 - the name of the field
STATUS = {"WB-ACCESS-SESSION": 403, "WB-ACCESS-FORM": 403, "WB-ACCESS-LINK": 410, "WB-ACCESS-OIDC": 403}
PLAIN = {
    404: "There is nothing here",
    403: "This is not open to you",
    410: "This link does not work any more",
    413: "That is too much",
    429: "Please wait a moment",
    503: "Not now",
}

log = structlog.get_logger()


def pages_app(house: House, face: Face) -> WSGI:
    """What stands under the face's root."""
    return logged(Pages(house, face), face=face.name, clock=house.clock, entropy=house.entropy)


class Pages:
    """A WSGI application, used by all threads of the server."""

    def __init__(self, house: House, face: Face) -> None:
        self._house = house
        self._face = face
        self._table = Table(face.pages)
        self._pace = Budget(face.per_minute(house.settings), house.clock)
        self._budgets: dict[str, Budget] = {}

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        try:
            with self._house.store.session():
                status, more, body = self._served(environ)
        except WispbillError as error:
            log.error("pages.failed", code=error.code, text=error.message, face=self._face.name)
            status, more, body = 503, [], _bare(error, environ.get(REQUEST_ID, ""))
        if environ["REQUEST_METHOD"] == "HEAD":
            length, body = len(body), b""
        else:
            length = len(body)
        every = [*headers.of_page(environ), *more, ("Content-Length", str(length))]
        start_response(f"{status} {HTTPStatus(status).phrase}", every)
        return [body]

    def _served(self, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes]:
        visit = self._visit(environ)
        try:
            answer = self._answer(environ, visit)
            return self._sent(visit, environ, answer)
        except WispbillError as error:
            return self._sent(visit, environ, self._told(visit, error))
        except Exception:
            log.exception("pages.broken", request_id=visit.id, face=self._face.name)
            return self._sent(visit, environ, self._told(visit, WispbillError("unforeseen")))

    # --- who asks -------------------------------------------------------------------------------------

    def _visit(self, environ: Environ) -> Visit:
        token = cookies(environ).get(self._cookie(environ), "")
        session = self._session(token)
        tenant = _tenant(session)
        locale = locales.wanted(environ.get("HTTP_ACCEPT_LANGUAGE"))
        return Visit(
            house=self._house,
            face=self._face,
            url=str(environ.get("PATH_INFO", "")),
            path={},
            query=Fields(),
            form=Fields(),
            session=session,
            tenant_row=tenant,
            reader=Reader(locale, ZoneInfo(tenant.zone if tenant else "UTC")),
            id=environ.get(REQUEST_ID, ""),
            client=client_of(environ.get("REMOTE_ADDR", "")),
            browser=_printable(environ.get("HTTP_USER_AGENT", "")),
            is_partial=environ.get("HTTP_HX_REQUEST") == "true",
            secure=headers.is_secure(environ),
            budgets=self._budget,
        )

    def _budget(self, name: str, per_minute: int) -> Budget:
        """One for each name that a handler of ours gives."""
        return self._budgets.setdefault(name, Budget(per_minute, self._house.clock))

    def _session(self, token: str) -> WebSession | None:
        found = sessions.find(self._face.name, token) if token else None
        now = self._house.clock.now()
        if found is None or not found.is_valid(now):
            return None
        if not self._face.admits(self._house, found):
            row = found
            self._house.store.write("pages.ended", lambda: sessions.end(row, actor="wispbill", now=now))
            return None
        if sessions.is_worth_noting(found, now):
            idle_s, row = self._face.idle_s(self._house.settings), found
            self._house.store.write("pages.used", lambda: sessions.note_use(row, idle_s=idle_s, now=now))
        return found

    def _answer(self, environ: Environ, visit: Visit) -> Answer:
        wait_s = self._pace.take(visit.session.id if visit.session else visit.client)
        if wait_s:
            raise TooFast(wait_s, "too many clicks in a minute")
        found = self._found(environ, visit)
        page = found.page
        if not page.rule.anybody:
            if visit.session is None:
                return self._face.stranger(visit)
            if Role(visit.session.role) not in page.rule.roles:
                raise InvalidInput("WB-ACCESS-ROLE", "your role does not allow this")
        visit.path = found.path
        visit.query = read_query(environ)
        secret = self._secret(environ, visit.session)
        visit.mark = sessions.hashed(f"mark/{secret}") if secret else ""
        if page.method == "POST":
            visit.form = self._form(environ, page, secret)
        return page.handle(visit)

    def _found(self, environ: Environ, visit: Visit) -> Found:
        method = environ["REQUEST_METHOD"]
        found = self._table.find("GET" if method == "HEAD" else method, visit.url)
        if isinstance(found, Found):
            if not all(value.isprintable() for value in found.path.values()):
                raise NotFound("page", "")
            return found
        if not found:
            raise NotFound("page", "")
        raise InvalidInput("WB-INPUT-METHOD", "this page cannot be asked for like this")

    def _form(self, environ: Environ, page: Page, secret: str) -> Fields:
        form = read_form(environ)
        if not headers.is_from_here(environ):
            log.warning("pages.foreign_form", face=self._face.name, page=page.name)
            raise InvalidInput("WB-ACCESS-FORM", "the form came from another site")
        if not secret or not hmac.compare_digest(form_token(secret).encode(), form.get(FORM_TOKEN).encode()):
            raise InvalidInput("WB-ACCESS-FORM", "the form is not of this session")
        return form

    # --- cookies --------------------------------------------------------------------------------------

    def _cookie(self, environ: Environ) -> str:
        """The prefix lets nobody else set it (RFC 6265bis, 4.1.3.2); it needs Secure."""
        return f"{'__Host-' if headers.is_secure(environ) else ''}wb-{self._face.name}"

    def _secret(self, environ: Environ, session: WebSession | None) -> str:
        """What this browser's form tokens are made of: its session's cookie, else that of a mere visit."""
        there, name = cookies(environ), self._cookie(environ)
        token = there.get(name, "")
        is_its = session is not None and hmac.compare_digest(session.hash, sessions.hashed(token))
        return token if is_its else there.get(f"{name}-visit", "")

    def _kept(self, visit: Visit, name: str, value: str) -> tuple[str, str]:
        secure = "; Secure" if visit.secure else ""
        gone = "" if value else "; Max-Age=0"
        return "Set-Cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{gone}"

    # --- what is sent ---------------------------------------------------------------------------------

    def _sent(
        self, visit: Visit, environ: Environ, answer: Answer
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        name, more = self._cookie(environ), []
        if visit.signed_in is not None:
            more.append(self._kept(visit, name, visit.signed_in))
        match answer:
            case Go():
                more.append(("Location", answer.location))
                return 303, more, b""
            case File():
                more += [("Content-Type", answer.content_type), ("Content-Disposition", answer.disposition)]
                return 200, more, answer.body
        secret = visit.signed_in or self._secret(environ, visit.session)
        if not secret:
            secret = sessions.secret(self._house.entropy)
            more.append(self._kept(visit, f"{name}-visit", secret))
        more.append(("Content-Type", "text/html; charset=utf-8"))
        if isinstance(code := answer.shown.get("code"), str):
            more.append(("X-Error-Code", code))
        return answer.status, more, self._html(visit, answer, secret).encode()

    def _html(self, visit: Visit, answer: View, secret: str) -> str:
        part = answer.part if visit.is_partial else None
        row = visit.session
        waiting = [(kind, sentence) for kind, sentence in row.said] if row and part is None else []
        shown = {
            "visit": visit,
            "me": row,
            "tenant": visit.tenant_row,
            "reader": visit.reader,
            "face": self._face,
            "here": visit.url,
            "nav": self._face.nav(visit) if row else (),
            "said": [*waiting, *visit.said],
            "request_id": visit.id,
            "form_token": form_token(secret),
            "brand": visit.tenant_row.name if visit.tenant_row else "wispbill",
            "footer": "wispbill",
            "footer_links": (),
            **self._face.more(visit),
            **answer.shown,
        }
        html = render(answer.template, shown, part=part)
        if row is not None and waiting:
            self._house.store.write("pages.said", lambda: sessions.take_said(row))
        return html

    def _told(self, visit: Visit, error: WispbillError) -> View:
        """An error as a page: the catalogue's sentence, and what the error itself says where it is ours."""
        status = STATUS.get(error.code) or status_of(error)
        if status >= 500:
            log.error("pages.error", request_id=visit.id, code=error.code, text=error.message)
        entry = CATALOGUE.get(error.code, CATALOGUE["WB-INTERNAL"])
        own = isinstance(error, InvalidInput) and not isinstance(error, NotFound)
        shown = {
            "title": PLAIN.get(status, "That did not work"),
            "sentence": entry.sentence,
            "detail": error.message if own else None,
            "code": error.code,
            "status": status,
        }
        return View("error.html", shown, status)


def form_token(secret: str) -> str:
    """What the forms of a session carry: made of its cookie, which no other site can read."""
    digest = hmac.new(secret.encode(), b"wispbill/form/1", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _tenant(session: WebSession | None) -> records.Tenant | None:
    if session is None or session.tenant_id == PLATFORM:
        return None
    return tenants.get(session.tenant_id)


def _printable(text: str) -> str:
    return "".join(c for c in text[:120] if c.isprintable())


def _bare(error: WispbillError, request_id: str) -> bytes:
    """Where not even a session can be read."""
    sentence = CATALOGUE.get(error.code, CATALOGUE["WB-INTERNAL"]).sentence
    text = f'<!DOCTYPE html><html lang="en"><title>Not now</title><h1>Not now</h1><p>{sentence}</p>'
    return f"{text}<p>Request {request_id}</p></html>".encode()
