"""From a verified delivery to a stored hint: budget, backlog, one commit.

Nothing is lost where something is refused or merged: a hint that stands for everything makes the next
pull follow the provider's own list of changes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from daemon.house import House
from daemon.model import Hint
from daemon.store import hints, integrations, records
from daemon.web.limits import Budget

RECOUNT_S = 2.0
MARK_EVERY_S = 60.0
KEPT = 4096
SOURCE = "webhook"
EVERYTHING = (Hint(hints.EVERYTHING, None),)


@dataclass(slots=True)
class Shelf:
    """What is known of one integration's backlog without asking the database each time."""

    waiting: int = 0
    counted_at: float = float("-inf")
    marked_at: float = float("-inf")
    flagged_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a delivery: how many rows are new, or the seconds after which to come again."""

    fresh: int = 0
    retry_after_s: int = 0


class Inbox:
    def __init__(self, house: House) -> None:
        settings = house.settings.receiver
        self._house = house
        self._budget = Budget(settings.per_minute, house.clock)
        self._backlog = settings.backlog
        self._lock = threading.Lock()
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()

    def take_in(self, integration: records.Integration, found: Sequence[Hint]) -> Stored:
        """Returns once it is committed. Raises StoreError or Stopping where it was not."""
        shelf = self._shelf(integration.id)
        mono = self._house.clock.monotonic()
        wait_s = self._budget.take(integration.id)
        if wait_s:
            self._ask_for_everything(integration, shelf, mono)
            return Stored(retry_after_s=wait_s)
        marks = mono - shelf.marked_at >= MARK_EVERY_S
        if not found and not marks:
            return Stored()
        self._recount(integration.id, shelf, mono)
        fresh = self._note(integration, found, merged=shelf.waiting >= self._backlog, marks=marks)
        if marks:
            shelf.marked_at = mono
        with shelf.lock:
            shelf.waiting += fresh
        return Stored(fresh=fresh)

    def _note(
        self, integration: records.Integration, found: Sequence[Hint], *, merged: bool, marks: bool = False
    ) -> int:
        now = self._house.clock.now()
        tenant_id, integration_id = integration.tenant_id, integration.id

        def work() -> int:
            if marks:
                integrations.update(integration_id, webhook_seen_at=now)
            if found and merged:
                hints.note_everything(tenant_id, integration_id, source=SOURCE, now=now)
                return 1
            return hints.note(tenant_id, integration_id, found, source=SOURCE, now=now)

        return self._house.store.write("receiver.hint", work)

    def _ask_for_everything(self, integration: records.Integration, shelf: Shelf, mono: float) -> None:
        """Too fast: what is refused now is asked for as a whole, at most once a minute."""
        if mono - shelf.flagged_at >= MARK_EVERY_S:
            self._note(integration, EVERYTHING, merged=True)
            shelf.flagged_at = mono

    def _recount(self, integration_id: str, shelf: Shelf, mono: float) -> None:
        with shelf.lock:
            if mono - shelf.counted_at < RECOUNT_S:
                return
            shelf.counted_at = mono
        shelf.waiting = hints.count_waiting(integration_id)

    def _shelf(self, integration_id: str) -> Shelf:
        with self._lock:
            shelf = self._shelves.setdefault(integration_id, Shelf())
            self._shelves.move_to_end(integration_id)
            while len(self._shelves) > KEPT:
                self._shelves.popitem(last=False)
            return shelf
