"""Hostile words in every stored field, and hostile requests: shown as text, or refused in words."""

from __future__ import annotations

import pytest

from daemon.store import customers, records, tenants, tickets
from daemon.store.tables import Customer, Event, Integration, Invoice, Line, Link, Tenant, WebSession
from daemon.store.tickets import Author
from tests.api.asking import Office
from tests.browsing import Browser
from tests.portal.billed import ROOT, an_invoice, own_account, sent
from tests.portal.entering import a_link, entered, open_link

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
PAGES = (ROOT, "/customer-portal/service", "/customer-portal/tickets", "/customer-portal/sessions")


def everything_is_evil(office: Office) -> tuple[records.Invoice, str]:
    """An invoice and a ticket, and every text of theirs and around them is an attack."""
    own_account(office)
    row = an_invoice(office, "1001", line=EVIL, memo=EVIL)
    sent(office, row)
    ticket = office.house.store.write(
        "test",
        lambda: tickets.open_(
            office.customer,
            EVIL,
            EVIL,
            author=Author.STAFF,
            invoice_id=row.id,
            actor=EVIL,
            now=office.clock.now(),
            entropy=office.house.entropy,
        ),
    )
    Tenant.update(name=EVIL).execute()
    Customer.update(name=EVIL, email=EVIL, phone=EVIL).where(Customer.id == office.customer.id).execute()
    Invoice.update(number=EVIL, payment_method=EVIL).execute()
    Line.update(description=EVIL, tax_rate=EVIL, quantity=EVIL, tax_minor=1).execute()
    Integration.update(label=EVIL, account_name=EVIL, fault_text=EVIL, fault_code=EVIL).execute()
    Link.update(external_number=EVIL, fault_code="WB-INPUT", fault_text=EVIL, state="failed").execute()
    Event.update(data={"sentence": EVIL}).execute()
    WebSession.update(client=EVIL, said=[["good", EVIL], ["bad", EVIL]]).execute()
    return row, ticket.id


def test_no_stored_text_is_ever_markup(office: Office) -> None:
    browser = entered(office, office.customer)
    row, ticket_id = everything_is_evil(office)
    token = a_link(office, customers.get(office.tenant.id, "C-1"))
    pages = [*PAGES, f"{ROOT}/{row.id}", f"/customer-portal/tickets/{ticket_id}"]
    pages += [f"/customer-portal/enter?link={token}", f"/customer-portal/tickets/new?invoice={row.id}"]
    pages += [f"{ROOT}?q=%3Cscript%3Ealert(3)%3C/script%3E"]

    seen = [browser.see(path) for path in pages]

    for page in seen:
        assert "<script>alert" not in page.html and "<img src=x" not in page.html, page.text
        assert "onerror" not in page.html or "&lt;img src=x onerror" in page.html
    assert sum("&lt;script&gt;alert" in page.html for page in seen) >= len(seen) - 1


def test_a_header_cannot_be_split_by_what_is_stored(office: Office) -> None:
    browser = entered(office, office.customer)
    row = an_invoice(office)
    Invoice.update(number="1\r\nSet-Cookie: a=b").execute()

    seen = browser.get(f"{ROOT}/{row.id}/pdf")

    assert not any("\r" in value or "\n" in value for _name, value in seen.headers)


@pytest.mark.parametrize("field", ["next", "page", "to", "url", "return", "redirect"])
def test_no_field_makes_the_portal_lead_elsewhere(office: Office, field: str) -> None:
    browser, token = Browser(office.app), a_link(office, office.customer)
    browser.see(f"/customer-portal/enter?link={token}&{field}=https://evil.example")

    seen = browser.post("/customer-portal/enter", {"link": token, field: "https://evil.example"})

    assert seen.to == ROOT


@pytest.mark.parametrize(
    "path", ["/customer-portal//evil.example", "/customer-portal/%0d%0aX:y", "/customer-portal/../api/tokens"]
)
def test_a_strange_path_is_nothing(office: Office, path: str) -> None:
    assert Browser(office.app).get(path).status == 404


def test_a_host_that_is_not_ours_changes_no_link(office: Office) -> None:
    browser = entered(office, office.customer)
    browser.host = "evil.example"

    page = browser.see(ROOT)

    assert "evil.example" not in page.html


def test_mass_assignment_changes_nothing(office: Office) -> None:
    browser = entered(office, office.customer)
    browser.see("/customer-portal/tickets/new")
    extra = {"state": "closed", "author": "staff", "customer_id": office.neighbour.id, "tenant_id": "x"}
    to = browser.post("/customer-portal/tickets/new", {"subject": "S", "text": "T", **extra}).to

    row = tickets.get(office.tenant.id, to.rpartition("/")[2])

    assert (row.state, row.customer_id, row.tenant_id) == ("open", office.customer.id, office.tenant.id)
    assert [one.author for one in tickets.messages(row.id)] == ["subscriber"]


def test_links_cannot_be_guessed_by_trying(office: Office) -> None:
    stranger = Browser(office.app)
    answers = {stranger.get(f"/customer-portal/enter?link={'a' * 42}{n % 10}").status for n in range(150)}

    assert answers == {410, 429}


def test_no_secret_of_anybody_is_on_any_page(office: Office) -> None:
    from tests.api.asking import KEY, OTHER_KEY

    own_account(office)
    row = an_invoice(office)
    sent(office, row)
    browser = entered(office, office.customer)
    for path in (*PAGES, f"{ROOT}/{row.id}", "/customer-portal/billing/setup"):
        browser.get(path)

    said = bytes(browser.everything)
    for secret in (KEY, OTHER_KEY, *office.tokens.values()):
        assert secret.encode() not in said


def test_a_tenant_s_link_never_opens_another_tenant(office: Office) -> None:
    browser = Browser(office.app)
    open_link(browser, a_link(office, office.foreigner))

    assert tenants.get(office.other.id).name in browser.see(ROOT).text
    assert an_invoice(office).number not in browser.see(ROOT).text
