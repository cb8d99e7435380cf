"""Reports over the API: the tenant's own books, as JSON or as the file that Accept or `format` asks for."""

from __future__ import annotations

import csv
import io

import pytest
from defusedxml.ElementTree import fromstring

from daemon.reports import REPORTS
from daemon.reports.writing import FORMATS
from tests.api.asking import KEY, Office

INVOICE = {
    "number": "1001",
    "dueOn": "2026-03-10",
    "lines": [{"description": "Internet", "amount": "45.00"}],
}


@pytest.fixture
def billed(office: Office) -> Office:
    office.post("/api/integrations", {"provider": "stripe", "credentials": {"secret_key": KEY}})
    office.post("/api/customers/ref:C-1/invoices", INVOICE)
    office.push()
    return office


def test_the_list_names_every_report_and_its_parameters(office: Office) -> None:
    listed = {row["name"]: row["takes"] for row in office.get("/api/reports")["reports"]}
    assert listed.keys() == REPORTS.keys()
    assert listed["ageing"] == ["asOf"]
    assert listed["collections"] == ["from", "to"]


def test_a_report_is_of_the_token_s_tenant_alone(billed: Office) -> None:
    mine = billed.get("/api/reports/ageing", as_="read_only")
    theirs = billed.get("/api/reports/ageing", as_="other_admin")
    assert [row["owed"] for row in mine["rows"]] == ["45.00"]
    assert theirs["rows"] == theirs["totals"] == []


def test_parameters_are_those_of_the_report_and_wrong_ones_are_named(office: Office) -> None:
    got = office.ask("GET", "/api/reports/ageing?asOf=2026-02-30")
    assert (got.status, got.json["field"]) == (422, "asOf")
    got = office.ask("GET", "/api/reports/ageing?month=2026-03")
    assert (got.status, got.json["field"]) == (422, "month")
    assert office.get("/api/reports/collections?from=2026-01&to=2026-02")["parameters"] == {
        "from": "2026-01",
        "to": "2026-02",
    }


def test_csv_comes_by_accept_or_by_format_and_format_goes_first(billed: Office) -> None:
    by_accept = billed.ask("GET", "/api/reports/ageing", accept="text/csv, application/json;q=0.5")
    by_format = billed.ask("GET", "/api/reports/ageing?format=csv", accept="application/json")
    assert by_accept.body == by_format.body
    assert by_accept.headers["content-type"] == "text/csv"
    assert by_accept.headers["content-disposition"] == 'inline; filename="ageing-2026-03-02.csv"'
    (row,) = csv.DictReader(io.StringIO(by_accept.body.decode()))
    assert (row["customer"], row["owed"]) == ("C-1", "45.00")


def test_a_picture_that_is_opened_by_itself_can_do_nothing(billed: Office) -> None:
    got = billed.ask("GET", "/api/reports/ageing?format=svg")
    assert got.headers["content-type"] == "image/svg+xml"
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert fromstring(got.body).tag.endswith("svg")


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_to_report_is_no_fault(office: Office, form: str) -> None:
    got = office.ask("GET", f"/api/reports/collections?format={form}")
    if form == "svg":
        assert (got.status, got.json["field"]) == (422, None)
    else:
        assert got.status == 200


def test_a_month_is_closed_once_and_reopened_by_an_admin(billed: Office) -> None:
    billed.clock.move(days=31)
    body = {"month": "2026-03", "note": "as agreed"}
    made = billed.post("/api/reports/close", body, as_="tenant_staff")
    assert (made["verdict"], made["note"]) == ("March 2026 ties to the cent.", "as agreed")
    assert made["closedBy"].startswith("token:")
    (sums,) = made["sums"]
    assert (sums["billed"], sums["ledger"], sums["takenBack"]) == (4500, 4500, 0)

    again = billed.ask("POST", "/api/reports/close", body)
    assert (again.status, again.code) == (409, "WB-CLOSE-STATE")

    reason = {"month": "2026-03", "reason": "a late invoice"}
    assert billed.ask("POST", "/api/reports/close/reopen", reason, as_="tenant_staff").status == 403
    assert billed.post("/api/reports/close/reopen", reason, 200)["reason"] == "a late invoice"
    assert "Closed by" not in billed.get("/api/reports/close?month=2026-03")["verdict"]


def test_another_tenant_s_closing_is_not_there(billed: Office) -> None:
    billed.clock.move(days=31)
    billed.post("/api/reports/close", {"month": "2026-03"})
    got = billed.ask(
        "POST", "/api/reports/close/reopen", {"month": "2026-03", "reason": "x"}, as_="other_admin"
    )
    assert (got.status, got.code) == (409, "WB-CLOSE-STATE")
