"""Tidy: what is due is a function of the rows and the time; old things go, and never what is still needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from daemon.errors import StoreError
from daemon.house import House
from daemon.jobs import tidy as job
from daemon.jobs.tidy import tidy
from daemon.model import Hint, IntegrationState, PaymentStatus
from daemon.settings import Settings
from daemon.store import audit, backup, events, hints, integrations, records, runs, secrets
from daemon.store.secrets import CREDENTIALS
from daemon.store.tables import Invoice, Observation, Payment, Run
from tests.builders import Builders
from tests.fakes import FrozenClock, Lines

DAY_S = 86_400.0


def files(house: House) -> list[str]:
    return [made.path.name for made in backup.listing(house.settings.backup_dir())]


def count(job_name: str) -> int:
    return int(Run.select().where(Run.job == job_name).count())


# --- when ---------------------------------------------------------------------------------------------


def test_a_night_is_tidied_once_however_often_it_is_called(house: House, clock: FrozenClock) -> None:
    for _ in range(30):
        tidy(house)
        clock.move(minutes=1)

    assert count("tidy.backup") == 1
    assert files(house) == ["wispbill-20260302T090000Z-nightly.db"]


def test_the_next_night_is_due_at_its_time_in_utc(house: House, clock: FrozenClock) -> None:
    tidy(house)
    clock.move(hours=18, minutes=14)  # 03:14 of the next day
    tidy(house)
    assert count("tidy.backup") == 1

    clock.move(minutes=1)
    tidy(house)
    assert count("tidy.backup") == 2


def test_a_clock_that_is_set_back_runs_no_night_again(house: House, clock: FrozenClock) -> None:
    tidy(house)
    clock.move(days=1)
    tidy(house)

    for hours in (1, 12, 24):
        clock.wall_off_s = -3600.0 * hours
        tidy(house)

    assert count("tidy.backup") == 2


def test_a_night_that_a_crash_cut_off_is_done_an_hour_later(
    house: House, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(backup, "make", crash)
        with pytest.raises(KeyboardInterrupt):
            tidy(house)
    clock.move(minutes=59)
    tidy(house)
    assert files(house) == []

    clock.move(minutes=2)
    tidy(house)
    assert len(files(house)) == 1
    assert count("tidy.backup") == 1


def test_a_stopping_daemon_leaves_its_night_for_the_next(house: House, clock: FrozenClock) -> None:
    stopping = job.Chore("tidy.backup", job._night, _stop_and_back_up)
    job._do(house, stopping)
    house.stop.clear()

    assert not runs.is_done("tidy.backup", "2026-03-02")
    clock.move(hours=2)
    tidy(house)
    assert runs.is_done("tidy.backup", "2026-03-02")


def _stop_and_back_up(house: House, now: datetime) -> dict[str, object]:
    house.stop.set()
    return job.back_up(house, now)


def test_one_chore_that_fails_keeps_no_other_from_running(house: House, log: Lines) -> None:
    house.settings.backup_dir().write_text("a file where the folder should be")

    tidy(house)

    [failed] = events.latest(types=["tidy.backup.failed"])
    assert failed.tenant_id == audit.PLATFORM
    assert failed.data["code"] == "WB-BACKUP"
    row = runs.last("tidy.backup")
    assert row is not None and row.fault_code == "WB-BACKUP"
    assert "tidy.backup.failed" in log.events
    assert "tidy.retention.finished" in log.events


def test_on_postgresql_the_backup_is_left_to_pg_dump(house: House) -> None:
    house.store.path = None

    assert "pg_dump" in job.back_up(house, house.clock.now())["skipped"]


def test_every_hour_the_ends_of_the_audit_are_logged_under_a_key(
    house: House, make: Builders, clock: FrozenClock, log: Lines
) -> None:
    make.a_tenant()
    tidy(house)
    clock.move(hours=1)
    make.a_customer()
    tidy(house)
    clock.move(minutes=5)
    tidy(house)

    first, second = log.of("tidy.audit_head.finished")
    assert first["head"] != second["head"]
    assert second["rows"] > first["rows"]


# --- the disk -----------------------------------------------------------------------------------------


def test_too_little_disk_pauses_pushes_until_there_is_enough(
    house: House, monkeypatch: pytest.MonkeyPatch, log: Lines
) -> None:
    free = {"bytes": 1 << 20}
    monkeypatch.setattr(job.shutil, "disk_usage", lambda _path: SimpleNamespace(free=free["bytes"]))
    woken: list[str] = []
    house.wake = woken.append

    tidy(house)
    tidy(house)
    assert "1 MiB are free" in (house.pushes_paused or "")
    assert log.events.count("disk.low") == 1

    free["bytes"] = 1 << 40
    tidy(house)
    assert house.pushes_paused is None
    assert woken == ["push"]


# --- retention ----------------------------------------------------------------------------------------


@pytest.fixture
def read(house: House, make: Builders) -> Iterator[list[int]]:
    """Five readings of one link, a day apart; the second is the evidence of a payment."""
    link = make.a_link(make.an_integration())
    ids = [
        int(
            Observation.insert(
                tenant_id=link.tenant_id,
                link_id=link.id,
                read_at=house.clock.now() if n == 0 else house.clock.move(days=1),  # type: ignore[attr-defined]
                doc_status="open",
                raw={},
            ).execute()
        )
        for n in range(5)
    ]
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
        seen_at=house.clock.now(),
    ).execute()
    yield ids


def test_old_readings_go_but_the_newest_and_those_that_payments_rest_on(
    house: House, clock: FrozenClock, read: list[int]
) -> None:
    clock.move(days=500)
    job.forget_old(house, clock.now())

    assert [row.id for row in Observation.select().order_by(Observation.id)] == [read[1], read[4]]
    assert Payment.select().count() == 1


def test_a_reading_within_its_time_stays(house: House, clock: FrozenClock, read: list[int]) -> None:
    clock.move(days=397)
    job.forget_old(house, clock.now())

    assert [row.id for row in Observation.select().order_by(Observation.id)] == [read[1], *read[2:]]


def test_retention_goes_in_small_transactions(
    house: House, clock: FrozenClock, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[str] = []
    monkeypatch.setattr(house.store, "probe", labels.append)
    monkeypatch.setattr("daemon.store.retention.BATCH", 1)
    clock.move(days=500)

    job.forget_old(house, clock.now())

    assert labels.count("tidy.observations:after-commit") == 3


def test_used_hints_go_and_waiting_ones_stay(house: House, make: Builders, clock: FrozenClock) -> None:
    integration = make.an_integration()
    told = [Hint(event_id=f"evt_{n}", ref=f"in_{n}", kind="invoice.paid") for n in range(3)]
    hints.note(integration.tenant_id, integration.id, told, source="webhook", now=clock.now())
    hints.used([hints.waiting(integration.id, limit=1)[0].id], clock.now())
    clock.move(days=36)

    job.forget_old(house, clock.now())

    assert [hint.event_id for hint in hints.listing()] == ["evt_2", "evt_1"]


def test_runs_go_but_the_newest_of_each_job(house: House, clock: FrozenClock) -> None:
    for _ in range(3):
        now = clock.move(days=1)
        runs.record("push", started_at=now, finished_at=now, counts={})
    clock.move(days=91)

    job.forget_old(house, clock.now())

    assert count("push") == 1


def test_events_audit_and_payments_are_never_forgotten(
    house: House, make: Builders, clock: FrozenClock, read: list[int]
) -> None:
    before = (len(events.latest(limit=1000)), audit.verify()[0], Payment.select().count())
    clock.move(days=5000)

    job.forget_old(house, clock.now())

    assert (len(events.latest(limit=1000)), audit.verify()[0], Payment.select().count()) == before
    assert audit.verify()[1] == []


# --- secrets that nobody needs ------------------------------------------------------------------------


@pytest.fixture
def draining(house: House, make: Builders) -> records.Integration:
    integration = make.an_integration()
    make.a_link(integration)
    house.store.write("test", lambda: house.safe.put(integration, CREDENTIALS, {"secret_key": "s"}))
    house.store.write(
        "test",
        lambda: integrations.set_state(integration, IntegrationState.DRAINING, now=house.clock.now()),
    )
    return integration


def test_a_draining_integration_keeps_its_credentials_while_an_invoice_is_open(
    house: House, draining: records.Integration
) -> None:
    tidy(house)

    assert integrations.get(None, draining.id).state == IntegrationState.DRAINING
    assert secrets.count_by_key() == {1: 1}


def test_with_its_last_invoice_closed_the_credentials_are_destroyed(
    house: House, draining: records.Integration
) -> None:
    Invoice.update(payment_status=PaymentStatus.PAID.value).execute()

    tidy(house)

    gone = integrations.get(None, draining.id)
    assert gone.state == IntegrationState.REMOVED
    assert gone.removed_at is not None
    assert secrets.count_by_key() == {}
    actions = [row.action for row in audit.latest(tenant_id=draining.tenant_id)]
    assert actions[:2] == ["integration.removed", "integration.secrets_destroyed"]
    assert audit.verify()[1] == []


# --- checks -------------------------------------------------------------------------------------------


def test_a_broken_audit_chain_is_found_within_a_week(
    house: House, make: Builders, clock: FrozenClock
) -> None:
    tenant = make.a_tenant()
    tidy(house)
    house.store.db.execute_sql("DROP TRIGGER audit_no_update")
    house.store.db.execute_sql("UPDATE audit SET actor = 'x' WHERE tenant_id = ?", (tenant.id,))
    for _ in range(8):
        clock.move(days=1)
        tidy(house)

    [failed] = events.latest(types=["tidy.check.failed"])
    assert failed.data["code"] == "WB-AUDIT-BROKEN"
    assert f"{tenant.id}, row 1" in failed.data["sentence"]


def test_a_damaged_database_stops_pushes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = house.store.db.execute_sql

    def damaged(sql: str, *args: object) -> object:
        return iter([("row 1 missing from index",)]) if "integrity" in sql else real(sql, *args)

    monkeypatch.setattr(house.store.db, "execute_sql", damaged)

    with pytest.raises(StoreError, match="row 1 missing"):
        job.check_integrity(house, house.clock.now())
    assert "damaged" in (house.pushes_paused or "")


def test_the_nightly_backup_keeps_as_many_as_it_is_told(
    house: House, clock: FrozenClock, tmp_path: Path
) -> None:
    house.settings = Settings(daemon={"state_dir": str(tmp_path)}, tidy={"keep_backups": 3})
    for _ in range(5):
        tidy(house)
        clock.move(days=1)

    assert len(files(house)) == 3
    newest = backup.listing(house.settings.backup_dir())[0]
    with sqlite3.connect(newest.path) as db:
        assert db.execute("SELECT COUNT(*) FROM run WHERE job = 'tidy.backup'").fetchone() == (5,)
    db.close()
