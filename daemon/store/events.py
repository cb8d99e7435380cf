"""Events: something happened; written in the transaction that made it so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from daemon.model import Document
from daemon.store import plain, records
from daemon.store.tables import Event


def append(
    tenant_id: str,
    type_: str,
    *,
    now: datetime,
    data: Document,
    invoice_id: str | None = None,
    customer_id: str | None = None,
    integration_id: str | None = None,
) -> None:
    """Inside a transaction. `data["sentence"]` is what the timeline says."""
    row = {
        "tenant_id": tenant_id,
        "type": type_,
        "at": now,
        "data": data,
        "invoice_id": invoice_id,
        "customer_id": customer_id,
        "integration_id": integration_id,
    }
    plain.insert(Event, row)


def of_invoice(invoice_id: str) -> list[records.Event]:
    return list(records.Event.select(Event.invoice_id == invoice_id, order=Event.id))


def latest(*, types: Iterable[str] = (), limit: int = 20) -> list[records.Event]:
    """The newest events first, of these types or of all."""
    wanted = list(types)
    where = (Event.type.in_(wanted),) if wanted else ()
    return list(records.Event.select(*where, order=Event.id.desc(), limit=limit))
