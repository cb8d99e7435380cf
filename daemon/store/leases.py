"""Leases: who works on an integration now. One conditional UPDATE claims, the fence guards results.

A lease never makes a call to a provider safe (the journal does); it keeps two workers from doing the
same reading and gives the rate budget one owner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import peewee as pw

from daemon.errors import LeaseLost
from daemon.store import plain
from daemon.store.database import Store
from daemon.store.tables import Integration

LEASE_S = 90
"""Longer than the longest default call (45 s) and its margin."""


@dataclass(slots=True)
class Lease:
    """Held by one worker; `until` moves when it is renewed."""

    store: Store
    integration_id: str
    owner: str
    fence: int
    until: datetime

    def guard(self, need_s: float = 0) -> None:
        """Inside a transaction: raise LeaseLost unless this lease still stands; renew it where less
        than `need_s` (or a third of its life) is left."""
        now = self.store.clock.now()
        left_s = (self.until - now).total_seconds()
        if left_s > max(need_s, LEASE_S / 3):
            if plain.select(Integration, ("fence",), "id", [self.integration_id]) != [(self.fence,)]:
                raise LeaseLost
            return
        mine = (Integration.id == self.integration_id) & (Integration.fence == self.fence)
        until = now + timedelta(seconds=max(LEASE_S, need_s * 2))
        if not Integration.update(lease_until=until).where(mine).execute():
            raise LeaseLost
        self.until = until

    def release(self) -> None:
        self.store.write(
            "lease.release",
            lambda: (
                Integration.update(lease_owner=None, lease_until=None)
                .where((Integration.id == self.integration_id) & (Integration.fence == self.fence))
                .execute()
            ),
        )


LONGEST = timedelta(hours=1)
"""No lease is given for so long: one that ends later was written by a clock that was wrong."""


def is_free(now: datetime) -> pw.Expression:
    """Whether nobody holds the integration."""
    until = Integration.lease_until
    return until.is_null() | (until < now) | (until > now + LONGEST)


def claim(store: Store, integration_id: str, owner: str) -> Lease | None:
    """Take the integration if nobody holds it (or the holder's time ran out); None otherwise."""

    def work() -> Lease | None:
        now = store.clock.now()
        until = now + timedelta(seconds=LEASE_S)
        free = is_free(now)
        taken = (
            Integration.update(lease_owner=owner, lease_until=until, fence=Integration.fence + 1)
            .where((Integration.id == integration_id) & free)
            .execute()
        )
        if not taken:
            return None
        fence = Integration.select(Integration.fence).where(Integration.id == integration_id).scalar()
        return Lease(store, integration_id, owner, int(fence), until)

    return store.write("lease.claim", work)


def drop_dead(store: Store, is_alive: Callable[[str], bool]) -> int:
    """Free what processes that no longer run left behind (`is_alive` is asked for each owner)."""
    owners = {row.lease_owner for row in Integration.select(Integration.lease_owner).distinct()}
    dead = [owner for owner in owners if owner and not is_alive(owner)]
    if not dead:
        return 0
    values = {"lease_owner": None, "lease_until": None}
    free = Integration.update(values).where(Integration.lease_owner.in_(dead))
    return int(store.write("lease.drop", free.execute))
