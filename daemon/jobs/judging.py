"""What was seen, held against what we know: what may be applied at once, and what is bad news."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from daemon.model import DocStatus, Observation
from daemon.reconcile import decide, is_before, is_older, understood
from daemon.store import changes, records
from daemon.store.changes import Applied, Subject

log = structlog.get_logger()


def judged(
    by_ref: dict[str, records.Link], page: Sequence[Observation]
) -> tuple[list[Applied], list[Applied]]:
    """(to apply, alarming) for the observations that are about our links."""
    ours = [(by_ref[seen.ref], seen) for seen in _newest(page) if seen.ref in by_ref]
    known = changes.subjects([link for link, _seen in ours])
    items = [_held_against(known[link.id], seen) for link, seen in ours]
    alarming = [item for item in items if _alarms(item)]
    alarmed = {item.subject.link.id for item in alarming}
    return [item for item in items if item.subject.link.id not in alarmed], alarming


def _held_against(subject: Subject, told: Observation) -> Applied:
    seen = understood(subject.known, told)
    if seen is not told:
        log.warning("pull.other_currency", invoice=subject.invoice.id, ref=told.ref)
    return Applied(subject, seen, decide(subject.known, seen))


def _newest(page: Iterable[Observation]) -> Iterable[Observation]:
    """One observation for each ref: where a page tells of an invoice twice, what was said last counts."""
    by_ref: dict[str, Observation] = {}
    for seen in page:
        old = by_ref.get(seen.ref)
        if old is None or not is_before(seen, old):
            by_ref[seen.ref] = seen
    return by_ref.values()


def _alarms(item: Applied) -> bool:
    """A void that we asked for ourselves is no bad news."""
    alarm = item.change.alarming if item.change else None
    asked_for = alarm == "void" and item.subject.link.void_requested_at is not None
    return alarm is not None and not asked_for


def says_something(item: Applied) -> bool:
    """Whether this read tells how the invoice stands now: the cut-off guard leans on it."""
    seen = item.observation
    unclear = seen.status in (DocStatus.UNKNOWN, DocStatus.MISSING)
    return not unclear and not is_older(item.subject.known, seen)
