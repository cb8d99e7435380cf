"""Idempotency-Key: the same again is answered the same, other content is refused, a day later it is new."""

from __future__ import annotations

import pytest

from daemon.store import invoices, replays
from tests.api.asking import Office
from tests.api.test_flow import INVOICE, INVOICES


def test_the_same_again_is_answered_the_same_and_done_once(office: Office) -> None:
    first = office.ask("POST", INVOICES, INVOICE, idempotency_key="k-1")
    second = office.ask("POST", INVOICES, INVOICE, idempotency_key="k-1")
    assert (first.status, second.status) == (201, 201)
    assert second.body == first.body
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(invoices.listing(office.tenant.id, limit=10)) == 1


@pytest.mark.parametrize("other", [INVOICE | {"memo": "other"}, INVOICE | {"number": "1002"}])
def test_another_content_under_the_same_key_is_refused(office: Office, other: object) -> None:
    office.post(INVOICES, INVOICE, idempotency_key="k-1")
    got = office.ask("POST", INVOICES, other, idempotency_key="k-1")
    assert (got.status, got.code) == (409, "WB-INPUT-REPEATED")


def test_another_address_under_the_same_key_is_refused(office: Office) -> None:
    office.post(INVOICES, INVOICE, idempotency_key="k-1")
    got = office.ask("POST", "/api/customers/ref:C-2/invoices", INVOICE, idempotency_key="k-1")
    assert got.code == "WB-INPUT-REPEATED"


def test_a_refusal_is_repeated_too(office: Office) -> None:
    bad = INVOICE | {"lines": [{"description": "Internet", "amount": "45.005"}]}
    first = office.ask("POST", INVOICES, bad, idempotency_key="k-1")
    second = office.ask("POST", INVOICES, bad, idempotency_key="k-1")
    assert (first.status, second.status) == (422, 422)
    assert second.body == first.body
    assert second.headers["content-type"] == "application/problem+json"


def test_after_a_day_the_key_is_new(office: Office) -> None:
    office.post(INVOICES, INVOICE, idempotency_key="k-1")
    office.clock.move(hours=24)
    office.post(INVOICES, INVOICE | {"number": "1002"}, idempotency_key="k-1")


def test_keys_of_two_tokens_are_two_keys(office: Office) -> None:
    office.post(INVOICES, INVOICE, idempotency_key="k-1")
    office.post(INVOICES, INVOICE | {"number": "2"}, idempotency_key="k-1", as_="tenant_staff")


def test_a_key_that_is_being_worked_on_is_told_to_come_again(office: Office) -> None:
    """And is taken over from a process that died over it."""
    token = office.rows["tenant_admin"].id
    office.post(INVOICES, INVOICE, idempotency_key="k-1")
    (there,) = replays.Replay.select(replays.Table.token_id == token)

    def unanswered() -> None:
        replays.forget(token, "k-1")
        replays.claim(token, "k-1", there.digest, office.clock.now())

    office.house.store.write("test", unanswered)
    got = office.ask("POST", INVOICES, INVOICE, idempotency_key="k-1")
    assert (got.status, got.headers["retry-after"]) == (429, "2")
    office.clock.move(minutes=4)
    assert office.ask("POST", INVOICES, INVOICE, idempotency_key="k-1").status == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é"])
def test_what_is_no_key_is_refused(office: Office, key: str) -> None:
    got = office.ask("POST", INVOICES, INVOICE, idempotency_key=key)
    assert (got.status, got.code) == (422, "WB-INPUT")


def test_without_a_key_the_same_invoice_again_is_harmless(office: Office) -> None:
    first, second = office.ask("POST", INVOICES, INVOICE), office.ask("POST", INVOICES, INVOICE)
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == second.json["id"]


def test_what_is_kept_is_forgotten_by_the_nightly_run(office: Office) -> None:
    office.post(INVOICES, INVOICE, idempotency_key="k-1")
    office.clock.move(hours=25)
    assert office.house.store.write("test", lambda: replays.forget_old(office.clock.now())) == 1
