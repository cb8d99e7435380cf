"""What customers ask, and what the staff answers."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import UtcField
from daemon.store.tables.base import Table


class Ticket(Table):
    """A question of a customer, perhaps about an invoice of theirs. `said_at`: when the last message came."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField()
    invoice_id = pw.TextField(null=True)
    subject = pw.TextField()
    state = pw.TextField()
    actor = pw.TextField()
    opened_at = UtcField()
    said_at = UtcField()
    closed_at = UtcField(null=True)

    class Meta:
        indexes = (
            (("tenant_id", "state", "id"), False),
            (("tenant_id", "id"), False),
            (("customer_id", "id"), False),
        )


class TicketMessage(Table):
    id = pw.BigAutoField()
    ticket_id = pw.TextField(index=True)
    customer_id = pw.TextField()
    author = pw.TextField()
    actor = pw.TextField()
    text = pw.TextField()
    at = UtcField()

    class Meta:
        indexes = ((("customer_id", "at"), False),)
