"""What all pages stand on: static files, forms, redirects, errors, and a rule for each page."""

from __future__ import annotations

import io
import re

import pytest

from daemon.errors import InvalidInput
from daemon.web.pages import Rule, assets
from daemon.web.pages.answers import File, Go, own_path
from daemon.web.pages.forms import MOST_FORM, read_form, read_query
from daemon.web.pages.headers import is_secure
from daemon.web.pages.rendering import templates
from daemon.web.portal.face import PORTAL
from tests.api.asking import Office
from tests.browsing import Browser

FACES = (PORTAL,)


@pytest.mark.parametrize("page", [page for face in FACES for page in face.pages], ids=lambda page: page.name)
def test_every_page_says_who_may_see_it(page: object) -> None:
    rule = page.rule  # type: ignore[attr-defined]
    assert isinstance(rule, Rule)
    assert rule.anybody or rule.roles


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_no_page_is_there_twice_and_each_stands_under_its_root(face: object) -> None:
    names = [page.name for page in face.pages]  # type: ignore[attr-defined]
    assert len(names) == len(set(names))
    assert all(page.path.startswith(face.root) for page in face.pages)  # type: ignore[attr-defined]
    assert f"POST {face.root}/sign-out" in names  # type: ignore[attr-defined]


def test_every_template_is_well_formed() -> None:
    from daemon.web.pages.rendering import _environment

    assert templates()
    for name in templates():
        _environment().get_template(name)


def test_what_every_page_needs_is_served_by_us_and_kept_for_a_year(office: Office) -> None:
    browser = Browser(office.app)
    page = browser.get("/customer-portal/enter?link=x")
    addresses = [one for one in page.hrefs + re.findall(r'src="([^"]+)"', page.html) if "/static/" in one]

    assert len(addresses) >= 4
    for address in addresses:
        seen = browser.see(address)
        assert "immutable" in seen.header("Cache-Control") and seen.body


@pytest.mark.parametrize(
    "path",
    ["/static/wispbill.css", "/static/../views/layout.html", "/static/", "/static/wispbill.000000000000.css"],
)
def test_nothing_else_is_a_static_file(office: Office, path: str) -> None:
    status: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
    assets.serve(environ, lambda line, headers: status.append(line))
    assert status[0].startswith("404")


def test_the_licences_of_what_is_vendored_stand_beside_it() -> None:
    for name in ("pico.LICENSE.txt", "htmx.LICENSE.txt"):
        assert assets.address(name)


@pytest.mark.parametrize(
    "text",
    [
        *("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "evil"),
        *("/a\r\nSet-Cookie: x=y", "/ /evil.example", "/\t/evil.example", "\\\\evil.example", "/é"),
    ],
)
def test_no_redirect_leads_elsewhere(text: str) -> None:
    assert own_path(text) == "/"
    assert Go(text).location == "/"


def test_a_redirect_within_leads_there() -> None:
    assert Go("/customer-portal/billing/invoices?after=wbi_1").location.endswith("after=wbi_1")
    assert Go("javascript:alert(1)", away=True).location == "/"


@pytest.mark.parametrize(
    ("given", "led_to"),
    [
        ("https://pay.example/a%20b?x=1&y=[2]#z", "https://pay.example/a%20b?x=1&y=[2]#z"),
        ("https://pay.example/für?x=№", "https://pay.example/f%C3%BCr?x=%E2%84%96"),
        ("https://pay.example/\r\nSet-Cookie: a=b", "/"),
        ("https://pay.example/\u2028", "/"),
        ("https://pay.example/a b", "/"),
    ],
)
def test_a_provider_s_address_fits_into_its_header(given: str, led_to: str) -> None:
    assert Go(given, away=True).location == led_to


def test_a_file_s_name_cannot_leave_its_header() -> None:
    given = File(b"", "application/pdf", 'a"\r\nX: y/\\..é.pdf').disposition

    assert "\r" not in given and "\n" not in given
    assert given.startswith('attachment; filename="a___X__y__.._.pdf"')


@pytest.mark.parametrize(
    ("host", "secure"),
    [
        ("billing.example.com", True),
        ("127.0.0.1:8470", False),
        ("localhost", False),
        ("[::1]:8470", False),
        ("localhost.evil.example", True),
        ("10.0.0.5:8470", True),
        ("", True),
    ],
)
def test_cookies_are_secure_but_on_this_machine(host: str, secure: bool) -> None:
    assert is_secure({"wsgi.url_scheme": "http", "HTTP_HOST": host}) is secure
    assert is_secure({"wsgi.url_scheme": "https", "HTTP_HOST": host})


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"a=" + b"x" * MOST_FORM, "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(300)), "application/x-www-form-urlencoded"),
        (b"a=%ff%fe", "application/x-www-form-urlencoded"),
        (b"a=%00", "application/x-www-form-urlencoded"),
        (b'{"a": 1}', "application/json"),
        (b"--x", "multipart/form-data; boundary=x"),
    ],
    ids=["long", "many", "no text", "nul", "json", "multipart"],
)
def test_a_form_is_read_strictly(raw: bytes, kind: str) -> None:
    environ = {"CONTENT_LENGTH": str(len(raw)), "CONTENT_TYPE": kind, "wsgi.input": io.BytesIO(raw)}
    with pytest.raises(InvalidInput):
        read_form(environ)


def test_a_query_is_read_strictly() -> None:
    with pytest.raises(InvalidInput):
        read_query({"QUERY_STRING": "q=" + "x" * 5000})
    assert read_query({"QUERY_STRING": "q=a+b&q=c&x"}).all("q") == ["a b", "c"]


def test_a_form_that_is_too_large_is_not_even_read(office: Office) -> None:
    class Untouched(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise AssertionError("it was read")

    browser = Browser(office.app)
    seen = browser.ask("POST", "/customer-portal/enter", content_length=str(10**9))
    assert seen.status == 413


def test_errors_are_pages_in_plain_words(office: Office) -> None:
    browser = Browser(office.app)

    nothing = browser.get("/customer-portal/nothing/here")
    other = browser.ask("PUT", "/customer-portal/enter")

    assert nothing.status == 404 and "There is nothing here" in nothing.text
    assert other.status == 405
    assert nothing.header("X-Request-Id") in nothing.text


def test_what_nobody_foresaw_is_a_page_with_the_request_id(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daemon.store import portal_links

    def breaks(_token: str) -> None:
        raise RuntimeError("canary-internal")

    monkeypatch.setattr(portal_links, "find", breaks)
    seen = Browser(office.app).get("/customer-portal/enter?link=x")

    assert seen.status == 500 and "canary-internal" not in seen.text
    assert seen.header("X-Request-Id") in seen.text


def test_who_clicks_too_fast_is_told_to_wait(office: Office) -> None:
    browser = Browser(office.app)
    answers = {browser.get("/customer-portal/enter?link=x").status for _ in range(130)}

    assert answers == {410, 429}
