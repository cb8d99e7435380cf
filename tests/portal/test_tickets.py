"""Questions: asked, read, answered, closed, also about an invoice; nobody else's, and never as markup."""

from __future__ import annotations

import re

from daemon.store import tickets
from daemon.store.tickets import Author, Ticket
from tests.api.asking import Office
from tests.browsing import Browser
from tests.portal.billed import an_invoice
from tests.portal.entering import entered

ROOT = "/customer-portal/tickets"
NEW = f"{ROOT}/new"


def a_ticket(browser: Browser, subject: str = "An amount", **fields: str) -> str:
    """The path of a new one."""
    browser.see(NEW)
    seen = browser.post(NEW, {"subject": subject, "text": "Why 45?", **fields})
    assert seen.status == 303, seen.text
    return seen.to


def answered(office: Office, path: str, text: str = "Tax.") -> Ticket:
    row = tickets.get(office.tenant.id, path.rpartition("/")[2])
    return office.house.store.write(
        "test", lambda: tickets.say(row, Author.STAFF, text, actor="user:1", now=office.clock.now())
    )


def test_a_question_is_asked_answered_and_closed(office: Office, browser: Browser) -> None:
    assert "Nothing asked yet" in browser.see(ROOT).text
    path = a_ticket(browser)
    assert "Your question was sent" in browser.see(path).text
    answered(office, path)

    text = browser.see(path).text
    assert "Answered" in text and "wisp-1" in text and "Tax." in text and "user:1" not in text
    assert re.search(r"Questions 1\b", browser.see(ROOT).text)
    assert "Your message was sent" in browser.send(path, {"text": "I see."}).text
    assert "is closed" in browser.send(f"{path}/close").text
    assert "Closed" in browser.see(ROOT).text


def test_a_question_may_be_about_an_invoice(office: Office, browser: Browser) -> None:
    row = an_invoice(office)
    page = browser.see(f"{NEW}?invoice={row.id}")
    assert "About invoice 1001" in page.text

    path = a_ticket(browser, invoice=row.id)

    assert f"/customer-portal/billing/invoices/{row.id}" in browser.see(path).hrefs
    assert tickets.get(office.tenant.id, path.rpartition("/")[2]).invoice_id == row.id


def test_what_is_missing_is_said_at_its_field_and_nothing_typed_is_lost(browser: Browser) -> None:
    browser.see(NEW)

    no_text = browser.post(NEW, {"subject": "An amount", "text": " "})
    no_subject = browser.post(NEW, {"subject": "", "text": "Why?"})

    assert no_text.status == no_subject.status == 422
    assert 'value="An amount"' in no_text.html and 'id="text-wrong"' in no_text.html
    assert ">Why?</textarea>" in no_subject.html and 'id="subject-wrong"' in no_subject.html


def test_too_many_open_questions_are_refused_in_words(browser: Browser, office: Office) -> None:
    for n in range(20):
        a_ticket(browser, f"Question {n}")
        office.clock.move(minutes=10)
    browser.see(NEW)

    seen = browser.post(NEW, {"subject": "One more", "text": "Why?"})

    assert seen.status == 422 and "20 tickets" in seen.text


def test_another_s_question_is_not_there(office: Office, browser: Browser) -> None:
    path = a_ticket(entered(office, office.neighbour))
    foreign = a_ticket(entered(office, office.foreigner))
    browser.see(ROOT)

    for one in (path, foreign, f"{ROOT}/wbk_00000000000000000000000000"):
        assert browser.get(one).status == 404
        assert browser.post(one, {"text": "hello"}).status == 404
        assert browser.post(f"{one}/close").status == 404


def test_another_s_invoice_cannot_be_asked_about(office: Office, browser: Browser) -> None:
    other = an_invoice(office, customer=office.neighbour)
    assert browser.get(f"{NEW}?invoice={other.id}").status == 404
    browser.see(NEW)
    fields = {"subject": "An amount", "text": "Why?", "invoice": other.id}
    assert browser.post(NEW, fields).status == 404


def test_who_was_closed_out_can_write_again(office: Office, browser: Browser) -> None:
    path = a_ticket(browser)
    browser.see(path)
    browser.send(f"{path}/close")

    assert "Waiting for an answer" in browser.send(path, {"text": "Still not right."}).text
