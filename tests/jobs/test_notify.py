"""Notify: what happened reaches the platform, signed, in order, and at least once; whoever is down delays
nobody."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from daemon.beats import Beats
from daemon.clock import SystemClock
from daemon.house import House
from daemon.jobs.notify import deliver, notify, send_test
from daemon.scheduler import Scheduler
from daemon.settings import Settings
from daemon.store import deliveries, endpoints, events, records
from daemon.store.deliveries import Delivery, DeliveryState
from daemon.store.endpoints import EndpointState
from daemon.store.tables import Delivery as Deliveries
from daemon.store.tables import Secret
from tests.builders import Builders
from tests.fakes import FrozenClock, Lines
from tests.platform import Platform, Reply, Told, an_endpoint, connected, happens, verified


@pytest.fixture
def tenant(make: Builders) -> records.Tenant:
    return make.a_tenant()


@pytest.fixture
def platform(house: House) -> Platform:
    made = Platform()
    connected(house, ("platform.example.com", made))
    return made


def run(house: House) -> None:
    """What a tick does, and the workers after it."""
    for endpoint_id in notify(house):
        deliver(house, endpoint_id)


def runs_for(house: House, clock: FrozenClock, *, days: float, every_s: float = 60) -> None:
    for _ in range(int(days * 86_400 / every_s)):
        run(house)
        clock.move(every_s)


def states(house: House) -> list[str]:
    return [row.state for row in reversed(deliveries.listing(limit=10_000))]


def the_delivery() -> Delivery:
    found = deliveries.listing(limit=2)
    assert len(found) == 1
    return found[0]


# --- what goes out ------------------------------------------------------------------------------------


def test_an_event_is_told_once_and_signed_as_the_specification_says(
    house: House, tenant: records.Tenant, platform: Platform
) -> None:
    _, secret = an_endpoint(house, tenant.id)
    happens(house, tenant.id, 1)

    run(house)
    run(house)

    (told,) = platform.told
    assert verified(told, secret) == told.document
    event = events.latest(types=["bill.failed"])[0]
    assert told.id == event.uid == told.document["id"]
    assert states(house) == ["delivered"]


def test_the_document_has_ids_references_and_amounts_as_decimal_strings(
    house: House, make: Builders, platform: Platform
) -> None:
    customer = make.a_customer()
    an_endpoint(house, customer.tenant_id, types=["invoice.*"])
    invoice = make.an_invoice(customer, total="45.00 EUR")

    run(house)

    (told,) = platform.told
    document = told.document
    assert (document["type"], document["timestamp"]) == ("invoice.added", "2026-03-02T09:00:00.000000Z")
    assert document["data"] == {
        "tenantId": customer.tenant_id,
        "tenantReference": "tenant-1",
        "customerId": customer.id,
        "customerReference": customer.reference,
        "invoiceId": invoice.id,
        "invoiceNumber": invoice.number,
        "invoiceReference": invoice.reference,
        "total": "45.00",
        "currency": "EUR",
        "issuedOn": invoice.issued_on.isoformat(),
        "dueOn": invoice.due_on.isoformat(),
        "sentence": document["data"]["sentence"],
    }


def test_a_fact_that_the_catalogue_does_not_name_stays_here(
    house: House, tenant: records.Tenant, platform: Platform
) -> None:
    an_endpoint(house, tenant.id)
    data = {"sentence": "Something.", "payer": "cus_1", "code": "WB-INTERNAL"}
    house.store.write(
        "test", lambda: events.append(tenant.id, "bill.failed", now=house.clock.now(), data=data)
    )

    run(house)

    assert platform.told[0].document["data"].keys() == {"tenantId", "tenantReference", "code", "sentence"}


def test_an_endpoint_is_told_of_its_tenant_and_of_the_types_that_it_wants(
    house: House, make: Builders, platform: Platform
) -> None:
    one, other = make.a_tenant(), make.a_tenant()
    an_endpoint(house, one.id, types=["integration.*", "bill.failed"])
    happens(house, one.id, 1)
    happens(house, one.id, 2, type_="integration.error")
    happens(house, one.id, 3, type_="grant.expires")
    happens(house, other.id, 4)

    run(house)

    assert platform.numbers == [1, 2]


def test_an_endpoint_of_the_whole_platform_is_told_of_every_tenant(
    house: House, make: Builders, platform: Platform
) -> None:
    an_endpoint(house, "*")
    happens(house, make.a_tenant().id, 1)
    happens(house, make.a_tenant().id, 2)
    happens(house, "*", 3, type_="tidy.backup.failed")

    run(house)

    assert platform.numbers == [1, 2, 3]


def test_what_happened_before_an_endpoint_was_added_is_not_told(
    house: House, tenant: records.Tenant, platform: Platform
) -> None:
    happens(house, tenant.id, 1)
    notify(house)
    an_endpoint(house, tenant.id)
    happens(house, tenant.id, 2)

    run(house)

    assert platform.numbers == [2]


def test_during_a_rotation_both_secrets_fit_and_afterwards_the_new_one_alone(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, old = an_endpoint(house, tenant.id)
    fresh = "whsec_" + "QUJD" * 11
    house.store.write("test", lambda: endpoints.rotate(house.safe, row, fresh, actor="test", now=clock.now()))
    happens(house, tenant.id, 1)
    run(house)
    clock.move(hours=73)
    happens(house, tenant.id, 2)
    run(house)

    during, after = platform.told
    assert verified(during, old) and verified(during, fresh) and verified(after, fresh)
    with pytest.raises(WebhookVerificationError):
        verified(after, old)


def test_a_test_is_signed_too_and_leaves_no_delivery(
    house: House, tenant: records.Tenant, platform: Platform
) -> None:
    row, secret = an_endpoint(house, tenant.id)
    platform.answers(200, body=b"thank you")

    answer = send_test(house, row)

    assert (answer.ok, answer.status, answer.text) == (True, 200, "thank you")
    assert verified(platform.told[0], secret)["type"] == "endpoint.test"
    assert deliveries.listing(limit=1) == []


# --- trouble ------------------------------------------------------------------------------------------


def test_an_event_that_is_not_taken_is_told_again_by_the_schedule_under_the_same_id(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id)
    platform.answer = lambda told: (500 if told.number == 1 else 200, {}, b"")
    began = clock.now()
    happens(house, tenant.id, 1, 2)

    runs_for(house, clock, days=4, every_s=300)

    assert platform.numbers.count(1) == 10 and len({told.id for told in platform.told}) == 2
    one = deliveries.listing(limit=2)[1]
    assert one.state == DeliveryState.FAILED and one.ended_at
    assert timedelta(hours=68) < one.ended_at - began < timedelta(hours=84)


@pytest.mark.parametrize("retry_after", ["7200", "Mon, 02 Mar 2026 11:00:00 GMT"])
def test_retry_after_is_honoured_for_the_whole_endpoint(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock, retry_after: str
) -> None:
    an_endpoint(house, tenant.id)
    platform.answers(429, {"Retry-After": retry_after, "Date": "Mon, 02 Mar 2026 09:00:00 GMT"})
    happens(house, tenant.id, 1)
    run(house)
    platform.answers(200)
    happens(house, tenant.id, 2)

    clock.move(hours=1, minutes=59)
    run(house)
    assert platform.numbers == [1]

    clock.move(minutes=2)
    run(house)
    assert platform.numbers == [1, 1, 2]


def test_an_endpoint_that_asks_for_rest_is_told_nothing_new_either(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id)
    platform.answers(500)
    happens(house, tenant.id, 0)
    run(house)
    while the_delivery().attempts < 4:  # from now on it holds nothing back
        runs_for(house, clock, days=0.01, every_s=300)
    platform.answers(429, {"Retry-After": "7200"})
    while the_delivery().attempts < 5:
        runs_for(house, clock, days=0.01, every_s=300)
    platform.told.clear()
    platform.answers(200)
    happens(house, tenant.id, 1)

    runs_for(house, clock, days=0.06, every_s=300)
    assert platform.told == []
    runs_for(house, clock, days=0.04, every_s=300)
    assert 1 in platform.numbers


def test_an_endpoint_that_is_gone_is_disabled_and_told_nothing_more_until_it_is_resumed(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id, types=["bill.failed"])
    platform.answers(410)
    happens(house, tenant.id, 1)
    run(house)
    happens(house, tenant.id, 2)
    runs_for(house, clock, days=2, every_s=3600)

    assert platform.numbers == [1]
    assert endpoints.get(row.id).state == EndpointState.DISABLED
    assert events.latest(types=["endpoint.disabled"])

    platform.answers(200)
    house.store.write("test", lambda: endpoints.resume(endpoints.get(row.id), actor="test", now=clock.now()))
    run(house)
    assert platform.numbers == [1, 1, 2]


def test_an_event_whose_last_try_is_answered_by_gone_is_kept(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id, types=["bill.failed"])
    platform.answer = lambda told: (500 if told.number == 1 else 200, {}, b"")
    happens(house, tenant.id, 1)
    run(house)
    happens(house, tenant.id, 2)
    runs_for(house, clock, days=0.02)
    assert states(house) == ["pending", "delivered"]

    last = {"attempts": 9, "next_at": clock.now()}
    house.store.write("test", lambda: Deliveries.update(last).where(Deliveries.state == "pending").execute())
    platform.answers(410)
    run(house)

    assert states(house) == ["pending", "delivered"]


def test_an_endpoint_that_was_down_for_days_gets_everything_in_order_when_it_is_back(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id)
    platform.is_silent()
    for number in range(20):
        happens(house, tenant.id, number)
        runs_for(house, clock, days=0.1, every_s=600)
    asked = len(platform.told)
    platform.told.clear()
    platform.answers(200)

    runs_for(house, clock, days=0.02, every_s=60)

    assert sorted(platform.numbers) == list(range(20))
    assert platform.numbers[1:] == sorted(platform.numbers[1:])
    assert asked < 300


def test_a_dead_endpoint_is_paused_with_an_event_and_its_queue_is_kept(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id, types=["bill.failed"])
    platform.answers(503)
    for number in range(3):
        happens(house, tenant.id, number)
    runs_for(house, clock, days=5.5, every_s=1800)

    stopped = endpoints.get(row.id)
    assert stopped.state == EndpointState.PAUSED and "since 2026-03-02" in (stopped.fault_text or "")
    assert events.latest(types=["endpoint.paused"])
    assert states(house) == ["pending"] * 3
    platform.told.clear()
    runs_for(house, clock, days=1, every_s=3600)
    assert platform.told == []


def test_an_endpoint_that_takes_something_now_and_then_is_not_paused(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    """It is down each night: that is not five days without a success."""
    row, _ = an_endpoint(house, tenant.id, types=["bill.failed"])
    for day in range(7):
        platform.answers(503)
        happens(house, tenant.id, day)
        runs_for(house, clock, days=0.5, every_s=1800)
        platform.answers(200)
        runs_for(house, clock, days=0.5, every_s=1800)

    found = endpoints.get(row.id)
    assert (found.state, found.failing_since, found.fault_text) == (EndpointState.ACTIVE, None, None)
    assert states(house) == ["delivered"] * 7


def test_what_others_are_taken_meanwhile_hastens_no_event_that_is_not(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id, types=["bill.failed"])
    platform.answer = lambda told: (500 if told.number == 0 else 200, {}, b"")
    for number in range(20):
        happens(house, tenant.id, number)
        runs_for(house, clock, days=0.002, every_s=30)

    assert platform.numbers.count(0) == 4  # at once, after 5 seconds, 5 and 30 minutes


def test_one_event_that_is_never_taken_does_not_block_those_after_it_for_ever(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id)

    def answer(told: Told) -> Reply:
        return (500 if told.number == 0 else 200), {}, b""

    platform.answer = answer
    happens(house, tenant.id, 0, 1, 2)

    run(house)
    assert platform.numbers == [0]
    runs_for(house, clock, days=0.05)

    assert platform.numbers[-2:] == [1, 2] or set(platform.numbers) == {0, 1, 2}
    assert states(house) == ["pending", "delivered", "delivered"]
    assert platform.numbers.count(0) < 8


def test_a_change_of_service_is_told_until_it_is_confirmed(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id)

    def answer(told: Told) -> Reply:
        return (200 if told.number == 1 and house.clock.now() > later else 500), {}, b""

    later = clock.now() + timedelta(days=12)
    platform.answer = answer
    happens(house, tenant.id, 1, type_="service.suspended")

    runs_for(house, clock, days=14, every_s=3600)

    assert endpoints.get(row.id).state == EndpointState.ACTIVE
    assert states(house) == ["delivered"]
    assert len({told.id for told in platform.told}) == 1


def test_a_change_of_service_that_alone_is_refused_is_told_daily_and_never_given_up(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id)
    platform.answer = lambda told: (500 if told.number == 1 else 200, {}, b"")
    happens(house, tenant.id, 1, type_="service.suspended")
    happens(house, tenant.id, 2)

    runs_for(house, clock, days=14, every_s=3600)

    assert states(house) == ["pending", "delivered"]
    assert 18 < platform.numbers.count(1) < 25


def test_a_restored_service_waits_for_no_other_event_that_is_not_taken(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    an_endpoint(house, tenant.id)
    platform.answer = lambda told: (500 if told.number == 1 else 200, {}, b"")
    happens(house, tenant.id, 1, 2)
    happens(house, tenant.id, 3, type_="service.restored")

    runs_for(house, clock, days=0.0004, every_s=3)  # half a minute
    assert 3 in platform.numbers and 2 not in platform.numbers

    runs_for(house, clock, days=0.005, every_s=10)  # 7 min
    assert 2 in platform.numbers


def test_an_older_word_about_a_service_never_comes_after_a_newer_one(
    house: House, make: Builders, platform: Platform, clock: FrozenClock
) -> None:
    customer, other = make.a_customer(), make.a_customer()
    tenant_id = customer.tenant_id
    row, _ = an_endpoint(house, tenant_id, types=["service.*"])
    platform.answer = lambda told: (500 if told.document["type"] == "service.suspended" else 200, {}, b"")
    happens(house, tenant_id, 1, type_="service.suspended", customer_id=customer.id)
    happens(house, tenant_id, 2, type_="service.suspended", customer_id=other.id)
    runs_for(house, clock, days=0.5, every_s=600)
    happens(house, tenant_id, 3, type_="service.restored", customer_id=customer.id)
    run(house)
    platform.answers(200)
    platform.told.clear()

    count = house.store.write(
        "test", lambda: deliveries.resend(endpoints.get(row.id), clock.now(), from_seq=1, to_seq=10_000)
    )
    runs_for(house, clock, days=2, every_s=3600)

    assert 1 not in platform.numbers and {2, 3} == set(platform.numbers) and count == 2
    assert [x.state for x in deliveries.listing(limit=9) if x.type == "service.suspended"] == [
        "delivered",
        "dropped",
    ]


def test_a_word_that_is_superseded_while_it_is_under_way_is_not_told_again(
    house: House, make: Builders, platform: Platform, clock: FrozenClock
) -> None:
    customer = make.a_customer()
    an_endpoint(house, customer.tenant_id, types=["service.*"])

    def answer(told: Told) -> Reply:
        if told.number == 1:
            happens(house, customer.tenant_id, 2, type_="service.restored", customer_id=customer.id)
            notify(house)
            return 500, {}, b""
        return 200, {}, b""

    platform.answer = answer
    happens(house, customer.tenant_id, 1, type_="service.suspended", customer_id=customer.id)
    runs_for(house, clock, days=1, every_s=600)

    assert platform.numbers == [1, 2]
    assert states(house) == ["dropped", "delivered"]


def test_an_endpoint_that_is_slow_or_down_delays_no_other(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    slow, quick = Platform(), Platform()
    connected(house, ("slow.example.com", slow), ("quick.example.com", quick), clock=clock)
    slow.is_silent()
    for host in ("slow.example.com", "quick.example.com"):
        tenant = make.a_tenant()
        an_endpoint(house, tenant.id, host=host)
        happens(house, tenant.id, *range(30))

    run(house)

    assert quick.numbers == list(range(30))
    assert slow.numbers == [0]


def test_a_turn_ends_so_that_a_long_queue_lets_others_go_on(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id)
    happens(house, tenant.id, *range(120))
    notify(house)

    assert deliver(house, row.id) == 50
    assert deliver(house, row.id) == 50
    assert deliver(house, row.id) == 20
    assert platform.numbers == list(range(120))


def test_two_workers_never_tell_the_same_endpoint_at_once(
    house: House, tenant: records.Tenant, platform: Platform
) -> None:
    row, _ = an_endpoint(house, tenant.id)
    happens(house, tenant.id, 1, 2)
    notify(house)

    def answer(_told: Told) -> Reply:
        assert endpoints.claim(house.store, row.id, "other:2") is None
        return 200, {}, b""

    platform.answer = answer
    assert deliver(house, row.id) == 2


def test_an_answer_that_cannot_be_read_still_says_whether_it_was_taken(
    house: House, tenant: records.Tenant, platform: Platform
) -> None:
    an_endpoint(house, tenant.id)
    platform.answers(200, {"Content-Encoding": "br"}, b"?")
    happens(house, tenant.id, 1)
    run(house)
    assert states(house) == ["delivered"]


def test_who_is_paused_in_the_middle_of_a_turn_is_told_no_more(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id, types=["bill.failed"])

    def answer(told: Told) -> Reply:
        if told.number == 2:
            house.store.write(
                "test", lambda: endpoints.stop(row, EndpointState.PAUSED, "x", actor="test", now=clock.now())
            )
        return 200, {}, b""

    platform.answer = answer
    happens(house, tenant.id, *range(6))
    run(house)
    assert platform.numbers == [0, 1, 2]
    assert states(house) == ["delivered"] * 3 + ["pending"] * 3


def test_what_somebody_removed_while_it_answered_stays_removed(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id)

    def answer(_told: Told) -> Reply:
        gone = endpoints.get(row.id)
        house.store.write("test", lambda: endpoints.remove(house.safe, gone, actor="test", now=clock.now()))
        return 410, {}, b""

    platform.answer = answer
    happens(house, tenant.id, 1)
    run(house)

    assert endpoints.get(row.id).state == EndpointState.REMOVED
    assert not events.latest(types=["endpoint.disabled"])


def test_a_worker_that_lost_its_endpoint_to_another_writes_nothing_down(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id)

    def answer(_told: Told) -> Reply:
        clock.move(minutes=5)
        assert endpoints.claim(house.store, row.id, "other:2") is not None
        return 500, {}, b""

    platform.answer = answer
    happens(house, tenant.id, 1, 2)
    run(house)

    assert len(platform.told) == 1
    assert [(one.state, one.attempts) for one in deliveries.listing(limit=9)] == [("pending", 0)] * 2
    assert endpoints.get(row.id).failures == 0


# --- crashes ------------------------------------------------------------------------------------------


class Crash(Exception):
    """The process ends here."""


def crashing_at(place: int) -> Callable[[str], None]:
    seen = 0

    def probe(_point: str) -> None:
        nonlocal seen
        seen += 1
        if seen == place:
            raise Crash

    return probe


@pytest.mark.parametrize("place", range(1, 23))
def test_a_crash_at_any_commit_loses_nothing_and_repeats_under_the_same_id(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock, place: int
) -> None:
    an_endpoint(house, tenant.id)
    happens(house, tenant.id, 0, 1, 2)
    house.store.probe = crashing_at(place)
    with contextlib.suppress(Crash):
        run(house)
    house.store.probe = lambda _point: None
    house.name = "test:2"
    clock.move(minutes=2)

    runs_for(house, clock, days=0.01)

    assert states(house) == ["delivered"] * 3
    assert sorted(set(platform.numbers)) == [0, 1, 2]
    assert platform.numbers == sorted(platform.numbers)
    assert len(platform.told) <= 4
    assert len({(told.id, told.body) for told in platform.told}) == 3


# --- the feed -----------------------------------------------------------------------------------------


def test_the_feed_never_skips_a_row_that_committed_late(house: House, tenant: records.Tenant) -> None:
    happens(house, tenant.id, 1, 2, 3)
    late = events.latest(types=["bill.failed"])[1]
    house.store.write(
        "test", lambda: house.store.db.execute_sql("DELETE FROM event WHERE id = ?", (late.id,))
    )
    events.stamp(house.store)
    place = events.last_seq()
    columns = "id, tenant_id, type, data, at"
    values = (late.id, tenant.id, late.type, json.dumps(late.data), 1)
    house.store.write(
        "test",
        lambda: house.store.db.execute_sql(f"INSERT INTO event ({columns}) VALUES (?, ?, ?, ?, ?)", values),
    )
    happens(house, tenant.id, 4)

    events.stamp(house.store)

    assert [row.data["sentence"] for row in events.feed(place)] == ["number 2", "number 4"]


def test_places_in_the_feed_have_no_gap_and_stay(house: House, tenant: records.Tenant) -> None:
    happens(house, tenant.id, *range(1200))
    events.stamp(house.store)
    first = {row.id: (row.seq, row.uid) for row in events.feed(0, limit=5000)}
    happens(house, tenant.id, 1)
    events.stamp(house.store)

    seqs = [row.seq for row in events.feed(0, limit=5000)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert all(
        (row.seq, row.uid) == first.get(row.id, (row.seq, row.uid)) for row in events.feed(0, limit=5000)
    )


def test_after_a_restore_the_feed_goes_on_beyond_what_anybody_read(
    house: House, tenant: records.Tenant
) -> None:
    from daemon.store import restore

    happens(house, tenant.id, 1)
    events.stamp(house.store)
    before = events.last_seq()
    restore.begin(house.store, now=house.clock.now(), actor="test", source="test")
    happens(house, tenant.id, 2)
    events.stamp(house.store)
    leapt = events.last_seq()
    happens(house, tenant.id, 3)
    events.stamp(house.store)

    assert leapt > before + 999_999
    assert events.last_seq() == leapt + 1


# --- again, and secrets -------------------------------------------------------------------------------


def test_a_range_is_told_again_under_the_same_ids(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id)
    happens(house, tenant.id, 1, 2, 3)
    run(house)
    first = [told.id for told in platform.told]
    seqs = [told.document["sequence"] for told in platform.told]

    count = house.store.write(
        "test",
        lambda: deliveries.resend(endpoints.get(row.id), clock.now(), from_seq=seqs[1], to_seq=seqs[2]),
    )
    run(house)

    assert count == 2
    assert [told.id for told in platform.told] == [*first, *first[1:]]


def test_nothing_that_is_secret_is_logged_or_kept_of_an_answer(
    house: House, tenant: records.Tenant, platform: Platform, log: Lines
) -> None:
    _, secret = an_endpoint(house, tenant.id)

    def echo(told: Told) -> Reply:
        return 500, {}, f"{secret} {told.headers['webhook-signature']} token=abcdef".encode()

    platform.answer = echo
    happens(house, tenant.id, 1)
    run(house)

    kept = the_delivery().answer or ""
    said = json.dumps(list(log), default=str) + kept
    signature = platform.told[0].headers["webhook-signature"].removeprefix("v1,")
    assert kept
    for hidden in (secret, secret.removeprefix("whsec_"), signature, "abcdef", "/wispbill"):
        assert hidden not in said


def test_an_endpoint_whose_secret_does_not_open_is_paused_and_a_rotation_heals_it(
    house: House, tenant: records.Tenant, platform: Platform, clock: FrozenClock
) -> None:
    row, _ = an_endpoint(house, tenant.id, types=["bill.failed"])
    same = Secret.owner_id == row.id
    blob = bytes(Secret.get(same).blob)
    Secret.update(blob=blob[:-1] + bytes([blob[-1] ^ 1])).where(same).execute()
    happens(house, tenant.id, 1)
    run(house)
    assert endpoints.get(row.id).state == EndpointState.PAUSED and platform.told == []

    fresh = "whsec_" + "QUJD" * 11

    def heal() -> None:
        endpoints.rotate(house.safe, row, fresh, actor="test", now=clock.now())
        endpoints.resume(endpoints.get(row.id), actor="test", now=clock.now())

    house.store.write("test", heal)
    run(house)
    assert verified(platform.told[0], fresh)


# --- in the daemon ------------------------------------------------------------------------------------


def test_the_daemon_tells_a_long_queue_without_waiting_for_the_next_tick(
    house: House, tenant: records.Tenant, platform: Platform
) -> None:
    an_endpoint(house, tenant.id)
    happens(house, tenant.id, *range(160))
    house.clock = house.store.clock = SystemClock()
    house.settings = Settings(
        daemon={"state_dir": str(house.settings.daemon.state_dir)}, notify={"every": "1h"}
    )
    scheduler = Scheduler(house, Beats(house.clock))
    scheduler.start()
    try:
        until = house.clock.monotonic() + 20
        while len(platform.told) < 160 and house.clock.monotonic() < until:
            house.clock.wait(0.02)
    finally:
        assert scheduler.stop(10)

    assert platform.numbers == list(range(160))
