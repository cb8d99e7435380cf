"""An invoice's entries in time order: events, what people did, sends, hints, reads with their payments."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.model import PaymentStatus
from daemon.store import changes, events, integrations, links, receipts, records, service, steps, views
from daemon.timeline.entries import Entry, Proof, ProofKind

DAEMON = "daemon"

HASH = 12
"""Characters of an audit row's hash that stand for it, as many as a reading's fingerprint has."""

PUBLIC = frozenset(
    {
        "invoice.added",
        "invoice.generated",
        "invoice.synced",
        "payment.noted",
        "payment.reversed",
        *(f"invoice.{status.value}" for status in PaymentStatus if status is not PaymentStatus.UNKNOWN),
    }
)
"""Events that concern the payer; faults, sends and hints concern the office."""


def timeline(invoice: records.Invoice) -> list[Entry]:
    """The whole story, oldest first; of one instant what caused it comes first."""
    link = links.of_invoice(invoice.id)
    told = [*_people(invoice), *_hints(link), *_sends(invoice, link)]
    reads = list(_reads(link, _party(link)))
    marks = {entry.proof.ref: entry.proof for entry in reads}
    entries = [*told, *reads, *_events(invoice, marks, _party(link))]
    return sorted(entries, key=lambda entry: entry.at)


def _party(link: records.Link) -> str:
    """Whose word a read is."""
    if link.integration_id is None:
        return DAEMON
    return integrations.get(link.tenant_id, link.integration_id).provider


def _events(invoice: records.Invoice, readings: dict[str, Proof], party: str) -> Iterator[Entry]:
    """An event that rests on a reading is the provider's word and is proven by it."""
    for row in [*events.of_invoice(invoice.id), *service.events_about(invoice)]:
        sentence = row.data.get("sentence") or row.type
        code = row.data.get("code")
        evidence = readings.get(str(row.data.get("evidence")))
        yield Entry(
            at=row.at,
            sentence=f"{code}: {sentence}" if code else sentence,
            proof=evidence or Proof(ProofKind.EVENT, str(row.id)),
            actor=party if evidence else DAEMON,
            kind=row.type,
            public=row.type in PUBLIC and code is None,
        )


def _people(invoice: records.Invoice) -> Iterator[Entry]:
    """What somebody did; what the daemon did is told by its events."""
    for row in views.audit_of(invoice.tenant_id, invoice.id):
        if row.actor != DAEMON:
            what = row.action.removeprefix("invoice.").replace("_", " ").replace(".", " ")
            yield Entry(
                at=row.at,
                sentence=f"{row.actor}: {what}.",
                proof=Proof(ProofKind.AUDIT, str(row.seq), row.hash[:HASH]),
                actor=row.actor,
                kind=row.action,
            )


def _sends(invoice: records.Invoice, link: records.Link) -> Iterator[Entry]:
    if link.integration_id is None:
        return
    entered = [receipts.subject(invoice.reference, row.place) for row in receipts.of_invoice(invoice.id)]
    recorded = [
        step for found in steps.read(link.integration_id, entered).values() for step in found.values()
    ]
    for step in [*steps.of_invoice(link.integration_id, invoice.reference), *recorded]:
        if step.last_sent_at is None:
            continue
        times = "once" if step.attempts == 1 else f"{step.attempts} times"
        fault = f"; {step.fault_code}: {step.fault_text}" if step.fault_code else ""
        yield Entry(
            at=step.last_sent_at,
            sentence=f'Step "{step.operation}" was sent {times}: {step.state.value}{fault}.',
            proof=Proof(ProofKind.STEP, step.key),
            actor=DAEMON,
            kind=f"step.{step.operation}",
        )


def _hints(link: records.Link) -> Iterator[Entry]:
    if link.integration_id is None or link.external_id is None:
        return
    for row in views.hints_about(link.integration_id, link.external_id):
        read = f"read at {row.used_at:%H:%M:%S} UTC" if row.used_at else "not read yet"
        kind = f" ({row.kind})" if row.kind else ""
        yield Entry(
            at=row.received_at,
            sentence=f"A hint from {row.source}{kind} pointed at it: {read}.",
            proof=Proof(ProofKind.HINT, row.event_id),
            actor=row.source,
            kind=f"hint.{row.source}",
        )


def _reads(link: records.Link, party: str) -> Iterator[Entry]:
    """Each read that said something new, with the payments that it showed."""
    shown = _shown(link.invoice_id)
    for reading in views.readings(link.id):
        mark = changes.fingerprint(reading.read_at, reading.raw)
        told = "; ".join(shown.get(reading.id, ()))
        yield Entry(
            at=reading.read_at,
            sentence=f"Read: the provider says {reading.doc_status}{': ' + told if told else ''}.",
            proof=Proof(ProofKind.READING, str(reading.id), mark),
            actor=party,
            kind="read",
        )


def _shown(invoice_id: str) -> dict[int, list[str]]:
    """By the number of the reading: the payments that it showed first."""
    shown: dict[int, list[str]] = {}
    for row in changes.payments_of(invoice_id):
        if row.observation_id is not None:
            amount = changes.known_fact(row).fact.amount
            names = ", transaction ".join(filter(None, (row.external_id, row.transaction_id)))
            said = f"{row.kind.replace('_', ' ')} {amount} ({names})"
            shown.setdefault(row.observation_id, []).append(said)
    return shown
