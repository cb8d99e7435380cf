"""The platform asks for a link over the API, and hands it to its customer."""

from __future__ import annotations

from daemon.model import ids
from tests.api.asking import Office
from tests.browsing import Browser
from tests.portal.entering import open_link

PATH = "/api/customers/ref:C-1/portal-sessions"


def test_a_link_of_the_api_opens_the_page_that_was_named(office: Office) -> None:
    shown = office.post(PATH, {"page": "service"})

    token = shown["url"].partition("?link=")[2]
    assert shown["url"].startswith("https://billing.example.com/customer-portal/enter?link=")
    assert shown["expiresAt"] == "2026-03-02T09:15:00Z"
    assert open_link(Browser(office.app), token).to == "/customer-portal/service"


def test_a_link_is_never_given_again_for_the_same_idempotency_key(office: Office) -> None:
    first = office.ask("POST", PATH, {}, idempotency_key="k1")
    again = office.ask("POST", PATH, {}, idempotency_key="k1")

    assert first.status == 201
    assert first.json["url"] not in again.body.decode()


def test_who_may_only_read_makes_no_links(office: Office) -> None:
    assert office.ask("POST", PATH, {}, as_="read_only").status == 403
    assert office.ask("POST", PATH, {}, as_="customer_owner").status == 403
    assert office.ask("POST", "/api/customers/ref:C-3/portal-sessions", {}).status == 404


def test_no_two_kinds_of_ids_begin_alike() -> None:
    prefixes = [value for name, value in vars(ids).items() if name.isupper() and not name.startswith("_")]
    assert len(prefixes) == len(set(prefixes))
