"""Dunning: over any facts, dates, zones and plans, nobody who owes nothing is cut off, steps come once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.dunning import (
    Debt,
    Done,
    Moment,
    Person,
    Said,
    View,
    decide,
    evolve,
    forecast,
    may_act,
    next_step,
    obstacle,
    what_next,
)
from daemon.model import DocStatus, IntegrationState, PaymentStatus
from daemon.model.dunning import DunningRules, DunningStep, ServiceStatus, StandingKind
from daemon.money import Money

S = ServiceStatus
PLAN = DunningRules(
    (DunningStep(3, S.WARNED), DunningStep(10, S.THROTTLED), DunningStep(20, S.SUSPENDED)),
)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"]


def moment(at: str, zone: str = "UTC", **more: object) -> Moment:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return Moment(now, now.astimezone(ZoneInfo(zone)), timedelta(minutes=15), **more)  # type: ignore[arg-type]


def a_debt(due_on: str = "2026-03-09", now: Moment | None = None, **more: object) -> Debt:
    told = now.at if now else None
    view = View(told, datetime(2026, 3, 1, tzinfo=UTC))
    base = Debt("wbi_1", "1001", PaymentStatus.OPEN, Money(4500, "EUR"), date.fromisoformat(due_on), view)
    return replace(base, **more)  # type: ignore[arg-type]


def a_person(*debts: Debt, status: ServiceStatus = S.ACTIVE, said: tuple[Said, ...] = ()) -> Person:
    return Person("wbc_1", status, debts, said)


# --- what is drawn ------------------------------------------------------------------------------------

instants = st.datetimes(datetime(2023, 12, 1), datetime(2028, 4, 1)).map(lambda d: d.replace(tzinfo=UTC))
dates = st.dates(date(2023, 11, 1), date(2028, 4, 1))


@st.composite
def plans(draw: st.DrawFn) -> DunningRules:
    days = sorted(draw(st.sets(st.integers(1, 40), max_size=5)))
    statuses = sorted(
        draw(st.lists(st.sampled_from([S.WARNED, S.THROTTLED, S.SUSPENDED]), min_size=len(days))),
        key=lambda s: s.rank,
    )
    at = draw(st.one_of(st.none(), st.times(time(0), time(22))))
    opens = draw(st.integers(0, 20))
    return DunningRules(
        tuple(DunningStep(d, s, at) for d, s in zip(days, statuses, strict=False)),
        time(opens),
        time(draw(st.integers(opens + 1, 23)), 59),
        draw(st.booleans()),
        frozenset(draw(st.lists(dates, max_size=4))),
    )


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    at = draw(instants)
    local = at.astimezone(ZoneInfo(draw(st.sampled_from(ZONES))))
    paused = draw(st.sampled_from([None, ("brake", "too many")]))
    return Moment(at, local, timedelta(minutes=15), paused)


@st.composite
def debts(draw: st.DrawFn, now: Moment, number: int = 1) -> Debt:
    told = draw(st.one_of(st.none(), st.integers(-20, 60).map(lambda m: now.at - timedelta(minutes=m))))
    view = View(
        told_at=told,
        moved_at=now.at - timedelta(minutes=draw(st.integers(0, 100))),
        state=draw(st.sampled_from(IntegrationState)),
        doc_status=draw(st.sampled_from([None, *DocStatus])),
        braked=draw(st.booleans()),
        trouble=draw(st.sampled_from([None, "down"])),
        hinted=draw(st.booleans()),
        void_asked=draw(st.booleans()),
        unsettled=draw(st.booleans()),
    )
    if draw(st.booleans()):
        view = View(now.at, now.at - timedelta(days=1))
    done = draw(st.lists(st.sampled_from([S.WARNED, S.THROTTLED, S.SUSPENDED]), max_size=3))
    due_on = now.today - timedelta(days=draw(st.integers(-5, 60)))
    known = draw(st.booleans())
    return Debt(
        f"wbi_{number}",
        str(1000 + number),
        draw(st.sampled_from(PaymentStatus)),
        Money(draw(st.integers(0, 9000)), "EUR"),
        due_on,
        view,
        ignored=draw(st.sampled_from([None, None, None, "nobody would see it"])),
        episode=1 if known else 0,
        since_on=due_on if known else None,
        is_open=known and draw(st.booleans()),
        reopened=known and draw(st.booleans()),
        done=tuple(Done(f"{s.value}@{n}", s, due_on) for n, s in enumerate(done)) if known else (),
    )


@st.composite
def people(draw: st.DrawFn, now: Moment) -> Person:
    found = tuple(draw(debts(now, n)) for n in range(draw(st.integers(0, 3))))
    said = draw(
        st.lists(
            st.builds(
                Said,
                st.sampled_from(StandingKind),
                st.just("as agreed"),
                st.one_of(st.none(), st.just(now.today), st.just(now.today - timedelta(days=1))),
            ),
            max_size=2,
        )
    )
    return Person("wbc_1", draw(st.sampled_from(S)), found, tuple(said))


def owes(debt: Debt, now: Moment) -> bool:
    owed = debt.status in (PaymentStatus.OPEN, PaymentStatus.PARTIALLY_PAID) and debt.due.minor > 0
    return owed and debt.due_on < now.today and not debt.ignored


# --- whatever the facts -------------------------------------------------------------------------------


@given(st.data())
def test_nobody_who_owes_nothing_overdue_has_less_than_full_service(data: st.DataObject) -> None:
    now, plan = data.draw(moments()), data.draw(plans())
    person = data.draw(people(now))
    unclear = [debt for debt in person.debts if debt.status is PaymentStatus.UNKNOWN and not debt.ignored]
    if any(owes(debt, now) for debt in person.debts) or unclear:
        return
    if person.saying(now.today, StandingKind.CLOSED):
        return

    assert decide(person, plan, now).target is S.ACTIVE


def proven(debt: Debt, now: Moment) -> bool:
    view = debt.view
    return (
        owes(debt, now)
        and view.told_at is not None
        and now.at - now.read_within <= view.told_at <= now.at
        and view.moved_at <= view.told_at
        and view.state in (IntegrationState.ACTIVE, IntegrationState.DRAINING)
        and not (view.braked or view.trouble or view.hinted or view.void_asked or view.unsettled)
        and view.doc_status not in (DocStatus.MISSING, DocStatus.PAID, DocStatus.VOID)
        and now.paused is None
    )


@settings(max_examples=500)
@given(st.data())
def test_service_is_taken_away_only_with_proof_at_an_allowed_hour(data: st.DataObject) -> None:
    now, plan = data.draw(moments()), data.draw(plans())
    person = data.draw(people(now))
    verdict = decide(person, plan, now)
    before = S.ACTIVE if person.status is S.CLOSED else person.status
    if verdict.target is S.CLOSED or verdict.target.rank <= before.rank or not verdict.target.cuts:
        return

    assert any(proven(debt, now) for debt in person.debts)
    assert may_act(plan, None, now.local)
    assert not person.saying(now.today, StandingKind.PROMISE, StandingKind.HOLD, StandingKind.EXEMPT)
    assert verdict.cuts


@given(st.data())
def test_who_pays_everything_has_full_service_at_any_hour(data: st.DataObject) -> None:
    now, plan = data.draw(moments()), data.draw(plans())
    person = data.draw(people(now))
    paid = replace(
        person,
        said=(),
        debts=tuple(replace(x, status=PaymentStatus.PAID, due=Money(0, "EUR")) for x in person.debts),
    )

    assert decide(paid, plan, now).target is S.ACTIVE


@given(st.data())
def test_a_second_look_at_the_same_moment_does_nothing(data: st.DataObject) -> None:
    now, plan = data.draw(moments()), data.draw(plans())
    first = decide(data.draw(people(now)), plan, now)

    again = decide(evolve(first, now), plan, now)

    assert not again.moves, (first, again)
    assert not again.opened and not again.closed and not again.taken


@given(st.data())
def test_each_step_is_taken_once_in_an_episode_in_its_order_and_with_its_distance(
    data: st.DataObject,
) -> None:
    plan, zone = data.draw(plans()), ZoneInfo(data.draw(st.sampled_from(ZONES)))
    start = data.draw(instants)
    due_on = start.astimezone(zone).date() - timedelta(days=data.draw(st.integers(-3, 30)))
    person = a_person(replace(a_debt(), due_on=due_on))
    at = start
    for hours in data.draw(st.lists(st.integers(1, 200), max_size=25)):
        at += timedelta(hours=hours)
        now = Moment(at, at.astimezone(zone), timedelta(minutes=15), trusting=True)
        person = evolve(decide(person, plan, now), now)

    (debt,) = person.debts
    keys = [one.key for one in debt.done]
    assert len(keys) == len(set(keys))
    assert keys == [step.key for step in plan.steps][: len(keys)]
    for n, one in enumerate(debt.done):
        assert one.on >= due_on + timedelta(days=plan.steps[n].days)
        if n:
            gap = plan.steps[n].days - plan.steps[n - 1].days
            assert one.on - debt.done[n - 1].on >= timedelta(days=gap)


@given(st.data())
def test_what_is_said_to_come_next_does_not_come_before(data: st.DataObject) -> None:
    plan, zone = data.draw(plans()), ZoneInfo(data.draw(st.sampled_from(ZONES)))
    at = data.draw(instants)
    now = Moment(at, at.astimezone(zone), timedelta(minutes=15), trusting=True)
    due_on = now.today - timedelta(days=data.draw(st.integers(-3, 30)))
    person = evolve(decide(a_person(replace(a_debt(), due_on=due_on)), plan, now), now)
    outlook = what_next(person, plan, now)
    if outlook.at is None:
        return
    said = outlook.at
    steps = range(1, 24 * 70)
    for hours in steps:
        later = at + timedelta(hours=hours)
        then = Moment(later, later.astimezone(zone), timedelta(minutes=15), trusting=True)
        verdict = decide(person, plan, then)
        if verdict.target.rank > person.status.rank or verdict.taken:
            assert then.local.replace(tzinfo=None) >= said
            return


# --- the guard ----------------------------------------------------------------------------------------

NOON = moment("2026-03-19 12:00")
FRESH = View(NOON.at - timedelta(minutes=15), NOON.at - timedelta(minutes=15))


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (FRESH, None),
        (replace(FRESH, doc_status=DocStatus.UNKNOWN), None),
        (replace(FRESH, state=IntegrationState.DRAINING), None),
        (replace(FRESH, told_at=None), "read"),
        (replace(FRESH, told_at=NOON.at - timedelta(minutes=15, microseconds=1)), "read"),
        (replace(FRESH, told_at=NOON.at + timedelta(microseconds=1)), "read"),
        (replace(FRESH, moved_at=NOON.at - timedelta(minutes=14)), "read"),
        (replace(FRESH, state=IntegrationState.NEEDS_RECONNECT), "integration"),
        (replace(FRESH, state=IntegrationState.TESTING), "integration"),
        (replace(FRESH, braked=True), "pull_brake"),
        (replace(FRESH, trouble="WB-REMOTE-UNREACHABLE"), "provider"),
        (replace(FRESH, hinted=True), "hint"),
        (replace(FRESH, void_asked=True), "void"),
        (replace(FRESH, unsettled=True), "payment"),
        (replace(FRESH, doc_status=DocStatus.MISSING), "document"),
        (replace(FRESH, doc_status=DocStatus.DRAFT), "document"),
        (replace(FRESH, doc_status=DocStatus.PAID), "document"),
    ],
)
def test_each_doubt_about_the_providers_side_is_an_obstacle(view: View, code: str | None) -> None:
    found = obstacle(a_debt(view=view), NOON)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (PaymentStatus.IN_FLIGHT, "in_flight"),
        (PaymentStatus.DISPUTED, "disputed"),
        (PaymentStatus.UNKNOWN, "unknown"),
    ],
)
def test_each_doubt_about_the_money_is_an_obstacle_even_where_reads_are_supposed(
    status: PaymentStatus, code: str
) -> None:
    found = obstacle(a_debt(view=FRESH, status=status), replace(NOON, trusting=True))
    assert found is not None
    assert found.code == code


# --- days and hours -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "at", "overdue"),
    [
        ("America/New_York", "2026-03-09 03:59", False),  # the clocks went forward on the 8th: UTC-4
        ("America/New_York", "2026-03-09 04:00", True),
        ("America/New_York", "2026-03-08 04:59", False),  # the day before it was UTC-5
        ("Europe/Berlin", "2026-03-08 23:00", True),
        ("Pacific/Apia", "2026-03-08 10:59", False),  # UTC+13
        ("Pacific/Apia", "2026-03-08 11:00", True),
    ],
)
def test_an_invoice_is_overdue_when_its_day_is_over_in_the_zone(zone: str, at: str, overdue: bool) -> None:
    verdict = decide(a_person(a_debt("2026-03-08")), PLAN, moment(at, zone))
    assert bool(verdict.opened) is overdue


def test_days_are_counted_over_a_leap_day() -> None:
    assert next_step(PLAN, date(2028, 2, 27), ()) == (PLAN.steps[0], date(2028, 3, 1))
    assert next_step(PLAN, date(2027, 2, 27), ()) == (PLAN.steps[0], date(2027, 3, 2))


def test_an_hour_that_the_clocks_leave_out_is_taken_by_the_next() -> None:
    plan = DunningRules((DunningStep(1, S.WARNED, time(2, 30)),), time(0), time(23), weekends=True)
    early, late = "2026-03-29 00:59", "2026-03-29 01:00"  # Berlin goes from 02:00 to 03:00
    for at, status in ((early, S.ACTIVE), (late, S.WARNED)):
        assert decide(a_person(a_debt("2026-03-28")), plan, moment(at, "Europe/Berlin")).target is status


def test_a_plan_that_was_made_stricter_takes_no_step_twice() -> None:
    done = (
        Done("warned@3", S.WARNED, date(2026, 3, 12)),
        Done("throttled@10", S.THROTTLED, date(2026, 3, 19)),
    )
    stricter = DunningRules((DunningStep(1, S.WARNED), DunningStep(12, S.SUSPENDED)))
    assert next_step(stricter, date(2026, 3, 9), done) == (stricter.steps[1], date(2026, 3, 30))


def test_a_warning_that_a_changed_plan_gives_earlier_is_not_given_again() -> None:
    done = (Done("warned@5", S.WARNED, date(2026, 3, 14)),)
    earlier = DunningRules((DunningStep(3, S.WARNED), DunningStep(10, S.SUSPENDED)))
    assert next_step(earlier, date(2026, 3, 9), done) == (earlier.steps[1], date(2026, 3, 21))


def test_a_payment_that_bounces_months_after_its_due_date_cuts_nobody_off_at_once() -> None:
    """It was paid before it was due, so that nobody was ever dunned for it."""
    at_once = DunningRules((DunningStep(1, S.SUSPENDED),))
    now = moment("2026-06-10 10:00")
    verdict = decide(a_person(a_debt(now=now)), at_once, now)
    assert (verdict.target, verdict.taken) == (S.ACTIVE, ())
    assert verdict.opened[0].since_on == date(2026, 6, 10)


def test_while_a_bank_debit_is_under_way_nobody_is_even_reminded() -> None:
    debt = a_debt(status=PaymentStatus.IN_FLIGHT, is_open=True, episode=1, since_on=date(2026, 3, 9))
    verdict = decide(a_person(debt), PLAN, moment("2026-03-12 10:00"))
    assert (verdict.target, verdict.taken) == (S.ACTIVE, ())


# --- what happens next --------------------------------------------------------------------------------


def next_of(person: Person, at: str = "2026-03-11 10:00") -> str:
    return what_next(person, PLAN, moment(at)).sentence


def test_the_next_step_is_said_with_its_day_its_hour_and_what_prevents_it() -> None:
    person = a_person(a_debt(is_open=True, episode=1, since_on=date(2026, 3, 9)))
    assert next_of(person) == (
        "A reminder is due on 2026-03-12 at 09:00, "
        "unless 45.00 EUR for invoice 1001 (due 2026-03-09) is paid before."
    )


def test_before_the_due_date_the_first_step_is_said_too() -> None:
    assert "on 2026-03-23 at 09:00" in next_of(a_person(a_debt("2026-03-19")))


def test_who_owes_nothing_is_told_so() -> None:
    assert next_of(a_person()) == "Nothing: no invoice that the service follows is open."


def test_who_is_suspended_is_told_what_restores_the_service() -> None:
    done = tuple(Done(step.key, step.status, date(2026, 3, 9)) for step in PLAN.steps)
    debt = a_debt("2026-02-01", is_open=True, episode=1, since_on=date(2026, 2, 1), done=done)
    assert next_of(a_person(debt, status=S.SUSPENDED)) == "The service is restored as soon as 1001 is paid."


def test_a_promise_is_told_with_what_comes_after_it() -> None:
    done = tuple(Done(step.key, step.status, date(2026, 3, 9)) for step in PLAN.steps)
    debt = a_debt("2026-02-01", is_open=True, episode=1, since_on=date(2026, 2, 1), done=done)
    promise = Said(StandingKind.PROMISE, "on the phone", date(2026, 3, 13))
    assert next_of(a_person(debt, said=(promise,))).startswith(
        "A promise to pay by 2026-03-13 is noted. The service is suspended on 2026-03-16 at 09:00, unless"
    )


def test_a_preview_goes_day_by_day_as_the_days_will() -> None:
    person = a_person(a_debt())
    days = (moment(f"2026-03-{day:02} 16:00", trusting=True) for day in range(10, 31))
    seen = {day.isoformat(): later.status.value for day, later in forecast(person, PLAN, days)}
    assert [seen[f"2026-03-{day}"] for day in (11, 12, 18, 19, 29, 30)] == [
        "active",
        "warned",
        "warned",
        "throttled",
        "throttled",
        "suspended",
    ]
