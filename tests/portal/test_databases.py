"""On both databases: the road through the portal, and a button that is pressed in many browsers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.store import links
from tests.api.asking import Office, build_office
from tests.browsing import Browser
from tests.portal import test_service, test_setup, test_tickets
from tests.portal.billed import ROOT, an_invoice, connected, grant, paid, sent
from tests.portal.entering import ENTER, a_link, entered
from tests.store.conftest import postgres_store, postgres_url

__all__ = ["postgres_store", "postgres_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> Iterator[Office]:
    more: dict[str, Any] = {}
    if request.param == "postgres":
        request.getfixturevalue("postgres_store")
        more["database__url"] = request.getfixturevalue("postgres_url")
    built = build_office(tmp_path, empty_database, **more)
    yield built
    built.house.close()


def test_the_road_of_an_invoice(office: Office) -> None:
    connected(office)
    row = an_invoice(office)
    sent(office, row)
    paid(office, row, 2000)
    office.clock.move(hours=2)
    browser = entered(office, office.customer)

    assert "Part paid: $20.00 of $50.00" in browser.see(f"{ROOT}?q=1001&show=open").text
    assert browser.get(f"{ROOT}/{row.id}/view").to == links.of_invoice(row.id).pay_url
    assert links.of_invoice(row.id).last_pulled_at == office.clock.now()
    assert browser.see(f"{ROOT}/{row.id}/pdf").body.startswith(b"%PDF-")
    assert "20.00 USD paid by card" in browser.see(f"{ROOT}/{row.id}").text


def test_the_road_of_a_cut_off_a_question_and_a_set_up(office: Office) -> None:
    test_service.test_whoever_was_cut_off_reads_what_to_pay_where_and_when_it_is_back(office)
    test_tickets.test_a_question_is_asked_answered_and_closed(office, entered(office, office.customer))
    office.double.add_account(key=test_setup.OWN)
    grant(office)
    owner = entered(office, office.customer)
    test_setup.test_right_keys_get_green_ticks_and_are_saved(office, owner)


def test_a_link_that_is_pressed_at_once_in_many_browsers_opens_one(office: Office) -> None:
    token = a_link(office, office.customer)
    browsers = [Browser(office.app) for _ in range(6)]
    for browser in browsers:
        browser.see(f"{ENTER}?link={token}")
    gate, answers = threading.Barrier(len(browsers)), []

    def press(browser: Browser) -> None:
        gate.wait()
        answers.append(browser.post(ENTER, {"link": token}).status)
        if office.house.store.is_sqlite:
            office.house.store.db.close()

    threads = [threading.Thread(target=press, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [303, 410, 410, 410, 410, 410]
    assert sum("__Host-wb-portal" in browser.cookies for browser in browsers) == 1
