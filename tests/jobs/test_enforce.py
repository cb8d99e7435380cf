"""Enforce: nobody who paid is cut off, who pays is restored at once, and each step comes once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pytest

from daemon.house import House
from daemon.jobs import enforce as enforce_package
from daemon.jobs.enforce import acting, ground_of
from daemon.jobs.sweep import sweep
from daemon.jobs.visit import visit
from daemon.model import FactKind, Hint, IntegrationState
from daemon.store import (
    customers,
    events,
    hints,
    integrations,
    invariants,
    links,
    meta,
    plain,
    records,
    service,
    sweeps,
)
from daemon.store.tables import Invoice, Link
from tests.builders import Builders, eur
from tests.dunning import Wisp
from tests.fakes import Lines, Shop


@pytest.fixture
def wisp(house: House, make: Builders, shop: Shop) -> Wisp:
    return Wisp(house, make, shop)


# --- the road down ------------------------------------------------------------------------------------


def test_an_unpaid_invoice_is_warned_of_then_throttles_then_suspends(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    seen = []
    for day in range(9, 32):
        wisp.at(f"2026-03-{day:02} 10:00")
        wisp.goes_on()
        seen.append((day, wisp.status(link)))
    changes = [(d, s) for n, (d, s) in enumerate(seen) if n == 0 or seen[n - 1][1] != s]
    assert changes == [(9, "active"), (12, "warned"), (19, "throttled"), (30, "suspended")]
    assert wisp.count(link, "invoice.overdue") == 1
    assert wisp.count(link, "dunning.step") == 3
    assert wisp.held() == []


def suspended(wisp: Wisp) -> records.Link:
    """An invoice whose customer was suspended on the 30th."""
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-30")
    assert wisp.status(link) == "suspended"
    return links.get(link.id)


def test_nothing_gets_worse_on_weekends_holidays_or_outside_the_hours(wisp: Wisp) -> None:
    wisp.configure(dunning={"holidays": ["2026-03-12"]})
    link = wisp.an_invoice()

    wisp.days("2026-03-10", "2026-03-12")
    assert wisp.status(link) == "active"
    wisp.at("2026-03-13 07:59")  # 08:59 in Berlin
    wisp.goes_on()
    assert wisp.status(link) == "active"
    wisp.at("2026-03-13 08:00")
    wisp.goes_on()
    assert wisp.status(link) == "warned"


def test_the_day_begins_in_the_tenants_zone(house: House, make: Builders, shop: Shop) -> None:
    wisp = Wisp(house, make, shop, zone="Pacific/Auckland")  # UTC+13 in March
    wisp.configure(dunning={"steps": [{"days": 1, "status": "warned"}], "hours": "00:00-23:59"})
    link = wisp.an_invoice(due="2026-03-10")

    wisp.at("2026-03-10 10:30")  # 23:30 on the due date in Auckland
    wisp.goes_on()
    assert wisp.types(link)[-1] != "invoice.overdue"
    wisp.at("2026-03-10 11:00")
    wisp.goes_on()
    assert wisp.count(link, "invoice.overdue") == 1
    assert wisp.status(link) == "warned"


def test_at_the_end_of_the_hours_nothing_gets_worse_any_more(wisp: Wisp) -> None:
    wisp.configure(dunning={"steps": [{"days": 1, "status": "warned"}]})
    link = wisp.an_invoice()
    wisp.at("2026-03-10 16:00")  # 17:00 in Berlin
    wisp.goes_on()
    assert wisp.status(link) == "active"
    wisp.at("2026-03-11 15:59")
    wisp.goes_on()
    assert wisp.status(link) == "warned"


def test_a_step_waits_for_its_own_hour(wisp: Wisp) -> None:
    wisp.configure(dunning={"steps": [{"days": 1, "status": "warned", "at": "14:00"}]})
    link = wisp.an_invoice()

    wisp.at("2026-03-10 12:59")
    wisp.goes_on()
    assert wisp.status(link) == "active"
    wisp.at("2026-03-10 13:00")
    wisp.goes_on()
    assert wisp.status(link) == "warned"


def test_a_small_debt_takes_no_step_that_asks_for_more(wisp: Wisp) -> None:
    wisp.configure(dunning={"steps": [{"days": 1, "status": "suspended", "minimum": "5.00"}]})
    small, large = wisp.an_invoice(total="4.99 EUR"), wisp.an_invoice(total="5.00 EUR")

    wisp.days("2026-03-10", "2026-03-12")

    assert (wisp.status(small), wisp.status(large)) == ("active", "suspended")


def test_a_plan_of_its_own_holds_for_one_tenant(wisp: Wisp, house: House, make: Builders, shop: Shop) -> None:
    other = Wisp(house, make, shop)
    wisp.configure(dunning={"tenants": [{"tenant": other.tenant.reference, "steps": []}]})
    ours, theirs = wisp.an_invoice(), other.an_invoice()

    wisp.days("2026-03-10", "2026-03-13")

    assert (wisp.status(ours), other.status(theirs)) == ("warned", "active")


def test_a_daemon_that_was_off_for_a_month_still_warns_first(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-10")
    wisp.days("2026-04-20", "2026-04-20")
    assert wisp.status(link) == "warned"
    wisp.days("2026-04-21", "2026-04-26")
    assert wisp.status(link) == "warned"
    wisp.days("2026-04-27", "2026-04-27")
    assert wisp.status(link) == "throttled"


def test_a_first_start_warns_nobody_and_counts_from_its_own_day(wisp: Wisp) -> None:
    link = wisp.an_invoice()  # due on 9 March, and nobody looked at it since
    seen = []
    for day in range(20, 31):
        wisp.at(f"2026-04-{day:02} 10:00")
        wisp.goes_on()
        seen.append((day, wisp.status(link)))
    changes = [(d, s) for n, (d, s) in enumerate(seen) if n == 0 or seen[n - 1][1] != s]
    assert changes == [(20, "active"), (23, "warned"), (30, "throttled")]
    assert wisp.count(link, "invoice.overdue") == 1


def test_a_due_date_moved_later_at_the_provider_wins(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-12")
    assert wisp.status(link) == "warned"

    paper = wisp.account.papers[link.external_id or ""]
    wisp.account._change(replace(paper, due_on="2026-03-20"))
    wisp.reads()
    wisp.goes_on()

    assert wisp.status(link) == "active"
    wisp.days("2026-03-13", "2026-03-20")
    assert wisp.status(link) == "active"
    wisp.days("2026-03-23", "2026-03-26")
    assert wisp.status(link) == "warned"


# --- the road back ------------------------------------------------------------------------------------


def test_who_pays_is_restored_in_the_run_that_sees_the_money(wisp: Wisp) -> None:
    link = suspended(wisp)
    wisp.at("2026-04-05 02:00")  # a Sunday, at night
    wisp.account.pays(link.external_id)

    wisp.reads()

    assert wisp.woken == ["enforce"]
    wisp.run()
    assert wisp.status(link) == "active"
    assert wisp.types(link)[-1] == "service.restored"


def test_money_that_only_the_sweep_saw_restores_too(wisp: Wisp, house: House) -> None:
    link = suspended(wisp)
    assert invariants.check() == []
    wisp.at("2026-03-31 22:00")
    wisp.account.pays(link.external_id)
    wisp.write(lambda: sweeps.ask(wisp.integration, house.clock.now()))
    wisp.woken.clear()

    visit(house, wisp.integration.id, "sweep", sweep)
    assert wisp.woken == ["enforce"]
    wisp.run()

    assert wisp.status(link) == "active"


def test_money_that_came_while_the_integration_was_paused_restores_once_it_goes_on(wisp: Wisp) -> None:
    link = suspended(wisp)
    wisp.at("2026-03-31 09:00")
    paused(wisp, link)
    wisp.account.pays(link.external_id)
    wisp.days("2026-03-31", "2026-04-02")
    assert wisp.status(link) == "suspended"

    row = integrations.get(None, wisp.integration.id)
    now = wisp.house.clock.now()
    wisp.write(lambda: integrations.set_state(row, IntegrationState.ACTIVE, now=now))
    wisp.woken.clear()
    wisp.reads()
    wisp.goes_on()

    assert wisp.status(link) == "active"


def test_restoring_takes_no_step_at_anybody_else(wisp: Wisp, house: House) -> None:
    """One look at one customer: who else is overdue is not read."""
    link = suspended(wisp)
    for _ in range(5):
        wisp.an_invoice(due="2026-03-30")
    wisp.goes_on()
    wisp.at("2026-03-31 22:00")
    wisp.goes_on()
    wisp.account.pays(link.external_id)
    wisp.reads()

    looked = enforce_package.look_at_woken(house)

    assert looked.counts == {"looked": 1, "restored": 1}


def test_a_goodwill_refund_cuts_nobody_off(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.at("2026-03-03 09:00")
    wisp.account.pays(link.external_id or "")
    wisp.reads()
    wisp.at("2026-03-04 09:00")
    wisp.account.refunds(link.external_id or "", eur("45.00"))
    wisp.reads()

    wisp.days("2026-03-10", "2026-04-20")

    assert wisp.status(link) == "active"
    assert wisp.count(link, "invoice.overdue") == 0


def test_a_bounced_payment_begins_dunning_anew_and_cuts_nobody_off(wisp: Wisp) -> None:
    link = suspended(wisp)
    wisp.at("2026-03-31 09:00")
    payment = wisp.account.pays(link.external_id)
    wisp.goes_on()
    wisp.reads()
    wisp.goes_on()
    wisp.at("2026-04-07 09:00")
    wisp.account.takes_back(link.external_id)
    assert payment
    wisp.reads()
    wisp.goes_on()

    assert wisp.status(link) == "active"
    assert "payment.reversed" in wisp.types(link)
    assert wisp.count(link, "dunning.restarted") == 1
    assert wisp.count(link, "invoice.overdue") == 1
    wisp.days("2026-04-08", "2026-04-09")
    assert wisp.status(link) == "active"
    wisp.days("2026-04-10", "2026-04-10")
    assert wisp.status(link) == "warned"


def test_a_bounce_seen_together_with_its_payment_begins_dunning_anew(wisp: Wisp) -> None:
    """The job was off while the payment came and went."""
    link = suspended(wisp)
    wisp.at("2026-03-31 09:00")
    wisp.account.pays(link.external_id)
    wisp.reads()
    wisp.at("2026-04-01 09:00")
    wisp.account.takes_back(link.external_id)
    wisp.reads()

    wisp.goes_on()

    assert wisp.status(link) == "active"
    assert wisp.count(link, "dunning.restarted") == 1


def test_one_debt_paid_leaves_what_another_asks_for(wisp: Wisp) -> None:
    first = suspended(wisp)
    customer = wisp.customer_of(first)
    wisp.an_invoice(customer, due="2026-04-01")
    wisp.days("2026-04-02", "2026-04-07")
    wisp.account.pays(first.external_id)
    wisp.reads()
    wisp.goes_on()

    assert wisp.status(first) == "warned"


def test_who_paid_another_invoice_twice_owes_nothing_and_is_not_cut_off(wisp: Wisp) -> None:
    """The money is there, on the wrong invoice."""
    link = wisp.an_invoice()
    other = wisp.an_invoice(wisp.customer_of(link), due="2026-03-01")
    for _twice in range(2):
        wisp.account.pays(other.external_id or "")
    wisp.reads()

    wisp.days("2026-03-10", "2026-04-10")

    assert wisp.status(link) == "active"
    assert wisp.held() == ["credit"]
    assert "service.throttled" not in wisp.types(link)


def test_who_was_cut_off_and_pays_another_invoice_twice_is_restored(wisp: Wisp) -> None:
    link = suspended(wisp)
    other = wisp.an_invoice(wisp.customer_of(link), due="2026-05-01")
    for _twice in range(2):
        wisp.account.pays(other.external_id or "")
    wisp.at("2026-03-30 10:30")
    wisp.reads()
    wisp.goes_on()

    assert wisp.status(link) == "active"


def test_what_was_paid_too_much_covers_one_debt_and_no_second_one(wisp: Wisp) -> None:
    link = suspended(wisp)
    customer = wisp.customer_of(link)
    wisp.an_invoice(customer, due="2026-03-09")
    wisp.days("2026-03-31", "2026-03-31")
    other = wisp.an_invoice(customer, due="2026-05-01")
    for _twice in range(2):
        wisp.account.pays(other.external_id or "")
    wisp.days("2026-04-01", "2026-05-20")

    assert wisp.status(link) == "suspended"


# --- the guard ----------------------------------------------------------------------------------------


def test_a_cut_off_asks_the_provider_and_is_made_when_it_says_still_owed(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-18")
    wisp.at("2026-03-19 10:00")

    wisp.run()
    assert (wisp.status(link), wisp.held(), wisp.woken) == ("warned", ["read"], ["pull"])
    wisp.woken.clear()
    wisp.reads()
    assert wisp.woken == ["enforce"]
    wisp.run()
    assert (wisp.status(link), wisp.held()) == ("throttled", [])


def test_who_paid_and_was_not_seen_paying_is_never_cut_off(wisp: Wisp) -> None:
    """No webhook, no feed: the read that the guard asks for sees the money."""
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-18")
    wisp.account.pays(link.external_id or "")
    wisp.at("2026-03-19 10:00")

    wisp.goes_on()

    assert wisp.status(link) == "active"
    assert "service.throttled" not in wisp.types(link)


def test_a_read_that_is_too_old_proves_nothing(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-18")
    wisp.at("2026-03-19 10:00")
    wisp.run()
    wisp.reads()
    wisp.at("2026-03-19 10:16")

    wisp.run()

    assert (wisp.status(link), wisp.held()) == ("warned", ["read"])


def down(wisp: Wisp) -> None:
    wisp.account.is_unreachable()


def dead(wisp: Wisp) -> None:
    wisp.account.revokes_access()


@pytest.mark.parametrize(("trouble", "code"), [(down, "provider"), (dead, "integration")])
def test_while_the_provider_cannot_be_read_the_cut_off_is_held(
    wisp: Wisp, trouble: object, code: str
) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-18")
    trouble(wisp)  # type: ignore[operator]
    wisp.at("2026-03-19 10:00")
    wisp.goes_on()
    wisp.at("2026-03-19 11:00")
    wisp.run()

    assert wisp.status(link) == "warned"
    assert wisp.held() == [code]


def ripe(wisp: Wisp) -> records.Link:
    """Warned, and to be throttled at once: the clock stands at the hour of it, the read is fresh."""
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-18")
    wisp.at("2026-03-19 10:00")
    wisp.run()
    wisp.reads()
    wisp.woken.clear()
    return links.get(link.id)


def a_webhook(wisp: Wisp, link: records.Link) -> None:
    wisp.house.clock.wait(1)
    hint = Hint(event_id="evt_1", ref=link.external_id, kind="invoice.updated")
    now = wisp.house.clock.now()
    wisp.write(lambda: hints.note(wisp.tenant.id, wisp.integration.id, [hint], source="webhook", now=now))


def a_used_webhook(wisp: Wisp, link: records.Link) -> None:
    """Its read was put off: the budget had no room."""
    a_webhook(wisp, link)
    ids = [hint.id for hint in hints.waiting(wisp.integration.id, limit=10)]
    wisp.write(lambda: hints.used(ids, wisp.house.clock.now()))


def a_used_nudge(wisp: Wisp, link: records.Link) -> None:
    """It names no invoice, and the feed was not followed since: the budget had no room."""
    wisp.house.clock.wait(1)
    hint, now = Hint(event_id="evt_1", ref=None, kind="payment"), wisp.house.clock.now()
    wisp.write(lambda: hints.note(wisp.tenant.id, wisp.integration.id, [hint], source="webhook", now=now))
    ids = [one.id for one in hints.waiting(wisp.integration.id, limit=10)]
    wisp.write(lambda: hints.used(ids, now))


def a_read_that_is_due(wisp: Wisp, link: records.Link) -> None:
    """The feed named its payment, or a person asked for it."""
    wisp.write(lambda: links.postpone([link.id], wisp.house.clock.now()))


def a_change_since(wisp: Wisp, link: records.Link) -> None:
    """A part of it was paid, and the feed told so."""
    wisp.house.clock.wait(1)
    values = {"status_at": wisp.house.clock.now()}
    wisp.write(lambda: plain.update(Invoice, "id", link.invoice_id, values))


def the_brake(wisp: Wisp, _link: records.Link) -> None:
    wisp.write(lambda: integrations.update(wisp.integration.id, brake={"at": "x", "count": 12}))


def paused(wisp: Wisp, _link: records.Link) -> None:
    row = integrations.get(None, wisp.integration.id)
    wisp.write(lambda: integrations.set_state(row, IntegrationState.PAUSED, now=wisp.house.clock.now()))


def a_clock_ahead(wisp: Wisp, _link: records.Link) -> None:
    wisp.house.pauses["clock"] = "the clock jumped ahead by more than a day"


def a_restore(wisp: Wisp, _link: records.Link) -> None:
    wisp.write(lambda: meta.put(meta.RECOVERY, {"at": "x"}))


def a_clock_set_back(wisp: Wisp, link: records.Link) -> None:
    future = wisp.house.clock.now() + timedelta(minutes=5)
    wisp.write(lambda: service.told([link.id], [], future))


def nonsense(wisp: Wisp, link: records.Link) -> None:
    wisp.write(lambda: service.told([], [link.id], wisp.house.clock.now()))


def a_void_under_way(wisp: Wisp, link: records.Link) -> None:
    wisp.write(lambda: links.request_void(link, now=wisp.house.clock.now()))


def no_pulls(wisp: Wisp, _link: records.Link) -> None:
    wisp.configure(pull={"enabled": False})


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (a_webhook, "hint"),
        (a_used_webhook, "hint"),
        (a_used_nudge, "hint"),
        (a_read_that_is_due, "read"),
        (a_change_since, "read"),
        (the_brake, "pull_brake"),
        (paused, "integration"),
        (a_clock_ahead, "clock"),
        (a_restore, "recovery"),
        (a_clock_set_back, "read"),
        (nonsense, "read"),
        (a_void_under_way, "void"),
        (no_pulls, "pull"),
    ],
)
def test_a_cut_off_that_is_not_safe_is_held_with_its_reason(
    wisp: Wisp, event: Callable[[Wisp, records.Link], None], code: str
) -> None:
    link = ripe(wisp)
    event(wisp, link)

    wisp.run()

    assert (wisp.status(link), wisp.held()) == ("warned", [code])


def test_a_webhook_that_came_while_the_provider_was_asked_is_no_old_news(wisp: Wisp) -> None:
    """The read does not show what it tells of, and the budget has no room for another one."""
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-18")
    wisp.at("2026-03-19 10:00")
    wisp.run()
    calls = iter([False, True])  # the feed, then the read
    wisp.account.before_each = lambda: a_used_webhook(wisp, link) if next(calls) else None
    wisp.reads()
    wisp.account.before_each = None

    wisp.run()

    assert (wisp.status(link), wisp.held()) == ("warned", ["hint"])


def test_without_any_of_these_the_same_cut_off_is_made(wisp: Wisp) -> None:
    link = ripe(wisp)
    wisp.run()
    assert (wisp.status(link), wisp.held()) == ("throttled", [])


def test_a_bank_debit_under_way_lifts_what_was_cut_and_holds_the_next(wisp: Wisp) -> None:
    link = suspended(wisp)
    wisp.at("2026-03-31 09:00")
    wisp.account.pays(link.external_id, kind=FactKind.IN_FLIGHT)
    wisp.reads()
    wisp.goes_on()
    assert wisp.status(link) == "active"

    wisp.days("2026-04-01", "2026-04-03")

    assert (wisp.status(link), wisp.held()) == ("active", ["in_flight"])


def test_a_disputed_payment_cuts_nobody_off(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.at("2026-03-03 09:00")
    wisp.account.pays(link.external_id or "")
    wisp.account.disputes(link.external_id or "", eur("45.00"))
    wisp.reads()

    wisp.days("2026-03-10", "2026-04-10")

    assert wisp.status(link) == "active"


# --- nobody's to enforce ------------------------------------------------------------------------------


def unapproved(wisp: Wisp) -> None:
    wisp.write(lambda: integrations.update(wisp.integration.id, approved=False))


def pull_off(wisp: Wisp) -> None:
    wisp.write(lambda: integrations.update(wisp.integration.id, pull_status=False))


def removed(wisp: Wisp) -> None:
    row = integrations.get(None, wisp.integration.id)
    wisp.write(lambda: integrations.set_state(row, IntegrationState.REMOVED, now=wisp.house.clock.now()))


@pytest.mark.parametrize("event", [unapproved, pull_off, removed])
def test_where_nobody_would_see_the_money_nobody_is_dunned(wisp: Wisp, event: Callable[[Wisp], None]) -> None:
    link = wisp.an_invoice()
    event(wisp)
    wisp.days("2026-03-10", "2026-04-10")
    assert wisp.status(link) == "active"


@pytest.mark.parametrize("event", [unapproved, pull_off, removed])
def test_and_who_was_cut_off_is_restored_since_their_payment_would_go_unseen(
    wisp: Wisp, event: Callable[[Wisp], None]
) -> None:
    link = suspended(wisp)
    event(wisp)
    wisp.days("2026-03-31", "2026-03-31")
    assert wisp.status(link) == "active"


def test_an_invoice_that_no_provider_has_dunns_nobody(wisp: Wisp, make: Builders) -> None:
    customer = make.a_customer(make.a_tenant())
    make.an_invoice(customer, due_on=date(2026, 3, 9))
    wisp.days("2026-03-10", "2026-04-10")
    assert customers.get(customer.tenant_id, customer.id).service_status == "active"


def test_an_invoice_that_was_sent_late_is_not_overdue_on_the_day_it_arrives(wisp: Wisp) -> None:
    wisp.at("2026-04-06 09:00")
    link = wisp.an_invoice(due="2026-03-09")
    wisp.write(lambda: plain.update(Link, "id", link.id, {"provider_due_on": None}))  # it tells none
    wisp.days("2026-04-06", "2026-04-06")
    assert wisp.count(link, "invoice.overdue") == 0
    wisp.days("2026-04-07", "2026-04-08")
    assert (wisp.status(link), wisp.count(link, "invoice.overdue")) == ("active", 1)


# --- what people say ----------------------------------------------------------------------------------


def test_a_promise_gives_service_until_its_day_and_then_dunning_goes_on(wisp: Wisp) -> None:
    link = suspended(wisp)
    wisp.says(link.customer_id, "promise", "2026-04-10")  # a Friday
    wisp.goes_on()
    assert wisp.status(link) == "active"

    wisp.days("2026-03-31", "2026-04-12")
    assert wisp.status(link) == "active"
    wisp.at("2026-04-13 06:59")  # 08:59 in Berlin
    wisp.goes_on()
    assert wisp.status(link) == "active"
    wisp.at("2026-04-13 07:00")
    wisp.goes_on()
    assert wisp.status(link) == "suspended"


def test_a_promise_that_was_kept_leaves_nothing(wisp: Wisp) -> None:
    link = suspended(wisp)
    wisp.says(link.customer_id, "promise", "2026-04-08")
    wisp.goes_on()
    wisp.at("2026-04-02 09:00")
    wisp.account.pays(link.external_id)
    wisp.reads()
    wisp.days("2026-04-03", "2026-04-20")
    assert wisp.status(link) == "active"


def test_a_hold_lets_nothing_get_worse_and_a_release_lets_it_go_on(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.days("2026-03-10", "2026-03-12")
    wisp.says(link.customer_id, "hold")
    wisp.days("2026-03-13", "2026-03-27")
    assert wisp.status(link) == "warned"

    wisp.releases(link.customer_id)
    wisp.days("2026-03-30", "2026-03-30")

    assert wisp.status(link) == "throttled"


def test_who_is_exempt_is_never_dunned(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.says(link.customer_id, "exempt")
    wisp.days("2026-03-10", "2026-04-20")
    assert wisp.status(link) == "active"
    assert wisp.count(link, "dunning.step") == 0


def test_closed_stays_closed_until_it_is_released(wisp: Wisp) -> None:
    link = wisp.an_invoice()
    wisp.says(link.customer_id, "closed")
    wisp.days("2026-03-10", "2026-03-20")
    assert wisp.status(link) == "closed"
    assert wisp.count(link, "dunning.step") == 0

    wisp.releases(link.customer_id)
    wisp.goes_on()
    assert wisp.status(link) == "active"

    wisp.days("2026-03-21", "2026-03-23")
    assert wisp.status(link) == "warned"


# --- the brake ----------------------------------------------------------------------------------------


def many(wisp: Wisp, count: int, others: int) -> list[records.Link]:
    found = [wisp.an_invoice() for _ in range(count)]
    for _ in range(others):
        wisp.make.a_customer(wisp.tenant)
    wisp.days("2026-03-10", "2026-03-18")
    return found


def test_too_many_cut_offs_in_a_day_wait_for_a_person(wisp: Wisp, log: Lines) -> None:
    found = many(wisp, 6, 10)
    wisp.days("2026-03-19", "2026-03-20")

    assert {wisp.status(link) for link in found} == {"warned"}
    assert wisp.held() == ["brake"] * 6
    assert [event.type for event in events.latest(types=["service.brake_applied"])] == [
        "service.brake_applied"
    ]

    assert enforce_package.release_brake(wisp.house, wisp.tenant, actor="test")
    wisp.goes_on()

    assert {wisp.status(link) for link in found} == {"throttled"}


def test_cut_offs_of_the_last_day_count_too(wisp: Wisp) -> None:
    wisp.configure(enforce={"brake_at_least": 4})
    late = [wisp.an_invoice(due="2026-03-10") for _ in range(3)]
    early = many(wisp, 3, 20)
    wisp.days("2026-03-19", "2026-03-19")
    assert {wisp.status(link) for link in early} == {"throttled"}

    wisp.at("2026-03-20 09:00")
    wisp.goes_on()
    assert {wisp.status(link) for link in late} == {"warned"}
    assert wisp.held() == ["brake"] * 3


def test_few_cut_offs_never_brake(wisp: Wisp) -> None:
    found = many(wisp, 4, 0)
    wisp.days("2026-03-19", "2026-03-19")
    assert {wisp.status(link) for link in found} == {"throttled"}


def test_who_pays_is_restored_while_the_brake_is_on(wisp: Wisp) -> None:
    found = many(wisp, 6, 10)
    wisp.days("2026-03-19", "2026-03-19")
    wisp.at("2026-03-20 22:00")
    wisp.account.pays(found[0].external_id or "")
    wisp.reads()
    wisp.goes_on()
    assert wisp.status(found[0]) == "active"


def test_whom_two_runs_at_once_would_cut_off_are_counted_together(wisp: Wisp, house: House) -> None:
    """Each counted its own before either had cut anybody off."""
    found = many(wisp, 8, 60)
    wisp.at("2026-03-19 10:00")
    now, ids = house.clock.now(), [link.id for link in found]
    wisp.write(lambda: links.postpone(ids, now + timedelta(days=7)))
    wisp.write(lambda: service.told(ids, [], now))
    ground = ground_of(house, wisp.tenant)
    mine, theirs = ([link.customer_id for link in half] for half in (found[:4], found[4:]))
    for half in (mine, theirs):
        wisp.write(partial(acting.look, house, ground, half, actor="daemon", cutting=True))

    assert [wisp.status(link) for link in found] == ["throttled"] * 4 + ["warned"] * 4
    assert wisp.held() == ["brake"] * 4
    assert [event.data["count"] for event in events.latest(types=["service.brake_applied"])] == [8]


# --- one breaks ---------------------------------------------------------------------------------------


def test_a_customer_whose_facts_break_the_look_keeps_no_other_back(wisp: Wisp, log: Lines) -> None:
    broken, other = wisp.an_invoice(), wisp.an_invoice()
    table = "UPDATE customer SET service_status = 'nonsense' WHERE id = ?"
    wisp.write(lambda: wisp.house.store.db.execute_sql(table, (broken.customer_id,)))

    wisp.days("2026-03-10", "2026-03-12")

    assert wisp.status(other) == "warned"
    assert log.of("enforce.finished")[-1]["failed"] == 1


def test_a_woken_look_that_breaks_is_tried_again_later_and_others_go_on(wisp: Wisp, house: House) -> None:
    broken, other = suspended(wisp), wisp.an_invoice()
    table = "UPDATE customer SET service_status = 'nonsense' WHERE id = ?"
    wisp.write(lambda: house.store.db.execute_sql(table, (broken.customer_id,)))
    wisp.at("2026-03-31 22:00")
    now = house.clock.now()
    ids = [broken.customer_id, other.customer_id]
    wisp.write(lambda: service.note(wisp.tenant.id, ids, now))

    assert enforce_package.look_at_woken(house).counts["failed"] == 1

    assert service.waiting(now, 10) == []
    assert service.waiting(now + timedelta(minutes=10), 10) == [(wisp.tenant.id, broken.customer_id)]


def test_those_who_merely_wait_for_a_read_are_counted_before_it(wisp: Wisp) -> None:
    many(wisp, 6, 10)
    wisp.at("2026-03-19 10:00")

    wisp.run()

    assert wisp.held() == ["read"] * 6
    assert service.brake(wisp.tenant.id) is not None


def test_where_every_read_is_fresh_already_they_are_counted_before_the_first_is_cut_off(wisp: Wisp) -> None:
    found = many(wisp, 6, 10)
    wisp.at("2026-03-19 10:00")
    now = wisp.house.clock.now()
    ids = [link.id for link in found]
    wisp.write(lambda: links.postpone(ids, now + timedelta(days=7)))
    wisp.write(lambda: service.told(ids, [], now))

    wisp.run()

    assert {wisp.status(link) for link in found} == {"warned"}
    assert wisp.held() == ["brake"] * 6
