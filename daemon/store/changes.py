"""Apply: status, payments, evidence, event and audit row of a change, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daemon.clock import to_micros
from daemon.model import DocStatus, Fact, FactKind, Observation, PaymentStatus
from daemon.money import Money
from daemon.reconcile import Change, Known, KnownFact, is_older
from daemon.store import audit, events, invoices, plain, records, service
from daemon.store.fields import canonical
from daemon.store.tables import Invoice, Link, Payment
from daemon.store.tables import Observation as ObservationRow


@dataclass(frozen=True, slots=True)
class Subject:
    """A link with its invoice and what is known of it: what an observation is held against."""

    link: records.Link
    invoice: records.Invoice
    known: Known


@dataclass(frozen=True, slots=True)
class Applied:
    """What to write for one observation; `change` is None where it only confirms."""

    subject: Subject
    observation: Observation
    change: Change | None


def subjects(links: Sequence[records.Link]) -> dict[str, Subject]:
    """By link id: the invoices and facts of these links."""
    found = invoices.by_ids([link.invoice_id for link in links])
    facts = facts_of([link.invoice_id for link in links])
    return {
        link.id: Subject(link, invoice, _known(link, invoice, facts.get(invoice.id, ())))
        for link in links
        if (invoice := found.get(link.invoice_id)) is not None
    }


def facts_of(invoice_ids: Sequence[str]) -> dict[str, tuple[KnownFact, ...]]:
    """The payment facts of these invoices, in the order in which they were seen."""
    gathered: dict[str, list[KnownFact]] = {}
    for row in records.Payment.by("invoice_id", invoice_ids, order="id"):
        gathered.setdefault(row.invoice_id, []).append(known_fact(row))
    return {invoice_id: tuple(facts) for invoice_id, facts in gathered.items()}


def known_fact(row: records.Payment) -> KnownFact:
    return KnownFact(
        Fact(
            kind=FactKind(row.kind),
            external_id=row.external_id,
            amount=Money(row.amount_minor, row.currency),
            at=row.at,
            method=row.method,
            transaction_id=row.transaction_id,
            reverses=FactKind(row.reverses) if row.reverses else None,
            beside=Money(row.beside_minor, row.currency) if row.beside_minor is not None else None,
        ),
        row.revision,
    )


def payments_of(invoice_id: str) -> list[records.Payment]:
    return list(records.Payment.select(Payment.invoice_id == invoice_id, order=Payment.id))


def _known(link: records.Link, invoice: records.Invoice, facts: tuple[KnownFact, ...]) -> Known:
    return Known(
        total=Money(invoice.total_minor, invoice.currency),
        status=PaymentStatus(invoice.payment_status),
        doc_status=DocStatus(link.doc_status) if link.doc_status else None,
        facts=facts,
        as_of=link.as_of,
        version=link.version,
        reference=link.reference,
    )


def digest(observation: Observation) -> str:
    """Of what an observation says, without the raw document: the same words, the same digest."""
    said = [
        observation.status.value,
        observation.total.minor if observation.total else None,
        observation.paid_total.minor if observation.paid_total else None,
        sorted(
            [f.kind.value, f.external_id, f.amount.minor, f.method, f.transaction_id]
            for f in observation.facts
        ),
        observation.number,
        observation.due_on.isoformat() if observation.due_on else None,
        observation.links.pay_url,
        observation.links.pdf_url,
        observation.successor,
    ]
    return hashlib.sha256(canonical(said).encode()).hexdigest()[:32]


def apply(applied: Sequence[Applied], *, now: datetime) -> int:
    """Inside a transaction: write what these observations say; returns how many invoices moved."""
    moved = 0
    for item in applied:
        if is_older(item.subject.known, item.observation):
            continue
        words = digest(item.observation)
        if words == item.subject.link.digest and item.change is None and not _tells_total_first(item):
            _keep_place(item)
            continue
        evidence = _keep(item, now)
        plain.update(Link, "id", item.subject.link.id, _link_values(item, words, now))
        if item.change is not None:
            _write(item.subject, item.change, evidence, now)
            moved += item.change.moves
        if _concerns_service(item):
            service.note(item.subject.invoice.tenant_id, [item.subject.invoice.customer_id], now)
    return moved


def enter(subject: Subject, change: Change, *, now: datetime) -> None:
    """Inside a transaction: what a person says about the money, without a word of the provider."""
    _write(subject, change, None, now)
    service.note(subject.invoice.tenant_id, [subject.invoice.customer_id], now)


def _concerns_service(item: Applied) -> bool:
    """Whether money moved, or the date on which it is due."""
    moved = item.change is not None and item.change.moves
    due_on, known = item.observation.due_on, item.subject.link.provider_due_on
    return moved or (known is not None and due_on is not None and due_on != known)


def _tells_total_first(item: Applied) -> bool:
    """Of a link from before the provider's totals were kept."""
    return item.subject.link.provider_total_minor is None and item.observation.total is not None


def _keep_place(item: Applied) -> None:
    """The same words, said later: what was said in between is out of date from now on."""
    link, seen = item.subject.link, item.observation
    place = {"as_of": seen.as_of or link.as_of, "version": link.version}
    if seen.version is not None:
        place["version"] = seen.version
    if place != {"as_of": link.as_of, "version": link.version}:
        Link.update(place).where(Link.id == link.id).execute()


def _keep(item: Applied, now: datetime) -> int:
    seen = item.observation
    row = {
        "tenant_id": item.subject.link.tenant_id,
        "link_id": item.subject.link.id,
        "read_at": now,
        "doc_status": seen.status.value,
        "paid_minor": seen.paid_total.minor if seen.paid_total else None,
        "as_of": seen.as_of,
        "raw": seen.raw,
    }
    return plain.insert(ObservationRow, row)


def _link_values(item: Applied, words: str, now: datetime) -> dict[str, Any]:
    seen = item.observation
    values: dict[str, Any] = {"digest": words, "observed_at": now}
    if seen.status is DocStatus.UNKNOWN:
        return values
    values["doc_status"] = seen.status.value
    optional = {
        "as_of": seen.as_of,
        "version": seen.version,
        "external_number": seen.number,
        "pay_url": seen.links.pay_url,
        "pdf_url": seen.links.pdf_url,
        "view_url": seen.links.view_url,
        "provider_due_on": seen.due_on,
        "provider_total_minor": seen.total.minor if seen.total else None,
    }
    return values | {name: value for name, value in optional.items() if value is not None}


def _write(subject: Subject, change: Change, evidence: int | None, now: datetime) -> None:
    invoice, link, after = subject.invoice, subject.link, change.standing
    for item in change.new_facts:
        Payment.insert(_payment_values(subject, item, evidence, now)).on_conflict_ignore().execute()
    status = {
        "payment_status": after.status.value,
        "paid_minor": after.paid.minor,
        "due_minor": after.due.minor,
        "refunded_minor": after.refunded.minor,
        "paid_at": after.paid_at,
        "payment_method": after.method,
        "transaction_id": after.transaction_id,
        "status_at": now,
    }
    plain.update(Invoice, "id", invoice.id, status)
    data = {
        "from": change.before.value,
        "to": after.status.value,
        "due": after.due.text,
        "paid": after.paid.text,
        "currency": invoice.currency,
        "evidence": evidence,
        "alarming": change.alarming,
        "sentence": change.sentence,
    }
    events.append(
        invoice.tenant_id,
        event_type(change),
        now=now,
        invoice_id=invoice.id,
        customer_id=invoice.customer_id,
        integration_id=link.integration_id,
        data=data,
    )
    if change.moves:
        audit.append(
            invoice.tenant_id,
            actor="daemon",
            action=event_type(change),
            subject=invoice.id,
            data={"from": data["from"], "to": data["to"], "due": data["due"], "evidence": evidence},
            now=now,
        )


def event_type(change: Change) -> str:
    """`payment.reversed` where a debt re-opens; else the status that the invoice moved to."""
    if change.alarming == "reopened":
        return "payment.reversed"
    if change.observation.status is DocStatus.MISSING:
        return "invoice.missing"
    if change.before is not change.standing.status:
        return f"invoice.{change.standing.status.value}"
    return "payment.noted" if change.new_facts else "invoice.observed"


def _payment_values(subject: Subject, item: KnownFact, evidence: int | None, now: datetime) -> dict[str, Any]:
    fact = item.fact
    return {
        "tenant_id": subject.invoice.tenant_id,
        "integration_id": subject.link.integration_id,
        "invoice_id": subject.invoice.id,
        "external_id": fact.external_id,
        "kind": fact.kind.value,
        "revision": item.revision,
        "amount_minor": fact.amount.minor,
        "currency": fact.amount.currency,
        "at": fact.at,
        "method": fact.method,
        "transaction_id": fact.transaction_id,
        "reverses": fact.reverses.value if fact.reverses else None,
        "observation_id": evidence,
        "beside_minor": fact.beside.minor if fact.beside else None,
        "seen_at": now,
    }


def evidence_of(observation_id: int) -> tuple[datetime, dict[str, Any]] | None:
    """When a document was read, and the document."""
    row = ObservationRow.get_or_none(ObservationRow.id == observation_id)
    return None if row is None else (row.read_at, row.raw)


def fingerprint(at: datetime, raw: dict[str, Any]) -> str:
    """A short name for a piece of evidence, the same wherever it is computed."""
    return hashlib.sha256(f"{to_micros(at)}{canonical(raw)}".encode()).hexdigest()[:12]
