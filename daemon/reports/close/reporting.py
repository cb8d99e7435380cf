"""The close of a month as a report: the sums of each account and currency, what differs, and what changed
since it was closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from daemon.money import Money
from daemon.office.state import counted
from daemon.reports.accounts import name_of
from daemon.reports.asking import Asked
from daemon.reports.close import differing
from daemon.reports.close.differing import Apart, Known
from daemon.reports.close.reckoning import FIGURES, Key, Month, Sums, reckoned
from daemon.reports.close.since import changes, later
from daemon.reports.periods import Month as CalendarMonth
from daemon.reports.shape import Column, Kind, Part, Report, Row
from daemon.reports.sums import per_currency
from daemon.reports.writing.cells import shown
from daemon.store import closes, differences, integrations, records, sweeps
from daemon.store.closes import Closed
from daemon.store.reporting import close
from daemon.store.reporting.close import Line

TITLE = "Close of a month"

HEADINGS = {
    "billed": "Billed",
    "withdrawn": "Withdrawn",
    "pushed": "Pushed",
    "ledger": "Provider's ledger",
    "apart": "Apart",
    "opening": "Opening",
    "payments": "Payments",
    "taken_back": "Taken back",
    "refunded": "Refunded",
    "credited": "Credited",
    "written_off": "Written off",
    "voided": "Voided",
    "ahead": "Paid ahead",
    "closing": "Closing",
}

COLUMNS = (
    Column("account", "Account"),
    Column("currency", "Currency"),
    Column("invoices", "Invoices", Kind.COUNT),
    *(Column(key, heading, Kind.MONEY) for key, heading in HEADINGS.items()),
)

APART = (
    Column("number", "Invoice"),
    Column("account", "Account"),
    Column("currency", "Currency"),
    Column("amount", "Apart", Kind.MONEY),
    Column("read_at", "Read", Kind.MOMENT),
    Column("sentence", "What differs"),
    Column("command", "Command"),
)

NOTES = (
    "An invoice belongs to the month of its date; money to the month, in the tenant's zone, in which the "
    "provider says that it moved; a void to the month in which it was seen here.",
    "billed = pushed + withdrawn (voided before it was sent), and pushed = the provider's ledger.",
    "Opening + billed - payments + taken back - credited - written off - voided + paid ahead = closing. A "
    "refund gives money back and leaves nothing owed: it stands beside.",
)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What is known of a month: its sums, what differs, and the accounts by id."""

    month: CalendarMonth
    span: Month
    sums: Mapping[Key, Sums]
    apart: Sequence[Apart]
    accounts: Mapping[str, records.Integration]
    reads: Mapping[str, tuple[datetime, datetime, int]]
    closed: Closed | None

    @property
    def ties(self) -> bool:
        return not self.apart


def report(asked: Asked) -> Report:
    asked.takes("month")
    known = reckon(asked)
    changed = changes(known.closed, known.sums) if known.closed else ()
    rows = tuple(_row(key, sums, known) for key, sums in sorted(known.sums.items(), key=_place))
    return Report(
        name="close",
        title=TITLE,
        tenant=asked.tenant,
        as_of=asked.now,
        parameters={"month": str(known.month)},
        columns=COLUMNS,
        rows=rows,
        totals=per_currency(rows, COLUMNS),
        notes=(*NOTES, *_freshness(asked, known), *_brakes(known)),
        parts=(_differences(known), *_since(asked, known, changed)),
        verdict=" ".join([verdict(known, asked.now), *_said_of_closing(known, len(changed))]),
        well=known.ties and not changed,
    )


def reckon(asked: Asked) -> Reckoned:
    """Raises InvalidInput."""
    month = asked.month()
    span = Month(month.first, month.last, month.since(asked.zone), month.until(asked.zone))
    accounts = {row.id: row for row in integrations.listing(asked.tenant.id, removed=True)}
    rows = list(
        close.lines(
            asked.tenant.id,
            first=span.first,
            last=span.last,
            since=span.since,
            until=span.until,
            offset=asked.offset,
        )
    )
    waiting = differences.waiting(asked.tenant.id)
    of_invoice = {
        row.invoice_id: row for row in waiting if row.invoice_id and row.kind in differing.OF_AN_INVOICE
    }
    issued = {line.invoice_id: line.issued_on for line in rows}
    beyond = differing.beyond(waiting, span, issued, asked.tenant.currency)
    sums = reckoned(rows, span)
    for one in beyond:
        there = sums.setdefault((one.integration_id, one.currency), Sums())
        there.ledger += one.amount.minor if one.amount else 0
    return Reckoned(
        month=month,
        span=span,
        sums=sums,
        apart=[*differing.apart(rows, span, Known(accounts, of_invoice)), *beyond],
        accounts=accounts,
        reads=_reads(rows, span),
        closed=closes.of(asked.tenant.id, str(month)),
    )


def _reads(rows: Iterable[Line], span: Month) -> dict[str, tuple[datetime, datetime, int]]:
    """By account: when the first and the last of the month's invoices was read, and how many were read before
    the month was over."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for line in rows:
        if line.integration_id and line.read_at and span.has(line.issued_on):
            found[line.integration_id].append(line.read_at)
    return {
        name: (min(moments), max(moments), sum(moment < span.until for moment in moments))
        for name, moments in found.items()
    }


# --- words --------------------------------------------------------------------------------------------


def verdict(known: Reckoned, now: datetime) -> str:
    """The answer in one sentence."""
    words = known.month.words
    over = now >= known.span.until
    begin = words if over else f"{words} is not over; so far it"
    if known.ties:
        return f"{begin} ties to the cent."
    amounts: dict[str, list[int]] = defaultdict(list)
    unknown = sum(one.amount is None for one in known.apart)
    for one in known.apart:
        if one.amount is not None:
            amounts[one.currency].append(abs(one.amount.minor))
    said = [
        f"{Money(sum(minors), currency)} on {counted(len(minors), 'invoice')}"
        for currency, minors in sorted(amounts.items())
    ]
    if unknown:
        said.append(f"{counted(unknown, 'invoice')} whose amount at the provider is not known")
    return f"{begin} does not tie: {'; '.join(said)}."


def _said_of_closing(known: Reckoned, changed: int) -> list[str]:
    row = known.closed
    if row is None:
        return []
    begin = f"Closed by {row.closed_by} on {shown(row.closed_at)}"
    if not changed:
        return [f"{begin}; nothing changed since."]
    figures = "1 figure is" if changed == 1 else f"{changed} figures are"
    return [f"{begin}; since then {figures} not what {'it was' if changed == 1 else 'they were'}."]


def _freshness(asked: Asked, known: Reckoned) -> list[str]:
    """How fresh the provider's side is."""
    passes = sweeps.of_all(list(known.reads))
    said = []
    for name, (first, last, early) in sorted(known.reads.items()):
        proven = passes[name].proven_at if name in passes else None
        text = (
            f"{account(known, name)}: the month's invoices were read between {shown(first)} and {shown(last)}"
        )
        text += f"; both books were proven equal at {shown(proven)}" if proven else ""
        if early and asked.now >= known.span.until:
            text += f"; {counted(early, 'invoice')} before the month was over"
            text += " (wispbill sweep reads the open ones)"
        said.append(f"{text}.")
    return said


def _brakes(known: Reckoned) -> list[str]:
    rows = (row for row in known.accounts.values() if row.brake and not row.brake.get("released"))
    return [f"The brake holds {row.brake.get('count')} changes at {row.id}." for row in rows if row.brake]


def account(known: Reckoned, name: str | None) -> str:
    row = known.accounts.get(name or "")
    return name_of(row) if row else "none yet"


# --- tables -------------------------------------------------------------------------------------------


def _place(item: tuple[Key, Sums]) -> tuple[str, str]:
    (name, currency), _sums = item
    return name or "", currency


def _row(key: Key, sums: Sums, known: Reckoned) -> Row:
    name, currency = key
    money = {figure: Money(getattr(sums, figure), currency) for figure in (*FIGURES[1:], "apart")}
    return {
        "account": account(known, name),
        "integration_id": name,
        "currency": currency,
        "invoices": sums.invoices,
        **money,
    }


def _differences(known: Reckoned) -> Part:
    rows = tuple(
        {
            "number": one.number,
            "invoice_id": one.invoice_id,
            "account": account(known, one.integration_id),
            "currency": one.currency,
            "amount": one.amount,
            "read_at": one.read_at,
            "sentence": one.sentence,
            "command": one.command,
        }
        for one in known.apart
    )
    return Part("differences", "What differs", APART, rows)


def _since(asked: Asked, known: Reckoned, changed: Sequence[Row]) -> list[Part]:
    if known.closed is None:
        return []
    parts = later(asked.tenant.id, known.closed, known.span, changed)
    return [replace(part, rows=tuple(_named(row, known) for row in part.rows)) for part in parts]


def _named(row: Row, known: Reckoned) -> Row:
    name = row.get("integration_id")
    return {**row, "account": account(known, str(name) if name else None)}
