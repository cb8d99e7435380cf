"""Xero under the house's own journal: batches, crashes and payments, through the jobs and the database."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from daemon.house import House
from daemon.model import DocStatus, PaymentStatus, SyncState
from daemon.providers.base import Provider
from daemon.sandbox.faults import FaultKind
from daemon.store import customers, integrations, links, records
from tests.builders import Builders, invoice_of
from tests.fakes import FrozenClock, SeededEntropy, Shop
from tests.jobs.running import run_pull, run_push
from tests.providers.xero_bench import XeroBench


class XeroShop(Shop):
    """Hands out the adapter of the bench, whatever the integration says that it is."""

    def __init__(self, clock: FrozenClock, stop: threading.Event, bench: XeroBench) -> None:
        super().__init__(clock, stop)
        self.bench = bench
        self.send_email = False

    def __call__(self, integration: records.Integration) -> Provider:
        return self.bench.adapter(send_email=self.send_email)


@pytest.fixture
def bench(clock: FrozenClock) -> XeroBench:
    return XeroBench(clock=clock)


@pytest.fixture
def at_xero(house: House, bench: XeroBench, clock: FrozenClock) -> House:
    return replace(house, providers=XeroShop(clock, house.stop, bench))


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration(make.a_tenant(currency="USD"))


def waiting(make: Builders, integration: records.Integration, count: int) -> list[records.Link]:
    return [make.a_link(integration, total="45.00 USD") for _ in range(count)]


def state(link: records.Link) -> SyncState:
    return links.get(link.id).state


def test_a_first_month_takes_three_calls_for_fifty_and_the_next_one_two(
    at_xero: House, make: Builders, integration: records.Integration, bench: XeroBench
) -> None:
    first = waiting(make, integration, 100)
    run_push(at_xero, integration)
    assert {state(link) for link in first} == {SyncState.SYNCED}
    assert bench.network.seen() == {"PUT /Contacts": 2, "PUT /Invoices": 2, "POST /Invoices": 2}
    bench.network.requests.clear()

    for link in first:
        customer = customers.get(link.tenant_id, link.customer_id)
        make.an_invoice(customer, total="45.00 USD")
    at_xero.store.write("test", lambda: links.assign(at_xero.clock.now()))
    run_push(at_xero, integration)

    assert bench.network.seen() == {"PUT /Invoices": 2, "POST /Invoices": 2}
    assert len(bench.account.standing()) == 200 and bench.payers() == 100


@pytest.mark.parametrize("lost", ["lost_answer", "lost_request", "error_after", "html", "truncated"])
@pytest.mark.parametrize("after", range(4))
def test_whatever_is_lost_each_invoice_lands_and_is_mailed_once(
    at_xero: House,
    make: Builders,
    integration: records.Integration,
    bench: XeroBench,
    after: int,
    lost: str,
) -> None:
    assert isinstance(at_xero.providers, XeroShop)
    at_xero.providers.send_email = True
    sent = waiting(make, integration, 5)
    bench.spoil(lost, after=after)

    for _ in range(12):
        run_push(at_xero, integration)
        bench.clock.move(minutes=20)

    assert {state(link) for link in sent} == {SyncState.SYNCED}
    standing = bench.account.standing()
    assert [(one.status, one.sent) for one in standing] == [(DocStatus.OPEN, 1)] * 5
    assert bench.payers() == 5


def test_a_refused_invoice_fails_and_the_others_of_its_batch_do_not(
    at_xero: House, make: Builders, integration: records.Integration, bench: XeroBench
) -> None:
    good, bad = waiting(make, integration, 2)
    bench.account.strangers(invoice_of(at_xero, bad).number, 4500)

    run_push(at_xero, integration)

    assert (state(good), state(bad)) == (SyncState.SYNCED, SyncState.FAILED)
    assert links.get(bad.id).fault_code == "WB-PUSH-NUMBER-TAKEN"


@pytest.mark.parametrize("touched", [False, True])
def test_a_payment_reaches_the_invoice_by_the_feed(
    at_xero: House, make: Builders, integration: records.Integration, bench: XeroBench, touched: bool
) -> None:
    bench.account.books.touched_by_payments = touched
    link, other = waiting(make, integration, 2)
    run_push(at_xero, integration)
    run_pull(at_xero, integration)
    bench.account.pay(links.get(link.id).external_id or "")
    bench.clock.move(minutes=20)

    for _ in range(2):
        run_pull(at_xero, integrations.get(None, integration.id))
        bench.clock.move(minutes=20)

    assert invoice_of(at_xero, link).payment_status == PaymentStatus.PAID
    assert invoice_of(at_xero, other).payment_status == PaymentStatus.OPEN


def test_a_removed_payment_re_opens_the_invoice(
    at_xero: House, make: Builders, integration: records.Integration, bench: XeroBench
) -> None:
    (link,) = waiting(make, integration, 1)
    run_push(at_xero, integration)
    ref = links.get(link.id).external_id or ""
    run_pull(at_xero, integration)
    for act in (bench.account.pay, bench.account.reverse):
        act(ref)
        for _ in range(3):
            bench.clock.move(minutes=20)
            run_pull(at_xero, integrations.get(None, integration.id))

    assert invoice_of(at_xero, link).payment_status == PaymentStatus.OPEN


HARM = [
    FaultKind.REFUSED,
    FaultKind.TIMEOUT_BEFORE,
    FaultKind.TIMEOUT_AFTER,
    FaultKind.RESET_AFTER,
    FaultKind.THROTTLED,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_STORED,
    FaultKind.ERROR_AFTER,
    FaultKind.GARBLED,
    FaultKind.HTML,
    FaultKind.EMPTY,
    FaultKind.REDIRECT,
]


@pytest.mark.parametrize("seed", range(6))
def test_after_bad_days_each_invoice_stands_once_and_its_money_is_seen(
    at_xero: House, make: Builders, integration: records.Integration, bench: XeroBench, seed: int
) -> None:
    """Calls fail in every way, more than one in three; some invoices are paid, some payments removed."""
    assert isinstance(at_xero.providers, XeroShop)
    at_xero.providers.send_email = bool(seed % 2)
    bench.account.books.touched_by_payments = bool(seed % 3)
    people = SeededEntropy(seed)
    sent = waiting(make, integration, 12)
    bench.keeper.ends = next(iter(bench.double.identity.access.values())).expires = 1e9  # tokens: elsewhere
    bench.double.faults.set_odds(dict.fromkeys(HARM, 0.03), SeededEntropy(seed))
    for day in range(30):
        if day == 20:
            bench.double.faults.clear()
        for job in (run_push, run_pull):
            job(at_xero, integrations.get(None, integration.id))
        _act(bench, people)
        bench.clock.move(hours=2)

    bench.clock.move(hours=30)
    for _ in range(4):
        run_pull(at_xero, integrations.get(None, integration.id))
        bench.clock.move(hours=2)

    standing = {one.ref: one for one in bench.account.standing()}
    assert {state(link) for link in sent} == {SyncState.SYNCED}
    assert len(standing) == len({one.reference for one in standing.values()}) == bench.payers() == 12
    assert {one.sent for one in standing.values()} == {seed % 2}
    for link in sent:
        there = standing[links.get(link.id).external_id or ""]
        seen = invoice_of(at_xero, link)
        assert (seen.payment_status == PaymentStatus.PAID) is (there.status is DocStatus.PAID)


def _act(bench: XeroBench, people: SeededEntropy) -> None:
    """Somebody pays, or the office takes a payment back."""
    live = [one for one in bench.account.standing() if one.status in (DocStatus.OPEN, DocStatus.PAID)]
    if live and people.fraction() < 0.5:
        one = live[int(people.fraction() * len(live))]
        if one.status is DocStatus.OPEN:
            bench.account.pay(one.ref, None if people.fraction() < 0.7 else 100)
        else:
            bench.account.reverse(one.ref)
