"""Customers: somebody the tenant bills, under the platform's own reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model.ids import CUSTOMER, new_id
from daemon.store import audit, plain, records
from daemon.store.tables import Customer

ADDED = "customer.added"


def add(
    *,
    tenant_id: str,
    reference: str,
    name: str,
    email: str | None,
    phone: str | None = None,
    address: Mapping[str, str] | None = None,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> records.Customer:
    """Inside a transaction. The same reference with the same content is answered with the customer that
    is there; with other content it raises InvalidInput (use `update`)."""
    known = find(tenant_id, reference)
    if known is not None:
        if (known.name, known.email, known.phone) == (name, email, phone):
            return known
        raise InvalidInput(
            "WB-CUSTOMER-TAKEN", f"there is a customer {reference!r} with other content", field="reference"
        )
    row = drawn(tenant_id, reference, name, email, phone=phone, address=address, now=now, entropy=entropy)
    insert(row)
    audit.append(tenant_id, actor=actor, action=ADDED, subject=row.id, data={"reference": reference}, now=now)
    return row


def drawn(
    tenant_id: str,
    reference: str,
    name: str,
    email: str | None,
    *,
    phone: str | None = None,
    address: Mapping[str, str] | None = None,
    now: datetime,
    entropy: Entropy,
) -> records.Customer:
    """A customer as `insert` would write it, with a fresh id."""
    return records.Customer(
        id=new_id(CUSTOMER, now, entropy),
        tenant_id=tenant_id,
        reference=reference,
        name=name,
        email=email,
        phone=phone,
        address=dict(address or {}),
        may_connect=False,
        service_status="active",
        created_at=now,
    )


def insert(row: records.Customer) -> None:
    """Inside a transaction: a customer whose reference is free. The audit row is the caller's."""
    plain.insert(Customer, asdict(row))


def hold(customer_id: str) -> None:
    """Inside a transaction: nobody else changes the customer until its end."""
    plain.hold(Customer, customer_id)


def update(
    tenant_id: str,
    customer_id: str,
    changes: Mapping[str, object],
    *,
    actor: str,
    now: datetime,
) -> records.Customer:
    """Inside a transaction: name, email, phone, address or may_connect."""
    allowed = {k: v for k, v in changes.items() if k in ("name", "email", "phone", "address", "may_connect")}
    if allowed:
        Customer.update(allowed).where(
            (Customer.tenant_id == tenant_id) & (Customer.id == customer_id)
        ).execute()
        audit.append(
            tenant_id,
            actor=actor,
            action="customer.changed",
            subject=customer_id,
            data={"fields": sorted(allowed)},
            now=now,
        )
    return get(tenant_id, customer_id)


def find(tenant_id: str, name: str) -> records.Customer | None:
    """By our id, or by the platform's reference (with or without `ref:`)."""
    reference = name.removeprefix("ref:")
    return records.Customer.first(
        (Customer.tenant_id == tenant_id) & ((Customer.id == name) | (Customer.reference == reference))
    )


def get(tenant_id: str, name: str) -> records.Customer:
    """As find; raises NotFound."""
    found = find(tenant_id, name)
    if found is None:
        raise NotFound("customer", name)
    return found


def listing(tenant_id: str, *, limit: int, after: str = "") -> list[records.Customer]:
    """By reference, from behind `after`."""
    where = (Customer.tenant_id == tenant_id) & (Customer.reference > after)
    return list(records.Customer.select(where, order=Customer.reference, limit=limit))


def by_ids(ids: set[str]) -> dict[str, records.Customer]:
    return {row.id: row for row in records.Customer.select(Customer.id.in_(sorted(ids)))} if ids else {}


def named(tenant_id: str, names: set[str]) -> list[records.Customer]:
    """Those whose id or reference is among `names`, which may stand as `ref:…`."""
    plain_names = sorted(names | {name.removeprefix("ref:") for name in names})
    mine = Customer.id.in_(plain_names) | Customer.reference.in_(plain_names)
    return list(records.Customer.select((Customer.tenant_id == tenant_id) & mine))
