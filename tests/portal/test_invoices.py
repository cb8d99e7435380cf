"""The invoices of a customer: what is owed in plain words, where to pay, the paper, and nobody else's."""

from __future__ import annotations

import pytest

from daemon.sandbox.faults import Fault, FaultKind
from daemon.store import links, views
from tests.api.asking import Office
from tests.browsing import Browser
from tests.portal.billed import ROOT, an_invoice, connected, own_account, paid, refused, sent
from tests.portal.entering import entered


def test_a_list_says_how_each_invoice_stands(office: Office, browser: Browser) -> None:
    connected(office)
    part, whole, late = (an_invoice(office, str(n), due_in=days) for n, days in ((1, 44), (2, 9), (3, -5)))
    sent(office, part, whole, late)
    paid(office, part, 2000)
    paid(office, whole)

    text = browser.see(ROOT).text

    assert "Part paid: $20.00 of $50.00, due April 15, 2026." in text
    assert "Paid $50.00 was paid on March 2, 2026, by card." in text
    assert "Overdue $50.00, due since February 25, 2026, 5 days ago." in text
    assert "You owe $80.00 in all." in text


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("de-DE,de;q=0.9", "Part paid: 20,00 $ of 50,00 $, due 15. April 2026."),
        ("en-GB", "Part paid: US$20.00 of US$50.00, due 15 April 2026."),
        ("xx-YY, ../../etc/passwd", "Part paid: $20.00 of $50.00, due April 15, 2026."),
    ],
)
def test_money_and_dates_are_the_reader_s(office: Office, language: str, told: str) -> None:
    connected(office)
    row = an_invoice(office, due_in=44)
    sent(office, row)
    paid(office, row, 2000)

    assert told in entered(office, office.customer, language=language).see(ROOT).text.replace("\xa0", " ")


def test_an_invoice_that_is_not_sent_yet_says_so(office: Office, browser: Browser) -> None:
    an_invoice(office)

    text = browser.see(ROOT).text

    assert "Being prepared" in text and "Pay with" not in text


def test_nothing_yet_says_what_will_stand_there(browser: Browser) -> None:
    assert "No invoices yet" in browser.see(ROOT).text


def test_the_list_has_pages_that_miss_and_repeat_nothing(office: Office, browser: Browser) -> None:
    numbers = [str(2000 + n) for n in range(45)]
    for number in numbers:
        an_invoice(office, number)
        office.clock.move(0.01)
    seen, path = [], ROOT
    while path:
        page = browser.see(path)
        seen += [one for one in numbers if f">{one}</a>" in page.html]
        path = next((one for one in page.hrefs if "after=" in one), "")

    assert sorted(seen) == numbers


def test_a_search_finds_by_number_and_by_the_provider_s_id(office: Office, browser: Browser) -> None:
    connected(office)
    first, second = an_invoice(office, "A-77"), an_invoice(office, "B-88")
    link, _ = sent(office, first, second)

    by_number = browser.see(f"{ROOT}?q=77")
    by_id = browser.see(f"{ROOT}?q={link.external_id}")
    nothing = browser.see(f"{ROOT}?q=zzz")

    for page in (by_number, by_id):
        assert "A-77" in page.text and "B-88" not in page.text
    assert "Nothing found" in nothing.text


def test_only_what_is_to_pay_or_settled_is_shown_where_that_is_asked(
    office: Office, browser: Browser
) -> None:
    connected(office)
    settled, waiting = an_invoice(office, "A-77"), an_invoice(office, "B-88")
    sent(office, settled, waiting)
    paid(office, settled)

    assert "A-77" not in browser.see(f"{ROOT}?show=open").text
    assert "B-88" not in browser.see(f"{ROOT}?show=settled").text
    assert "B-88" in browser.see(f"{ROOT}?show=whatever").text


def test_htmx_gets_the_rows_alone_and_everybody_else_the_page(office: Office, browser: Browser) -> None:
    an_invoice(office)

    part = browser.see(ROOT, hx_request="true")

    assert "1001" in part.text and "<html" not in part.html
    assert "<html" in browser.see(ROOT).html


# --- one invoice ----------------------------------------------------------------------------------------


def test_an_invoice_s_page_tells_lines_payments_and_its_story(office: Office, browser: Browser) -> None:
    connected(office)
    row = an_invoice(office, memo="Thank you", line="Internet 100")
    [link] = sent(office, row)
    paid(office, row, 2000)

    text = browser.see(f"{ROOT}/{row.id}").text

    assert "Internet 100" in text and "Thank you" in text and (link.external_id or "-") in text
    assert "Still due $30.00" in text
    assert "20.00 USD paid by card" in text
    assert "cli:" not in text and "token:" not in text


def test_the_pay_page_is_opened_with_a_link_that_still_works(office: Office) -> None:
    connected(office)
    row = an_invoice(office)
    sent(office, row)
    office.clock.move(days=2)
    read_at = links.of_invoice(row.id).last_pulled_at

    seen = entered(office, office.customer).get(f"{ROOT}/{row.id}/view")

    link = links.of_invoice(row.id)
    assert (seen.status, seen.to) == (303, link.pay_url)
    assert link.last_pulled_at == office.clock.now() != read_at


def test_a_link_that_was_just_read_is_not_read_again(office: Office, browser: Browser) -> None:
    connected(office)
    row = an_invoice(office)
    sent(office, row)
    office.clock.move(minutes=2)
    office.pull()
    read_at = links.of_invoice(row.id).last_pulled_at
    office.clock.move(minutes=2)

    assert browser.get(f"{ROOT}/{row.id}/view").status == 303
    assert links.of_invoice(row.id).last_pulled_at == read_at


def test_where_the_provider_does_not_answer_the_link_of_before_is_opened(office: Office) -> None:
    connected(office)
    row = an_invoice(office)
    [link] = sent(office, row)
    office.clock.move(days=2)
    office.double.faults.add(*(Fault(FaultKind.REFUSED) for _ in range(20)))

    assert entered(office, office.customer).get(f"{ROOT}/{row.id}/view").to == link.pay_url


def test_the_owner_of_the_account_sees_it_in_their_own_dashboard(office: Office) -> None:
    own_account(office)
    row = an_invoice(office)
    [link] = sent(office, row)
    browser = entered(office, office.customer)

    assert "View in Stripe" in browser.see(ROOT).text and "Pay with" not in browser.see(ROOT).text
    assert browser.get(f"{ROOT}/{row.id}/view").to == (link.view_url or link.pay_url)


def test_the_payer_is_never_led_into_the_account_that_collects(office: Office, browser: Browser) -> None:
    connected(office)
    row = an_invoice(office)
    [link] = sent(office, row)

    assert browser.get(f"{ROOT}/{row.id}/view").to == link.pay_url
    if link.view_url:
        assert link.view_url not in browser.see(f"{ROOT}/{row.id}").html


def test_sync_now_is_a_hint_and_is_limited(office: Office, browser: Browser) -> None:
    connected(office)
    row = an_invoice(office)
    [link] = sent(office, row)
    browser.see(f"{ROOT}/{row.id}")

    seen = browser.send(f"{ROOT}/{row.id}/sync")

    assert "is looked at again now" in seen.text
    [hint] = views.hints_about(link.integration_id or "", link.external_id or "")
    assert (hint.source, hint.used_at) == ("person", None)
    answers = [browser.post(f"{ROOT}/{row.id}/sync").status for _ in range(8)]
    assert answers[-1] == 429 and answers[0] == 303


def test_the_paper_is_a_pdf_with_the_invoice_s_number(office: Office, browser: Browser) -> None:
    row = an_invoice(office, "A/77 é")

    seen = browser.see(f"{ROOT}/{row.id}/pdf")

    assert seen.body.startswith(b"%PDF-") and seen.header("Content-Type") == "application/pdf"
    assert seen.header("Content-Disposition").startswith('attachment; filename="invoice-A_77__.pdf"')


def test_what_failed_is_told_to_the_account_s_owner(office: Office) -> None:
    own_account(office)
    row = an_invoice(office)
    [link] = sent(office, row)
    refused(link, "canary-fault")
    browser = entered(office, office.customer)

    for path in (ROOT, f"{ROOT}/{row.id}"):
        assert "canary-fault (WB-REMOTE-REJECTED, tried 3 times)" in browser.see(path).text


def test_what_failed_is_kept_from_who_only_pays(office: Office, browser: Browser) -> None:
    connected(office)
    row = an_invoice(office)
    refused(links.of_invoice(row.id), "canary-fault")

    for path in (ROOT, f"{ROOT}/{row.id}"):
        page = browser.see(path)
        assert "canary-fault" not in page.html
        assert "your internet provider looks after that" in page.text


# --- nobody else's --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", ["", "/view", "/pdf"])
def test_another_s_invoice_is_not_there(office: Office, browser: Browser, tail: str) -> None:
    neighbour_s = an_invoice(office, "9001", customer=office.neighbour)
    foreign = an_invoice(office, "9002", customer=office.foreigner)
    own = an_invoice(office, "9003")

    for name in (
        neighbour_s.id,
        foreign.id,
        "wbi_00000000000000000000000000",
        own.number,
        f"ref:{own.number}",
    ):
        assert browser.get(f"{ROOT}/{name}{tail}").status == 404


def test_another_s_invoice_is_not_synced(office: Office, browser: Browser) -> None:
    other = an_invoice(office, "9001", customer=office.neighbour)
    browser.see(ROOT)

    assert browser.post(f"{ROOT}/{other.id}/sync").status == 404


def test_the_search_finds_nobody_else_s(office: Office, browser: Browser) -> None:
    an_invoice(office, "9001", customer=office.neighbour)

    assert "9001" not in browser.see(f"{ROOT}?q=9001").text.replace('value="9001"', "")
    assert "Nothing found" in browser.see(f"{ROOT}?q=9001").text
    assert browser.see(f"{ROOT}?after=wbi_zzzz").status == 200


def test_without_a_session_nothing_is_shown(office: Office) -> None:
    row = an_invoice(office)
    for path in (ROOT, f"{ROOT}/{row.id}", f"{ROOT}/{row.id}/pdf", "/customer-portal/service"):
        seen = Browser(office.app).get(path)
        assert seen.status == 403 and "1001" not in seen.text
