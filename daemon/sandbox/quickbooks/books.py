"""The books of one company: records with their history, and the rules that hold for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from daemon.clock import Clock
from daemon.sandbox.quickbooks.answers import Refusal, stamp
from daemon.sandbox.quickbooks.tables import FIELDS, LENGTHS, LISTS

Row = dict[str, Any]


@dataclass(slots=True)
class Version:
    """A row as it was from `at` on; None: deleted. Rows are replaced, never changed in place."""

    at: datetime
    row: Row | None
    shown: Row | None = None


@dataclass(slots=True)
class Record:
    entity: str
    id: str
    created: datetime
    versions: list[Version] = field(default_factory=list)

    @property
    def row(self) -> Row | None:
        return self.versions[-1].row

    @property
    def updated(self) -> datetime:
        return self.versions[-1].at

    def as_of(self, moment: datetime) -> Row | None:
        """The document as a query gave it then; None where it was not there."""
        for place in range(len(self.versions) - 1, -1, -1):
            if self.versions[place].at <= moment:
                return self._shown(place)
        return None

    def document(self) -> Row:
        """As a read gives it; raises Refusal (610) where it is gone."""
        shown = self._shown(len(self.versions) - 1)
        if shown is None:
            raise gone(self.entity, self.id)
        return shown

    def tombstone(self) -> Row:
        moment = {"LastUpdatedTime": stamp(self.updated)}
        return {"domain": "QBO", "status": "Deleted", "Id": self.id, "MetaData": moment}

    def _shown(self, place: int) -> Row | None:
        version = self.versions[place]
        if version.shown is None and version.row is not None:
            version.shown = {
                "domain": "QBO",
                "sparse": False,
                "Id": self.id,
                "SyncToken": str(place),
                "MetaData": {"CreateTime": stamp(self.created), "LastUpdatedTime": stamp(version.at)},
                **version.row,
            }
        return version.shown


@dataclass(slots=True)
class Company:
    """What the owner has chosen. `tax_codes` give percent by id; in the US `tax_percent` is the one rate."""

    name: str = "Example Wireless"
    country: str = "US"
    home_currency: str = "USD"
    multicurrency: bool = False
    currencies: tuple[str, ...] = ()
    custom_numbers: bool = True
    subscription: str = "SUBSCRIBED"
    sales_tax: bool = False
    tax_percent: Decimal = Decimal(0)
    tax_codes: dict[str, Decimal] = field(default_factory=dict)
    closed_until: str = ""
    auto_apply: bool = False
    guards_numbers: bool = True
    """Whether a number in use is refused; it is not certain that QuickBooks guards invoices so."""
    bumps_paid: bool = True
    """Whether a payment changes the invoice's own version; not certain for every way of paying."""
    shows_currency: bool = True
    pays_online: bool = False


class Books:
    """`changed` are (entity, id, operation) not yet told to a webhook."""

    def __init__(self, clock: Clock, company: Company) -> None:
        self.clock, self.company = clock, company
        self.records: dict[str, dict[str, Record]] = {name: {} for name in (*FIELDS, *LISTS, "CreditMemo")}
        self.changed: list[tuple[str, str, str]] = []
        self.mails: list[tuple[str, str]] = []
        self._named: dict[tuple[str, str], dict[str, None]] = {}
        self._paying: dict[str, dict[str, None]] = {}
        self._transactions = 100
        self._names = 0

    # --- reading --------------------------------------------------------------------------------------

    def live(self, entity: str) -> Iterator[tuple[Record, Row]]:
        for record in self.records[entity].values():
            if record.row is not None:
                yield record, record.row

    def get(self, entity: str, ref: str) -> Record:
        """Raises Refusal (610)."""
        record = self.records[entity].get(ref)
        if record is None or record.row is None:
            raise gone(entity, ref)
        return record

    def documents(self, entity: str, moment: datetime, among: Iterable[str] | None = None) -> list[Row]:
        """All that stood at `moment`, as a query gives them; of `among` only, where that is given."""
        records = self.records[entity]
        some = records.values() if among is None else [records[ref] for ref in among if ref in records]
        return [row for record in some if (row := record.as_of(moment)) is not None]

    def named(self, entity: str, name: str) -> list[Record]:
        """Live records that bear this name, or number, now; names without regard to case."""
        refs = self._named.get((entity, name.lower()), ())
        found = [self.records[entity][ref] for ref in refs]
        return [one for one in found if one.row is not None and _name(entity, one.row) == name.lower()]

    def paying(self, invoice: str) -> list[Record]:
        """Live payments that have had a line to this invoice, oldest first."""
        found = [self.records["Payment"][ref] for ref in self._paying.get(invoice, ())]
        return [one for one in found if one.row is not None]

    def ids(self, entity: str, field_name: str, values: Iterable[str]) -> list[str] | None:
        """Ids that may have one of these values; None where there is no index of the field."""
        if field_name == "Id":
            return list(dict.fromkeys(values))
        if field_name not in ("DocNumber", "DisplayName"):
            return None
        return [ref for value in values for ref in self._named.get((entity, value.lower()), ())]

    def value(self, ref: Any, entity: str) -> Row:
        """What a reference points at; raises Refusal (2500, 610)."""
        name = ref.get("value") if isinstance(ref, dict) else None
        record = self.records[entity].get(name) if isinstance(name, str) else None
        if record is None or record.row is None:
            raise Refusal(
                "2500", "Invalid Reference Id", f"Invalid Reference Id : {entity} element id {name} not found"
            )
        if not record.row.get("Active", True):
            raise Refusal("610", "Object Not Found", f"{entity} {name} has been made inactive")
        return record.row

    # --- writing --------------------------------------------------------------------------------------

    def add(self, entity: str, row: Row) -> Record:
        now = self.clock.now()
        record = Record(entity, self._next_id(entity), now, [Version(now, row)])
        self.records[entity][record.id] = record
        self._index(record)
        self.changed.append((entity, record.id, "Create"))
        return record

    def put(self, record: Record, row: Row | None, operation: str = "Update") -> Record:
        record.versions.append(Version(self.clock.now(), row))
        self._index(record)
        self.changed.append((record.entity, record.id, operation))
        return record

    def quietly(self, record: Record, row: Row) -> None:
        """Amounts move, the record's version does not."""
        record.versions[-1].row, record.versions[-1].shown = row, None

    def current(self, entity: str, body: Row) -> Record:
        """The record that an update names, with the version that it names; raises Refusal (610, 5010)."""
        record = self.get(entity, str(body.get("Id")))
        if not isinstance(body.get("SyncToken"), str):
            raise Refusal("2020", "Required param missing", "Required parameter SyncToken is missing")
        if body["SyncToken"] != str(len(record.versions) - 1):
            raise Refusal(
                "5010", "Stale Object Error", "You and someone else were working on this", element="SyncToken"
            )
        return record

    def _index(self, record: Record) -> None:
        """What it bears now is added; what it bore is left, and looked at when it is used."""
        row = record.row or {}
        name = _name(record.entity, row)
        if name:
            self._named.setdefault((record.entity, name), {})[record.id] = None
        if record.entity == "Payment":
            for line in row.get("Line", ()):
                for link in line.get("LinkedTxn", ()):
                    self._paying.setdefault(link["TxnId"], {})[record.id] = None

    def _next_id(self, entity: str) -> str:
        if entity in LISTS:
            self._names += 1
            return str(self._names)
        self._transactions += 1
        return str(self._transactions)


def _name(entity: str, row: Row) -> str:
    return str(row.get("DocNumber" if entity == "Invoice" else "DisplayName") or "").lower()


def gone(entity: str, ref: str) -> Refusal:
    return Refusal(
        "610", "Object Not Found", f"Object Not Found : the {entity} {ref} has been deleted or made inactive"
    )


def check_fields(entity: str, body: Row) -> None:
    """Unknown fields, and texts that are too long; raises Refusal (2010, 2050)."""
    for name in body.keys() - FIELDS[entity]:
        raise Refusal("2010", "Request has invalid or unsupported property", f"Property Name: {name}")
    for owner, name, most in LENGTHS:
        value = body.get(name)
        if owner == entity and value is not None and (not isinstance(value, str) or len(value) > most):
            raise Refusal(
                "2050",
                "Invalid String length",
                f"Supplied value for {name} is too long; max:{most}",
                element=name,
            )


def required(body: Row, *names: str) -> None:
    for name in names:
        if body.get(name) in (None, "", [], {}):
            raise Refusal(
                "2020", "Required param missing, need to supply", f"Required parameter {name}", element=name
            )


def amount(value: Any, name: str) -> Decimal:
    """A JSON number of at most 10.5 digits; raises Refusal."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refusal("2170", "Invalid Number", f"{name} is not a number", element=name)
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if abs(number) >= 10**10 or not isinstance(exponent, int) or exponent < -5:
        raise Refusal("2170", "Invalid Number", f"{name} has too many digits", element=name)
    return number
