"""Who may see what: a customer alone, with a session that a link began; and whoever holds a link."""

from __future__ import annotations

from daemon.errors import NotFound
from daemon.store import customers, records
from daemon.store.tokens import Role
from daemon.web.pages import Rule, Visit

CUSTOMERS = Rule(frozenset({Role.CUSTOMER_OWNER}))


def person(visit: Visit) -> records.Customer:
    """Whose session it is. Raises NotFound."""
    return customers.get(visit.tenant.id, visit.me.customer_id or "")


def connector(visit: Visit) -> records.Customer:
    """The same, where the tenant lets them connect an account; what is not open to them is not there."""
    row = person(visit)
    if not row.may_connect:
        raise NotFound("page", "")
    return row
