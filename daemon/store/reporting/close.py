"""What a month's close is reckoned from: each invoice that the month is about, with its facts before it and
in it; and what was learned about it later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime

from daemon.clock import from_micros
from daemon.store.reporting.asking import ask
from daemon.store.reporting.facts import COUNTED
from daemon.store.reporting.positions import CLOSED_AT


@dataclass(frozen=True, slots=True)
class Line:
    """An invoice; sums in minor units. `…_before` are those of its facts before the month, the others those
    in it; what was taken back of refunds and credits is taken off them; `entered` is what was entered here
    beside the provider's payments. `provider_total` is what its document came to when it was last read, at
    `read_at`."""

    invoice_id: str
    number: str
    integration_id: str | None
    currency: str
    issued_on: date
    total: int
    payment_status: str
    sync: str
    doc_status: str | None
    provider_total: int | None
    read_at: datetime | None
    fault_code: str | None
    fault_text: str | None
    closed_at: datetime | None
    paid_before: int
    undone_before: int
    entered_before: int
    credited_before: int
    written_off_before: int
    paid: int
    undone: int
    entered: int
    credited: int
    written_off: int
    refunded: int


_MOMENTS = ("read_at", "closed_at")
_NAMES = [field.name for field in fields(Line)]


def lines(
    tenant_id: str, *, first: date, last: date, since: datetime, until: datetime, offset: int
) -> Iterator[Line]:
    """Of invoices that are dated in the month, that had something left before it, or on which money moved in
    it. `since` and `until` are the month's moments; `offset` is the zone's, in microseconds."""
    values = {"tenant": tenant_id, "first": first, "last": last, "since": since, "until": until}
    for row in ask(_LINES, offset=offset, **values):
        said = dict(zip(_NAMES, row, strict=True))
        for name in _MOMENTS:
            said[name] = from_micros(said[name]) if said[name] is not None else None
        said["issued_on"] = date.fromisoformat(said["issued_on"])
        for name in _NAMES[_NAMES.index("paid_before") :]:
            said[name] = int(said[name] or 0)
        yield Line(**said)


@dataclass(frozen=True, slots=True)
class Later:
    """Something about a month that was learned after a moment. `what` is the fact's kind, or "invoice"."""

    invoice_id: str
    number: str
    integration_id: str | None
    what: str
    amount: int
    currency: str
    seen_at: datetime


def learned_since(tenant_id: str, *, last: date, until: datetime, after: datetime) -> list[Later]:
    """Invoices of the month, or earlier ones, that were entered after `after`, and facts from before the
    month's end that were first seen, or given up, since. (A void counts when it is seen: never in a month
    that is over.)"""
    values = {"tenant": tenant_id, "last": last, "until": until, "after": after}
    rows = ask(_LATER, **values)
    return [
        Later(invoice_id, number, integration_id, what, int(amount), currency, from_micros(int(seen)))
        for invoice_id, number, integration_id, what, amount, currency, seen in rows
    ]


def _told(kind: str, where: str) -> str:
    return f"SUM(CASE WHEN kind = '{kind}' AND {where} THEN amount_minor ELSE 0 END)"


def _undone(kind: str, where: str) -> str:
    return (
        f"SUM(CASE WHEN kind = 'reversal' AND reverses = '{kind}' AND {where} THEN amount_minor ELSE 0 END)"
    )


_BEFORE, _IN = "moment < :since", "moment >= :since AND moment < :until"

_SUMS = f"""
SELECT invoice_id,
       {_told("payment", _BEFORE)} AS paid_before, {_undone("payment", _BEFORE)} AS undone_before,
       {_told("entered", _BEFORE)} AS entered_before, {_told("entered", _IN)} AS entered,
       {_told("credit", _BEFORE)} - {_undone("credit", _BEFORE)} AS credited_before,
       {_told("write_off", _BEFORE)} - {_undone("write_off", _BEFORE)} AS written_off_before,
       {_told("payment", _IN)} AS paid, {_undone("payment", _IN)} AS undone,
       {_told("credit", _IN)} - {_undone("credit", _IN)} AS credited,
       {_told("write_off", _IN)} - {_undone("write_off", _IN)} AS written_off,
       {_told("refund", _IN)} - {_undone("refund", _IN)} AS refunded,
       MAX(CASE WHEN {_IN} THEN 1 ELSE 0 END) AS moved
FROM ({COUNTED}) counted
WHERE moment < :until
GROUP BY invoice_id
"""

_LINES = f"""
SELECT i.id, i.number, l.integration_id, i.currency, i.issued_on, i.total_minor, i.payment_status,
       l.state, l.doc_status, l.provider_total_minor, l.last_pulled_at, l.fault_code, l.fault_text,
       CASE WHEN i.payment_status IN ('void', 'uncollectible') THEN {CLOSED_AT} END,
       f.paid_before, f.undone_before, f.entered_before, f.credited_before, f.written_off_before,
       f.paid, f.undone, f.entered, f.credited, f.written_off, f.refunded
FROM invoice i
LEFT JOIN link l ON l.invoice_id = i.id
LEFT JOIN ({_SUMS}) f ON f.invoice_id = i.id
WHERE i.tenant_id = :tenant
  AND (f.moved = 1 OR (i.issued_on >= :first AND i.issued_on <= :last)
       OR (i.issued_on < :first AND i.total_minor <>
           COALESCE(f.paid_before, 0) - COALESCE(f.undone_before, 0) + COALESCE(f.entered_before, 0)
           + COALESCE(f.credited_before, 0) + COALESCE(f.written_off_before, 0)))
ORDER BY i.id
"""

_LATER = """
SELECT i.id, i.number, l.integration_id, 'invoice' AS what, i.total_minor, i.currency, i.created_at AS seen
FROM invoice i LEFT JOIN link l ON l.invoice_id = i.id
WHERE i.tenant_id = :tenant AND i.issued_on <= :last AND i.created_at > :after
UNION ALL
SELECT i.id, i.number, p.integration_id, p.kind, p.amount_minor, p.currency, p.seen_at
FROM payment p JOIN invoice i ON i.id = p.invoice_id
WHERE p.tenant_id = :tenant AND p.seen_at > :after
  AND (COALESCE(p.at, p.seen_at) < :until OR EXISTS (
    SELECT 1 FROM payment o
    WHERE o.invoice_id = p.invoice_id AND COALESCE(o.at, o.seen_at) < :until
      AND p.external_id = 'gone:' || o.kind || ':' || o.external_id))
ORDER BY 2, 7
"""
