"""A database that has been at work for a year: many invoices, most of them paid, with all that hangs on
them. Written row by row below the store, which would take its time over the audit of each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from daemon.clock import from_micros, to_micros
from daemon.house import House
from daemon.model.ids import CUSTOMER, INVOICE, LINK, new_id
from daemon.store import plain, records
from daemon.store.tables import Customer, Event, Invoice, Line, Link, Observation, Payment, Table

EACH = 5
"""Invoices of a customer."""

FIRST = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gwen", "Hugo", "Iris", "Jan")
BATCH = 1000


def fill(built: House, integration: records.Integration, count: int) -> None:
    """`count` invoices, oldest first, one a minute until now; one in five is open, half of these overdue."""
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        built.store.write("bench.fill", lambda numbers=numbers: _batch(built, integration, numbers, count))


def _batch(built: House, integration: records.Integration, numbers: range, count: int) -> None:
    now, entropy = built.clock.now(), built.entropy
    people: dict[int, str] = {}
    for n in numbers:
        at = from_micros(to_micros(now) - (count - n) * 60_000_000)
        person = n // EACH
        if person not in people:
            people[person] = new_id(CUSTOMER, at, entropy)
            _insert(Customer, _customer(people[person], integration.tenant_id, person, at))
        invoice_id = new_id(INVOICE, at, entropy)
        for table, row in _invoice(n, invoice_id, people[person], integration, at, now.date(), entropy):
            _insert(table, row)


def _insert(table: type[Table], row: dict[str, Any]) -> None:
    plain.insert(table, row)


def _customer(customer_id: str, tenant_id: str, n: int, at: datetime) -> dict[str, Any]:
    return {
        "id": customer_id,
        "tenant_id": tenant_id,
        "reference": f"C-{n:06}",
        "name": f"{FIRST[n % len(FIRST)]} Subscriber {n:06}",
        "email": f"subscriber{n:06}@example.com",
        "phone": f"+1 555 {n:07}",
        "address": {},
        "may_connect": False,
        "service_status": "active",
        "created_at": at,
    }


def _invoice(
    n: int,
    invoice_id: str,
    customer_id: str,
    integration: records.Integration,
    at: datetime,
    today: date,
    entropy: Any,
) -> Iterator[tuple[type[Table], dict[str, Any]]]:
    owned = {"tenant_id": integration.tenant_id, "customer_id": customer_id}
    paid, late = n % 5 != 0, n % 10 == 0
    due_on = today + timedelta(days=-30 if late or paid else 14)
    link_id, minor = new_id(LINK, at, entropy), 5000 + n % 700
    yield (
        Invoice,
        owned
        | {
            "id": invoice_id,
            "number": f"INV-{n:07}",
            "reference": f"R-{n:07}",
            "currency": "USD",
            "total_minor": minor,
            "issued_on": due_on - timedelta(days=14),
            "due_on": due_on,
            "memo": None,
            "digest": f"{n:064}",
            "created_at": at,
            "payment_status": "paid" if paid else "open",
            "paid_minor": minor if paid else 0,
            "due_minor": 0 if paid else minor,
            "refunded_minor": 0,
            "paid_at": at if paid else None,
            "payment_method": "card" if paid else None,
            "transaction_id": f"ch_{n:012}" if paid else None,
            "status_at": at,
        },
    )
    line = {"position": 1, "description": "Internet", "net_minor": minor, "tax_minor": 0}
    yield Line, line | {"invoice_id": invoice_id, "tax_rate": None, "quantity": None}
    yield (
        Link,
        owned
        | {
            "id": link_id,
            "invoice_id": invoice_id,
            "integration_id": integration.id,
            "state": "synced",
            "reference": f"WB-{n:016}",
            "external_id": f"in_{n:012}",
            "external_number": f"INV-{n:07}",
            "attempts": 1,
            "pushed_at": at,
            "doc_status": "paid" if paid else "open",
            "observed_at": at,
            "last_pulled_at": at,
            "next_pull_at": None if paid else at + timedelta(days=7),
            "view_url": f"https://dashboard.example.com/invoices/in_{n:012}",
        },
    )
    said = {"tenant_id": integration.tenant_id, "link_id": link_id, "read_at": at, "as_of": at}
    raw = {"id": f"in_{n:012}", "status": "paid" if paid else "open"}
    reading = plain.insert(
        Observation, said | {"doc_status": raw["status"], "paid_minor": minor if paid else 0, "raw": raw}
    )
    event = owned | {"invoice_id": invoice_id, "integration_id": integration.id, "at": at}
    yield Event, event | {"type": "invoice.added", "data": {"sentence": f"Invoice INV-{n:07} was entered."}}
    if paid:
        yield Event, event | {"type": "invoice.paid", "data": {"sentence": f"INV-{n:07} is paid."}}
        yield (
            Payment,
            {
                "tenant_id": integration.tenant_id,
                "integration_id": integration.id,
                "invoice_id": invoice_id,
                "external_id": f"py_{n:012}",
                "kind": "payment",
                "revision": 0,
                "amount_minor": minor,
                "currency": "USD",
                "at": at,
                "method": "card",
                "transaction_id": f"ch_{n:012}",
                "observation_id": reading,
                "seen_at": at,
            },
        )
