"""Tenants: one WISP operator each; nothing crosses them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from daemon.clock import Entropy
from daemon.errors import InvalidInput, NotFound
from daemon.model.ids import TENANT, new_id
from daemon.model.letterhead import Letterhead
from daemon.money import exponent
from daemon.store import audit, records
from daemon.store.tables import Tenant


def add(
    *, reference: str, name: str, zone: str, currency: str, actor: str, now: datetime, entropy: Entropy
) -> records.Tenant:
    """Inside a transaction. Raises InvalidInput on an unknown zone or currency, or a taken reference."""
    exponent(currency)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # "Europe" is a folder
        raise InvalidInput(
            "WB-INPUT", f"{zone[:40]!r} is not an IANA time zone like Europe/Berlin", field="zone"
        ) from error
    if Tenant.select().where(Tenant.reference == reference).exists():
        raise InvalidInput("WB-INPUT", f"there is a tenant {reference!r} already", field="reference")
    tenant_id = new_id(TENANT, now, entropy)
    Tenant.insert(
        id=tenant_id,
        reference=reference,
        name=name,
        zone=zone,
        currency=currency,
        letterhead={},
        created_at=now,
    ).execute()
    audit.append(
        tenant_id,
        actor=actor,
        action="tenant.added",
        subject=tenant_id,
        data={"reference": reference},
        now=now,
    )
    return get(tenant_id)


def get(name: str) -> records.Tenant:
    """By our id or the platform's reference; raises NotFound."""
    found = records.Tenant.first((Tenant.id == name) | (Tenant.reference == name))
    if found is None:
        raise NotFound("tenant", name)
    return found


def set_letterhead(row: records.Tenant, letterhead: Letterhead, *, actor: str, now: datetime) -> None:
    """Inside a transaction. Raises InvalidInput with the field that cannot be printed."""
    told = letterhead.checked().document()
    Tenant.update(letterhead=told).where(Tenant.id == row.id).execute()
    audit.append(row.id, actor=actor, action="tenant.letterhead", subject=row.id, data=told, now=now)


def of(tenant_id: str) -> records.Tenant:
    """By our id alone, the quick way; raises NotFound."""
    found = records.Tenant.by("id", [tenant_id])
    if not found:
        raise NotFound("tenant", tenant_id)
    return found[0]


def everyone() -> list[records.Tenant]:
    return list(records.Tenant.select(order=Tenant.reference))


def only() -> records.Tenant:
    """The tenant, where there is exactly one; raises InvalidInput otherwise."""
    found = everyone()
    if len(found) != 1:
        raise InvalidInput(
            "WB-INPUT",
            "name the tenant with --tenant" if found else "add a tenant first: wispbill tenants add",
        )
    return found[0]
