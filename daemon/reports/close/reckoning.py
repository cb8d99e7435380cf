"""The arithmetic of a close, in minor units: one invoice's part, and the sums of each account and currency.

Receivables: opening + billed - payments + taken back - credited - written off - voided + ahead = closing.
`ahead` is what was paid beyond what was owed, or before the invoice was dated, less what of that was used up.
The ledgers: billed = pushed + withdrawn, and the provider's documents come to as much as was pushed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime

from daemon.model import DocStatus, PaymentStatus, SyncState
from daemon.store.reporting.close import Line

GONE = (DocStatus.VOID, DocStatus.MISSING)


@dataclass(slots=True)
class Sums:
    """Of an account and a currency."""

    invoices: int = 0
    billed: int = 0
    withdrawn: int = 0
    pushed: int = 0
    ledger: int = 0
    opening: int = 0
    payments: int = 0
    taken_back: int = 0
    refunded: int = 0
    credited: int = 0
    written_off: int = 0
    voided: int = 0
    ahead: int = 0
    closing: int = 0

    def add(self, other: Sums) -> None:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    @property
    def apart(self) -> int:
        """What the provider's ledger has more than was billed; 0 where they tie, pushed in between."""
        return self.ledger + self.withdrawn - self.billed


FIGURES = tuple(field.name for field in fields(Sums))

Key = tuple[str | None, str]
"""(integration, currency)."""


@dataclass(frozen=True, slots=True)
class Month:
    """`since` and `until` are the moments at which the days from `first` to `last` begin and are over."""

    first: date
    last: date
    since: datetime
    until: datetime

    def has(self, day: date) -> bool:
        return self.first <= day <= self.last


def reckoned(lines: Iterable[Line], month: Month) -> dict[Key, Sums]:
    """By account and currency."""
    found: dict[Key, Sums] = {}
    for line in lines:
        found.setdefault((line.integration_id, line.currency), Sums()).add(part_of(line, month))
    return found


def part_of(line: Line, month: Month) -> Sums:
    """What an invoice contributes. One that is dated later is no receivable yet: payments on it are ahead."""
    part = Sums(payments=line.paid + line.entered, taken_back=line.undone, refunded=line.refunded)
    if line.issued_on <= month.last:
        _owed(part, line, month)
    if month.has(line.issued_on):
        part.invoices, part.billed = 1, line.total
        part.pushed, part.withdrawn, part.ledger = pushed(line), withdrawn(line), ledger(line) or 0
    explained = part.opening + part.billed - part.payments + part.taken_back
    explained -= part.credited + part.written_off + part.voided
    part.ahead = part.closing - explained
    return part


def _owed(part: Sums, line: Line, month: Month) -> None:
    after = _stood(line, month, before=False)
    before = _stood(line, month, before=True) if line.issued_on < month.first else _NOTHING
    part.opening, part.closing = before.due, after.due
    part.credited = after.credited - before.credited
    part.written_off = after.written_off - before.written_off
    if line.payment_status == PaymentStatus.UNCOLLECTIBLE:
        part.written_off += after.left - before.left
    else:
        part.voided = after.left - before.left


# --- the ledgers --------------------------------------------------------------------------------------


def pushed(line: Line) -> int:
    return line.total if line.sync == SyncState.SYNCED else 0


def withdrawn(line: Line) -> int:
    """Voided before the provider ever had it."""
    return line.total if line.sync != SyncState.SYNCED and line.payment_status == PaymentStatus.VOID else 0


def ledger(line: Line) -> int | None:
    """What the provider's document comes to; None where it was never read. What both sides call void was
    billed there as it was here."""
    if line.sync != SyncState.SYNCED:
        return 0
    if line.doc_status in GONE:
        return line.total if line.payment_status == PaymentStatus.VOID else 0
    return line.provider_total


# --- what is owed -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stood:
    """Where an invoice stood at a moment: owed, credited, written off; `left` was owed and given up, since
    the invoice is void or uncollectible."""

    due: int
    credited: int
    written_off: int
    left: int


_NOTHING = _Stood(0, 0, 0, 0)


def _stood(line: Line, month: Month, *, before: bool) -> _Stood:
    """As `reconcile.fold` has it, before the month or after it."""
    paid, undone, entered = line.paid_before, line.undone_before, line.entered_before
    credited, written_off = line.credited_before, line.written_off_before
    if not before:
        paid, undone, entered = paid + line.paid, undone + line.undone, entered + line.entered
        credited, written_off = credited + line.credited, written_off + line.written_off
    credited, written_off = max(credited, 0), max(written_off, 0)
    open_ = max(line.total - credited - written_off - max(paid - undone, 0) - entered, 0)
    end = month.since if before else month.until
    if line.closed_at is not None and line.closed_at < end:
        return _Stood(0, credited, written_off, open_)
    return _Stood(open_, credited, written_off, 0)
