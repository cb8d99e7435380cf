"""Service in plain words: what is owed, what happens next and when, where to pay, when it is back."""

from __future__ import annotations

import pytest

from daemon.jobs import enforce, standing
from daemon.model.dunning import StandingKind
from daemon.store import customers, links
from tests.api.asking import Office
from tests.browsing import Browser
from tests.portal.billed import an_invoice, connected, paid, sent
from tests.portal.entering import entered

SERVICE = "/customer-portal/service"


def test_nothing_owed_is_said_in_a_sentence(browser: Browser) -> None:
    text = browser.see(SERVICE).text

    assert "Your internet is on" in text and "Everything is paid." in text


def test_before_anything_is_overdue_nothing_threatens(office: Office, browser: Browser) -> None:
    connected(office)
    sent(office, an_invoice(office, due_in=5))

    assert "Nothing is overdue." in browser.see(SERVICE).text


def test_what_happens_next_is_told_with_its_day_and_hour(office: Office, browser: Browser) -> None:
    connected(office)
    sent(office, an_invoice(office, due_in=-1))

    text = browser.see(SERVICE).text.replace("\u202f", " ")

    assert "$50.00 is overdue." in text
    assert "On Mar 5, 2026, 9:00 AM you get a reminder, unless what is overdue is paid before." in text


def cut(office: Office) -> None:
    """The days until the service is cut off, each with its reads, as the daemon lives them."""
    for _ in range(30):
        office.clock.move(days=1)
        office.pull()
        for _ in range(2):
            enforce.enforce_some(office.house, office.tenant, [office.customer.id], actor="test")


def test_whoever_was_cut_off_reads_what_to_pay_where_and_when_it_is_back(office: Office) -> None:
    connected(office)
    row = an_invoice(office, due_in=1)
    [link] = sent(office, row)
    cut(office)
    assert customers.get(office.tenant.id, "C-1").service_status == "suspended"
    browser = entered(office, office.customer)

    page = browser.see(SERVICE)

    assert "Your internet is switched off" in page.text
    assert "Pay $50.00, and it comes back by itself." in page.text
    assert "within minutes after the payment has arrived" in page.text
    pay = f"/customer-portal/billing/invoices/{row.id}/view"
    assert pay in page.hrefs and browser.get(pay).to == links.of_invoice(row.id).pay_url
    assert link.pay_url

    paid(office, row)
    enforce.enforce_some(office.house, office.tenant, [office.customer.id], actor="test")
    assert "Your internet is on" in browser.see(SERVICE).text


@pytest.mark.parametrize(
    ("kind", "until", "told"),
    [
        (StandingKind.PROMISE, 5, "You promised to pay until March 7, 2026."),
        (StandingKind.HOLD, None, "Nothing gets worse: a complaint is open."),
        (StandingKind.EXEMPT, None, "Your service goes on: a complaint is open."),
    ],
)
def test_what_the_office_noted_is_told(
    office: Office, browser: Browser, kind: StandingKind, until: int | None, told: str
) -> None:
    from datetime import timedelta

    day = office.clock.now().date() + timedelta(days=until) if until else None
    standing.say(
        office.house, office.tenant, office.customer, kind, "a complaint is open", until_on=day, actor="cli:x"
    )

    text = browser.see(SERVICE).text

    assert told in text and "cli:x" not in text


def test_nobody_else_s_debts_are_shown(office: Office, browser: Browser) -> None:
    connected(office)
    sent(office, an_invoice(office, "9001", customer=office.neighbour, due_in=-30))

    assert "9001" not in browser.see(SERVICE).text
