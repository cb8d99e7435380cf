"""Matching: who of theirs is whom of ours is proposed with reasons, one for one, never taken for certain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.matching import LIKELY_FROM, UNSURE_FROM, Kind, Person, likeness, pair, person
from daemon.matching.people import plain_email, plain_name, plain_phone, plain_street

HOME = {"line1": "12 North Main Street", "city": "Pueblo", "postal_code": "81003", "country": "US"}


def somebody(id_: str = "one", **told: Any) -> Person:
    return person(id_, **told)


# --- what is compared ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Ann Lee", "ann lee"),
        ("LEE, Ann", "ann lee"),
        ("Ann Lee (C-17)", "ann lee"),
        ("José  Müller", "jose muller"),
        ("Dr. Ann O'Neil", "ann oneil"),
        ("Main Street Bakery LLC", "bakery main street"),
        ("Main Street Bakery, L.L.C.", "bakery main street"),
        ("Co Co", "co co"),
        ("(deleted)", "deleted"),
        ("李明", "李明"),
        ("", ""),
    ],
)
def test_a_name_is_its_words(written: str, plain: str) -> None:
    assert plain_name(written) == plain


@pytest.mark.parametrize(
    ("written", "country", "plain"),
    [
        ("(719) 555-0142", "US", "+17195550142"),
        ("719.555.0142", "US", "+17195550142"),
        ("+1 719 555 0142", None, "+17195550142"),
        ("0151 23456789", "DE", "+4915123456789"),
        ("+49 151 23456789", "US", "+4915123456789"),
        ("7195550142", None, "7195550142"),
        ("call me", "US", None),
        ("123", "US", None),
        ("", "US", None),
        (None, "US", None),
    ],
)
def test_a_number_is_read_by_the_country(written: str | None, country: str | None, plain: str | None) -> None:
    assert plain_phone(written, country) == plain


def test_the_country_of_the_address_goes_before_the_tenants() -> None:
    abroad = {"line1": "Hauptstraße 1", "country": "DE"}
    assert somebody(phone="0151 23456789", address=abroad, country="US").phone == "+4915123456789"
    assert somebody(phone="719 555 0142", address={"country": "USA"}, country="US").phone == "+17195550142"


@pytest.mark.parametrize(
    ("written", "plain"),
    [(" Ann@Example.COM ", "ann@example.com"), ("none", None), ("@", None), ("", None), (None, None)],
)
def test_an_address_for_mail_is_in_lower_case(written: str | None, plain: str | None) -> None:
    assert plain_email(written) == plain


def test_a_street_is_abbreviated_as_people_do() -> None:
    assert plain_street("12 North Main Street, Apartment 4") == plain_street("12 N. Main St Apt 4")


# --- how alike ----------------------------------------------------------------------------------------

ANN: dict[str, Any] = {
    "name": "Ann Lee",
    "email": "ann@example.com",
    "phone": "+17195550142",
    "address": HOME,
}


@pytest.mark.parametrize(
    ("ours", "theirs", "score", "reasons"),
    [
        (ANN, ANN, 99, ("same e-mail", "same phone", "same name", "same address")),
        ({"name": "Ann Lee"}, {"name": "Lee, Ann"}, 30, ("same name",)),
        ({"name": "Ann Lee"}, {"name": "Anne Lee"}, 25, ("name 93 % alike",)),
        ({"name": "Ann Lee"}, {"name": "Bob Stone"}, 0, ("name differs",)),
        ({"email": "a@example.com"}, {"email": "A@example.com"}, 50, ("same e-mail",)),
        ({"phone": "+17195550142"}, {"phone": "+1 (719) 555-0142"}, 35, ("same phone",)),
        ({"references": ["S-17"]}, {"references": ["s-17"]}, 60, ("same reference",)),
        (
            {"name": "Ann Lee", "email": "home@example.com"},
            {"name": "Bob Stone", "email": "home@example.com"},
            30,
            ("same e-mail", "name differs"),
        ),
        (
            {"name": "Ann Lee", "email": "a@example.com"},
            {"name": "Ann Lee", "email": "b@example.com"},
            20,
            ("e-mail differs", "same name"),
        ),
        (
            {"name": "Ann Lee", "email": "a@example.com", "phone": "+17195550142"},
            {"name": "Ann Lee", "email": "b@example.com", "phone": "+17195550143"},
            10,
            ("e-mail differs", "phone differs", "same name"),
        ),
        (
            {"name": "Ann Lee", "phone": "+17195550142", "email": "a@example.com"},
            {"name": "Bob Stone", "phone": "+17195550142", "email": "b@example.com"},
            20,
            ("e-mail differs", "same phone", "name differs"),
        ),
        ({}, {}, 0, ()),
    ],
)
def test_each_thing_that_both_know_counts(
    ours: dict[str, Any], theirs: dict[str, Any], score: int, reasons: tuple[str, ...]
) -> None:
    like = likeness(somebody("ours", **ours), somebody("theirs", **theirs))
    assert (like.score, like.reasons) == (score, reasons)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ({"line1": "12 N Main St", "postal_code": "81003"}, "same address"),
        ({"line1": "12 N Main St"}, "same address"),
        ({"line1": "12 N Mayn Stret", "postal_code": "81003"}, "address 81 % alike"),
        ({"line1": "14 N Main St", "postal_code": "81003"}, "address differs"),
        ({"line1": "12 N Main St", "postal_code": "80903"}, "address differs"),
        ({"line1": "7 Elm Rd", "postal_code": "81003"}, "address differs"),
    ],
)
def test_next_door_is_another_address(address: dict[str, str], says: str) -> None:
    like = likeness(somebody(address=HOME), somebody(address=address))
    assert like.reasons == (says,)


# --- who is proposed ----------------------------------------------------------------------------------


def test_our_reference_is_certain_whatever_else_differs() -> None:
    ours = [somebody("C-1", name="Ann Lee", email="a@example.com", own="WB-ABCDEFGHIJKLMNOP")]
    theirs = [
        somebody("cus_1", name="Ann Lee", email="a@example.com"),
        somebody("cus_2", name="Bob Stone", references=["wb-abcdefghijklmnop"]),
    ]

    (proposal,) = pair(ours, theirs)

    assert (proposal.kind, proposal.payer, proposal.score) == (Kind.CERTAIN, "cus_2", 100)


def test_our_reference_on_two_customers_is_for_a_person() -> None:
    ours = [somebody("C-1", own="WB-ABCDEFGHIJKLMNOP")]
    theirs = [somebody(f"cus_{n}", references=["WB-ABCDEFGHIJKLMNOP"]) for n in (1, 2)]

    (proposal,) = pair(ours, theirs)

    assert (proposal.kind, proposal.payer) == (Kind.UNSURE, None)
    assert [one.payer for one in proposal.others] == ["cus_1", "cus_2"]


def test_one_with_the_references_of_two_of_ours_is_for_a_person() -> None:
    ours = [somebody(f"C-{n}", own=f"WB-ABCDEFGHIJKLMNO{n}") for n in "AB"]
    both = somebody("cus_1", references=["WB-ABCDEFGHIJKLMNOA", "WB-ABCDEFGHIJKLMNOB"])

    found = pair(ours, [both])

    assert [(one.kind, one.payer) for one in found] == [(Kind.UNSURE, None)] * 2
    assert found[0].others[0].payer == "cus_1"


def test_the_most_alike_is_proposed_with_its_reasons() -> None:
    theirs = [somebody("cus_1", name="Ann Lee"), somebody("cus_2", **ANN), somebody("cus_3", name="Bo Yu")]

    (proposal,) = pair([somebody("C-1", **ANN)], theirs)

    assert (proposal.kind, proposal.payer) == (Kind.LIKELY, "cus_2")
    assert proposal.reasons == ("same e-mail", "same phone", "same name", "same address")
    assert [one.payer for one in proposal.others] == ["cus_1"]


def test_nobody_is_proposed_where_nobody_is_alike() -> None:
    assert [one.kind for one in pair([somebody("C-1", **ANN)], [somebody("cus_1", name="Bob Stone")])] == [
        Kind.NONE
    ]
    assert [one.kind for one in pair([somebody("C-1", **ANN)], [])] == [Kind.NONE]


def test_two_that_are_as_alike_are_for_a_person() -> None:
    theirs = [somebody("cus_1", **ANN), somebody("cus_2", **ANN)]

    (proposal,) = pair([somebody("C-1", **ANN)], theirs)

    assert (proposal.kind, proposal.payer) == (Kind.UNSURE, "cus_1")
    assert "cus_2 there is as alike" in proposal.reasons


def test_a_household_is_a_warning_and_not_one_payer_for_two() -> None:
    ours = [
        somebody("C-1", name="Ann Lee", email="home@example.com"),
        somebody("C-2", name="Bob Stone", email="home@example.com"),
    ]

    first, second = pair(ours, [somebody("cus_1", name="Ann Lee", email="home@example.com")])

    assert (first.kind, first.payer) == (Kind.LIKELY, "cus_1")
    assert (second.kind, second.payer) == (Kind.UNSURE, None)
    assert second.reasons[-1] == "cus_1 is proposed for C-1: one household?"
    assert [one.payer for one in second.others] == ["cus_1"]


def test_a_namesake_of_somebody_who_is_found_is_nobody() -> None:
    ours = [
        somebody("C-1", name="Ann Lee", email="a@example.com"),
        somebody("C-2", name="Ann Lee", email="b@example.com"),
    ]

    first, second = pair(ours, [somebody("cus_1", name="Ann Lee", email="a@example.com")])

    assert (first.kind, second.kind) == (Kind.LIKELY, Kind.NONE)


def test_what_too_many_share_says_nothing() -> None:
    office = {"email": "office@example.com", "phone": "+17195550100", "references": ["monthly"]}
    ours = [somebody("C-1", name="Ann Lee", **office)]
    theirs = [somebody(f"cus_{n}", name=f"{'ABCDEFGH'[n] * 9} Stone", **office) for n in range(8)]

    assert [one.kind for one in pair(ours, theirs)] == [Kind.NONE]


def test_a_slip_of_the_pen_is_found_by_the_name() -> None:
    (proposal,) = pair([somebody("C-1", name="Johnathan Smith")], [somebody("cus_1", name="Smyth, Jonathan")])

    assert (proposal.kind, proposal.payer) == (Kind.UNSURE, "cus_1")


# --- whatever comes -----------------------------------------------------------------------------------

WORDS = st.sampled_from(["Ann", "Anne", "Bob", "Lee", "Leigh", "Stone", "Li", "Ω", "12"])
PEOPLE = st.builds(
    dict,
    name=st.lists(WORDS, max_size=3).map(" ".join),
    email=st.sampled_from([None, "a@example.com", "b@example.com", "home@example.com", "x"]),
    phone=st.sampled_from([None, "+17195550142", "719 555 0142", "719 555 0143", "?"]),
    address=st.sampled_from(
        [None, HOME, {"line1": "12 N Main St"}, {"line1": "7 Elm Rd", "postal_code": "1"}]
    ),
    references=st.lists(st.sampled_from(["S-1", "S-2", "WB-1", "WB-2"]), max_size=2),
)


def people(prefix: str, told: list[dict[str, Any]], *, own: bool) -> list[Person]:
    return [
        person(f"{prefix}{n}", country="US", own=f"WB-{n}" if own else None, **one)
        for n, one in enumerate(told)
    ]


@given(PEOPLE, PEOPLE)
def test_likeness_is_the_same_from_both_sides_and_never_certain(one: Any, other: Any) -> None:
    a, b = person("a", country="US", **one), person("b", country="US", **other)

    assert likeness(a, b) == likeness(b, a)
    assert 0 <= likeness(a, b).score < 100


@settings(max_examples=200)
@given(st.lists(PEOPLE, max_size=8), st.lists(PEOPLE, max_size=8))
def test_a_proposal_for_each_of_ours_and_nobody_for_two(mine: Any, yours: Any) -> None:
    ours, theirs = people("C-", mine, own=True), people("cus_", yours, own=False)

    found = pair(ours, theirs)

    assert [one.customer for one in found] == [one.id for one in ours]
    proposed = [one.payer for one in found if one.payer]
    assert len(proposed) == len(set(proposed))
    for one, proposal in zip(ours, found, strict=True):
        assert (proposal.kind is Kind.CERTAIN) == (proposal.score == 100)
        if proposal.kind is Kind.CERTAIN:
            assert [x.id for x in theirs if one.own in x.references] == [proposal.payer]
        if proposal.kind is Kind.LIKELY:
            assert proposal.score >= LIKELY_FROM
        if proposal.payer:
            assert proposal.score >= UNSURE_FROM and proposal.reasons


@given(st.lists(PEOPLE, max_size=6), st.lists(PEOPLE, max_size=6))
def test_the_order_of_the_list_there_changes_nothing(mine: Any, yours: Any) -> None:
    ours, theirs = people("C-", mine, own=True), people("cus_", yours, own=False)

    assert pair(ours, theirs) == pair(ours, theirs[::-1])
