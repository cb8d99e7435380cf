"""`wispbill portal link`: an address that opens a customer's pages, once."""

from __future__ import annotations

from tests.cli.conftest import Shell


def test_a_link_is_printed_once_and_never_stored(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    url = shell.ran("portal", "link", "C-1").stdout.strip()
    token = url.partition("?link=")[2]

    assert url.startswith("https://billing.example.com/customer-portal/enter?link=") and len(token) == 43
    stored = b"".join(path.read_bytes() for path in shell.folder.glob("wispbill.db*"))
    assert token.encode() not in stored


def test_it_says_where_it_leads_and_until_when(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()

    told = shell.json("portal", "link", "C-1", "--page", "service")

    assert (told["page"], told["expiresAt"]) == ("service", "2026-03-02T09:15:00Z")
    assert "portal.link_added" in [one["action"] for one in shell.json("audit", "list")["audit"]]


def test_a_page_or_a_customer_that_is_none_is_refused(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()

    assert "page" in shell.run("portal", "link", "C-1", "--page", "money").stderr
    assert "C-9" in shell.run("portal", "link", "C-9").stderr


def test_the_office_signs_a_customer_out_everywhere(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    shell.ran("portal", "link", "C-1")
    shell.ran("portal", "link", "C-1")

    assert shell.json("portal", "end", "C-1") == {"sessions": 0, "links": 2}
    assert "0 sessions ended, 0 links taken back." in shell.ran("portal", "end", "C-1").stdout
    actions = [one["action"] for one in shell.json("audit", "list")["audit"]]
    assert "portal.links_taken_back" in actions
