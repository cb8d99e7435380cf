"""What is done: invoices on their way, what was seen of them, and the records of it."""

from __future__ import annotations

import peewee as pw

from daemon.store.fields import DateField, JsonField, UtcField
from daemon.store.tables.base import Table


class Meta(Table):
    key = pw.TextField(primary_key=True)
    value = JsonField()


class Invoice(Table):
    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField(index=True)
    number = pw.TextField()
    reference = pw.TextField()
    currency = pw.TextField()
    total_minor = pw.BigIntegerField()
    issued_on = DateField()
    due_on = DateField()
    memo = pw.TextField(null=True)
    digest = pw.TextField()
    created_at = UtcField()
    payment_status = pw.TextField()
    paid_minor = pw.BigIntegerField()
    due_minor = pw.BigIntegerField()
    refunded_minor = pw.BigIntegerField()
    paid_at = UtcField(null=True)
    payment_method = pw.TextField(null=True)
    transaction_id = pw.TextField(null=True)
    status_at = UtcField()

    class Meta:
        indexes = (
            (("tenant_id", "number"), True),
            (("tenant_id", "reference"), True),
            (("tenant_id", "payment_status", "due_on", "customer_id"), False),
            (("tenant_id", "issued_on"), False),
            (("tenant_id", "payment_status", "id"), False),
            (("tenant_id", "id"), False),
            (("tenant_id", "customer_id", "id"), False),
        )


class Line(Table):
    invoice_id = pw.TextField()
    position = pw.IntegerField()
    description = pw.TextField()
    net_minor = pw.BigIntegerField()
    tax_minor = pw.BigIntegerField()
    tax_rate = pw.TextField(null=True)
    quantity = pw.TextField(null=True)

    class Meta:
        primary_key = pw.CompositeKey("invoice_id", "position")


class Link(Table):
    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    customer_id = pw.TextField()
    invoice_id = pw.TextField(unique=True)
    integration_id = pw.TextField(null=True)
    state = pw.TextField()
    reference = pw.TextField(null=True)
    external_id = pw.TextField(null=True)
    external_number = pw.TextField(null=True)
    attempts = pw.IntegerField()
    first_tried_at = UtcField(null=True)
    next_push_at = UtcField(null=True)
    void_requested_at = UtcField(null=True)
    pushed_at = UtcField(null=True)
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)
    doc_status = pw.TextField(null=True)
    digest = pw.TextField(null=True)
    as_of = UtcField(null=True)
    version = pw.BigIntegerField(null=True)
    observed_at = UtcField(null=True)
    last_pulled_at = UtcField(null=True)
    next_pull_at = UtcField(null=True)
    pay_url = pw.TextField(null=True)
    pdf_url = pw.TextField(null=True)
    view_url = pw.TextField(null=True)
    provider_due_on = DateField(null=True)
    provider_total_minor = pw.BigIntegerField(null=True)
    told_at = UtcField(null=True)

    class Meta:
        indexes = (
            (("integration_id", "external_id"), True),
            (("integration_id", "next_push_at"), False),
            (("integration_id", "next_pull_at"), False),
            (("integration_id", "reference"), False),
            (("integration_id", "state"), False),
            (("tenant_id", "state", "invoice_id"), False),
        )


class Step(Table):
    """The journal: a durable step of a subject (`invoice:…` or `customer:…`) at an integration."""

    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    integration_id = pw.TextField()
    subject = pw.TextField()
    operation = pw.TextField()
    revision = pw.IntegerField()
    state = pw.TextField()
    key = pw.TextField()
    send_no = pw.IntegerField()
    body = JsonField()
    result = JsonField(null=True)
    key_first_sent_at = UtcField(null=True)
    first_sent_at = UtcField(null=True)
    last_sent_at = UtcField(null=True)
    attempts = pw.IntegerField()
    replayed = pw.BooleanField()
    ambiguous = pw.BooleanField()
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)

    class Meta:
        indexes = ((("integration_id", "subject", "operation", "revision"), True),)


class Observation(Table):
    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    link_id = pw.TextField(index=True)
    read_at = UtcField(index=True)
    doc_status = pw.TextField()
    paid_minor = pw.BigIntegerField(null=True)
    as_of = UtcField(null=True)
    raw = JsonField()


class Payment(Table):
    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    integration_id = pw.TextField()
    invoice_id = pw.TextField(index=True)
    external_id = pw.TextField()
    kind = pw.TextField()
    revision = pw.IntegerField()
    amount_minor = pw.BigIntegerField()
    currency = pw.TextField()
    at = UtcField(null=True)
    method = pw.TextField(null=True)
    transaction_id = pw.TextField(null=True)
    reverses = pw.TextField(null=True)
    observation_id = pw.BigIntegerField(null=True)
    beside_minor = pw.BigIntegerField(null=True)
    seen_at = UtcField()

    class Meta:
        indexes = (
            (("integration_id", "external_id", "invoice_id", "kind", "revision"), True),
            (("tenant_id", "transaction_id"), False),
            (("tenant_id", "seen_at"), False),
        )


class Receipt(Table):
    """A payment that was made outside, as somebody entered it; the fact itself is a payment."""

    id = pw.TextField(primary_key=True)
    tenant_id = pw.TextField()
    invoice_id = pw.TextField()
    place = pw.IntegerField()
    reference = pw.TextField(null=True)
    amount_minor = pw.BigIntegerField()
    currency = pw.TextField()
    method = pw.TextField()
    paid_on = DateField()
    note = pw.TextField()
    state = pw.TextField()
    next_at = UtcField(null=True)
    attempts = pw.IntegerField()
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)
    entered_by = pw.TextField()
    entered_at = UtcField()
    settled_at = UtcField(null=True)
    settled_by = pw.TextField(null=True)

    class Meta:
        indexes = (
            (("invoice_id", "place"), True),
            (("invoice_id", "reference"), True),
            (("state", "next_at"), False),
            (("tenant_id", "state"), False),
        )


class Hint(Table):
    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    integration_id = pw.TextField()
    event_id = pw.TextField()
    ref = pw.TextField(null=True)
    source = pw.TextField()
    kind = pw.TextField()
    received_at = UtcField()
    used_at = UtcField(null=True)

    class Meta:
        indexes = (
            (("integration_id", "event_id"), True),
            (("integration_id", "used_at"), False),
            (("integration_id", "ref"), False),
            (("tenant_id", "id"), False),
        )


class Event(Table):
    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    type = pw.TextField()
    customer_id = pw.TextField(null=True)
    invoice_id = pw.TextField(null=True, index=True)
    integration_id = pw.TextField(null=True)
    data = JsonField()
    at = UtcField()
    seq = pw.BigIntegerField(null=True, unique=True)
    uid = pw.TextField(null=True)

    class Meta:
        indexes = (
            (("tenant_id", "id"), False),
            (("tenant_id", "seq"), False),
        )


class Audit(Table):
    id = pw.BigAutoField()
    tenant_id = pw.TextField()
    seq = pw.BigIntegerField()
    at = UtcField()
    actor = pw.TextField()
    action = pw.TextField()
    object = pw.TextField()
    data = JsonField()
    prev = pw.TextField()
    hash = pw.TextField()

    class Meta:
        indexes = (
            (("tenant_id", "seq"), True),
            (("tenant_id", "object"), False),
        )


class Run(Table):
    id = pw.BigAutoField()
    job = pw.TextField()
    integration_id = pw.TextField(null=True)
    period = pw.TextField(null=True)
    started_at = UtcField()
    finished_at = UtcField(null=True)
    counts = JsonField()
    fault_code = pw.TextField(null=True)
    fault_text = pw.TextField(null=True)

    class Meta:
        indexes = (
            (("job", "period"), True),
            (("integration_id", "job", "started_at"), False),
        )
