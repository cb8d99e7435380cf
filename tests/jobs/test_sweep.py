"""Sweep: whatever differs between the provider's books and ours is found within a night, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from daemon.errors import BrakeApplied, Garbled
from daemon.house import House
from daemon.jobs.sweep import compare, due_for_sweep, running, sweep
from daemon.jobs.visit import Tally, Visit, visit
from daemon.model import Asked, DocStatus, Limit, Observation, PaymentStatus
from daemon.providers.memory import Memory
from daemon.store import differences, events, integrations, links, records, sweeps
from daemon.store.tables import Link
from tests.builders import Builders, invoice_of
from tests.fakes import FrozenClock, Shop
from tests.jobs.running import run_pull, run_push, state_of


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


def pushed(make: Builders, house: House, integration: records.Integration, count: int) -> list[records.Link]:
    made = make.links(integration, count)
    run_push(house, integration)
    return [links.get(link.id) for link in made]


def swept(house: House, integration: records.Integration) -> Tally:
    """Another pass, later."""
    house.clock.move(hours=1)  # type: ignore[attr-defined]
    house.store.write("test", lambda: sweeps.ask(integration, house.clock.now()))
    tally = visit(house, integration.id, "sweep", sweep)
    assert tally is not None
    return tally


def told(link: records.Link) -> list[tuple[str, bool]]:
    return [
        (row.data["difference"], row.data["repaired"])
        for row in events.of_invoice(link.invoice_id)
        if row.type == "invoice.difference"
    ]


def test_books_that_agree_are_proven_equal(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    pushed(make, house, integration, 3)

    tally = swept(house, integration)

    assert tally.counts == {"read": 3, "passes": 1}
    state = sweeps.of(integration.id)
    assert state is not None and state.proven_at == clock.now()


def test_what_was_paid_there_without_a_word_is_repaired(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    link, other = pushed(make, house, integration, 2)
    shop.accounts[integration.id].pays(str(link.external_id))

    swept(house, integration)

    assert invoice_of(house, link).payment_status == PaymentStatus.PAID
    assert (told(link), told(other)) == ([("paid_there", True)], [])
    assert differences.waiting() == []


# --- interrupted --------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies."""


LABELS = ("sweep.begin", "pull.apply", "sweep.listed", "sweep.finish_pass", "sweep.finish", "lease.release")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("label", LABELS)
def test_a_crash_at_any_commit_only_interrupts_the_pass(
    house: House,
    make: Builders,
    integration: records.Integration,
    shop: Shop,
    clock: FrozenClock,
    label: str,
    when: str,
) -> None:
    """Whatever was found before is told once, and the rest by the next run."""
    paid, gone, _fine = pushed(make, house, integration, 3)
    account = shop.accounts[integration.id]
    account.pays(str(paid.external_id))
    account.deletes(str(gone.external_id))
    clock.move(hours=1)
    house.store.write("test", lambda: sweeps.ask(integration, clock.now()))
    crashed = []

    def crash(point: str) -> None:
        if point == f"{label}:{when}-commit" and not crashed:
            crashed.append(point)
            raise Crash

    house.store.probe = crash
    with pytest.raises(Crash):
        visit(house, integration.id, "sweep", sweep)
    house.store.probe = lambda _point: None
    clock.move(minutes=5)

    visit(house, integration.id, "sweep", sweep)

    assert crashed
    assert (told(paid), told(gone)) == ([("paid_there", True)], [("deleted_there", False)])
    state = sweeps.of(integration.id)
    assert state is not None and not state.is_under_way
    assert due_for_sweep(house) == []


def test_a_quota_that_ends_in_the_middle_goes_on_where_it_stopped(
    house: House, make: Builders, shop: Shop, clock: FrozenClock
) -> None:
    class OneByOne(Memory):
        """Asks once for each invoice."""

        def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
            for one in asked:
                yield from super().pull([one])

    shop.kind = OneByOne
    integration = make.an_integration()
    made = pushed(make, house, integration, 8)
    shop.limits = (Limit("", 5, 86_400.0),)
    shop.forget(integration.id)
    integrations.update(integration.id, budget={})

    first = swept(house, integration)
    state = sweeps.of(integration.id)
    assert state is not None and state.is_under_way
    compared_first = shop.accounts[integration.id].calls
    assert first.fault is not None

    clock.move(days=2)
    visit(house, integration.id, "sweep", sweep)

    state = sweeps.of(integration.id)
    assert state is not None and not state.is_under_way and state.proven_at == state.started_at
    assert shop.accounts[integration.id].calls - compared_first <= len(made)


def test_a_push_that_waits_comes_first(
    house: House, make: Builders, integration: records.Integration, shop: Shop, clock: FrozenClock
) -> None:
    """After some seconds of a pass; what it has compared stays compared."""
    made = pushed(make, house, integration, 250)
    customer = make.a_customer()

    class Slow(Memory):
        def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
            for one in super().pull(asked):
                clock.move(1)
                yield one

    shop.kind = Slow
    make.an_invoice(customer)
    house.store.write("test", lambda: Link.update(integration_id=integration.id).execute())

    tally = swept(house, integration)

    assert tally.counts["gave_way"] == 1 and 100 <= tally.counts["read"] < len(made)
    shop.kind = Memory
    assert visit(house, integration.id, "sweep", sweep).counts["read"] == 250 - tally.counts["read"]  # type: ignore[union-attr]


def test_one_invoice_that_answers_nonsense_keeps_no_other_from_being_compared(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    bad, paid = pushed(make, house, integration, 2)

    class Stammers(Memory):
        def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
            yield from super().pull([one for one in asked if one.ref != bad.external_id])
            if any(one.ref == bad.external_id for one in asked):
                raise Garbled("not an invoice", party="Memory")

    shop.kind = Stammers
    shop.accounts[integration.id].pays(str(paid.external_id))

    tally = swept(house, integration)

    assert tally.fault is None and told(paid) == [("paid_there", True)]
    assert [(row.kind, row.ref) for row in differences.waiting()] == [("status_unknown", bad.external_id)]

    shop.kind = Memory
    assert swept(house, integration).counts["settled"] == 1
    assert differences.waiting() == []


def test_what_the_provider_never_answers_is_told_and_proves_nothing(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    silent, _heard = pushed(make, house, integration, 2)

    class Forgets(Memory):
        def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
            yield from super().pull([one for one in asked if one.ref != silent.external_id])

    shop.kind = Forgets

    swept(house, integration)

    assert [(row.kind, row.ref) for row in differences.waiting()] == [("status_unknown", silent.external_id)]
    state = sweeps.of(integration.id)
    assert state is not None and not state.is_under_way and state.proven_at is None

    shop.kind = Memory
    swept(house, integration)
    assert differences.waiting() == []


def test_a_dry_run_looks_at_all_however_many_there_are(
    house: House,
    make: Builders,
    integration: records.Integration,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = pushed(make, house, integration, 5)
    for link in made:
        shop.accounts[integration.id].pays(str(link.external_id))
    monkeypatch.setattr(running, "READS", 2)
    found = []

    visit(house, integration.id, "sweep.dry", lambda there: found.extend(compare(there)))

    assert sorted(one.ref for one in found) == sorted(str(link.external_id) for link in made)


# --- the brake ----------------------------------------------------------------------------------------


def test_too_much_bad_news_is_held_for_a_person_as_by_a_pull(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    made = pushed(make, house, integration, 20)
    for link in made:
        shop.accounts[integration.id].voids(str(link.external_id))

    tally = swept(house, integration)

    assert isinstance(tally.fault, BrakeApplied)
    assert {invoice_of(house, link).payment_status for link in made} == {PaymentStatus.OPEN}
    held = integrations.get(None, integration.id).brake
    assert held is not None and held["count"] == 20
    state = sweeps.of(integration.id)
    assert state is not None and not state.is_under_way and state.proven_at is None


def test_while_the_brake_of_a_pull_holds_changes_nothing_is_proven(
    house: House, make: Builders, integration: records.Integration
) -> None:
    pushed(make, house, integration, 2)
    held = {"at": house.clock.now().isoformat(), "count": 12, "asked": 20, "reasons": []}
    house.store.write("test", lambda: integrations.update(integration.id, brake=held))
    swept(house, integration)
    state = sweeps.of(integration.id)
    assert state is not None and not state.is_under_way and state.proven_at is None

    house.store.write("test", lambda: integrations.update(integration.id, brake=None))
    swept(house, integration)
    state = sweeps.of(integration.id)
    assert state is not None and state.proven_at is not None


# --- what else differs --------------------------------------------------------------------------------


class Edited(Memory):
    """Its invoices are told otherwise than they stand."""

    otherwise: ClassVar[Mapping[str, object]] = {}

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        for one in super().pull(asked):
            yield replace(one, **self.otherwise)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "otherwise"),
    [
        ("due_moved", {"due_on": (FrozenClock().now() + timedelta(days=60)).date()}),
        ("status_unknown", {"status": DocStatus.UNKNOWN}),
        ("sent_differently", {"status": DocStatus.DRAFT}),
        ("sent_differently", {"number": "9999"}),
        ("sent_differently", {"payer_ref": "cus_other"}),
        ("sent_differently", {"our_reference": "WB-AAAAAAAAAAAAAAAA"}),
    ],
)
def test_what_is_told_otherwise_waits_until_it_is_right_again(
    house: House,
    make: Builders,
    integration: records.Integration,
    shop: Shop,
    kind: str,
    otherwise: dict[str, object],
) -> None:
    (link,) = pushed(make, house, integration, 1)
    shop.kind = type("Otherwise", (Edited,), {"otherwise": otherwise})

    swept(house, integration)
    assert (swept(house, integration).counts, told(link)) == ({"read": 1, "passes": 1}, [(kind, False)])
    (found,) = differences.waiting()
    assert found.command and found.sentence

    shop.kind = Memory
    assert swept(house, integration).counts["settled"] == 1
    assert differences.waiting() == []


def test_a_due_date_that_had_passed_was_sent_as_that_day_and_is_no_difference(
    house: House, make: Builders, integration: records.Integration, clock: FrozenClock
) -> None:
    link = make.a_link(integration)
    clock.move(days=40)
    run_push(house, integration)

    swept(house, integration)

    assert links.get(link.id).external_id and told(link) == []


def test_a_dry_run_changes_nothing(
    house: House, make: Builders, integration: records.Integration, shop: Shop
) -> None:
    link, gone = pushed(make, house, integration, 2)
    shop.accounts[integration.id].pays(str(link.external_id))
    shop.accounts[integration.id].deletes(str(gone.external_id))
    found = []

    def look(at: Visit) -> None:
        found.extend(compare(at))

    visit(house, integration.id, "sweep.dry", look)

    assert {one.kind for one in found} == {"paid_there", "deleted_there"}
    assert invoice_of(house, link).payment_status == PaymentStatus.OPEN
    assert (told(link), told(gone), differences.waiting(), sweeps.of(integration.id)) == ([], [], [], None)


# --- when ---------------------------------------------------------------------------------------------


def test_each_integration_is_compared_once_a_night_at_a_moment_of_its_own(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    """Between one and three; a new one waits for its first night."""
    made = [make.an_integration() for _ in range(20)]
    assert due_for_sweep(house) == []
    at: dict[str, list[float]] = {row.id: [] for row in made}
    for minute in range(0, 2 * 1440, 10):
        for name in due_for_sweep(house):
            visit(house, name, "sweep", sweep)
            at[name].append((9 + minute / 60) % 24)
        clock.move(minutes=10)

    assert {len(hours) for hours in at.values()} == {2}
    assert all(1.0 <= hour <= 3.2 for hours in at.values() for hour in hours)
    assert len({hours[0] for hours in at.values()}) > 5


def test_what_does_not_run_or_is_not_to_be_read_is_not_compared(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    silent, asleep = make.an_integration(), make.an_integration()
    integrations.update(silent.id, pull_status=False)
    integrations.update(asleep.id, state="paused")
    clock.move(days=2)

    assert due_for_sweep(house) == []
    assert state_of(asleep) == "paused"


def test_invoices_that_were_closed_long_ago_are_left_alone(
    house: House, make: Builders, integration: records.Integration, shop: Shop, clock: FrozenClock
) -> None:
    old, _open = pushed(make, house, integration, 2)
    shop.accounts[integration.id].pays(str(old.external_id))
    run_pull(house, integration)
    swept(house, integration)
    clock.move(days=200)

    assert swept(house, integration).counts["read"] == 1
