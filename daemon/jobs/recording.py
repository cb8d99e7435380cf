"""Recording: payments that were entered here go into the provider's books, each once.

A durable step each, under the journal, like everything that is sent. What the provider answers is applied as
a read is; the payment that was entered gives way to the provider's own (`reconcile`). What it cannot record,
or refuses for good, stays here for a person.
"""

from __future__ import annotations

from functools import partial

import structlog

from daemon.errors import (
    NotYet,
    Rejected,
    RemoteError,
    StepStuck,
    Unsupported,
    WispbillError,
)
from daemon.jobs.visit import Visit, is_over
from daemon.model import Observation
from daemon.policy import retry_at
from daemon.reconcile import decide, effective
from daemon.store import changes, events, invoices, links, receipts, records
from daemon.store.journal import Book, StoredJournal
from daemon.store.receipts import Receipt, ReceiptState

BATCH = 100

log = structlog.get_logger()


def record(visit: Visit) -> None:
    """All that are due at this integration; raises what ends the whole run. After a restore nothing is
    recorded until the invoices were read: it may be there already."""
    house = visit.house
    if visit.recovery:
        return
    due = receipts.due(visit.integration.id, visit.now, limit=BATCH)
    book = visit.book() if due else None
    for receipt, link in due:
        if book is None or house.stop.is_set() or house.pushes_paused or visit.gate.closed:
            return
        house.beat(visit.provider.can.deadline_s * 4)
        _record(visit, book, receipt, link)


def _record(visit: Visit, book: Book, receipt: Receipt, link: records.Link) -> None:
    invoice = invoices.get(link.tenant_id, link.invoice_id)
    journal = book.payment(invoice.reference, receipt.place, partial(_insist_on_waiting, receipt, link))
    try:
        if not journal.is_begun and not _counts(receipt, link):
            raise StepStuck(
                "WB-PAYMENT", "as much came in there since it was entered, before it was recorded"
            )
        if not visit.provider.can.record_payment:
            raise Unsupported(f"{visit.provider.label} cannot record a payment through its API")
        seen = visit.provider.record_payment(str(link.external_id), receipt.amount, _words(receipt), journal)
    except WispbillError as error:
        if is_over(visit.house, error):
            raise
        _fell_short(visit, journal, receipt, link, error)
    else:
        _recorded(visit, journal, receipt, link, seen)


def _insist_on_waiting(receipt: Receipt, link: records.Link) -> None:
    """Inside the transaction of the first mark: from here on it may be at the provider, and cannot be taken
    back here. Raises StepStuck where it was taken back since it was read: nothing may be sent."""
    links.hold(link.id)
    if not receipts.is_waiting(receipt.id):
        raise StepStuck("WB-PAYMENT", "it was taken back before it was recorded")


def _counts(receipt: Receipt, link: records.Link) -> bool:
    """Whether it has not given way to what the provider counts."""
    known = changes.subjects([link])[link.id].known
    return any(fact.external_id == receipt.external_id for fact in effective(known.facts))


def _words(receipt: Receipt) -> str:
    """For the provider's books; two of one amount on one invoice differ in their place."""
    note = f": {receipt.note}" if receipt.note else ""
    return f"{receipt.place} {receipt.method.replace('_', ' ')} {receipt.paid_on}{note}"


def _recorded(
    visit: Visit, journal: StoredJournal, receipt: Receipt, link: records.Link, seen: Observation
) -> None:
    now = visit.now

    def work() -> None:
        journal.write_results()
        receipts.move(receipt, ReceiptState.RECORDED)
        _tell(visit, receipt, "payment.recorded", f"{visit.provider.label} has it in its books.")
        subject = changes.subjects([link])[link.id]
        change = decide(subject.known, seen)
        changes.apply([changes.Applied(subject, seen, change)], now=now)

    visit.house.store.write("push.recorded", work)
    visit.house.wake("enforce")
    visit.tally.add("recorded")


def _fell_short(
    visit: Visit, journal: StoredJournal, receipt: Receipt, link: records.Link, error: WispbillError
) -> None:
    """Refused for good it stays here; else it is tried again."""
    rules, now = visit.house.settings.push, visit.now
    refused = isinstance(error, Rejected | StepStuck | Unsupported) or not isinstance(
        error, RemoteError | NotYet
    )
    final = refused or receipt.attempts >= rules.max_tries
    at = retry_at(error, receipt.attempts, now, visit.house.entropy.fraction())

    def work() -> None:
        journal.write_results()
        if not receipts.is_waiting(receipt.id):
            return  # taken back meanwhile, which stands
        if final:
            receipts.move(receipt, ReceiptState.HERE, code=error.code, text=error.message[:500])
            _tell(visit, receipt, "payment.not_recorded", f"It stays here alone: {error.message}", error.code)
        else:
            receipts.try_again(receipt, at, code=error.code, text=error.message, counted=True)

    visit.house.store.write("push.not_recorded", work)
    visit.tally.add("not_recorded")
    log.info("push.not_recorded", invoice=link.invoice_id, code=error.code, final=final)


def _tell(visit: Visit, receipt: Receipt, type_: str, sentence: str, code: str | None = None) -> None:
    invoice = invoices.get(receipt.tenant_id, receipt.invoice_id)
    events.append(
        receipt.tenant_id,
        type_,
        now=visit.now,
        invoice_id=receipt.invoice_id,
        customer_id=invoice.customer_id,
        integration_id=visit.integration.id,
        data={
            "code": code,
            "sentence": f"{receipt.amount}, entered here as paid by {receipt.method}: {sentence}",
        },
    )
