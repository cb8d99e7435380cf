"""Whom of a provider's customers we bill already: proposals, and what people said to them."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import JsonField, UtcField
from daemon.store.tables.base import Table


class Matching(Table):
    """Matching was begun at an integration; `payers` were there when they were last listed."""

    integration_id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    payers = pw.IntegerField()
    begun_at = UtcField()
    listed_at = UtcField()
    listed_by = pw.TextField()


class Proposal(Table):
    """`external_id` is the proposed payer, `shown` what it says of itself, `others` further candidates. Until
    it is decided the customer is not made anew there. `proof` changes with whatever it rests on."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    integration_id = pw.TextField()
    customer_id = pw.TextField()
    kind = pw.TextField()
    external_id = pw.TextField(null=True)
    score = pw.IntegerField()
    reasons = JsonField()
    shown = JsonField()
    others = JsonField()
    proof = pw.TextField()
    found_at = UtcField()
    decision = pw.TextField(null=True)
    decided_payer = pw.TextField(null=True)
    decided_by = pw.TextField(null=True)
    decided_at = UtcField(null=True)

    class Meta:
        indexes = (
            (("integration_id", "customer_id"), True),
            (("tenant_id", "decided_at"), False),
        )
