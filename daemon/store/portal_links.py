"""Links into the portal: 256 random bits, kept as SHA-256, used once and for a short while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.clock import Entropy
from daemon.model import ids
from daemon.store import audit, plain, records
from daemon.store.sessions import hashed, secret
from daemon.store.tables import PortalLink as Table

PAGES = ("invoices", "service", "tickets", "setup")
"""Where a link may lead."""

KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PortalLink(records.Record):
    table = Table
    id: str
    hash: str
    tenant_id: str
    customer_id: str
    page: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    session_id: str | None

    def is_open(self, now: datetime) -> bool:
        return self.used_at is None and now < self.expires_at


def add(
    customer: records.Customer,
    *,
    page: str,
    life_s: float,
    actor: str,
    now: datetime,
    entropy: Entropy,
) -> tuple[PortalLink, str]:
    """Inside a transaction: the row, and the token that only the link holds."""
    token = secret(entropy)
    link_id = ids.new_id(ids.PORTAL_LINK, now, entropy)
    row = {
        "id": link_id,
        "hash": hashed(token),
        "tenant_id": customer.tenant_id,
        "customer_id": customer.id,
        "page": page,
        "created_by": actor,
        "created_at": now,
        "expires_at": now + timedelta(seconds=life_s),
    }
    plain.insert(Table, row)
    data = {"customer": customer.id, "page": page}
    audit.append(
        customer.tenant_id, actor=actor, action="portal.link_added", subject=link_id, data=data, now=now
    )
    return next(PortalLink.select(Table.id == link_id)), token


def find(token: str) -> PortalLink | None:
    """As it was presented, open or not."""
    if not 40 <= len(token) <= 50 or not token.isascii():
        return None
    return PortalLink.first(Table.hash == hashed(token))


def use(row: PortalLink, session_id: str, now: datetime) -> bool:
    """Inside a transaction: False where somebody else was first, or it is too late."""
    here = (Table.id == row.id) & Table.used_at.is_null() & (Table.expires_at > now)
    return bool(Table.update(used_at=now, session_id=session_id).where(here).execute())


def take_back(customer: records.Customer, *, actor: str, now: datetime) -> int:
    """Inside a transaction: every link of this customer that waits to be opened is over."""
    waiting = (Table.customer_id == customer.id) & Table.used_at.is_null() & (Table.expires_at > now)
    count = int(Table.update(expires_at=now).where(waiting).execute())
    if count:
        audit.append(
            customer.tenant_id,
            actor=actor,
            action="portal.links_taken_back",
            subject=customer.id,
            data={"count": count},
            now=now,
        )
    return count


def forget_old(now: datetime) -> int:
    """Inside a transaction."""
    return int(Table.delete().where(Table.expires_at <= now - KEPT).execute())
