"""Payers: the external customer that stands for a customer at an integration."""

from __future__ import annotations

from datetime import datetime

from daemon.clock import Entropy
from daemon.model.ids import PAYER, new_id
from daemon.store import plain
from daemon.store.tables import Payer


def known(integration_id: str, customer_ids: set[str]) -> dict[str, str]:
    """External ids by customer."""
    if not customer_ids:
        return {}
    query = Payer.select(Payer.customer_id, Payer.external_id).where(
        (Payer.integration_id == integration_id) & Payer.customer_id.in_(sorted(customer_ids))
    )
    return {row.customer_id: row.external_id for row in query}


def at(integration_id: str) -> dict[str, str]:
    """All external ids by customer."""
    query = Payer.select(Payer.customer_id, Payer.external_id).where(Payer.integration_id == integration_id)
    return {row.customer_id: row.external_id for row in query}


def forget(integration_id: str, customer_id: str, *, only: str | None = None) -> int:
    """Inside a transaction: who is billed is not known any more (`only`: where it was this one); returns how
    many went."""
    sql, params = (
        "DELETE FROM payer WHERE integration_id = ? AND customer_id = ?",
        [integration_id, customer_id],
    )
    if only is not None:
        sql, params = f"{sql} AND external_id = ?", [*params, only]
    return plain.execute(sql, *params)


def of_customer(customer_id: str) -> dict[str, str]:
    """External ids by integration."""
    query = Payer.select(Payer.integration_id, Payer.external_id).where(Payer.customer_id == customer_id)
    return {row.integration_id: row.external_id for row in query}


def note(
    *,
    tenant_id: str,
    integration_id: str,
    customer_id: str,
    external_id: str,
    origin: str,
    now: datetime,
    entropy: Entropy,
) -> None:
    """Inside a transaction: remember who is billed. Another one replaces what was there; of the same one the
    origin stays."""
    within = ("integration_id", integration_id)
    there = plain.select(Payer, ("external_id",), "customer_id", [customer_id], within=within)
    if there:
        if there[0][0] != external_id:
            known = (
                "UPDATE payer SET external_id = ?, origin = ? WHERE integration_id = ? AND customer_id = ?"
            )
            plain.execute(known, external_id, origin, integration_id, customer_id)
        return
    row = {
        "id": new_id(PAYER, now, entropy),
        "tenant_id": tenant_id,
        "integration_id": integration_id,
        "customer_id": customer_id,
        "external_id": external_id,
        "origin": origin,
        "created_at": now,
    }
    plain.insert(Payer, row)
