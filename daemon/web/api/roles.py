"""Who may ask what. A route without a rule is not served."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.store.tokens import Role

PLATFORM = frozenset({Role.PLATFORM_ADMIN})
ADMINS = PLATFORM | {Role.TENANT_ADMIN}
OFFICE = ADMINS | {Role.TENANT_STAFF}
READERS = OFFICE | {Role.READ_ONLY}
OWNER = frozenset({Role.CUSTOMER_OWNER})


@dataclass(frozen=True, slots=True)
class Rule:
    """`roles` may ask. A customer owner sees that customer alone: everything else is 404. `connects`: and
    only where the tenant lets this customer connect an account (`may_connect`)."""

    roles: frozenset[Role]
    connects: bool = False


ONLY_PLATFORM = Rule(PLATFORM)
ONLY_ADMINS = Rule(ADMINS)
ONLY_OFFICE = Rule(OFFICE)
ONLY_READERS = Rule(READERS)
AND_OWNER = Rule(READERS | OWNER)
OFFICE_AND_OWNER = Rule(OFFICE | OWNER)
CONNECTING = Rule(ADMINS | OWNER, connects=True)
TESTING = Rule(OFFICE | OWNER, connects=True)
