"""What the store hands out: plain values with the columns' names, safe to carry across threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, ClassVar, Self

import peewee as pw

from daemon.model import Document
from daemon.store import plain, tables


@dataclass(frozen=True, slots=True)
class Record:
    """A row as a value. `table` is where it comes from; the fields are the columns that it reads."""

    table: ClassVar[type[tables.Table]]

    @classmethod
    def columns(cls) -> list[pw.Field]:
        return [getattr(cls.table, field.name) for field in fields(cls)]

    @classmethod
    def select(cls, *where: Any, order: Any = None, limit: int | None = None) -> Iterator[Self]:
        written, read = _way(cls)
        query = cls.table.select(written)
        if where:
            query = query.where(*where)
        if order is not None:
            query = query.order_by(*(order if isinstance(order, tuple) else (order,)))
        if limit is not None:
            query = query.limit(limit)
        for row in plain.fetch(*query.sql()):
            yield cls(*(one(value) for one, value in zip(read, row, strict=True)))

    @classmethod
    def by(cls, key: str, wanted: Sequence[Any], order: str | None = None) -> list[Self]:
        """The rows whose column `key` is one of `wanted`: the quick way, for the hot paths."""
        names = [field.name for field in fields(cls)]
        return [cls(*row) for row in plain.select(cls.table, names, key, wanted, order=order)]

    @classmethod
    def first(cls, *where: Any) -> Self | None:
        return next(iter(cls.select(*where, limit=1)), None)


def _way(kind: type[Record]) -> tuple[pw.SQL, list[Callable[[Any], Any]]]:
    """Its columns, written once (peewee would write each of them anew for every question), and how each is
    read. The table asked is the first to be named in a statement, so that it is always "t1" there."""
    found = _WAYS.get(kind)
    if found is None:
        columns = kind.columns()
        written = pw.SQL(", ".join(f'"t1"."{field.column_name}"' for field in columns))
        found = _WAYS[kind] = written, [field.python_value for field in columns]
    return found


_WAYS: dict[type[Record], tuple[pw.SQL, list[Callable[[Any], Any]]]] = {}


@dataclass(frozen=True, slots=True)
class Tenant(Record):
    table = tables.Tenant
    id: str
    reference: str
    name: str
    zone: str
    currency: str
    letterhead: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Customer(Record):
    table = tables.Customer
    id: str
    tenant_id: str
    reference: str
    name: str
    email: str | None
    phone: str | None
    address: Mapping[str, str]
    may_connect: bool
    service_status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Integration(Record):
    table = tables.Integration
    id: str
    tenant_id: str
    customer_id: str | None
    provider: str
    mode: str
    label: str
    state: str
    account_id: str | None
    account_name: str | None
    settings: Document
    create_automatically: bool
    pull_status: bool
    pace: str
    approved: bool
    base_url: str | None
    fault_code: str | None
    fault_text: str | None
    fault_at: datetime | None
    cursor: Document | None
    next_poll_at: datetime | None
    resume_at: datetime | None
    polled_at: datetime | None
    pushed_at: datetime | None
    tested_at: datetime | None
    test_missing: list[str]
    budget: Document
    breaker: Document
    brake: Document | None
    lease_owner: str | None
    lease_until: datetime | None
    fence: int
    webhook_id: str | None
    webhook_url: str | None
    webhook_seen_at: datetime | None
    grant_id: str | None
    duty: str
    follows_id: str | None
    created_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class App(Record):
    table = tables.App
    id: str
    provider: str
    mode: str
    client_id: str
    redirect_uri: str
    label: str
    created_at: datetime
    removed_at: datetime | None

    @property
    def tenant_id(self) -> str:
        """It belongs to the platform, whose secrets are sealed under a word that no tenant has."""
        return "*"


@dataclass(frozen=True, slots=True)
class Grant(Record):
    table = tables.Grant
    id: str
    tenant_id: str
    app_id: str
    provider: str
    mode: str
    state: str
    scopes: list[str]
    refresh_started_at: datetime | None
    refreshed_at: datetime
    access_expires_at: datetime
    refresh_expires_at: datetime | None
    hard_expires_at: datetime | None
    warned_days: int | None
    fault_code: str | None
    fault_text: str | None
    fault_at: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    fence: int
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Consent(Record):
    table = tables.Consent
    id: str
    tenant_id: str
    customer_id: str | None
    app_id: str
    provider: str
    label: str
    settings: Document
    actor: str
    stage: str
    grant_id: str | None
    integration_id: str | None
    beside_id: str | None
    accounts: list[Document]
    fault_code: str | None
    fault_text: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Certificate(Record):
    table = tables.Certificate
    integration_id: str
    url: str
    pem: str | None
    wanted_at: datetime
    fetched_at: datetime | None
    tried_at: datetime | None
    fault: str | None

    @property
    def is_wanted(self) -> bool:
        return self.fetched_at is None or self.fetched_at < self.wanted_at


@dataclass(frozen=True, slots=True)
class Invoice(Record):
    table = tables.Invoice
    id: str
    tenant_id: str
    customer_id: str
    number: str
    reference: str
    currency: str
    total_minor: int
    issued_on: date
    due_on: date
    memo: str | None
    digest: str
    created_at: datetime
    payment_status: str
    paid_minor: int
    due_minor: int
    refunded_minor: int
    paid_at: datetime | None
    payment_method: str | None
    transaction_id: str | None
    status_at: datetime


@dataclass(frozen=True, slots=True)
class Line(Record):
    table = tables.Line
    invoice_id: str
    position: int
    description: str
    net_minor: int
    tax_minor: int
    tax_rate: str | None
    quantity: str | None


@dataclass(frozen=True, slots=True)
class Link(Record):
    table = tables.Link
    id: str
    tenant_id: str
    customer_id: str
    invoice_id: str
    integration_id: str | None
    state: str
    reference: str | None
    external_id: str | None
    external_number: str | None
    attempts: int
    first_tried_at: datetime | None
    next_push_at: datetime | None
    void_requested_at: datetime | None
    pushed_at: datetime | None
    fault_code: str | None
    fault_text: str | None
    doc_status: str | None
    digest: str | None
    as_of: datetime | None
    version: int | None
    observed_at: datetime | None
    last_pulled_at: datetime | None
    next_pull_at: datetime | None
    pay_url: str | None
    pdf_url: str | None
    view_url: str | None
    provider_due_on: date | None
    provider_total_minor: int | None
    told_at: datetime | None


@dataclass(frozen=True, slots=True)
class Payment(Record):
    table = tables.Payment
    id: int
    invoice_id: str
    integration_id: str
    external_id: str
    kind: str
    revision: int
    amount_minor: int
    currency: str
    at: datetime | None
    method: str | None
    transaction_id: str | None
    reverses: str | None
    observation_id: int | None
    beside_minor: int | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Hint(Record):
    table = tables.Hint
    id: int
    tenant_id: str
    integration_id: str
    event_id: str
    ref: str | None
    source: str
    kind: str
    received_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Event(Record):
    table = tables.Event
    id: int
    tenant_id: str
    type: str
    customer_id: str | None
    invoice_id: str | None
    integration_id: str | None
    data: Document
    at: datetime
    seq: int | None
    uid: str | None


@dataclass(frozen=True, slots=True)
class Run(Record):
    table = tables.Run
    id: int
    job: str
    integration_id: str | None
    period: str | None
    started_at: datetime
    finished_at: datetime | None
    counts: Document
    fault_code: str | None
    fault_text: str | None


@dataclass(frozen=True, slots=True)
class AuditRow(Record):
    table = tables.Audit
    tenant_id: str
    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    data: Document
    prev: str
    hash: str
