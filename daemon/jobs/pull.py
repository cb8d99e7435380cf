"""Pull: what the provider knows becomes ours.

1. Walk the change feed; each page's truths and refs are stored in the transaction that moves the cursor.
2. Read the links that a hint points at, and those due for a read, in the provider's largest batches.
3. Good news is applied page by page. Bad news that is rare (gone, re-opened, void) is read a second time,
   alone, and when there is too much of it at once the brake holds it for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from daemon.errors import BrakeApplied, CursorLost
from daemon.house import House
from daemon.jobs.visit import Visit
from daemon.model import Asked, Changes, Observation
from daemon.policy import brake_holds, poll_interval_s
from daemon.reconcile import decide, is_before, understood
from daemon.store import audit, changes, events, hints, integrations, links, records
from daemon.store.changes import Applied, Subject

READS = 10_000
"""Links read in one run at most; what is left is due at the next tick."""

PAGE = 100
HINTS = 5_000

HOLD = timedelta(hours=1)
"""After that what the brake holds is read again."""

log = structlog.get_logger()


@dataclass(slots=True)
class Reading:
    """What one run reads: links by external id, and the hints that the reading answers."""

    links: dict[str, records.Link]
    hint_ids: dict[str, list[int]]


def pull(visit: Visit) -> None:
    """One run at one integration; raises the fault that ended it."""
    _follow_feed(visit)
    reading = _choose(visit)
    try:
        if reading.links:
            _read(visit, reading)
    except BrakeApplied:
        _polled(visit)
        raise
    _polled(visit, brake_off=_brake_is_over(visit))


# --- the change feed ----------------------------------------------------------------------------------


def _follow_feed(visit: Visit) -> None:
    integration = visit.integration
    waiting = hints.waiting(integration.id, limit=HINTS)
    nudges = [hint.id for hint in waiting if hint.ref is None]
    if not visit.provider.can.change_feed:
        _read_everything(visit, nudges)
        return
    is_due = integration.next_poll_at is None or integration.next_poll_at <= visit.now
    if not is_due and not nudges:
        return
    cursor = integration.cursor
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
    judged, alarming = _judged(by_ref, page.observations)
    now = visit.now

    def work() -> tuple[int, int]:
        visit.lease.guard()
        moved = changes.apply(judged, now=now)
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


# --- reading ------------------------------------------------------------------------------------------


def _choose(visit: Visit) -> Reading:
    """Hinted links first, then those due. A hint about something that is not ours is done with, unless
    a push is under way whose answer may still name it."""
    integration = visit.integration
    waiting = [h for h in hints.waiting(integration.id, limit=HINTS) if h.ref is not None]
    hint_ids: dict[str, list[int]] = {}
    for hint in waiting:
        hint_ids.setdefault(hint.ref or "", []).append(hint.id)
    chosen: dict[str, records.Link] = {}
    refs = list(hint_ids)
    for start in range(0, len(refs), 500):
        chosen |= links.by_refs(integration.id, refs[start : start + 500])
    foreign = [i for ref, ids in hint_ids.items() if ref not in chosen for i in ids]
    if foreign and not links.any_under_way(integration.id):
        visit.house.store.write("pull.foreign", lambda: hints.used(foreign, visit.now))
    for link in links.due_for_pull(integration.id, visit.now, limit=READS):
        if link.external_id:
            chosen[link.external_id] = link
    return Reading(chosen, {ref: hint_ids[ref] for ref in hint_ids if ref in chosen})


def _read(visit: Visit, reading: Reading) -> None:
    asked = [Asked(ref, link.pushed_at) for ref, link in reading.links.items()]
    alarming: list[Applied] = []
    for page in _pages(visit, visit.provider.pull(asked)):
        alarming += _take_in(visit, reading, page)
    visit.tally.add("read", len(asked))
    if alarming:
        _second_look(visit, reading, alarming, asked=len(asked))


def _pages(visit: Visit, answers: Iterable[Observation]) -> Iterator[list[Observation]]:
    """Groups of answers, as they arrive: early ones count even if later ones fail."""
    page: list[Observation] = []
    try:
        for answer in answers:
            visit.house.beat(visit.provider.can.deadline_s + 30)
            page.append(answer)
            if len(page) >= PAGE:
                yield page
                page = []
    except Exception:
        if page:
            yield page
        raise
    if page:
        yield page


def _take_in(visit: Visit, reading: Reading, page: Sequence[Observation]) -> list[Applied]:
    """Apply what is harmless; returns what is not."""
    judged, alarming = _judged(reading.links, page)
    _apply(visit, reading, judged)
    return alarming


def _judged(
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


def _apply(visit: Visit, reading: Reading, items: Sequence[Applied]) -> None:
    now = visit.now
    answered = [i for item in items for i in reading.hint_ids.get(item.observation.ref, ())]
    read = [(item.subject.link.id, _status_after(item)) for item in items]

    def work() -> int:
        visit.lease.guard()
        moved = changes.apply(items, now=now)
        links.mark_pulled(read, now=now, reread_s=visit.reread_s, spread=visit.house.entropy.fraction())
        hints.used(answered, now)
        return moved

    moved = visit.house.store.write("pull.apply", work)
    if moved:
        visit.tally.add("changed", moved)


def _status_after(item: Applied) -> str:
    return item.change.standing.status.value if item.change else item.subject.invoice.payment_status


# --- bad news -----------------------------------------------------------------------------------------


def _second_look(visit: Visit, reading: Reading, alarming: Sequence[Applied], *, asked: int) -> None:
    """Read each again by itself; apply what is confirmed, unless the brake holds it. Where it would hold
    all of them, a few that are confirmed stand for the rest."""
    few = visit.house.settings.brake.at_least
    if len(alarming) > few and _brake_holds(visit, len(alarming), asked):
        sample = _confirmed(visit, reading, alarming[:few])
        if len(sample) == few:
            _hold(visit, alarming, asked)
        alarming = [*sample, *alarming[few:]]
    confirmed = _confirmed(visit, reading, alarming)
    if not confirmed:
        return
    if _brake_holds(visit, len(confirmed), asked):
        _hold(visit, confirmed, asked)
    _apply(visit, reading, confirmed)


def _confirmed(visit: Visit, reading: Reading, alarming: Sequence[Applied]) -> list[Applied]:
    """What a read of each by itself still says; what it does not is applied as it is."""
    confirmed: list[Applied] = []
    for item in alarming:
        visit.house.beat(visit.provider.can.deadline_s + 30)
        ref = item.observation.ref
        for seen in visit.provider.pull([Asked(ref, item.subject.link.pushed_at)]):
            calm, still = _judged({ref: item.subject.link}, [seen])
            _apply(visit, reading, calm)
            confirmed += still
    return confirmed


def _brake_holds(visit: Visit, count: int, asked: int) -> bool:
    brake = visit.house.settings.brake
    if not brake_holds(count, asked, share=brake.share, at_least=brake.at_least):
        return False
    return not (visit.integration.brake and visit.integration.brake.get("released"))


def _brake_is_over(visit: Visit) -> bool:
    """It was released for this run, or what it held was read again by this run and is held no more."""
    brake = visit.integration.brake
    if brake is None:
        return False
    return bool(brake.get("released")) or datetime.fromisoformat(brake["at"]) + HOLD <= visit.now


def release_brake(house: House, integration: records.Integration, *, actor: str = "daemon") -> bool:
    """Let the next run apply what is held: everything open is due for it. False where nothing is held."""
    held = integration.brake
    if held is None or held.get("released"):
        return False
    now = house.clock.now()

    def work() -> None:
        integrations.update(integration.id, brake=held | {"released": True})
        links.read_all_open(integration.id, now)
        audit.append(
            integration.tenant_id,
            actor=actor,
            action="brake.released",
            subject=integration.id,
            data=held,
            now=now,
        )

    house.store.write("pull.release_brake", work)
    house.wake("pull")
    return True


def _hold(visit: Visit, confirmed: Sequence[Applied], asked: int) -> None:
    """Write down what is held and say so; raises BrakeApplied."""
    now = visit.now
    reasons = sorted({item.change.alarming or "" for item in confirmed if item.change})
    sentence = (
        f"{len(confirmed)} of {asked} invoices read are suddenly {' or '.join(reasons)} at the provider; "
        "nothing of it was applied. Look there, then `wispbill pull --release-brake`."
    )
    held = {"at": now.isoformat(), "count": len(confirmed), "asked": asked, "reasons": reasons}

    def work() -> None:
        visit.lease.guard()
        links.postpone([item.subject.link.id for item in confirmed], now + HOLD)
        integrations.update(visit.integration.id, brake=held)
        if visit.integration.brake is None:
            events.append(
                visit.integration.tenant_id,
                "brake.applied",
                now=now,
                integration_id=visit.integration.id,
                data=held | {"code": BrakeApplied.code, "sentence": sentence},
            )

    visit.house.store.write("pull.hold", work)
    visit.tally.add("held", len(confirmed))
    raise BrakeApplied(sentence)


# --- done ---------------------------------------------------------------------------------------------


def _polled(visit: Visit, *, brake_off: bool = False) -> None:
    now = visit.now
    interval_s = poll_interval_s(visit.integration.pace, visit.provider.can.min_poll_s)
    is_due = visit.integration.next_poll_at is None or visit.integration.next_poll_at <= now

    def work() -> None:
        visit.lease.guard()
        values: dict[str, object] = {"polled_at": now}
        if is_due:
            values["next_poll_at"] = now + timedelta(seconds=interval_s)
        if brake_off:
            values["brake"] = None
        integrations.update(visit.integration.id, **values)

    visit.house.store.write("pull.polled", work)
