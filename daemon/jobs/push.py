"""Push: what is pending reaches the provider, once, live and sent.

1. Take the links that are due; withdraw those that were asked to be voided.
2. Mark them as being sent, build their drafts, and let the adapter walk its durable steps: several
   invoices side by side, as many as the provider bears.
3. Write each result, the payer and the first observation in one transaction; or the reason why not,
   and when it is tried again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue

import structlog

from daemon.errors import (
    Garbled,
    NotYet,
    OutcomeUnknown,
    PayerUndecided,
    Rejected,
    StepStuck,
    StoreError,
    Throttled,
    Unreachable,
    Unsupported,
    WispbillError,
)
from daemon.gate import PATIENCE_S
from daemon.house import House
from daemon.jobs import recording
from daemon.jobs.drafts import drafts
from daemon.jobs.matching.following import decided_meanwhile, met, waiting_for
from daemon.jobs.verdict import verdict
from daemon.jobs.visit import Visit, is_over
from daemon.model import (
    DocStatus,
    InvoiceDraft,
    Observation,
    Pushed,
    StepState,
    SyncState,
)
from daemon.policy import retry_at
from daemon.providers.base import PushResult
from daemon.reconcile import decide
from daemon.store import changes, events, links, payers, records, steps
from daemon.store.journal import Book, StoredJournal, StoredJournals

BATCH = 500

TURN_S = 10.0
"""After this long a run leaves the rest to the next one: ten thousand invoices take an hour at some
providers, and nobody waits that long to hear that a payment was seen."""

CALLS = 8
"""To the provider, for one invoice, at most: payer, draft, lines, finalise, send, and looks between."""

GLANCE_S = 1.0
"""How often the worker looks whether those that it waits for move on."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A link on its way, with its draft and its journal."""

    link: records.Link
    invoice: records.Invoice
    draft: InvoiceDraft
    journal: StoredJournal


def push(visit: Visit) -> None:
    """Send what is due at this integration, for a turn; raises the fault that ends the run. Where more is
    due then, the next run is asked for."""
    with visit.gate.urgent():
        _push(visit, visit.house)


def _push(visit: Visit, house: House) -> None:
    recording.record(visit)
    while not (house.stop.is_set() or house.pushes_paused or visit.gate.closed):
        due = links.due_for_push(visit.integration.id, visit.now, limit=BATCH)
        if not due:
            return
        if visit.turn_is_over:
            house.wake("push")
            return
        book = visit.book()
        prepared = list(_prepare(visit, book, due))
        if visit.turn_ends == math.inf:
            visit.take_turn(TURN_S)
        _send(visit, book, [item for item in prepared if not _withdrawn(visit, item)])


def _withdrawn(visit: Visit, item: Outgoing) -> bool:
    """Whether it was one to be voided, which is done, or its time is not come."""
    if item.link.void_requested_at is None or _goes_out_first(visit, item):
        return False
    if not visit.turn_is_over:
        _withdraw(visit, item)
    return True


def plan(house: House, integration: records.Integration) -> list[InvoiceDraft]:
    """What a push would send now, without sending it."""
    due = links.due_for_push(integration.id, house.clock.now(), limit=10_000)
    return [draft for _link, _invoice, draft in drafts(integration, due, house.clock.now())]


# --- going out ----------------------------------------------------------------------------------------


def _prepare(visit: Visit, book: Book, due: Sequence[records.Link]) -> Iterator[Outgoing]:
    for link, invoice, draft in drafts(visit.integration, due, visit.now):
        mark = partial(links.sending, link.id, visit.integration.id, visit.now)
        journal = book.invoice(invoice.reference, draft.payer.platform_reference, mark)
        yield Outgoing(link, invoice, draft, journal)


def _send(visit: Visit, book: Book, outgoing: Sequence[Outgoing]) -> None:
    can = visit.provider.can
    chunks = [outgoing[i : i + can.push_batch] for i in range(0, len(outgoing), can.push_batch)]
    threads = min(visit.house.settings.push.concurrency, can.push_concurrency, len(chunks))
    if threads <= 1:
        for chunk in chunks:
            _send_chunk(visit, book, chunk)
        return
    waiting: SimpleQueue[Sequence[Outgoing]] = SimpleQueue()
    for chunk in chunks:
        waiting.put(chunk)
    with ThreadPoolExecutor(threads, thread_name_prefix=f"push-{visit.integration.id[-6:]}") as pool:
        futures = [pool.submit(_in_thread, visit, book, waiting) for _ in range(threads)]
        left = -1
        while wait(futures, timeout=GLANCE_S).not_done:
            if left != (left := waiting.qsize()):  # something moves
                visit.house.beat(_longest_s(visit))
    for future in futures:
        future.result()


def _in_thread(visit: Visit, book: Book, waiting: SimpleQueue[Sequence[Outgoing]]) -> None:
    """Send what waits, side by side with others, over one connection to the database."""
    house = visit.house
    try:
        with house.store.session(), suppress(Empty):
            while True:
                _send_chunk(visit, book, waiting.get_nowait())
    finally:
        house.store.db.close()


def _send_chunk(visit: Visit, book: Book, chunk: Sequence[Outgoing]) -> None:
    """Push a batch and settle each result; raises what ends the whole run."""
    if visit.house.stop.is_set() or visit.tally.fault is not None or visit.gate.closed or visit.turn_is_over:
        return
    visit.house.beat(_longest_s(visit))
    willing = {item.draft.reference: item for item in _willing(visit, chunk)}
    if not willing:
        return
    journals = StoredJournals(book, {reference: item.journal for reference, item in willing.items()})
    for result in visit.provider.push([item.draft for item in willing.values()], journals):
        _settle(visit, willing[result.draft.reference], result)


def _longest_s(visit: Visit) -> float:
    """That a batch can take, by the limits of its calls."""
    return (visit.provider.can.deadline_s + PATIENCE_S) * CALLS


def _willing(visit: Visit, chunk: Sequence[Outgoing]) -> Iterator[Outgoing]:
    """Those that the provider could take at all; the others fail before anything is sent, or wait for who
    their customer is."""
    waiting = waiting_for(visit, [(item.link, item.draft) for item in chunk])
    for item in chunk:
        try:
            if item.link.customer_id in waiting:
                raise waiting[item.link.customer_id]
            visit.provider.accepts(item.draft)
        except WispbillError as error:
            _fell_short(visit, item, error)
        else:
            yield item


# --- what became of it --------------------------------------------------------------------------------


def _settle(visit: Visit, item: Outgoing, result: PushResult) -> None:
    if result.pushed is not None:
        _synced(visit, item, result.pushed)
        return
    error = result.error
    if error is None:
        return
    if isinstance(error, StoreError):
        visit.tally.fault = error
        raise error
    if is_over(visit.house, error):
        visit.tally.fault = error
    if not isinstance(error, WispbillError):
        _fell_short(visit, item, OutcomeUnknown("an internal error; the log has it"))
        raise error
    became = met(visit, item.link, item.invoice, item.draft, item.journal, error)
    if became is None:
        visit.tally.add("followed")
        return
    _fell_short(visit, item, became)
    if is_over(visit.house, error):
        raise error


def _synced(visit: Visit, item: Outgoing, pushed: Pushed) -> None:
    house, now = visit.house, visit.now
    uncertain = item.link.attempts > 0
    reread = now if uncertain else now + timedelta(seconds=visit.reread_s)

    def work() -> None:
        item.journal.write_results()
        payers.note(
            tenant_id=item.link.tenant_id,
            integration_id=visit.integration.id,
            customer_id=item.link.customer_id,
            external_id=pushed.payer.external_id,
            origin=pushed.payer.origin,
            now=now,
            entropy=house.entropy,
        )
        links.synced(
            item.link.id,
            reference=item.draft.reference,
            external_id=pushed.ref,
            number=pushed.observation.number,
            now=now,
            next_pull_at=reread,
        )
        _tell_synced(visit, item, pushed, now)
        link = replace(item.link, external_id=pushed.ref, integration_id=visit.integration.id)
        subject = changes.subjects([link])[link.id]
        change = decide(subject.known, pushed.observation)
        changes.apply([changes.Applied(subject, pushed.observation, change)], now=now)

    house.store.write("push.record", work)
    visit.tally.add("pushed")


def _tell_synced(visit: Visit, item: Outgoing, pushed: Pushed, now: datetime) -> None:
    label = visit.provider.label
    events.append(
        item.link.tenant_id,
        "invoice.synced",
        now=now,
        invoice_id=item.invoice.id,
        customer_id=item.link.customer_id,
        integration_id=visit.integration.id,
        data={
            "ref": pushed.ref,
            "reference": item.draft.reference,
            "payer": pushed.payer.external_id,
            "sentence": f"{label} has the invoice as {pushed.ref} and sent it.",
        },
    )


def _fell_short(visit: Visit, item: Outgoing, error: WispbillError) -> None:
    now = visit.now
    link = item.link
    if isinstance(error, Unreachable | OutcomeUnknown | Garbled | Throttled):
        visit.tally.trouble = error
    state, next_at, code = verdict(visit, link, error, now)

    def work() -> None:
        item.journal.write_results()
        if isinstance(error, PayerUndecided) and decided_meanwhile(visit, link):
            links.push_at(link.id, now)
            return
        links.fell_short(
            link.id,
            visit.integration.id,
            state,
            code=code,
            text=error.message,
            next_push_at=next_at,
            counted=isinstance(error, OutcomeUnknown | Garbled | NotYet),
        )
        if state.value != link.state or code != link.fault_code:
            events.append(
                link.tenant_id,
                f"invoice.sync_{state.value}",
                now=now,
                invoice_id=link.invoice_id,
                customer_id=link.customer_id,
                integration_id=visit.integration.id,
                data={"code": code, "sentence": error.message},
            )

        if state is SyncState.FAILED:
            _void_what_failed(visit, item, now)

    visit.house.store.write("push.fell_short", work)
    visit.tally.add(state.value)
    log.info(f"push.{state.value}", invoice=link.invoice_id, code=code, next=next_at)


def _void_what_failed(visit: Visit, item: Outgoing, now: datetime) -> None:
    """Inside a transaction: where the invoice was to be voided, that comes next if nothing of it can be at
    the provider; else a person must look first, and the wish is dropped."""
    link = links.get(item.link.id)
    if link.void_requested_at is None:
        return
    if not _goes_out_first(visit, replace(item, link=link)):
        links.push_at(link.id, now)
        return
    links.void_refused(link.id, code=link.fault_code or "", text=link.fault_text or "", next_push_at=None)
    _tell_void_refused(visit, item, link.fault_code or "", link.fault_text or "")


# --- withdrawing --------------------------------------------------------------------------------------


def _goes_out_first(visit: Visit, item: Outgoing) -> bool:
    """Something may have landed already, in recovery before the backup was restored: the push is
    finished, and then voided. What was refused will not get any further."""
    if item.link.pushed_at is not None or item.link.integration_id is None:
        return False
    states = {step.state for step in steps.of_invoice(item.link.integration_id, item.invoice.reference)}
    return StepState.REJECTED not in states and (visit.recovery or bool(states - {StepState.NEW}))


def _withdraw(visit: Visit, item: Outgoing) -> None:
    """Void at the provider what is there, or here what never left."""
    ref = item.link.external_id
    try:
        if ref is None:
            observation = Observation(ref="", status=DocStatus.VOID, raw={"voided": "before it was sent"})
        else:
            observation = visit.provider.void(ref, item.journal)
    except WispbillError as error:
        if is_over(visit.house, error):
            raise
        _void_refused(visit, item, error)
        return
    subject = changes.subjects([item.link])[item.link.id]
    change = decide(subject.known, observation)

    def work() -> None:
        item.journal.write_results()
        links.voided(item.link.id, code=None if ref else "WB-PUSH-VOIDED")
        changes.apply([changes.Applied(subject, observation, change)], now=visit.now)

    visit.house.store.write("push.void", work)
    visit.tally.add("voided")


def _void_refused(visit: Visit, item: Outgoing, error: WispbillError) -> None:
    """The invoice stays as it is; a refusal is told, anything else is tried again."""
    now = visit.now
    final = isinstance(error, Rejected | StepStuck | Unsupported)
    next_at = None if final else retry_at(error, item.link.attempts, now, visit.house.entropy.fraction())

    def work() -> None:
        item.journal.write_results()
        links.void_refused(item.link.id, code=error.code, text=error.message, next_push_at=next_at)
        if final:
            _tell_void_refused(visit, item, error.code, error.message)

    visit.house.store.write("push.void_refused", work)
    visit.tally.add("void_refused")


def _tell_void_refused(visit: Visit, item: Outgoing, code: str, why: str) -> None:
    events.append(
        item.link.tenant_id,
        "invoice.void_refused",
        now=visit.now,
        invoice_id=item.invoice.id,
        customer_id=item.link.customer_id,
        integration_id=visit.integration.id,
        data={"code": code, "sentence": f"It could not be voided: {why}"},
    )
