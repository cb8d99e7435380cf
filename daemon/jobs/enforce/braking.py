"""The brake on cut-offs: too many of a tenant's customers in a day wait for a person."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime

import structlog

from daemon.model import Document
from daemon.policy import brake_holds
from daemon.settings.model import EnforceSection
from daemon.store import events, records, service

log = structlog.get_logger()


def is_let_go(tenant_id: str, now: datetime) -> bool:
    """Whether somebody released the brake within a day."""
    known = service.brake(tenant_id)
    return known is not None and known.released_at is not None and known.released_at > now - service.DAY


def too_many(tenant_id: str, would: AbstractSet[str], rules: EnforceSection, now: datetime) -> bool:
    """Whether these customers, and those cut off within a day, are more than may be."""
    if not would or is_let_go(tenant_id, now):
        return False
    everyone = would | service.cut_since(tenant_id, now - service.DAY)
    if len(everyone) < rules.brake_at_least:
        return False
    served = service.customers_of(tenant_id)
    return brake_holds(len(everyone), served, share=rules.brake_share, at_least=rules.brake_at_least)


def apply(tenant: records.Tenant, would: AbstractSet[str], now: datetime) -> None:
    """Inside a transaction, in the tenant's turn: from now on nobody is cut off. An event says so, once."""
    known = service.brake(tenant.id)
    if known is not None and known.released_at is None:
        return
    everyone = would | service.cut_since(tenant.id, now - service.DAY)
    count, served = len(everyone), service.customers_of(tenant.id)
    sentence = (
        f"{count} of {served} customers would be cut off within a day; nobody of them is. "
        f"Look at `wispbill enforce --held --tenant {tenant.reference}`, then "
        f"`wispbill enforce --release-brake --tenant {tenant.reference}`."
    )
    data: Document = {"count": count, "customers": served, "sentence": sentence}
    service.apply_brake(tenant.id, count, served, now)
    events.append(tenant.id, "service.brake_applied", now=now, data=data)
    log.warning("enforce.brake", tenant=tenant.reference, count=count, customers=served)
