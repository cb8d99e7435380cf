"""Sessions of browsers and links into the portal, on both databases: hashes alone, ended once, used once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.errors import NotFound
from daemon.store import customers, finding, links, portal_links, records, sessions
from daemon.store.database import Store
from daemon.store.sessions import WebSession
from tests.builders import Builders
from tests.fakes import FrozenClock


def begun(store: Store, customer: records.Customer, **more: float) -> tuple[WebSession, str]:
    given = {"idle_s": 1800.0, "life_s": 43_200.0} | more
    return store.write(
        "test",
        lambda: sessions.begin(
            face="portal",
            tenant_id=customer.tenant_id,
            role="customer_owner",
            customer_id=customer.id,
            client="x" * 500,
            now=store.clock.now(),
            entropy=store.entropy,
            **given,
        ),
    )


def test_a_session_is_found_by_its_token_at_its_own_face(store: Store, make: Builders) -> None:
    session, token = begun(store, make.a_customer())

    assert sessions.find("portal", token) == session
    assert sessions.find("dashboard", token) is None
    assert sessions.find("portal", token[:-1] + "A") is None
    assert len(session.client) == 120


def test_a_session_lives_until_it_is_idle_old_or_ended(
    store: Store, make: Builders, clock: FrozenClock
) -> None:
    session, token = begun(store, make.a_customer())
    half = clock.now() + timedelta(minutes=29)
    assert session.is_valid(half) and not session.is_valid(half + timedelta(minutes=1))

    store.write("test", lambda: sessions.note_use(session, idle_s=1800, now=half))
    used = sessions.find("portal", token)
    assert used is not None and used.is_valid(half + timedelta(minutes=29))
    assert not used.is_valid(clock.now() + timedelta(hours=13))

    store.write("test", lambda: sessions.end(used, actor="test", now=half))
    store.write("test", lambda: sessions.end(used, actor="test", now=half))
    ended = sessions.get(session.id)
    assert not ended.is_valid(half) and ended.ended_at == half


def test_use_never_outlives_the_whole_life(store: Store, make: Builders, clock: FrozenClock) -> None:
    session, _token = begun(store, make.a_customer(), life_s=3600)
    late = clock.now() + timedelta(minutes=59)

    store.write("test", lambda: sessions.note_use(session, idle_s=1800, now=late))

    assert sessions.get(session.id).idle_at == session.expires_at


def test_a_list_shows_those_that_are_valid_of_one_customer(
    store: Store, make: Builders, clock: FrozenClock
) -> None:
    one, other = make.a_customer(), make.a_customer()
    first, _ = begun(store, one)
    begun(store, other)
    gone, _ = begun(store, one)
    store.write("test", lambda: sessions.end_all([gone], actor="test", now=clock.now()))

    listed = sessions.listing(one.tenant_id, "portal", customer_id=one.id, now=clock.now())

    assert [row.id for row in listed] == [first.id]
    with pytest.raises(NotFound):
        sessions.get("wbw_nobody")


def test_what_is_said_waits_and_is_bounded(store: Store, make: Builders) -> None:
    session, _token = begun(store, make.a_customer())
    for n in range(9):
        store.write("test", lambda said=str(n): sessions.say(session, "good", said))

    assert sessions.get(session.id).said == [["good", str(n)] for n in range(5, 9)]
    store.write("test", lambda: sessions.take_said(session))
    assert sessions.get(session.id).said == []


def a_link(store: Store, customer: records.Customer) -> tuple[portal_links.PortalLink, str]:
    return store.write(
        "test",
        lambda: portal_links.add(
            customer,
            page="invoices",
            life_s=900,
            actor="test",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    )


def test_a_link_is_used_once_and_in_time(store: Store, make: Builders, clock: FrozenClock) -> None:
    customer = make.a_customer()
    link, token = a_link(store, customer)
    late, _ = a_link(store, customer)
    found = portal_links.find(token)
    assert found == link and link.hash == sessions.hashed(token)

    assert store.write("test", lambda: portal_links.use(link, "wbw_1", clock.now()))
    assert not store.write("test", lambda: portal_links.use(link, "wbw_2", clock.now()))
    now = clock.move(minutes=15)
    assert not store.write("test", lambda: portal_links.use(late, "wbw_3", now))


def test_links_that_wait_are_taken_back(store: Store, make: Builders, clock: FrozenClock) -> None:
    customer, other = make.a_customer(), make.a_customer()
    (mine, _), (theirs, token) = a_link(store, customer), a_link(store, other)

    def work() -> int:
        return portal_links.take_back(customer, actor="test", now=clock.now())

    assert (store.write("test", work), store.write("test", work)) == (1, 0)
    assert not store.write("test", lambda: portal_links.use(mine, "wbw_1", clock.now()))
    found = portal_links.find(token)
    assert found is not None and found.is_open(clock.now()) and found.id == theirs.id


def test_old_ones_are_forgotten(store: Store, make: Builders, clock: FrozenClock) -> None:
    customer = make.a_customer()
    begun(store, customer)
    a_link(store, customer)
    now = clock.move(days=31)
    fresh, _ = begun(store, customer)

    assert store.write("test", lambda: sessions.forget_old(now)) == 1
    assert store.write("test", lambda: portal_links.forget_old(now)) == 1
    assert sessions.get(fresh.id) == fresh


def test_a_customer_s_invoices_are_found_by_parts_of_their_names(
    store: Store, make: Builders, clock: FrozenClock
) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    who = customers.get(link.tenant_id, link.customer_id)
    there = {"reference": "WB-1", "external_id": "in_1", "number": None, "next_pull_at": None}
    store.write("test", lambda: links.synced(link.id, now=store.clock.now(), **there))
    clock.move(1)
    other = make.an_invoice(who, number="A-77")

    def found(**given: str) -> list[str]:
        return [row.id for row in finding.invoices_of(who, limit=10, **given)]

    assert found() == [other.id, link.invoice_id]
    assert found(text="77") == [other.id]
    assert found(text="in_1") == [link.invoice_id]
    assert found(after=other.id) == [link.invoice_id]
    assert found(show="settled") == []
