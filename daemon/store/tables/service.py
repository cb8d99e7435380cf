"""Service that follows the money. All of it is written by `jobs/enforce`, but for `ServiceCheck`."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import DateField, JsonField, UtcField
from daemon.store.tables.base import Table


class Debt(Table):
    """An invoice that fell overdue. Each time that it is owed anew is another episode; the days of dunning
    are counted from `since_on`."""

    invoice_id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField(index=True)
    episode = pw.IntegerField()
    since_on = DateField()
    opened_at = UtcField()
    closed_at = UtcField(null=True)


class DunningStep(Table):
    """A step that was taken, once in an episode."""

    invoice_id = pw.TextField()
    episode = pw.IntegerField()
    step = pw.TextField()
    status = pw.TextField()
    done_on = DateField()
    done_at = UtcField()

    class Meta:
        primary_key = pw.CompositeKey("invoice_id", "episode", "step")


class Standing(Table):
    """What a person said about a customer: a promise to pay, a hold, an exemption, that it is closed."""

    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    customer_id = pw.TextField(index=True)
    kind = pw.TextField()
    until_on = DateField(null=True)
    reason = pw.TextField()
    actor = pw.TextField()
    created_at = UtcField()
    ended_at = UtcField(null=True)


class HeldCutoff(Table):
    """A cut-off that is due and not safe to make, with the reason."""

    customer_id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField(index=True)
    invoice_id = pw.TextField(index=True)
    status = pw.TextField()
    code = pw.TextField()
    reason = pw.TextField()
    since = UtcField()


class ServiceMove(Table):
    """A change of a customer's service status. `cut`: it took service away."""

    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    customer_id = pw.TextField(index=True)
    was = pw.TextField()
    became = pw.TextField()
    reason = pw.TextField()
    cut = pw.BooleanField()
    invoices = JsonField()
    event_id = pw.BigIntegerField(null=True)
    at = UtcField()

    class Meta:
        indexes = ((("tenant_id", "at"), False),)


class ServiceCheck(Table):
    """Customers of whom something changed, to be looked at now; written with the change, and deleted by
    the look."""

    customer_id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    at = UtcField()


class ServiceBrake(Table):
    """Cut-offs of a tenant that are held because there are too many of them in a day."""

    tenant_id = pw.TextField(primary_key=True)
    at = UtcField()
    count = pw.IntegerField()
    customers = pw.IntegerField()
    released_at = UtcField(null=True)
