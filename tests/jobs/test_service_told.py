"""The timeline of an invoice tells what became of the service for its sake, and how cash was recorded."""

from __future__ import annotations

from datetime import date

import pytest

from daemon.house import House
from daemon.jobs import receipts as entering
from daemon.jobs.receipts import Given
from daemon.store import events, invoices, links, records
from daemon.timeline import timeline
from tests.builders import Builders
from tests.dunning import Wisp
from tests.fakes import Shop
from tests.jobs.running import push_all_due


@pytest.fixture
def wisp(house: House, make: Builders, shop: Shop) -> Wisp:
    return Wisp(house, make, shop)


def told(link: records.Link) -> list[str]:
    entries = timeline(invoices.get(None, link.invoice_id))
    return [entry.kind for entry in entries if entry.kind.startswith("service.")]


def test_it_tells_of_the_warning_the_suspension_and_the_restoring(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-30")
    assert wisp.status(link) == "suspended"
    wisp.account.pays(links.get(link.id).external_id or "")
    wisp.shop.clock.move(minutes=2)
    wisp.reads()
    wisp.goes_on()

    assert told(link) == ["service.warned", "service.throttled", "service.suspended", "service.restored"]
    for event in events.latest(types=["service.suspended", "service.restored"]):
        assert event.data["invoices"] == [link.invoice_id]


def test_an_invoice_that_had_no_part_in_it_tells_nothing_of_it(wisp: Wisp) -> None:
    person = wisp.make.a_customer(wisp.tenant)
    late, fine = wisp.an_invoice(person), wisp.an_invoice(person, due="2026-06-01")
    wisp.days("2026-03-10", "2026-03-13")

    assert told(late) == ["service.warned"]
    assert told(fine) == []


def test_it_tells_how_a_payment_in_cash_went_into_the_books(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    entering.enter(wisp.house, invoices.get(None, link.invoice_id), Given("45.00"), actor="cli:somebody")
    push_all_due(wisp.house)

    entries = timeline(invoices.get(None, link.invoice_id))
    assert {"payment.entered", "invoice.paid", "step.record_payment", "payment.recorded"} <= {
        entry.kind for entry in entries
    }
    assert any(entry.sentence == "cli:somebody: payment entered." for entry in entries)


# --- a due date that is moved there -------------------------------------------------------------------


def moved(wisp: Wisp, link: records.Link, due_on: str) -> None:
    from dataclasses import replace

    ref = links.get(link.id).external_id or ""
    wisp.account._change(replace(wisp.account.papers[ref], due_on=due_on))
    wisp.shop.clock.move(minutes=2)
    wisp.reads()


def test_one_that_was_moved_later_there_wins_for_dunning(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    moved(wisp, link, "2026-04-06")
    assert links.get(link.id).provider_due_on == date(2026, 4, 6)

    wisp.days("2026-03-10", "2026-04-07")
    assert wisp.status(link) == "active"
    wisp.days("2026-04-08", "2026-04-10")
    assert wisp.status(link) == "warned"


def test_one_that_was_moved_earlier_there_makes_nobody_overdue_sooner(wisp: Wisp) -> None:
    link = wisp.an_invoice(due="2026-04-06")
    moved(wisp, link, "2026-03-09")

    wisp.days("2026-03-10", "2026-04-07")

    assert wisp.status(link) == "active"


def test_one_that_is_moved_later_after_the_cut_restores(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-30")
    assert wisp.status(link) == "suspended"

    moved(wisp, link, "2026-04-20")
    wisp.goes_on()

    assert wisp.status(link) == "active"
