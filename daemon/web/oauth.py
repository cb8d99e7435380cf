"""Where the provider sends the owner's browser back to: GET /oauth/callback/{provider}, and the choice among
several accounts (POST to the same address).

The answers are pages for people: no script, nothing from elsewhere, and nothing of what was sent to us
but account names, which the provider gave. The code in the address is used up when the page is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qsl

import structlog

from daemon import connect
from daemon.connect import Choice, Connected
from daemon.errors import CATALOGUE, InvalidInput, Stopping, WispbillError
from daemon.house import House
from daemon.web.access import WSGI, Environ, logged
from daemon.web.limits import Budget, client_of
from daemon.web.pages import assets
from daemon.web.portal.addresses import SETUP

ROOT = "/oauth/"
PER_MINUTE = 30
"""Wrong states from one client."""

MOST_QUERY = 8192
MOST_FORM = 4096
_PATH = re.compile(r"/oauth/callback/([a-z][a-z0-9_]{0,39})")
_FIELDS = ("state", "account")
SHEETS = ("pico.min.css", "wispbill.css")

HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Page:
    """A status line, a title, and paragraphs that are HTML already."""

    status: str
    title: str
    body: str
    more: tuple[tuple[str, str], ...] = ()

    def html(self) -> bytes:
        sheets = "".join(f'<link rel="stylesheet" href="{assets.address(name)}">' for name in SHEETS)
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{escape(self.title)}</title>{sheets}</head>"
            '<body><main class="wide"><section class="card empty">'
            f"<h1>{escape(self.title)}</h1>{self.body}</section></main></body></html>"
        ).encode()


UNKNOWN = Page("404 Not Found", "There is nothing here", "<p>The address is not one of ours.</p>")
TOO_FAST = Page("429 Too Many Requests", "Please wait a minute", "<p>Too many tries.</p>")
TOO_LARGE = Page("413 Content Too Large", "That is too much", "<p>The request is too large.</p>")


def callback_app(house: House) -> WSGI:
    """The pages under /oauth/, as one WSGI application."""
    pages = Callback(house)
    return logged(pages, face="oauth", clock=house.clock, entropy=house.entropy)


def beside(pages: WSGI, other: WSGI) -> WSGI:
    """One application of two: `pages` under /oauth/, `other` everywhere else."""

    def serve(environ: Environ, start_response: Any) -> Iterable[bytes]:
        mine = environ.get("PATH_INFO", "").startswith(ROOT)
        return (pages if mine else other)(environ, start_response)

    return serve


class Callback:
    """A WSGI application, used by all threads of the server."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._wrong = Budget(PER_MINUTE, house.clock)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        page = self._page(environ)
        body = page.html()
        start_response(page.status, [*HEADERS, *page.more, ("Content-Length", str(len(body)))])
        return [body]

    def _page(self, environ: Environ) -> Page:
        found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
        if found is None:
            return UNKNOWN
        client = client_of(environ.get("REMOTE_ADDR", ""))
        if self._wrong.wait_s(client):
            return TOO_FAST
        try:
            with self._house.store.session():
                return self._answer(found[1], environ)
        except InvalidInput as error:
            if error.code == "WB-CONSENT-STATE":
                self._wrong.take(client)
            return _refusal(error, "400 Bad Request")
        except Stopping as error:
            return _refusal(error, "503 Service Unavailable")
        except WispbillError as error:
            log.error("oauth.not_connected", provider=found[1], code=error.code, text=error.message)
            return _refusal(error, "502 Bad Gateway")

    def _answer(self, provider: str, environ: Environ) -> Page:
        match environ["REQUEST_METHOD"]:
            case "GET":
                query = environ.get("QUERY_STRING", "")
                if len(query) > MOST_QUERY:
                    return TOO_LARGE
                outcome = connect.answer(self._house, provider, dict(parse_qsl(query)))
            case "POST":
                form = _form(environ)
                if form is None:
                    return TOO_LARGE
                outcome = connect.finish(self._house, form["state"], form["account"], provider)
            case _:
                return Page("405 Method Not Allowed", "Not like this", "", (("Allow", "GET, POST"),))
        return _choice(provider, outcome) if isinstance(outcome, Choice) else _done(self._house, outcome)


def _form(environ: Environ) -> dict[str, str] | None:
    """The two fields of the choice; None where the body is larger than any choice. The state in it is what
    proves that the form is ours."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > MOST_FORM:
        return None
    fields = dict(parse_qsl(environ["wsgi.input"].read(length).decode("utf-8", "replace")))
    return {name: fields.get(name, "") for name in _FIELDS}


def _done(house: House, outcome: Connected) -> Page:
    """A customer goes on in the portal, where the session of before still is; others are done."""
    row = outcome.integration
    name = escape(row.account_name or row.label)
    in_portal = row.customer_id is not None and house.settings.portal.enabled
    onward = f'<a href="{SETUP}">Go on in your account</a>.' if in_portal else "You may close this page."
    sentence = f"<p>{name} is connected. {onward}</p>"
    if outcome.missing:
        listed = "".join(f"<li>{escape(one)}</li>" for one in outcome.missing)
        sentence = (
            f"<p>{name} is connected, but invoices cannot be sent yet. It lacks:</p><ul>{listed}</ul>"
            f"<p>{onward}</p>"
        )
    return Page("200 OK", "Connected", sentence)


def _choice(provider: str, outcome: Choice) -> Page:
    options = "".join(
        f'<label class="check"><input type="radio" name="account" value="{escape(one.account_id)}" required>'
        f"<span>{escape(one.name)}</span></label>"
        for one in outcome.accounts
    )
    return Page(
        "200 OK",
        "Which one?",
        "<p>You gave access to several organisations. Choose the one that the invoices go to.</p>"
        f'<form method="post" action="/oauth/callback/{provider}">'
        f'<input type="hidden" name="state" value="{escape(outcome.state)}">{options}'
        '<button type="submit">Connect it</button></form>',
    )


def _refusal(error: WispbillError, status: str) -> Page:
    """In the catalogue's words: what an error itself says may hold what was sent to us."""
    entry = CATALOGUE.get(error.code, CATALOGUE["WB-INTERNAL"])
    text = f"<p>{escape(entry.sentence)}</p><p><small>{escape(error.code)}</small></p>"
    return Page(status, "It was not connected", text, (("X-Error-Code", error.code),))
