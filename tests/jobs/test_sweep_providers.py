"""Sweep at each provider: what people do there without a word is found, and repaired or told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.errors import Unsupported
from daemon.jobs.push import push
from daemon.jobs.visit import visit
from daemon.sandbox.seats import SEATED
from daemon.store import differences, links, records
from daemon.store.tables import Link
from tests.jobs.sweeping import Office, ref

LISTING = tuple(name for name in SEATED if name != "custom_webhook")
"""A customer's own system has no list of all its invoices."""

MakeOffice = Callable[..., Office]


@pytest.fixture
def office_at(tmp_path: Path, empty_database: Path) -> Iterator[MakeOffice]:
    made: list[Office] = []

    def make(provider: str, zone: str = "UTC") -> Office:
        made.append(Office(provider, tmp_path, empty_database, zone))
        return made[-1]

    yield make
    for office in made:
        office.house.close()


Deed = Callable[[Office, records.Link], object]

REPAIRED: dict[str, tuple[Deed, str, str]] = {
    "paid": (lambda o, x: o.hands.pay(ref(x)), "paid_there", "paid"),
    "partly paid": (lambda o, x: o.hands.pay(ref(x), 1000), "paid_there", "partially_paid"),
    "void": (lambda o, x: o.hands.void(ref(x)), "void_there", "void"),
    "refunded": (lambda o, x: (o.hands.pay(ref(x)), o.hands.refund(ref(x))), "refunded", "refunded"),
    "disputed": (lambda o, x: (o.hands.pay(ref(x)), o.hands.dispute(ref(x))), "disputed", "disputed"),
}


@pytest.mark.parametrize("provider", SEATED)
def test_equal_books_are_proven_equal(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    office.pushed(3)

    tally = office.sweep()

    assert (office.waiting(), tally.fault, office.proven()) == ([], None, True)
    assert tally.counts["read"] == 3


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Honolulu"])
@pytest.mark.parametrize("provider", SEATED)
def test_a_due_date_is_the_same_in_any_zone_and_where_it_had_passed(
    office_at: MakeOffice, provider: str, zone: str
) -> None:
    office = office_at(provider, zone)
    today = office.clock.now().date()
    for days in (-40, -1, 0, 1, 14):
        office.pushed(1, today + timedelta(days=days))

    office.sweep()

    assert [row.sentence for row in differences.waiting()] == []
    assert office.proven()


@pytest.mark.parametrize("deed", REPAIRED)
@pytest.mark.parametrize("provider", SEATED)
def test_what_the_ordinary_road_repairs_is_repaired_and_told_once(
    office_at: MakeOffice, provider: str, deed: str
) -> None:
    do, kind, status = REPAIRED[deed]
    office = office_at(provider)
    link, untouched = office.pushed(2)
    try:
        do(office, link)
    except (Unsupported, ValueError):
        pytest.skip(f"{provider} has no such thing")

    office.sweep()

    assert office.status(link) == status
    assert (kind, True) in office.told(link)
    assert office.told(untouched) == set()
    before = len(office.told(link))
    assert "repaired" not in office.sweep().counts
    assert (len(office.told(link)), office.proven()) == (before, True)


@pytest.mark.parametrize("provider", SEATED)
def test_a_payment_taken_back_re_opens_the_debt(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    (link,) = office.pushed(1)
    office.hands.pay(ref(link))
    office.sweep()
    try:
        office.hands.reverse(ref(link))
    except (Unsupported, ValueError):
        pytest.skip(f"{provider} has no such thing")

    office.sweep()

    assert office.status(link) == "open"
    assert ("taken_back", True) in office.told(link)


WAITING: dict[str, tuple[Deed, str]] = {
    "deleted": (lambda o, x: o.hands.delete(ref(x)), "deleted_there"),
    "edited": (lambda o, x: o.hands.edit(ref(x), 5000), "amount_edited"),
}


@pytest.mark.parametrize("deed", WAITING)
@pytest.mark.parametrize("provider", SEATED)
def test_what_cannot_be_repaired_waits_for_a_person_once(
    office_at: MakeOffice, provider: str, deed: str
) -> None:
    do, kind = WAITING[deed]
    office = office_at(provider)
    link, _untouched = office.pushed(2)
    try:
        do(office, link)
    except (Unsupported, ValueError):
        pytest.skip(f"{provider} has no such thing")

    first, second = office.sweep(), office.sweep()

    assert (kind, ref(link)) in office.waiting()
    assert (first.counts["to_settle"], second.counts.get("to_settle")) == (1, None)
    assert (kind, False) in office.told(link)
    assert not office.proven()


def strayed(office: Office, link: records.Link, **values: object) -> None:
    """Our row about it is no longer as it was."""
    office.house.store.write("test", lambda: Link.update(values).where(Link.id == link.id).execute())


@pytest.mark.parametrize("provider", LISTING)
def test_our_document_that_our_row_forgot_is_told_with_the_way_to_take_it_over(
    office_at: MakeOffice, provider: str
) -> None:
    office = office_at(provider)
    _known, lost = office.pushed(2)
    strayed(office, lost, external_id=None, reference=None, pushed_at=None, state="failed", next_push_at=None)

    office.sweep()

    (found,) = differences.waiting()
    assert (found.kind, found.ref) == ("unknown_here", ref(lost))
    assert found.command == f"wispbill invoices sync {lost.invoice_id}"


@pytest.mark.parametrize("provider", LISTING)
def test_what_a_push_still_works_on_is_no_difference(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    (link,) = office.pushed(1)
    strayed(
        office, link, external_id=None, reference=None, state="unconfirmed", next_push_at=office.clock.now()
    )

    office.sweep()

    assert office.waiting() == []


@pytest.mark.parametrize("provider", LISTING)
def test_a_reference_of_ours_that_nothing_here_has_is_told_until_it_is_void(
    office_at: MakeOffice, provider: str
) -> None:
    """As after a restore from a backup that is older than the push."""
    office = office_at(provider)
    (link,) = office.pushed(1)
    strayed(office, link, external_id=None, reference=None, integration_id=None)

    office.sweep()
    assert office.waiting() == [("unknown_here", ref(link))]

    office.hands.void(ref(link))
    assert office.sweep().counts["settled"] == 1
    assert office.waiting() == [] and office.proven()


@pytest.mark.parametrize("provider", LISTING)
def test_two_documents_with_our_reference_are_told(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    first, second = office.pushed(2)
    strayed(office, second, external_id=None, reference=None, integration_id=None)
    strayed(office, first, reference=second.reference)

    office.sweep()

    assert ("duplicate", ref(second)) in office.waiting()
    assert ("sent_differently", ref(first)) in office.waiting()


MOST = {"stripe": 12, "xero": 7, "quickbooks": 8, "paypal": 16, "square": 12}
"""Requests for 150 invoices: what the largest pages allow, the lists that go with them, and the second
walk that shows strangers."""


@pytest.mark.parametrize("provider", MOST)
def test_a_pass_costs_what_the_largest_batches_allow(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    office.pushed(150)
    before = office.transport.requests

    tally = office.sweep()

    assert tally.counts["read"] == 150 and office.proven()
    assert office.transport.requests - before <= MOST[provider]


@pytest.mark.parametrize("deed", WAITING)
@pytest.mark.parametrize("provider", SEATED)
def test_what_is_to_be_voided_is_settled_by_that(office_at: MakeOffice, provider: str, deed: str) -> None:
    """`wispbill invoices void`: of a deleted one there is nothing left to withdraw, and here it is owed no
    more."""
    office = office_at(provider)
    (link,) = office.pushed(1)
    try:
        WAITING[deed][0](office, link)
    except (Unsupported, ValueError):
        pytest.skip(f"{provider} has no such thing")
    office.sweep()
    (found,) = differences.waiting()
    if not found.command.startswith("wispbill invoices void"):
        pytest.skip(f"{provider}: {found.command}")
    assert found.command == f"wispbill invoices void {link.invoice_id}"

    now = office.clock.now()
    office.house.store.write("test", lambda: links.request_void(links.get(link.id), now=now))
    for _ in range(3):
        visit(office.house, office.id, "push", push)
        office.clock.move(minutes=20)
    office.sweep()

    assert (office.status(link), differences.waiting()) == ("void", [])


def test_where_nothing_can_be_voided_a_note_settles_it(office_at: MakeOffice) -> None:
    office = office_at("custom_webhook")
    (link,) = office.pushed(1)
    office.hands.delete(ref(link))

    office.sweep()

    (found,) = differences.waiting()
    assert found.command.startswith("wispbill exceptions settle")
