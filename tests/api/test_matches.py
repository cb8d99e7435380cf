"""Matches over the API: what was proposed is read page by page, and decided, all of it or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.store import matches, payers
from daemon.store.matches import Drawn
from tests.api.asking import KEY, Office

CANDIDATE = {"name": "Subscriber 0001", "email": "subscriber0001@example.com"}


@pytest.fixture
def path(office: Office) -> str:
    made = office.post("/api/integrations", {"provider": "stripe", "credentials": {"secret_key": KEY}})
    return f"/api/integrations/{made['id']}/matches"


def propose(office: Office, path: str, customer: Any, payer: str = "cus_1") -> None:
    """As `customers match` writes it down."""
    from daemon.jobs.matching.proofs import proof_of
    from daemon.store import integrations

    row = integrations.get(None, path.split("/")[3])
    drawn = Drawn(customer.id, "likely", "", payer, 80, ["same e-mail", "same name"], CANDIDATE)
    proven = Drawn(
        **{name: getattr(drawn, name) for name in Drawn.__slots__} | {"proof": proof_of(customer, drawn)}
    )
    house = office.house
    house.store.write(
        "test", lambda: matches.propose(row, [proven], now=house.clock.now(), entropy=house.entropy)
    )


def test_before_anybody_listed_there_is_nothing(office: Office, path: str) -> None:
    assert office.get(path) == {"next": None, "payers": None, "listedAt": None, "matches": []}


def test_a_proposal_is_shown_with_its_reasons_and_decided_by_its_proof(office: Office, path: str) -> None:
    propose(office, path, office.customer)

    (shown,) = office.get(path)["matches"]
    assert (shown["customerReference"], shown["kind"], shown["decision"]) == ("C-1", "likely", None)
    assert shown["proposed"] == CANDIDATE | {
        "payer": "cus_1",
        "score": 80,
        "reasons": ["same e-mail", "same name"],
        "phone": None,
        "address": None,
    }

    wanted = {"customer": "ref:C-1", "decision": "match", "proof": shown["proof"]}
    done = office.post(path, {"decisions": [wanted]}, status=200)
    assert done == {"decided": 1, "already": 0, "skipped": 0, "households": {}}
    assert office.post(path, {"decisions": [wanted]}, status=200)["already"] == 1
    assert office.get(path)["matches"] == []
    (after,) = office.get(f"{path}?decided=true")["matches"]
    assert (after["decision"], after["decidedPayer"]) == ("match", "cus_1")
    assert payers.at(path.split("/")[3]) == {office.customer.id: "cus_1"}


def test_one_bad_decision_stops_all_and_is_named(office: Office, path: str) -> None:
    propose(office, path, office.customer)
    propose(office, path, office.neighbour, "cus_2")
    decisions = [
        {"customer": "C-1", "decision": "match"},
        {"customer": "C-2", "decision": "match", "proof": "ANOTHER"},
    ]

    got = office.ask("POST", path, {"decisions": decisions})

    assert (got.status, got.code) == (409, "WB-MATCH-CHANGED")
    assert "decisions[1]" in got.json["detail"]
    assert len(office.get(path)["matches"]) == 2


def test_two_that_are_one_there_are_a_household(office: Office, path: str) -> None:
    propose(office, path, office.customer)
    propose(office, path, office.neighbour, "cus_1")
    decisions = [{"customer": name, "decision": "match"} for name in ("C-1", "C-2")]

    assert office.post(path, {"decisions": decisions}, status=200)["households"] == {"cus_1": ["C-1", "C-2"]}


def test_the_list_comes_in_pages(office: Office, path: str) -> None:
    propose(office, path, office.customer)
    propose(office, path, office.neighbour, "cus_2")

    first = office.get(f"{path}?limit=1")
    second = office.get(f"{path}?limit=1&after={first['next']}")

    assert second["next"] is None
    assert {first["matches"][0]["customerReference"], second["matches"][0]["customerReference"]} == {
        "C-1",
        "C-2",
    }
