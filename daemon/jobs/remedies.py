"""Remedies: the one command that settles what is wrong with an integration, or with a secret."""

from __future__ import annotations

from daemon.errors import KeyAbsent
from daemon.model import IntegrationState, ids
from daemon.model.states import Duty
from daemon.store import grants, integrations, records, tenants
from daemon.store.secrets import kind_of


def settling(row: records.Integration) -> str:
    """The one command that settles what is wrong with an integration; empty where none is needed. One that
    stands by waits for nothing."""
    if row.duty == Duty.STANDS_BY and row.state == IntegrationState.PAUSED:
        return ""
    if row.brake and not row.brake.get("released"):
        return f"wispbill pull --integration {row.id} --release-brake"
    if row.state == "error" and row.fault_code == KeyAbsent.code:
        return f"wispbill integrations test {row.id}"
    verb = {
        "testing": "test",
        "paused": "resume",
        "needs_reconnect": "rotate",
        "error": "rotate",
    }.get(row.state)
    if verb == "rotate" and row.grant_id is not None:
        return consent_again(row)
    return f"wispbill integrations {verb} {row.id}" if verb else ""


def giving_again(owner_id: str) -> str:
    """The command that puts a secret in the place of one that is lost."""
    match kind_of(owner_id):
        case ids.APP:
            return f"wispbill apps secret {owner_id}"
        case ids.ENDPOINT:
            return f"wispbill endpoints rotate {owner_id}"
        case ids.GRANT:
            return f"wispbill integrations authorize {grants.get(owner_id).provider}"
        case ids.INTEGRATION:
            row = integrations.get(None, owner_id)
            return consent_again(row) if row.grant_id else f"wispbill integrations rotate {owner_id}"
    return "wispbill integrations list"


def consent_again(row: records.Integration) -> str:
    """What settles an integration under a grant: its owner's consent, or the app's own secret."""
    if row.fault_code == "WB-APP-REFUSED":
        return f"wispbill apps secret {grants.get(str(row.grant_id)).app_id}"
    whose = f" --customer {row.customer_id}" if row.customer_id else ""
    where = f" --tenant {row.tenant_id}" if len(tenants.everyone()) > 1 else ""
    return f"wispbill integrations authorize {row.provider}{whose}{where}"
