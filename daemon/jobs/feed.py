"""The change feed: each page's truths and refs are stored in the transaction that moves the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta

from daemon.errors import CursorLost, Rationed
from daemon.jobs.judging import judged
from daemon.jobs.visit import Visit
from daemon.model import Changes
from daemon.store import changes, events, hints, integrations, links

HINTS = 5_000
"""That one run looks at."""

LOOK_AGAIN = timedelta(hours=1)


def follow_feed(visit: Visit) -> bool:
    """False where it was due, and the rate budget has no room for it. A nudge makes it urgent."""
    integration = visit.integration
    waiting = hints.waiting(integration.id, limit=HINTS)
    nudges = [hint.id for hint in waiting if hint.ref is None]
    if not visit.provider.can.change_feed:
        _read_everything(visit, nudges)
        return True
    is_due = integration.next_poll_at is None or integration.next_poll_at <= visit.now
    if not is_due and not nudges:
        return True
    try:
        with visit.gate.urgent() if nudges else nullcontext():
            _walk(visit, nudges)
    except Rationed as error:
        _follow_later(visit, nudges, error)
        return False
    return True


def _follow_later(visit: Visit, nudges: Sequence[int], error: Rationed) -> None:
    """A nudge has done its work: the feed is followed as soon as the budget has room."""
    now = visit.now

    def work() -> None:
        visit.lease.guard()
        hints.used(nudges, now)
        integrations.update(visit.integration.id, next_poll_at=room_at(error, now))

    visit.house.store.write("pull.rationed", work)
    visit.tally.add("rationed")


def room_at(error: Rationed, now: datetime) -> datetime:
    """When what was refused is tried again: as the budget says, looked at every hour."""
    return now + min(timedelta(seconds=error.retry_after or 0.0), LOOK_AGAIN)


def _walk(visit: Visit, nudges: Sequence[int]) -> None:
    cursor = visit.integration.cursor
    while not visit.house.stop.is_set():
        visit.house.beat(visit.provider.can.deadline_s + 30)
        try:
            page = visit.provider.changed(cursor)
        except CursorLost as error:
            if cursor is None:
                raise
            _start_over(visit, error)
            cursor = None
            continue
        _keep_page(visit, page, () if page.more else nudges)
        cursor = page.cursor
        if not page.more:
            return


def _read_everything(visit: Visit, nudges: Sequence[int]) -> None:
    """Where there is no feed, "something changed" means a read of all that is open."""
    now = visit.now

    def work() -> None:
        visit.lease.guard()
        links.read_all_open(visit.integration.id, now)
        hints.used(nudges, now)

    if nudges:
        visit.house.store.write("pull.nudged", work)


def _keep_page(visit: Visit, page: Changes, nudges: Sequence[int]) -> None:
    """Truths, refs and cursor in one transaction: a crash leaves all of them or none."""
    by_ref = links.by_refs(visit.integration.id, [seen.ref for seen in page.observations])
    calm, alarming = judged(by_ref, page.observations)
    now = visit.now

    def work() -> tuple[int, int]:
        visit.lease.guard()
        moved = changes.apply(calm, now=now)
        hints.used(nudges, now)  # first: the page may name the invoice of a nudge's own event
        fresh = hints.note(
            visit.integration.tenant_id, visit.integration.id, page.hints, source="feed", now=now
        )
        links.postpone([item.subject.link.id for item in alarming], now)
        links.postpone(links.settled_by(visit.integration.id, page.payments), now)
        if visit.integration.cursor is None:  # the feed tells from now on: what came before is read
            links.read_all_open(visit.integration.id, now)
        integrations.update(visit.integration.id, cursor=page.cursor)
        return moved, fresh

    moved, fresh = visit.house.store.write("pull.feed", work)
    for name, count in (("changed", moved), ("hints", fresh)):
        if count:
            visit.tally.add(name, count)
    if moved:
        visit.house.wake("enforce")


def _start_over(visit: Visit, error: CursorLost) -> None:
    now = visit.now

    def work() -> int:
        visit.lease.guard()
        integrations.update(visit.integration.id, cursor=None)
        events.append(
            visit.integration.tenant_id,
            "integration.cursor_lost",
            now=now,
            integration_id=visit.integration.id,
            data={"code": error.code, "sentence": error.message},
        )
        return links.read_all_open(visit.integration.id, now)

    visit.tally.add("to_reread", visit.house.store.write("pull.start_over", work))
