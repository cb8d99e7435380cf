"""Days to pay, syncs and exceptions: what they count, and what they leave out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.house import House
from daemon.jobs.exceptions import gather
from daemon.money import Money
from daemon.reports import REPORTS, Report, Wish, make
from daemon.reports.paying import ranked
from daemon.store import links, records, runs, tenants
from daemon.store import tables as t
from daemon.store.database import Store
from tests.builders import Builders

ZONE = "America/Chicago"


def made(house: House, tenant: records.Tenant, name: str, **wish: str) -> Report:
    return make(house, tenant, name, Wish(**wish))


# --- days to pay --------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 90), min_size=1, max_size=40), st.sampled_from([50, 90, 95]))
def test_the_nearest_rank_is_the_smallest_that_so_many_of_a_hundred_do_not_exceed(
    days: list[int], percent: int
) -> None:
    days.sort()
    found = ranked(days, percent)
    assert found in days
    assert found == min(day for day in days if sum(x <= day for x in days) * 100 >= percent * len(days))


@pytest.fixture
def wisp(make: Builders) -> records.Tenant:
    return make.a_tenant(zone=ZONE)


def an_invoice(
    make: Builders, wisp: records.Tenant, issued: str, due: str, paid_at: str | None = None, **columns: object
) -> None:
    customer = make.a_customer(wisp)
    new = replace(
        make.new_invoice(customer, due_on=date.fromisoformat(due)), issued_on=date.fromisoformat(issued)
    )
    row, _fresh = make.add(new)
    values = dict(columns)
    if paid_at is not None:
        values |= {"paid_at": datetime.fromisoformat(paid_at), "due_minor": 0, "payment_status": "paid"}
        values |= {"paid_minor": row.total_minor}
    if values:
        make.store.write("test", lambda: t.Invoice.update(values).where(t.Invoice.id == row.id).execute())


def test_days_run_from_the_invoice_s_date_to_the_day_it_was_paid_in_the_tenant_s_zone(
    house: House, make: Builders, wisp: records.Tenant
) -> None:
    an_invoice(make, wisp, "2026-01-01", "2026-01-15", "2026-01-16T05:30:00+00:00")  # 15 January there
    an_invoice(make, wisp, "2026-01-01", "2026-01-15", "2026-01-16T06:30:00+00:00")  # 16 January there
    an_invoice(make, wisp, "2026-01-10", "2026-01-15", "2026-01-05T12:00:00+00:00")  # paid ahead
    an_invoice(make, wisp, "2026-01-31", "2026-02-10")  # overdue
    an_invoice(make, wisp, "2026-01-31", "2026-04-10")  # not due yet
    an_invoice(make, wisp, "2026-01-31", "2026-02-10", payment_status="void", due_minor=0)

    (row,) = made(house, wisp, "days-to-pay").rows

    assert (row["month"], row["invoices"], row["paid"], row["still_owed"]) == ("2026-01", 5, 3, 2)
    assert (row["median_days"], row["p90_days"]) == (14, 15)
    assert row["in_time"] == Fraction(2, 4)


def test_a_month_in_which_nothing_was_paid_has_no_median(
    house: House, make: Builders, wisp: records.Tenant
) -> None:
    an_invoice(make, wisp, "2026-02-01", "2026-05-15")
    found = made(house, wisp, "days-to-pay")
    (row,) = found.rows
    assert (row["median_days"], row["in_time"], found.charts) == (None, None, ())


# --- syncs --------------------------------------------------------------------------------------------


def test_lags_are_medians_and_95_of_100_and_bare_days_do_not_count(
    house: House, make: Builders, store: Store
) -> None:
    tenant = make.a_tenant()
    at = make.an_integration(tenant)
    now = store.clock.now()
    rows = [make.a_link(at) for _ in range(20)]

    def work() -> None:
        for minutes, link in enumerate(rows, start=1):
            t.Link.update(state="synced", pushed_at=now + timedelta(minutes=minutes)).where(
                t.Link.id == link.id
            ).execute()
            told = now + timedelta(hours=1)
            t.Payment.insert(
                tenant_id=tenant.id,
                integration_id=at.id,
                invoice_id=link.invoice_id,
                external_id=f"p{minutes}",
                kind="payment",
                revision=0,
                amount_minor=100,
                currency="EUR",
                at=told if minutes < 20 else datetime(2026, 3, 2, 12, tzinfo=UTC),
                seen_at=told + timedelta(seconds=minutes),
            ).execute()

    store.write("test", work)
    (row,) = made(house, tenant, "syncs", since="2026-03-01", until="2026-03-31").rows
    assert (row["push_lag_p50"], row["push_lag_p95"]) == (timedelta(minutes=10), timedelta(minutes=19))
    assert (row["pull_lag_p50"], row["pull_lag_p95"]) == (timedelta(seconds=10), timedelta(seconds=19))


def test_runs_are_counted_by_how_they_ended_within_the_days_of_the_zone(
    house: House, make: Builders, store: Store
) -> None:
    tenant, other = make.a_tenant(zone="Pacific/Auckland"), make.a_tenant()
    at, foreign = make.an_integration(tenant), make.an_integration(other)
    begins = datetime(2026, 3, 1, 11, tzinfo=UTC)  # midnight in Auckland

    def run(integration_id: str, job: str, at: datetime, fault: str | None = None) -> None:
        started = runs.start(job, at, integration_id=integration_id)
        assert started is not None
        runs.finish(started, at, {}, fault_code=fault, fault_text=fault)

    def work() -> None:
        run(at.id, "push", begins)
        run(at.id, "pull", begins + timedelta(hours=1))
        run(at.id, "pull", begins + timedelta(hours=2), "WB-UNREACHABLE")
        run(at.id, "pull", begins - timedelta(seconds=1))
        run(foreign.id, "pull", begins)

    store.write("test", work)
    (row,) = made(house, tenant, "syncs", since="2026-03-02", until="2026-03-02").rows
    assert (row["pushes_done"], row["pulls_done"], row["pulls_failed"]) == (1, 1, 1)
    assert row["success"] == Fraction(2, 3)
    assert row["last_pull"] == begins + timedelta(hours=1)


def test_an_integration_at_which_nothing_happened_has_no_share_and_no_lag(
    house: House, make: Builders
) -> None:
    tenant = make.a_tenant()
    make.an_integration(tenant)
    (row,) = made(house, tenant, "syncs").rows
    assert (row["success"], row["push_lag_p50"], row["pull_lag_p95"]) == (None, None, None)


# --- exceptions ---------------------------------------------------------------------------------------


def test_exceptions_are_those_of_the_tenant_as_the_list_has_them(house: House, make: Builders) -> None:
    tenant, other = make.a_tenant(), make.a_tenant()
    link = make.a_link(make.an_integration(tenant))
    state = {"state": "failed", "fault_code": "WB-REJECTED", "fault_text": "refused"}
    make.store.write("test", lambda: t.Link.update(state).where(t.Link.id == link.id).execute())
    assert links.get(link.id).state == "failed"

    found = made(house, tenant, "exceptions")

    assert [row["id"] for row in found.rows] == [one.id for one in gather(tenant.id)]
    assert (found.rows[0]["amount"], found.well) == (Money(4500, "EUR"), False)
    assert made(house, other, "exceptions").verdict == "Nothing needs a person."


# --- all of them --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_tenant_has_every_report(house: House, make: Builders, name: str) -> None:
    make.a_tenant()
    found = made(house, tenants.only(), name)
    assert (found.name, found.well) == (name, True)
    assert {column.key for column in found.columns} and found.title


@pytest.mark.parametrize("name", REPORTS)
def test_no_report_of_a_tenant_says_anything_of_another(house: House, make: Builders, name: str) -> None:
    tenant, other = make.a_tenant(), make.a_tenant()
    at = make.an_integration(other)
    link = make.a_link(at)
    make.store.write("test", lambda: t.Link.update(state="failed").where(t.Link.id == link.id).execute())

    assert made(house, tenant, name).rows == ()
    if name not in ("collections", "close"):
        wish = {"until": "2026-03"} if name == "days-to-pay" else {}
        assert made(house, other, name, **wish).rows
