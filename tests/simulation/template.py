"""The database that every world starts with, made once by the production code and copied."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

import structlog

from daemon import app
from daemon.settings import Settings
from daemon.store import customers, tenants
from daemon.vault import MasterKeys
from tests.simulation.chance import Chance, HouseClock, TrueTime
from tests.simulation.parties import Party

RAM = Path("/dev/shm")


class Template:
    """One process's folder with the database of all its worlds about one provider, one at a time."""

    def __init__(self, party: type[Party]) -> None:
        self.party = party
        where = RAM if RAM.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="wispbill-simulation-", dir=where))
        self.settings = Settings.model_validate(
            {
                "daemon": {"state_dir": str(self.folder), "workers": 1},
                "push": {"concurrency": 1, "give_up_after": "100d", "max_tries": 1000},
                "pull": {"reread_open": "90d"},
                "brake": {"at_least": 2, "share": 0.5},
            }
        )
        self.keys = MasterKeys.generate(Chance(0, "keys"))
        self._path = self.folder / "wispbill.db"
        self._original = self.folder / "original.db"
        self.integration_id = ""
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        self._make()

    def put_in_place(self) -> Path:
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._original, self._path)
        return self._path

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        clock, entropy = HouseClock(TrueTime()), Chance(0, "template")
        house = app.build(
            self.settings, clock=clock, entropy=entropy, keys=self.keys, fast=True, migrating=True, name="t"
        )
        now = clock.now()

        def work() -> None:
            tenant = tenants.add(
                reference="wisp-1",
                name="WISP 1",
                zone="Europe/Berlin",
                currency="EUR",
                actor="test",
                now=now,
                entropy=entropy,
            )
            for n in (1, 2):
                customers.add(
                    tenant_id=tenant.id,
                    reference=f"sub-{n}",
                    name=f"Subscriber 000{n}",
                    email=f"subscriber000{n}@example.com",
                    actor="test",
                    now=now,
                    entropy=entropy,
                )
            self.integration_id = self.party.connect(house, tenant)

        house.store.write("template", work)
        house.store.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        house.close()
        shutil.copyfile(self._path, self._original)
