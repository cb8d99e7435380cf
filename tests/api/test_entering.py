"""Many at once over the API: the good ones go in whatever is wrong with the others; and numbering."""

from __future__ import annotations

from typing import Any

from daemon.store import customers, invoices
from tests.api.asking import Office
from tests.api.test_flow import INVOICE
from tests.api.world import PLAN

IMPORT = "/api/invoices/import"


def rows(*numbers: str, **more: Any) -> list[dict[str, Any]]:
    return [INVOICE | {"number": number, "customer": "C-1"} | more for number in numbers]


def test_the_good_ones_go_in_and_the_others_are_named_by_their_place(office: Office) -> None:
    given = [*rows("1"), *rows("2", dueOn="2026-03-01"), *rows("3", customer="C-404"), *rows("4")]
    report = office.post(IMPORT, {"invoices": given}, status=200)
    assert (report["added"], report["failed"], report["sums"]) == (
        *(2, 2),
        [{"currency": "USD", "total": "90.00"}],
    )
    assert [(one["place"], one["number"], one["code"]) for one in report["problems"]] == [
        (2, "2", "WB-INVOICE-DUE"),
        (3, "3", "WB-NOT-FOUND"),
    ]
    assert "2026-03-01" in report["problems"][0]["message"]
    again = office.post(IMPORT, {"invoices": rows("1", "4")}, status=200)
    assert (again["added"], again["there"]) == (0, 2)


def test_a_dry_run_says_the_same_and_changes_nothing(office: Office) -> None:
    given = {"invoices": rows("1", customer="C-8", customerName="Subscriber 0008"), "createCustomers": True}
    said = office.post(IMPORT, given | {"dryRun": True}, status=200)
    assert invoices.listing(office.tenant.id, limit=10) == []
    assert customers.find(office.tenant.id, "C-8") is None
    done = office.post(IMPORT, given, status=200)
    assert (said | {"dryRun": False}) == done
    assert done["customersAdded"] == 1
    assert customers.get(office.tenant.id, "C-8").name == "Subscriber 0008"


def test_an_import_goes_into_the_tenant_of_the_token_alone(office: Office) -> None:
    report = office.post(IMPORT, {"invoices": rows("1", customer="C-3")}, status=200)
    assert report["problems"][0]["code"] == "WB-NOT-FOUND"
    report = office.post(IMPORT, {"invoices": rows("1", customer=office.foreigner.id)}, status=200)
    assert report["problems"][0]["code"] == "WB-NOT-FOUND"


def test_too_many_at_once_are_refused(office: Office) -> None:
    small = {
        "number": "1",
        "customer": "C-1",
        "dueOn": "2026-04-01",
        "lines": [{"description": "x", "amount": "1"}],
    }
    got = office.ask("POST", IMPORT, {"invoices": [small | {"number": str(n)} for n in range(501)]})
    assert (got.status, got.json["field"]) == (422, "invoices")
    assert invoices.listing(office.tenant.id, limit=10) == []


def test_subscriptions_are_imported_as_well(office: Office) -> None:
    office.post("/api/plans", PLAN)
    given = [
        {"customer": "C-1", "plan": "home", "start": "2026-03-02"},
        {"customer": "C-2", "plan": "gone", "start": "2026-03-02"},
    ]
    report = office.post("/api/subscriptions/import", {"subscriptions": given}, status=200)
    assert (report["added"], report["failed"], report["problems"][0]["place"]) == (1, 1, 2)
    assert len(office.get("/api/subscriptions")["subscriptions"]) == 1


def test_numbers_are_set_and_never_go_back(office: Office) -> None:
    assert office.get("/api/numbering") == {
        "format": "{year}-{counter:05d}",
        "next": "2026-00001",
        "last": {},
    }
    got = office.ask("PUT", "/api/numbering", {"format": "R{counter}", "next": 40})
    assert got.json == {"format": "R{counter}", "next": "R40", "last": {"all": 39}}
    for wrong in (
        {"next": 39},
        {"format": "R"},
        {"format": "{counter}{counter}"},
        {"format": "{x}{counter}"},
    ):
        assert office.ask("PUT", "/api/numbering", wrong).status == 422
    assert office.ask("PUT", "/api/numbering", {"next": 50}, as_="tenant_staff").status == 403
    assert office.get("/api/numbering")["next"] == "R40"
