"""Who a customer is at the provider already, said by a person: looked at there, then billed as such."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.errors import InvalidInput, Unsupported
from daemon.house import House
from daemon.model import PayerState
from daemon.model.states import Duty
from daemon.store import audit, integrations, matches, payers, records

LONGEST = 255
"""Characters of a provider's id."""

_NOT = {
    PayerState.INACTIVE: "it is archived there, and cannot be billed",
    PayerState.MERGED: "it was merged into another there",
    PayerState.GONE: "there is no such customer there",
}


@dataclass(frozen=True, slots=True)
class Preset:
    """`name` is what the provider calls them; None: it cannot be asked, and says so at the first push."""

    integration: records.Integration
    external_id: str
    name: str | None


def serving(customer: records.Customer) -> records.Integration:
    """The customer's own integration, else the tenant's. Raises InvalidInput where there is none."""
    found = [
        row
        for row in integrations.listing(customer.tenant_id)
        if row.duty == Duty.SERVES and row.customer_id in (None, customer.id)
    ]
    if not found:
        raise InvalidInput("WB-CUSTOMER-NO-INTEGRATION", "connect an integration before a payer is preset")
    return max(found, key=lambda row: row.customer_id is not None)


def look(house: House, row: records.Integration, external_id: str) -> str | None:
    """What the provider calls this customer; None where it cannot tell. Raises InvalidInput where nobody can
    be billed under that id, or the RemoteErrors."""
    try:
        seen = house.providers(row).payer(external_id)
    except Unsupported:
        return None
    if seen.state is not PayerState.ACTIVE:
        heir = f": {seen.merged_into}" if seen.merged_into else ""
        raise InvalidInput("WB-INPUT", f"payer: {_NOT[seen.state]}{heir}", field="payer")
    return seen.name or external_id


def note(
    house: House, customer: records.Customer, row: records.Integration, external_id: str, *, actor: str
) -> None:
    """Inside a transaction. Raises InvalidInput where it is no id."""
    name, now = external_id.strip(), house.clock.now()
    if not name or len(name) > LONGEST or not name.isprintable():
        text = f"payer: 1 to {LONGEST} printable characters are needed"
        raise InvalidInput("WB-INPUT", text, field="payer")
    payers.note(
        tenant_id=customer.tenant_id,
        integration_id=row.id,
        customer_id=customer.id,
        external_id=name,
        origin="preset",
        now=now,
        entropy=house.entropy,
    )
    matches.answered(row.id, customer.id, name, actor=actor, now=now)
    audit.append(
        customer.tenant_id,
        actor=actor,
        action="customer.payer_preset",
        subject=customer.id,
        data={"integration": row.id, "payer": name},
        now=now,
    )


def preset(house: House, customer: records.Customer, external_id: str, *, actor: str) -> Preset:
    """Looked at, and noted."""
    row = serving(customer)
    name = look(house, row, external_id)
    house.store.write("customers.payer", lambda: note(house, customer, row, external_id, actor=actor))
    return Preset(row, external_id, name)
