"""What comes again: plans, who has subscribed to them, the periods that were billed, and the counters."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import DateField, JsonField, UtcField
from daemon.store.tables.base import Table


class Plan(Table):
    """What is billed each period. `lines` are for a quantity of one, in minor units."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    reference = pw.TextField()
    name = pw.TextField()
    currency = pw.TextField()
    lines = JsonField()
    every = pw.IntegerField()
    unit = pw.TextField()
    due_days = pw.IntegerField()
    ahead_days = pw.IntegerField()
    proration = pw.TextField()
    memo = pw.TextField(null=True)
    created_at = UtcField()
    ended_at = UtcField(null=True)

    class Meta:
        indexes = ((("tenant_id", "reference"), True),)


class Subscription(Table):
    """A customer on a plan. `next_on` is the first day that is not billed yet."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField(index=True)
    plan_id = pw.TextField()
    reference = pw.TextField()
    start_on = DateField()
    ends_on = DateField(null=True)
    anchored_on = DateField()
    anchor_day = pw.IntegerField()
    quantity = pw.IntegerField()
    net_minor = pw.BigIntegerField(null=True)
    tax_minor = pw.BigIntegerField(null=True)
    next_on = DateField()
    paused_on = DateField(null=True)
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)
    fault_at = UtcField(null=True)
    created_at = UtcField()

    class Meta:
        indexes = (
            (("tenant_id", "reference"), True),
            (("plan_id", "next_on", "reference"), False),
        )


class BilledPeriod(Table):
    """A subscription's period has one invoice; none where nothing was to be paid for it."""

    subscription_id = pw.TextField()
    start_on = DateField()
    last_on = DateField()
    tenant_id = pw.TextField()
    invoice_id = pw.TextField(null=True, unique=True)
    billed_at = UtcField()

    class Meta:
        primary_key = pw.CompositeKey("subscription_id", "start_on")


class Numbering(Table):
    """How a tenant's generated invoices are numbered; a row from the first time that it is asked for."""

    tenant_id = pw.TextField(primary_key=True)
    format = pw.TextField()


class Counter(Table):
    """The last counter that was given out, in a year, or in all years (0)."""

    tenant_id = pw.TextField()
    year = pw.IntegerField()
    last = pw.BigIntegerField()

    class Meta:
        primary_key = pw.CompositeKey("tenant_id", "year")
