"""Rosters: whatever a provider's customer says of itself is read as evidence, and a list has an end."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.errors import Garbled
from daemon.model import PayerState
from daemon.providers.quickbooks import roster as quickbooks
from daemon.providers.square import roster as square
from daemon.providers.stripe import roster as stripe
from daemon.providers.xero import roster as xero

GUID = "4a146cf0-d98a-48e1-8f99-9661f967bdaf"
OTHER = "df0e7337-420c-43f8-b5d4-0f6ce079d1b9"
NOBODY = "00000000-0000-0000-0000-000000000000"


class Answers:
    """An API that answers each call with the next of these, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def get(self, *path: str, **params: Any) -> Any:
        return self._next(params)

    def query(self, entity: str, where: str, *, most: int) -> Any:
        return self._next((where, most))

    def _next(self, asked: Any) -> Any:
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_stripe_customer_tells_what_it_has() -> None:
    full = stripe.seen(
        {
            "id": "cus_1",
            "name": "Ann Lee",
            "email": "ann@example.com",
            "phone": "+1 719 555 0142",
            "address": {"line1": "12 Main St", "line2": None, "postal_code": "81003", "country": "US"},
            "metadata": {"crm": "S-17", "wispbill_customer": "WB-ABCDEFGHIJKLMNOP", "n": ""},
        }
    )
    bare = stripe.seen({"id": "cus_2", "metadata": None, "address": None, "email": None, "name": 7})

    assert full.references == ("S-17", "WB-ABCDEFGHIJKLMNOP")
    assert full.address == {"line1": "12 Main St", "postal_code": "81003", "country": "US"}
    assert (bare.name, bare.email, bare.references, bare.address) == ("", None, (), {})


def test_a_list_of_stripes_that_has_no_end_is_none() -> None:
    page = {"data": [{"id": "cus_1"}], "has_more": True}

    assert stripe.page(Answers(page), None).cursor == "cus_1"  # type: ignore[arg-type]
    with pytest.raises(Garbled, match="no end"):
        stripe.page(Answers(page), "cus_1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"given_name": "Ann", "family_name": "Lee", "company_name": "Bakery"}, "Ann Lee"),
        ({"company_name": "Bakery"}, "Bakery"),
        ({"given_name": None, "family_name": 5}, ""),
    ],
)
def test_a_square_profile_is_called_as_people_call_it(told: dict[str, Any], name: str) -> None:
    seen = square.seen({"id": "CU1", "address": "none", "reference_id": None, **told})

    assert (seen.name, seen.address, seen.references) == (name, {}, ())


def test_a_list_of_squares_that_has_no_end_is_none() -> None:
    with pytest.raises(Garbled, match="no end"):
        square.page(Answers({"customers": [], "cursor": "again"}), "again")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("notes", "references"),
    [
        ("WB-ABCDEFGHIJKLMNOP", ("WB-ABCDEFGHIJKLMNOP",)),
        ("from the old system; WB-ABCDEFGHIJKLMNOP (do not touch)", ("WB-ABCDEFGHIJKLMNOP",)),
        (" S-17 ", ("S-17",)),
        ("Calls every week about the dish on the roof, and always pays a bit late.", ()),
        (None, ()),
        (17, ()),
    ],
)
def test_the_notes_of_a_quickbooks_customer_may_hold_a_reference(
    notes: Any, references: tuple[str, ...]
) -> None:
    assert quickbooks.seen({"Id": "58", "DisplayName": "Ann", "Notes": notes}).references == references


def test_an_inactive_quickbooks_customer_is_called_as_before() -> None:
    seen = quickbooks.seen(
        {
            "Id": "58",
            "Active": False,
            "DisplayName": "Ann Lee (deleted)",
            "PrimaryEmailAddr": [],
            "Mobile": {"FreeFormNumber": "719 555 0142"},
        }
    )

    assert (seen.state, seen.name) == (PayerState.INACTIVE, "Ann Lee")
    assert (seen.email, seen.phone) == (None, "719 555 0142")


def test_a_page_of_quickbooks_that_is_too_large_is_asked_for_in_parts() -> None:
    rows = [{"Id": str(n)} for n in range(250)]
    api = Answers(Garbled("the answer is larger than 5 MiB"), rows, rows[:1])

    first = quickbooks.page(api, None)  # type: ignore[arg-type]
    second = quickbooks.page(api, first.cursor)  # type: ignore[arg-type]

    assert [most for _where, most in api.asked] == [1000, 250, 250]
    assert first.cursor == "251:250" and "startposition 251" in api.asked[2][0]
    assert second.cursor is None


@pytest.mark.parametrize(
    ("told", "state", "into"),
    [
        ({"ContactStatus": "ACTIVE"}, PayerState.ACTIVE, None),
        ({}, PayerState.ACTIVE, None),
        ({"ContactStatus": "SOMETHING_NEW"}, PayerState.ACTIVE, None),
        ({"ContactStatus": "ARCHIVED"}, PayerState.INACTIVE, None),
        ({"ContactStatus": "GDPRREQUEST"}, PayerState.INACTIVE, None),
        ({"ContactStatus": "ARCHIVED", "MergedToContactID": OTHER.upper()}, PayerState.MERGED, OTHER),
        ({"ContactStatus": "ACTIVE", "MergedToContactID": NOBODY}, PayerState.ACTIVE, None),
        ({"ContactStatus": "ARCHIVED", "MergedToContactID": "soon"}, PayerState.INACTIVE, None),
    ],
)
def test_what_became_of_a_xero_contact(told: dict[str, Any], state: PayerState, into: str | None) -> None:
    (seen,) = xero.page(Answers({"Contacts": [{"ContactID": GUID.upper(), **told}]}), None).payers  # type: ignore[arg-type]

    assert (seen.ref, seen.state, seen.merged_into) == (GUID, state, into)


def test_a_xero_contact_tells_what_it_has() -> None:
    row = {
        "ContactID": GUID,
        "Name": "Ann Lee",
        "EmailAddress": "",
        "ContactNumber": "WB-ABCDEFGHIJKLMNOP",
        "AccountNumber": " S-17 ",
        "Phones": [
            {"PhoneType": "FAX", "PhoneNumber": ""},
            {"PhoneCountryCode": "49", "PhoneAreaCode": "30", "PhoneNumber": "901820"},
        ],
        "Addresses": [
            {"AddressType": "STREET", "AddressLine1": "7 Elm Rd"},
            {"AddressType": "POBOX", "City": "Berlin", "PostalCode": "10115"},
        ],
    }
    (seen,) = xero.page(Answers({"Contacts": [row, {"ContactID": "no guid"}]}), None).payers  # type: ignore[arg-type]

    assert (seen.email, seen.phone) == (None, "+49 30 901820")
    assert seen.references == ("WB-ABCDEFGHIJKLMNOP", "S-17")
    assert seen.address == {"city": "Berlin", "postal_code": "10115"}


def test_xeros_pages_end_where_their_count_says_so_or_with_an_empty_one() -> None:
    row = {"ContactID": GUID}
    told = Answers({"Contacts": [row], "pagination": {"page": 2, "pageCount": 2}})
    untold = Answers({"Contacts": [row]}, {"Contacts": []})

    assert xero.page(told, "2:500").cursor is None  # type: ignore[arg-type]
    assert xero.page(untold, "1:500").cursor == "2:500"  # type: ignore[arg-type]
    assert xero.page(untold, "2:500").cursor is None  # type: ignore[arg-type]
