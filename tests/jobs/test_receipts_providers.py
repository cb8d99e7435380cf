"""Cash at each provider: in its own books where it takes that, else here; and counted once either way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.jobs import receipts as entering
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.receipts import Given
from daemon.jobs.visit import visit
from daemon.sandbox.seats import SEATED
from daemon.store import invariants, invoices, links, receipts, records
from daemon.store.receipts import Receipt
from tests.jobs.sweeping import Office, ref

MakeOffice = Callable[[str], Office]

RECORDING = ("stripe", "paypal", "quickbooks", "xero")
PARTS = ("paypal", "quickbooks", "xero")
"""Stripe closes the whole remainder or nothing."""


@pytest.fixture
def office_at(tmp_path: Path, empty_database: Path) -> Iterator[MakeOffice]:
    made: list[Office] = []

    def make(provider: str) -> Office:
        made.append(Office(provider, tmp_path, empty_database))
        return made[-1]

    yield make
    for office in made:
        office.house.close()


def enters(office: Office, link: records.Link, amount: str) -> Receipt:
    invoice = invoices.get(None, link.invoice_id)
    return entering.enter(office.house, invoice, Given(amount, note="slip 7"), actor="test")[0]


def goes_on(office: Office) -> None:
    for _ in range(4):
        visit(office.house, office.id, "push", push)
        office.clock.move(minutes=20)
        visit(office.house, office.id, "pull", pull)


def stands(link: records.Link) -> tuple[str, int, int]:
    row = invoices.get(None, link.invoice_id)
    return row.payment_status, row.paid_minor, row.due_minor


@pytest.mark.parametrize("provider", RECORDING)
def test_a_whole_payment_goes_into_its_books_once(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    [link] = office.pushed(1)

    receipt = enters(office, link, "45.00")
    assert stands(link) == ("paid", 4500, 0)
    goes_on(office)

    row = receipts.get(None, receipt.id)
    assert (row.state, row.fault_text) == ("recorded", None)
    assert (stands(link), links.get(link.id).doc_status) == (("paid", 4500, 0), "paid")
    office.sweep()
    assert (stands(link), office.waiting()) == (("paid", 4500, 0), [])
    assert invariants.check() == []


@pytest.mark.parametrize("provider", PARTS)
def test_two_parts_of_one_amount_are_two_in_its_books(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    [link] = office.pushed(1)

    made = [enters(office, link, "20.00") for _ in range(2)]
    assert stands(link) == ("partially_paid", 4000, 500)
    goes_on(office)

    assert [receipts.get(None, x.id).state for x in made] == ["recorded", "recorded"]
    assert stands(link) == ("partially_paid", 4000, 500)
    office.hands.pay(ref(link), 500)
    goes_on(office)
    assert stands(link) == ("paid", 4500, 0)


@pytest.mark.parametrize("provider", [name for name in SEATED if name not in PARTS])
def test_where_it_is_not_taken_it_stays_here(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    [link] = office.pushed(1)

    receipt = enters(office, link, "20.00")
    goes_on(office)

    assert receipts.get(None, receipt.id).state == "here"
    assert stands(link) == ("partially_paid", 2000, 2500)
    assert [row.id for row in receipts.for_a_person(None)] == [receipt.id]


@pytest.mark.parametrize("provider", RECORDING)
@pytest.mark.parametrize("fault", ["error_after", "error_before"])
@pytest.mark.parametrize("after", range(4))
def test_a_lost_answer_makes_no_second_one(
    office_at: MakeOffice, provider: str, fault: str, after: int
) -> None:
    office = office_at(provider)
    [link] = office.pushed(1)
    receipt = enters(office, link, "45.00")
    office.transport.spoil(fault, after=after)
    visit(office.house, office.id, "push", push)
    office.transport.unspoil()

    for _ in range(6):
        office.clock.move(hours=3)
        visit(office.house, office.id, "pull", pull)
        assert stands(link) == ("paid", 4500, 0)
        visit(office.house, office.id, "push", push)

    assert receipts.get(None, receipt.id).state == "recorded"
    assert stands(link) == ("paid", 4500, 0)
