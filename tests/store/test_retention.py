"""Retention: what is forgotten is the same on both databases."""

from __future__ import annotations

from datetime import timedelta

from daemon.store import retention, runs
from daemon.store.database import Store
from daemon.store.tables import Observation, Payment, Run
from tests.builders import Builders
from tests.fakes import FrozenClock


def test_the_newest_reading_and_the_evidence_of_a_payment_stay(store: Store, clock: FrozenClock) -> None:
    make = Builders(store)
    link = make.a_link(make.an_integration())
    ids = []
    for _ in range(4):
        reading = {"tenant_id": link.tenant_id, "link_id": link.id, "read_at": clock.move(days=1)}
        ids.append(Observation.insert(reading | {"doc_status": "open", "raw": {}}).execute())
    Payment.insert(
        tenant_id=link.tenant_id,
        integration_id=link.integration_id,
        invoice_id=link.invoice_id,
        external_id="pay_1",
        kind="payment",
        revision=0,
        amount_minor=100,
        currency="EUR",
        observation_id=ids[1],
        seen_at=clock.now(),
    ).execute()

    assert retention.thin_observations(store, clock.now() + timedelta(days=1)) == 2

    assert [row.id for row in Observation.select().order_by(Observation.id)] == [ids[1], ids[3]]


def test_the_newest_run_of_each_job_stays(store: Store, clock: FrozenClock) -> None:
    for job in ("push", "push", "pull"):
        now = clock.move(days=1)
        runs.record(job, started_at=now, finished_at=now, counts={})

    assert retention.drop_runs(store, clock.now() + timedelta(days=1)) == 1
    assert sorted(row.job for row in Run.select()) == ["pull", "push"]


def test_a_period_is_taken_over_once_and_only_when_it_was_left_behind(
    store: Store, clock: FrozenClock
) -> None:
    begun = runs.start("tidy.backup", clock.now(), period="2026-03-02")
    hour = timedelta(hours=1)
    assert runs.start("tidy.backup", clock.now(), period="2026-03-02") is None
    assert runs.take_over("tidy.backup", "2026-03-02", clock.now(), older_than=clock.now() - hour) is None

    now = clock.move(hours=2)
    assert runs.take_over("tidy.backup", "2026-03-02", now, older_than=now - hour) == begun
    assert runs.take_over("tidy.backup", "2026-03-02", now, older_than=now - hour) is None

    assert not runs.is_done("tidy.backup", "2026-03-02")
    runs.finish(begun or 0, now, {})
    assert runs.is_done("tidy.backup", "2026-03-02")
