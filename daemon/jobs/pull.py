"""Pull: what the provider knows becomes ours.

1. Walk the change feed; each page's truths and refs are stored in the transaction that moves the cursor.
2. Read the links that a hint points at, and those due for a read, in the provider's largest batches.
   What nobody waits for leaves the reserve of the rate budget alone, and comes later where only that is left.
3. Good news is applied page by page. Bad news that is rare (gone, re-opened, void) is read a second time,
   alone, and when there is too much of it at once the brake holds it for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from daemon.errors import BrakeApplied, Garbled, OutcomeUnknown, Rationed, Rejected, RemoteError
from daemon.house import House
from daemon.jobs.feed import HINTS, follow_feed, room_at
from daemon.jobs.judging import judged, says_something
from daemon.jobs.matching.following import follow_moves
from daemon.jobs.visit import Visit
from daemon.model import Asked, Observation
from daemon.policy import brake_holds, poll_interval_s
from daemon.store import audit, changes, events, hints, integrations, links, records, service
from daemon.store.changes import Applied

READS = 10_000
"""Links read in one run at most; what is left is due at the next tick."""

PAGE = 100

HOLD = timedelta(hours=1)
"""After that what the brake holds is read again."""

FOREIGN = timedelta(hours=1)
"""So long a hint waits for a push that may turn out to be about it."""

NONSENSE = (Garbled, Rejected)
"""These concern what was asked, not the account: the rest is asked all the same, and then they go on."""

log = structlog.get_logger()


def _nothing_more(_items: Sequence[Applied]) -> None:
    """A pull keeps no other record of what it read."""


@dataclass(slots=True)
class Reading:
    """What one run reads: links by external id, the hints that the reading answers, when it began to ask, and
    what is written beside what was read, in its transaction."""

    links: dict[str, records.Link]
    hint_ids: dict[str, list[int]]
    asked_at: datetime
    beside: Callable[[Sequence[Applied]], None] = _nothing_more


def pull(visit: Visit) -> None:
    """One run at one integration; raises the fault that ended it. A list of changes that is nonsense, or
    does not answer, keeps nothing from being read that is due, or hinted at."""
    trouble: RemoteError | None = None
    try:
        followed = follow_feed(visit)
    except (*NONSENSE, OutcomeUnknown) as error:
        followed, trouble = False, error
    reading = _choose(visit)
    try:
        if reading.links:
            _read(visit, reading)
    except (BrakeApplied, *NONSENSE):
        _polled(visit, followed)
        raise
    _polled(visit, followed, brake_off=_brake_is_over(visit))
    if trouble is not None:
        raise trouble


# --- reading ------------------------------------------------------------------------------------------


def _choose(visit: Visit) -> Reading:
    """Hinted links first, then those due. A hint about something that is not ours is done with, unless
    a push is under way whose answer may still name it: for an hour, so that those of a merchant's own
    invoices never crowd out ours."""
    integration = visit.integration
    waiting = [h for h in hints.waiting(integration.id, limit=HINTS) if h.ref is not None]
    hint_ids: dict[str, list[int]] = {}
    for hint in waiting:
        hint_ids.setdefault(hint.ref or "", []).append(hint.id)
    chosen: dict[str, records.Link] = {}
    refs = list(hint_ids)
    for start in range(0, len(refs), 500):
        chosen |= links.by_refs(integration.id, refs[start : start + 500])
    foreign = [hint.id for hint in waiting if hint.ref not in chosen]
    if foreign and links.any_under_way(integration.id):
        fresh = visit.now - FOREIGN
        foreign = [hint.id for hint in waiting if hint.ref not in chosen and hint.received_at < fresh]
    if foreign:
        visit.house.store.write("pull.foreign", lambda: hints.used(foreign, visit.now))
    interval_s = poll_interval_s(integration.pace, visit.provider.can.min_poll_s)
    soon_s = links.SOON * min(interval_s, visit.reread_s)
    for link in links.due_for_pull(integration.id, visit.now, limit=READS, soon_s=soon_s):
        if link.external_id:
            chosen[link.external_id] = link
    return Reading(chosen, {ref: hint_ids[ref] for ref in hint_ids if ref in chosen}, visit.now)


def _read(visit: Visit, reading: Reading) -> None:
    """What is hinted at is urgent; what is merely due rides along as far as its batches have room, and is
    read though an invoice that is hinted at answers nonsense."""
    asked = [Asked(ref, link.pushed_at) for ref, link in reading.links.items()]
    batch = visit.provider.can.pull_batch
    room = -(-len(reading.hint_ids) // batch) * batch
    alarming: list[Applied] = []
    nonsense: list[RemoteError] = []
    try:
        with visit.gate.urgent():
            _read_these(visit, reading, asked[:room], alarming, nonsense)
        _read_these(visit, reading, asked[room:], alarming, nonsense)
    except Rationed as error:
        _read_later(visit, reading, "rationed", room_at(error, visit.now))
    if alarming:
        with visit.gate.urgent():
            second_look(visit, reading, alarming, asked=len(asked))
    if nonsense:
        floor = timedelta(seconds=visit.provider.can.min_poll_s)
        _read_later(visit, reading, "unreadable", visit.now + floor)
        raise nonsense[0]


def _read_these(
    visit: Visit,
    reading: Reading,
    asked: Sequence[Asked],
    alarming: list[Applied],
    nonsense: list[RemoteError],
) -> None:
    """As `take_in`, for all of them; notes what could not be read."""
    try:
        for page in pages(visit, visit.provider.pull(asked)) if asked else ():
            alarming += take_in(visit, reading, page)
    except NONSENSE as error:
        nonsense.append(error)
    visit.tally.add("read", len(asked))


def _read_later(visit: Visit, reading: Reading, why: str, at: datetime) -> None:
    """What is still due, or hinted at, is due then: when the budget has room for it again, or, where it
    could not be read, at the pace of polls."""
    now = visit.now

    def work() -> int:
        visit.lease.guard()
        waiting = {hint.id for hint in hints.waiting(visit.integration.id, limit=HINTS)}
        hinted = {ref for ref, ids in reading.hint_ids.items() if waiting.intersection(ids)}
        still = [link.id for link in links.due_for_pull(visit.integration.id, now, limit=READS)]
        still += [reading.links[ref].id for ref in hinted]
        links.postpone(still, at)
        hints.used([i for ref in hinted for i in reading.hint_ids[ref]], now)
        return len(set(still))

    visit.tally.add(why, visit.house.store.write("pull.rationed", work))


def pages(visit: Visit, answers: Iterable[Observation]) -> Iterator[list[Observation]]:
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


def take_in(visit: Visit, reading: Reading, page: Sequence[Observation]) -> list[Applied]:
    """Apply what is harmless; returns what is not."""
    follow_moves(visit, reading.links, page)
    calm, alarming = judged(reading.links, page)
    _apply(visit, reading, calm)
    return alarming


def _apply(visit: Visit, reading: Reading, items: Sequence[Applied]) -> None:
    now = visit.now
    answered = [i for item in items for i in reading.hint_ids.get(item.observation.ref, ())]
    read = [(item.subject.link.id, _status_after(item)) for item in items]
    sure = [item.subject.link.id for item in items if says_something(item)]
    unsure = [item.subject.link.id for item in items if not says_something(item)]

    def work() -> tuple[int, int]:
        visit.lease.guard()
        moved = changes.apply(items, now=now)
        links.mark_pulled(read, now=now, reread_s=visit.reread_s, spread=visit.house.entropy.fraction())
        hints.used(answered, now)
        awaited = service.told(sure, unsure, reading.asked_at)
        reading.beside(items)
        return moved, awaited

    moved, awaited = visit.house.store.write("pull.apply", work)
    if moved:
        visit.tally.add("changed", moved)
    if moved or awaited:
        visit.house.wake("enforce")


def _status_after(item: Applied) -> str:
    return item.change.standing.status.value if item.change else item.subject.invoice.payment_status


# --- bad news -----------------------------------------------------------------------------------------


def second_look(visit: Visit, reading: Reading, alarming: Sequence[Applied], *, asked: int) -> None:
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
            calm, still = judged({ref: item.subject.link}, [seen])
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
        "nothing of it was applied. Look there, then "
        f"`wispbill pull --integration {visit.integration.id} --release-brake`."
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


def _polled(visit: Visit, followed: bool, *, brake_off: bool = False) -> None:
    """Where the feed was not followed nobody calls that a read."""
    now = visit.now
    interval_s = poll_interval_s(visit.integration.pace, visit.provider.can.min_poll_s)
    is_due = visit.integration.next_poll_at is None or visit.integration.next_poll_at <= now

    def work() -> None:
        visit.lease.guard()
        values: dict[str, object] = {"polled_at": now} if followed else {}
        if is_due and followed:
            values["next_poll_at"] = now + timedelta(seconds=interval_s)
        if brake_off:
            values["brake"] = None
        if values:
            integrations.update(visit.integration.id, **values)

    visit.house.store.write("pull.polled", work)
