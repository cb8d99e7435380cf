"""One pass over an integration: every open and recently closed invoice is held against the provider's.

1. The links that this pass has not compared are read in the provider's largest batches, as bulk: the reserve
   of the rate budget stays for pushes and for reads that somebody waits for.
2. What differs is applied as a pull applies it, with the second look and the brake, or is written down for a
   person; each page in one transaction with the mark that it was compared, so that a crash, a day's quota or
   a push that waits only interrupt the pass.
3. Then the provider lists what it has of ours (`listing`); what came of the pass is written down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from daemon.errors import BrakeApplied, Garbled, Rationed, Rejected, WispbillError
from daemon.house import House
from daemon.jobs.feed import room_at
from daemon.jobs.judging import judged
from daemon.jobs.pull import Reading, pages, second_look, take_in
from daemon.jobs.sweep.classes import OF_A_LINK, Sent, differences
from daemon.jobs.sweep.listing import compare_listing, found_in_listing
from daemon.jobs.visit import Visit
from daemon.model import Asked, Observation
from daemon.model.differences import Kind
from daemon.settings.model import SweepSection
from daemon.store import differences as kept
from daemon.store import hints, integrations, links, payers, records, sweeps, tenants
from daemon.store.changes import Applied
from daemon.store.differences import Found
from daemon.store.sweeps import Pass

READS = 10_000
"""Links compared in one go: all of one batch, for providers that list."""

YIELD_S = 20.0
"""How long a push or a hint that waits lets the pass go on: what a provider lists is not begun twice."""

PAGE = 100
"""Links of which nothing was learned, written down in one transaction."""

ALONE = 50
"""So many invoices that answer nonsense are read one by one, each to be told."""

log = structlog.get_logger()


class _Yielded(Exception):
    """Somebody waits for the integration, or the daemon stops: the rest is for the next run."""


@dataclass(slots=True)
class _Sweeping:
    """What one run of a pass keeps at hand."""

    visit: Visit
    started_at: datetime
    began: float
    zone: ZoneInfo
    payers: dict[str, str] = field(default_factory=dict)
    braked: BrakeApplied | None = None


# --- when ---------------------------------------------------------------------------------------------


def due_for_sweep(house: House, *, mine: str | None = None) -> list[str]:
    """Ids of the integrations where a pass is under way, asked for, or due for this night."""
    now, rules = house.clock.now(), house.settings.sweep
    free = sweeps.free_ones(now, mine=mine)
    states = sweeps.of_all([row.id for row in free])
    return [row.id for row in free if _is_due(row, states.get(row.id), now, rules)]


def _is_due(row: records.Integration, state: Pass | None, now: datetime, rules: SweepSection) -> bool:
    """A new integration waits for its first night."""
    if state is not None:
        if state.resume_at is not None and now < state.resume_at <= now + timedelta(days=1):
            return False
        if state.is_under_way or state.is_asked_for:
            return True
    last = state.period if state is not None else None
    return _night(row.id, now, rules) != (last or _night(row.id, row.created_at, rules))


def _night(integration_id: str, now: datetime, rules: SweepSection) -> str:
    """The date of the last time that this integration's own moment came, in UTC: they are spread, so that one
    machine does not ask for all of them at once."""
    share = int.from_bytes(hashlib.sha256(integration_id.encode()).digest()[:4], "big") / 2**32
    moment = timedelta(hours=rules.at.hour, minutes=rules.at.minute, seconds=share * rules.spread)
    return (now - moment).date().isoformat()


# --- a pass -------------------------------------------------------------------------------------------


def sweep(visit: Visit) -> None:
    """One run: begins a pass, or goes on with the one under way; raises the fault that ended it."""
    state = _state(visit)
    if state is None:
        return
    run = _sweeping(visit, state.started_at or visit.now)
    try:
        _compare_links(run)
        if state.listed_at is None:
            compare_listing(visit, _horizon(visit))
    except _Yielded:
        return
    except Rationed as error:
        _later(visit, error)
        return
    _finish(run)
    if run.braked is not None:
        raise run.braked


def _state(visit: Visit) -> Pass | None:
    """The pass under way, or a new one; None where nothing is due (any more)."""
    integration, now, rules = visit.integration, visit.now, visit.house.settings.sweep
    state = sweeps.of(integration.id)
    if state is not None and state.is_under_way and not state.is_asked_for:
        return state
    if not _is_due(integration, state, now, rules):
        return None

    def work() -> None:
        visit.lease.guard()
        sweeps.begin(integration, period=_night(integration.id, now, rules), now=now)

    visit.house.store.write("sweep.begin", work)
    return sweeps.of(integration.id)


def _sweeping(visit: Visit, started_at: datetime) -> _Sweeping:
    zone = ZoneInfo(tenants.get(visit.integration.tenant_id).zone)
    return _Sweeping(visit, started_at, visit.house.clock.monotonic(), zone)


def _horizon(visit: Visit) -> datetime:
    return visit.now - timedelta(seconds=visit.house.settings.sweep.closed_for)


def _compare_links(run: _Sweeping) -> None:
    before: set[str] = set()
    while left := _left(run):
        ids = {link.id for link in left}
        if ids == before:  # nothing of it is ever answered: such an adapter keeps no pass from its end
            _unanswered(run, left)
            continue
        before = ids
        _look_up_payers(run, left)
        by_ref = {link.external_id or "": link for link in left}
        reading = Reading(by_ref, {}, run.visit.now, beside=partial(_write_beside, run))
        try:
            _read(run, reading)
        except (Garbled, Rejected) as error:
            _one_by_one(run, reading, error)


def _left(run: _Sweeping) -> list[records.Link]:
    if run.visit.house.stop.is_set():
        raise _Yielded
    return sweeps.left_to_compare(
        run.visit.integration.id, since=run.started_at, closed_after=_horizon(run.visit), limit=READS
    )


def _look_up_payers(run: _Sweeping, left: Sequence[records.Link]) -> None:
    wanted = sorted({link.customer_id for link in left} - run.payers.keys())
    for start in range(0, len(wanted), 500):
        run.payers |= payers.known(run.visit.integration.id, set(wanted[start : start + 500]))


def _read(run: _Sweeping, reading: Reading) -> None:
    """Good news page by page; bad news is looked at again when all were read. What a run does not come to is
    left to the next one."""
    visit = run.visit
    asked = [Asked(ref, link.pushed_at) for ref, link in reading.links.items()]
    alarming: list[Applied] = []
    for page in pages(visit, visit.provider.pull(asked)):
        alarming += take_in(visit, reading, page)
        visit.tally.add("read", len(page))
        _give_way(run)
    _look_again(run, reading, alarming, asked=len(asked))


def _look_again(run: _Sweeping, reading: Reading, alarming: Sequence[Applied], *, asked: int) -> None:
    """What the brake holds is compared for this pass; its road is the pull's from here on."""
    if not alarming:
        return
    try:
        second_look(run.visit, reading, alarming, asked=asked)
    except BrakeApplied as error:
        run.braked = error
        ids = [item.subject.link.id for item in alarming]
        run.visit.house.store.write("sweep.held", partial(_mark, run, ids))


def _unanswered(run: _Sweeping, silent: Sequence[records.Link]) -> None:
    """Every ref is answered once, says the contract of adapters; what is not is not proven equal."""
    for start in range(0, len(silent), PAGE):
        some = silent[start : start + PAGE]
        run.visit.house.store.write("sweep.silent", partial(_untold, run, some, "it was not answered", ""))
    log.warning("sweep.unanswered", integration=run.visit.integration.id, links=len(silent))


def _mark(run: _Sweeping, ids: Sequence[str]) -> None:
    run.visit.lease.guard()
    sweeps.compared(ids, run.visit.now)


def _give_way(run: _Sweeping) -> None:
    """Raises _Yielded where the daemon stops, or a push or a hint waits for long enough."""
    visit = run.visit
    if visit.house.stop.is_set():
        raise _Yielded
    if visit.house.clock.monotonic() - run.began < YIELD_S:
        return
    integration_id = visit.integration.id
    pushes = links.due_for_push(integration_id, visit.now, limit=1)
    if pushes or hints.waiting(integration_id, limit=1):
        visit.tally.add("gave_way")
        raise _Yielded


def _later(visit: Visit, error: Rationed) -> None:
    """The bulk share of the budget is used up: the pass goes on when there is room again."""
    at = room_at(error, visit.now)

    def work() -> None:
        visit.lease.guard()
        sweeps.update(visit.integration.id, resume_at=at)

    visit.house.store.write("sweep.rationed", work)
    visit.tally.add("rationed")


# --- what is nonsense ---------------------------------------------------------------------------------


def _one_by_one(run: _Sweeping, reading: Reading, error: WispbillError) -> None:
    """What the batch did not answer, each by itself: one that is nonsense alone is told, and keeps no other
    from being compared. Where it is many, the fault is the provider's: it goes on."""
    left = {link.external_id or "": link for link in _left(run)}
    if len(left) > ALONE:
        raise error
    for ref, link in left.items():
        single = Reading({ref: link}, {}, run.visit.now, beside=reading.beside)
        try:
            _read(run, single)
        except (Garbled, Rejected) as fault:
            run.visit.house.store.write(
                "sweep.nonsense", partial(_untold, run, [link], fault.message[:300], fault.code)
            )


def _untold(run: _Sweeping, about: Sequence[records.Link], why: str, code: str) -> None:
    """Inside a transaction: of these nothing was learned."""
    run.visit.lease.guard()
    found = [
        Found(
            kind=Kind.STATUS_UNKNOWN.value,
            ref=link.external_id or "",
            sentence=f"It cannot be read: {why.rstrip('.')}. Look at the invoice there.",
            fingerprint=code or "unanswered",
            command=f"wispbill explain {link.invoice_id}",
            link_id=link.id,
            invoice_id=link.invoice_id,
            customer_id=link.customer_id,
        )
        for link in about
    ]
    _note(run.visit, found)
    sweeps.compared([link.id for link in about], run.visit.now)


# --- what was found -----------------------------------------------------------------------------------


def _write_beside(run: _Sweeping, items: Sequence[Applied]) -> None:
    """Inside the transaction that applies these: what differs, what no longer does, and that they were
    compared."""
    visit = run.visit
    found = [one for item in items for one in differences(item, _sent(run, item))]
    ids = [item.subject.link.id for item in items]
    _note(visit, found)
    still = {one.key for one in found}
    gone = kept.settle_gone(visit.integration.id, ids, OF_A_LINK, still, now=visit.now)
    sweeps.compared(ids, visit.now)
    if gone:
        visit.tally.add("settled", gone)


def _note(visit: Visit, found: Sequence[Found]) -> None:
    fresh = kept.note(visit.integration, found, now=visit.now, entropy=visit.house.entropy)
    for one in fresh:
        visit.tally.add("repaired" if one.repaired else "to_settle")


def _sent(run: _Sweeping, item: Applied) -> Sent:
    invoice = item.subject.invoice
    return Sent(
        payer=run.payers.get(invoice.customer_id),
        zone=run.zone,
        payer_then=partial(sweeps.synced_payer, invoice.id),
        label=run.visit.provider.label,
        numbered_there=_numbers_itself(run.visit.integration),
        can_void=run.visit.provider.can.void,
    )


def _numbers_itself(row: records.Integration) -> bool:
    """A customer's own system may; QuickBooks does where its owner wants it."""
    return row.provider == "custom_webhook" or row.settings.get("numbering", "own") == "quickbooks"


def _finish(run: _Sweeping) -> None:
    """Equal is proven where nothing waits for a person, and the brake holds nothing."""
    visit = run.visit
    integration_id, now = visit.integration.id, visit.now

    def work() -> bool:
        visit.lease.guard()
        waiting = kept.count_waiting([integration_id])[integration_id]
        held = integrations.get(None, integration_id).brake is not None
        equal = not waiting and not held and run.braked is None
        values: dict[str, datetime | None] = {"finished_at": now, "resume_at": None}
        if equal:
            values["proven_at"] = run.started_at
        sweeps.update(integration_id, **values)
        return equal

    equal = visit.house.store.write("sweep.finish_pass", work)
    visit.tally.add("passes")
    log.info("sweep.compared", integration=integration_id, equal=equal)


# --- dry run ------------------------------------------------------------------------------------------


def compare(visit: Visit) -> list[Found]:
    """What a pass would find now; nothing is changed. Bad news is told as it was read, once."""
    run = _sweeping(visit, visit.now)
    found: list[Found] = []
    for some in _all(visit):
        _look_up_payers(run, some)
        by_ref = {link.external_id or "": link for link in some}
        asked = [Asked(ref, link.pushed_at) for ref, link in by_ref.items()]
        for page in pages(visit, visit.provider.pull(asked)):
            found += _told(run, by_ref, page)
    found += [one for page in found_in_listing(visit, _horizon(visit)) for one in page]
    visit.tally.counts.clear()  # such a run is not written down
    return found


def _all(visit: Visit) -> Iterator[list[records.Link]]:
    after = ""
    while some := sweeps.all_to_compare(
        visit.integration.id, closed_after=_horizon(visit), after=after, limit=READS
    ):
        yield some
        after = some[-1].id


def _told(run: _Sweeping, by_ref: dict[str, records.Link], page: Sequence[Observation]) -> Iterator[Found]:
    calm, alarming = judged(by_ref, page)
    for item in [*calm, *alarming]:
        yield from differences(item, _sent(run, item))
