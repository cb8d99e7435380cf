"""Service in the store: once is once, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest

from daemon.model.dunning import ServiceStatus, StandingKind
from daemon.store import customers, events, integrations, links, records, service, standings
from daemon.store.database import Store
from daemon.store.tables import Link
from tests.builders import ACTOR, Builders

DAY = date(2026, 3, 12)


@pytest.fixture
def link(store: Store) -> records.Link:
    make = Builders(store)
    return make.a_link(make.an_integration())


def write(store: Store, work: object) -> object:
    return store.write("test", work)  # type: ignore[arg-type]


def a_debt(store: Store, link: records.Link, episode: int = 1) -> service.Debt:
    row = service.Debt(link.invoice_id, link.customer_id, episode, DAY, store.clock.now(), None)
    write(store, lambda: service.open_debt(link.tenant_id, row))
    return row


def test_a_customer_waits_for_one_look_however_often_something_happens(
    store: Store, link: records.Link
) -> None:
    now = store.clock.now()
    for _ in range(2):
        write(store, lambda: service.note(link.tenant_id, [link.customer_id], now))
    assert service.waiting(now, 10) == [(link.tenant_id, link.customer_id)]

    write(store, lambda: service.postpone(link.customer_id, now + timedelta(minutes=10)))
    assert service.waiting(now, 10) == []
    write(store, lambda: service.looked_at([link.customer_id]))
    assert service.waiting(now + timedelta(hours=1), 10) == []


def test_news_of_a_customer_whose_look_was_put_off_is_looked_at_now(store: Store, link: records.Link) -> None:
    now = store.clock.now()
    write(store, lambda: service.note(link.tenant_id, [link.customer_id], now))
    write(store, lambda: service.postpone(link.customer_id, now + timedelta(minutes=10)))

    write(store, lambda: service.note(link.tenant_id, [link.customer_id], now + timedelta(minutes=1)))

    assert service.waiting(now + timedelta(minutes=1), 10) == [(link.tenant_id, link.customer_id)]


@pytest.mark.postgres
def test_a_look_waits_for_the_news_that_a_waiting_customer_gets_meanwhile(postgres_store: Store) -> None:
    """Else it would take the mark away without seeing what the mark was set for."""
    store = postgres_store
    other = Store(store.db, clock=store.clock, entropy=store.entropy)
    make = Builders(store)
    link = make.a_link(make.an_integration())
    now, noted, order = store.clock.now(), threading.Event(), list[str]()
    write(store, lambda: service.note(link.tenant_id, [link.customer_id], now))

    def news() -> None:
        with store.session():
            write(store, lambda: (service.note(link.tenant_id, [link.customer_id], now), seen()))
            order.append("news")

    def seen() -> None:
        noted.set()
        looks.join(0.5)  # it has every chance to go first

    def look() -> None:
        noted.wait(10)
        with other.session():
            write(other, lambda: service.looked_at([link.customer_id]))
            order.append("look")

    looks, tells = threading.Thread(target=look), threading.Thread(target=news)
    looks.start()
    tells.start()
    for thread in (tells, looks):
        thread.join(30)

    assert order == ["news", "look"]


def test_a_step_is_written_once_in_an_episode(store: Store, link: records.Link) -> None:
    a_debt(store, link)
    step = service.Step(link.invoice_id, 1, "warned@3", "warned", DAY)
    now = store.clock.now()
    told = [write(store, lambda each=each: service.note_step(each, now)) for each in (step, step)]
    again = replace(step, episode=2)
    assert [*told, write(store, lambda: service.note_step(again, now))] == [True, False, True]
    assert [row.episode for row in service.steps([link.invoice_id])] == [1, 2]


def test_a_debt_that_is_owed_anew_is_open_again(store: Store, link: records.Link) -> None:
    a_debt(store, link)
    write(store, lambda: service.close_debt(link.invoice_id, store.clock.now()))
    assert service.debts([link.customer_id])[link.invoice_id].closed_at == store.clock.now()

    a_debt(store, link, episode=2)

    row = service.debts([link.customer_id])[link.invoice_id]
    assert (row.episode, row.closed_at) == (2, None)


def test_a_held_cutoff_keeps_its_beginning_and_a_read_wakes_it(store: Store, link: records.Link) -> None:
    first = store.clock.now()
    row = service.Held(link.customer_id, link.tenant_id, link.invoice_id, "suspended", "read", "asked", first)
    write(store, lambda: service.hold_cutoff(link.tenant_id, row))
    store.clock.wait(60)
    later = replace(row, code="hint", reason="a hint", since=store.clock.now())
    write(store, lambda: service.hold_cutoff(link.tenant_id, later))
    assert service.held(link.tenant_id) == [replace(later, since=first)]

    assert write(store, lambda: service.told([link.id], [], store.clock.now())) == 1
    assert service.waiting(store.clock.now(), 10) == [(link.tenant_id, link.customer_id)]
    assert links.get(link.id).told_at == store.clock.now()
    write(store, lambda: service.told([], [link.id], store.clock.now()))
    assert links.get(link.id).told_at is None


def test_a_move_is_counted_among_the_cuts_of_the_day(store: Store, link: records.Link) -> None:
    row = customers.get(link.tenant_id, link.customer_id)
    now = store.clock.now()
    write(
        store,
        lambda: service.move(row, ServiceStatus.SUSPENDED, "Overdue: 1001.", cut=True, actor=ACTOR, at=now),
    )
    assert customers.get(link.tenant_id, row.id).service_status == "suspended"
    assert service.cut_since(link.tenant_id, now - timedelta(hours=24)) == {row.id}
    assert service.cut_since(link.tenant_id, now) == set()
    assert service.concerned(link.tenant_id, date(2026, 1, 1)) == [row.id]
    assert events.latest(types=["service.suspended"])[0].customer_id == row.id


def test_who_is_overdue_is_concerned(store: Store, link: records.Link) -> None:
    due = store.clock.now().date() + timedelta(days=14)
    assert service.concerned(link.tenant_id, due) == []
    assert service.concerned(link.tenant_id, due + timedelta(days=1)) == [link.customer_id]


def test_a_brake_is_released_once(store: Store, link: records.Link) -> None:
    now = store.clock.now()
    write(store, lambda: service.apply_brake(link.tenant_id, 6, 16, now))
    released = [write(store, lambda: service.release_brake(link.tenant_id, now)) for _ in range(2)]
    assert released == [True, False]
    write(store, lambda: service.drop_brake(link.tenant_id))
    assert service.brake(link.tenant_id) is None


def test_what_was_said_takes_the_place_of_the_same_said_before(store: Store, link: records.Link) -> None:
    row = customers.get(link.tenant_id, link.customer_id)
    for reason in ("first", "second"):
        write(
            store,
            lambda reason=reason: standings.say(
                row, StandingKind.HOLD, reason, until_on=DAY, actor=ACTOR, now=store.clock.now()
            ),
        )
    assert [one.reason for one in standings.of([row.id])[row.id]] == ["second"]
    assert write(store, lambda: standings.release(row, actor=ACTOR, now=store.clock.now())) == 1
    assert standings.of([row.id]) == {}


def test_turns_are_taken_and_the_tenant_stays_as_it_is(store: Store, link: records.Link) -> None:
    write(store, lambda: service.take_turns(link.tenant_id))
    assert service.customers_of(link.tenant_id) == 1
    assert integrations.listing(link.tenant_id)
    assert Link.select().count() == 1
