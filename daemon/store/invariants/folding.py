"""What is computed from rows read in the order of their ids, so that memory stays flat however many
invoices there are: folds of payments, the last word of events, digests, numbers, the audit."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from daemon.clock import from_micros
from daemon.errors import InvalidInput
from daemon.model import DocStatus, Fact, FactKind, PaymentStatus
from daemon.money import Money
from daemon.policy.numbering import DEFAULT, NumberFormat
from daemon.reconcile import KnownFact, fold
from daemon.store import audit
from daemon.store.fields import canonical
from daemon.store.invariants.asking import Found, rows
from daemon.store.tables import Numbering

_FACTS = """
SELECT i.id, i.total_minor, i.currency, i.payment_status, i.paid_minor, i.due_minor, i.refunded_minor,
       l.doc_status, p.kind, p.external_id, p.amount_minor, p.currency, p.reverses, p.revision, p.at,
       p.beside_minor
FROM invoice i
LEFT JOIN link l ON l.invoice_id = i.id
LEFT JOIN payment p ON p.invoice_id = i.id
WHERE (p.id IS NOT NULL OR i.payment_status <> 'open' OR i.paid_minor <> 0 OR i.due_minor <> i.total_minor
   OR i.refunded_minor <> 0 OR l.doc_status NOT IN ('open', 'missing'))
  AND NOT (i.payment_status = 'paid' AND i.paid_minor = i.total_minor AND i.due_minor = 0
   AND i.refunded_minor = 0 AND i.total_minor > 0 AND l.doc_status IN ('open', 'paid')
   AND (SELECT COUNT(*) FROM payment q WHERE q.invoice_id = i.id) = 1 AND p.kind = 'payment'
   AND p.revision = 0 AND p.amount_minor = i.total_minor AND p.currency = i.currency)
ORDER BY i.id, p.id
"""
"""One without payments that is plainly open, or with one payment of all of it that is plainly paid, needs no
arithmetic here."""

Columns = tuple[str, int, int, int]


def folds() -> Found:
    head: tuple[Any, ...] | None = None
    facts: list[tuple[Any, ...]] = []
    for row in rows(_FACTS):
        if head is not None and row[0] != head[0]:
            yield from _unfolded(head, facts)
            facts = []
        head = row
        if row[8] is not None:
            facts.append(row[8:])
    if head is not None:
        yield from _unfolded(head, facts)


def _unfolded(head: tuple[Any, ...], told: list[tuple[Any, ...]]) -> Found:
    invoice_id, total, currency, *columns, doc = head[:8]
    try:
        facts = [_fact(row) for row in told]
        wanted = {_columns(Money(total, currency), facts, status) for status in _docs(doc)}
    except (ValueError, InvalidInput) as error:
        yield invoice_id, f"its payments cannot be folded: {error}"
        return
    if tuple(columns) not in wanted:
        is_, was = "/".join(map(str, min(wanted))), "/".join(map(str, columns))
        yield invoice_id, f"status/paid/due/refunded are {was}, its payments say {is_}"


def _fact(row: tuple[Any, ...]) -> KnownFact:
    kind, external_id, amount, currency, reverses, revision, at, beside = row
    return KnownFact(
        Fact(
            FactKind(kind),
            external_id,
            Money(amount, currency),
            from_micros(at) if at is not None else None,
            reverses=FactKind(reverses) if reverses else None,
            beside=Money(beside, currency) if beside is not None else None,
        ),
        revision,
    )


def _columns(total: Money, facts: list[KnownFact], doc: DocStatus | None) -> Columns:
    after = fold(total, facts, doc)
    return after.status.value, after.paid.minor, after.due.minor, after.refunded.minor


def _docs(doc: str | None) -> list[DocStatus | None]:
    """A document that is gone leaves what was known of it before, which the row no longer tells."""
    if doc == DocStatus.MISSING:
        return [None, *(x for x in DocStatus if x not in (DocStatus.MISSING, DocStatus.UNKNOWN))]
    return [DocStatus(doc) if doc else None]


# --- events -------------------------------------------------------------------------------------------

_LAST_TOLD = """
SELECT i.id, i.payment_status, e.data
FROM invoice i
LEFT JOIN event e ON e.id = (
    SELECT MAX(x.id) FROM event x
    WHERE x.invoice_id = i.id AND x.type IN ({types})
)
"""

STATUS_EVENTS = (
    *(f"invoice.{status.value}" for status in PaymentStatus),
    "payment.reversed",
    "payment.noted",
    "invoice.missing",
    "invoice.observed",
)


def untold() -> Found:
    """The last event of a change of status says the status that the invoice has."""
    types = ", ".join(f"'{name}'" for name in STATUS_EVENTS)
    for invoice_id, status, data in rows(_LAST_TOLD.format(types=types)):
        told = _to(data)
        if told is None and status != PaymentStatus.OPEN:
            yield invoice_id, f"it is {status}, and no event says how it became so"
        elif told is not None and told != status:
            yield invoice_id, f"it is {status}, its last event says {told}"


def _to(data: object) -> str | None:
    document = json.loads(data) if isinstance(data, str) else data
    return document.get("to") if isinstance(document, dict) else None


# --- audit and numbers --------------------------------------------------------------------------------


def chains() -> Found:
    _count, broken = audit.verify()
    for one in broken:
        yield one.tenant_id, f"the audit chain breaks at row {one.seq}: {one.reason}"


def digests() -> Found:
    """What an invoice asks for is what was entered: its digest fits its facts and lines."""
    head: list[Any] = []
    lines: list[list[Any]] = []
    for row in rows(_LINES):
        of_invoice, (position, *line) = list(row[:8]), row[8:]
        if head and of_invoice[0] != head[0]:
            yield from _changed(head, lines)
            lines = []
        head = of_invoice
        if position is not None:
            lines.append(line)
    if head:
        yield from _changed(head, lines)


def _changed(head: list[Any], lines: list[list[Any]]) -> Found:
    invoice_id, *words, digest = head
    if hashlib.sha256(canonical([*words, lines]).encode()).hexdigest() != digest:
        yield str(invoice_id), "its facts or lines were changed since it was entered"


_LINES = """
SELECT i.id, i.customer_id, i.number, i.reference, i.currency, i.due_on, i.memo, i.digest,
       n.position, n.description, n.net_minor, n.tax_minor, n.tax_rate, n.quantity
FROM invoice i LEFT JOIN line n ON n.invoice_id = i.id
ORDER BY i.id, n.position
"""


def counters() -> Found:
    """No generated invoice has a number beyond the counter of its year."""
    formats = {row.tenant_id: row.format for row in Numbering.select()}
    counted = rows("SELECT tenant_id, year, last FROM counter")
    last = {(tenant, year): count for tenant, year, count in counted}
    for invoice_id, tenant, number, issued_on in rows(_GENERATED):
        form = NumberFormat(formats.get(tenant, DEFAULT))
        year = int(str(issued_on)[:4])
        count = last.get((tenant, form.year(year)), 0)
        given = _counter_in(form, year, number)
        if given is not None and given > count:
            yield invoice_id, f"number {number} was given out, the counter stands at {count}"


def _counter_in(form: NumberFormat, year: int, number: str) -> int | None:
    """None for a number of another format, or of the platform's own."""
    for found in re.finditer(r"\d+", number, re.ASCII):
        if form.number(year, int(found[0])) == number:
            return int(found[0])
    return None


_GENERATED = """
SELECT i.id, i.tenant_id, i.number, i.issued_on FROM invoice i
JOIN billed_period b ON b.invoice_id = i.id
"""
