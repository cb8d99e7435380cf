"""The event feed, deliveries and alerts are the same on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from daemon.store import alerts, deliveries, endpoints, events, meta, retention
from daemon.store.alerts import Cause, Concern
from daemon.store.database import Store
from daemon.store.secrets import Safe
from daemon.vault import MasterKeys, Vault
from tests.builders import Builders
from tests.fakes import FrozenClock


@pytest.fixture
def safe(store: Store) -> Safe:
    return Safe(store, Vault(MasterKeys.generate(store.entropy), store.entropy))


def happens(store: Store, tenant_id: str, type_: str = "bill.failed", **ids: str) -> None:
    now = store.clock.now()
    store.write("test", lambda: events.append(tenant_id, type_, now=now, data={"sentence": "x"}, **ids))


def an_endpoint(store: Store, safe: Safe, tenant_id: str, *types: str) -> endpoints.Endpoint:
    return store.write(
        "test",
        lambda: endpoints.add(
            safe,
            tenant_id=tenant_id,
            label="",
            url="https://platform.example.com",
            types=types or ("*",),
            secret="whsec_" + "QUJD" * 11,
            after=None,
            actor="test",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    )


def types_due(store: Store, row: endpoints.Endpoint) -> list[str]:
    return [one.type for one in deliveries.due(row.id, store.clock.now(), limit=100)]


def test_each_endpoint_gets_what_it_wants_once(store: Store, safe: Safe, make: Builders) -> None:
    one, other = make.a_tenant(), make.a_tenant()
    events.stamp(store)
    mine = an_endpoint(store, safe, one.id, "integration.*")
    everybody = an_endpoint(store, safe, "*")
    for tenant_id, type_ in (
        (one.id, "integration.error"),
        (other.id, "bill.failed"),
        (one.id, "grant.expires"),
    ):
        happens(store, tenant_id, type_)
    for _ in range(2):
        events.stamp(store)
        deliveries.enlist(store)

    assert types_due(store, mine) == ["integration.error"]
    assert types_due(store, everybody) == ["integration.error", "bill.failed", "grant.expires"]
    assert deliveries.due_endpoints(store.clock.now()) == [mine.id, everybody.id]


def test_an_event_that_fails_holds_the_later_ones_back_twice_and_no_more(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    tenant = make.a_tenant()
    row = an_endpoint(store, safe, tenant.id)
    happens(store, tenant.id, "bill.failed")
    happens(store, tenant.id, "grant.expires")
    events.stamp(store)
    deliveries.enlist(store)
    later = clock.now() + timedelta(hours=1)
    seen = []
    for _ in range(3):
        first = deliveries.listing(state="pending", limit=9)[-1]
        store.write("test", lambda one=first: deliveries.failed(one, 500, "", clock.now(), later))
        seen.append(types_due(store, row))

    assert seen == [[], [], ["grant.expires"]]


def test_the_last_word_about_a_service_replaces_the_one_that_still_waits(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    customer, other = make.a_customer(), make.a_customer()
    row = an_endpoint(store, safe, "*", "service.*")
    happens(store, customer.tenant_id, "service.suspended", customer_id=customer.id)
    happens(store, other.tenant_id, "service.suspended", customer_id=other.id)
    happens(store, customer.tenant_id, "service.brake_applied", customer_id=customer.id)
    happens(store, customer.tenant_id, "service.restored", customer_id=customer.id)
    events.stamp(store)
    deliveries.enlist(store)

    assert types_due(store, row) == ["service.suspended", "service.brake_applied", "service.restored"]
    assert deliveries.has_pending_service(row.id)
    again = store.write(
        "test", lambda: deliveries.resend(endpoints.get(row.id), clock.now(), from_seq=1, to_seq=10_000)
    )
    assert again == 3 and len(deliveries.unconfirmed_service(clock.now() + timedelta(hours=1))) == 2


def test_what_is_still_to_come_is_not_sent_again_before_it_was_sent(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    tenant = make.a_tenant()
    row = an_endpoint(store, safe, tenant.id, "bill.*")
    happens(store, tenant.id, "bill.failed")
    events.stamp(store)
    assert store.write("test", lambda: deliveries.resend(row, clock.now(), from_seq=0, to_seq=10_000)) == 0

    deliveries.enlist(store)

    assert types_due(store, row) == ["bill.failed"]


def test_an_endpoint_that_came_later_is_sent_only_the_last_word_about_a_service(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    customer = make.a_customer()
    happens(store, customer.tenant_id, "service.suspended", customer_id=customer.id)
    happens(store, customer.tenant_id, "service.restored", customer_id=customer.id)
    events.stamp(store)
    row = an_endpoint(store, safe, customer.tenant_id, "service.*")

    store.write("test", lambda: deliveries.resend(row, clock.now(), from_seq=0, to_seq=10_000))

    assert types_due(store, row) == ["service.restored"]


def test_one_worker_claims_an_endpoint_and_a_dead_one_s_claim_is_freed(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    row = an_endpoint(store, safe, make.a_tenant().id)
    assert endpoints.claim(store, row.id, "here:1") is not None
    assert endpoints.claim(store, row.id, "here:2") is None
    assert not store.write("test", lambda: endpoints.keep(row.id, "here:2", clock.now()))

    endpoints.drop_dead(store, lambda owner: owner != "here:1")
    assert endpoints.claim(store, row.id, "here:2") is not None
    clock.move(minutes=2)
    assert endpoints.claim(store, row.id, "here:1") is not None


def test_a_claim_of_a_clock_that_was_set_back_keeps_nobody_out(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    row = an_endpoint(store, safe, make.a_tenant().id)
    assert endpoints.claim(store, row.id, "daemon:1") is not None
    clock.move(hours=-2)
    assert endpoints.claim(store, row.id, "daemon:2") is not None


def test_an_endpoint_that_was_paused_meanwhile_is_not_claimed(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    row = an_endpoint(store, safe, make.a_tenant().id)
    paused = endpoints.EndpointState.PAUSED
    store.write("test", lambda: endpoints.stop(row, paused, "x", actor="test", now=clock.now()))
    assert endpoints.claim(store, row.id, "daemon:1") is None


def test_two_sequencers_at_once_give_each_place_once(store: Store, make: Builders) -> None:
    tenant = make.a_tenant()
    for _ in range(300):
        happens(store, tenant.id)

    def work() -> None:
        with store.session():
            events.stamp(store)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    seqs = [row.seq for row in events.feed(0, limit=1000)]
    assert len(seqs) >= 300 and seqs == list(range(1, len(seqs) + 1))
    assert len({row.uid for row in events.feed(0, limit=1000)}) == len(seqs)


def test_the_log_of_deliveries_is_forgotten_and_what_waits_stays(
    store: Store, safe: Safe, make: Builders, clock: FrozenClock
) -> None:
    tenant = make.a_tenant()
    an_endpoint(store, safe, tenant.id)
    for _ in range(3):
        happens(store, tenant.id)
    events.stamp(store)
    deliveries.enlist(store)
    done, waits, _ = deliveries.listing(limit=9)
    store.write("test", lambda: deliveries.succeeded(done, 200, "", clock.now()))
    clock.move(days=40)

    assert retention.drop_deliveries(store, clock.now() - timedelta(days=35)) == 1
    assert waits.id in {row.id for row in deliveries.listing(limit=9)}


def test_an_alert_is_one_row_until_it_is_closed(store: Store, clock: FrozenClock) -> None:
    cause = Cause("k", "*", "disk", "Disk", "Full.", 2, Concern(1, {"EUR": "1.00"}))
    store.write("test", lambda: alerts.note([cause], clock.now()))
    store.write("test", lambda: alerts.note([cause], clock.move(60)))
    (row,) = alerts.open_()
    assert (row.first_at, row.last_at, row.money) == (
        clock.now() - timedelta(minutes=1),
        clock.now(),
        {"EUR": "1.00"},
    )

    store.write("test", lambda: alerts.note([], clock.move(60)))
    assert alerts.open_()[0].gone_at == clock.now()
    store.write("test", lambda: alerts.close([row.id], clock.now()))
    store.write("test", lambda: alerts.note([cause], clock.move(60)))
    assert [one.id for one in alerts.open_()] != [row.id] and len(alerts.latest(9)) == 2


def test_whom_a_refusal_concerns_is_counted_once(store: Store, make: Builders) -> None:
    integration = make.an_integration()
    link = make.a_link(integration)
    assert alerts.at_integration(integration.id) == Concern(1, {"EUR": "45.00"})
    assert alerts.refused(link.tenant_id, None) == Concern()
    assert alerts.oldest_unsent() == {integration.id: store.clock.now()} and alerts.with_refused() == set()


def test_a_restore_makes_the_feed_leap_once(store: Store, make: Builders) -> None:
    tenant = make.a_tenant()
    store.write("test", lambda: meta.put(meta.RECOVERY, {"since": 1, "from": "x"}))
    for _ in range(2):
        happens(store, tenant.id)
        events.stamp(store)
    first, *_, last = [row.seq for row in events.feed(0)]
    assert first is not None and last is not None and first > events.LEAP and last - first < 10
