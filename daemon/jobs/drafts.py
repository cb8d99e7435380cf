"""Drafts: what goes out to a provider, made from an invoice, its customer and the day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from daemon.model import InvoiceDraft, LineDraft, PayerDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.store import customers, invoices, payers, records, tenants


def drafts(
    integration: records.Integration, due: Sequence[records.Link], now: datetime
) -> Iterator[tuple[records.Link, records.Invoice, InvoiceDraft]]:
    """Of these links, in their order."""
    tenant = tenants.get(integration.tenant_id)
    found = invoices.by_ids([link.invoice_id for link in due])
    lines = invoices.lines_of_all(list(found))
    people = customers.by_ids({invoice.customer_id for invoice in found.values()})
    external = payers.known(integration.id, set(people))
    for link in due:
        invoice = found[link.invoice_id]
        customer = people[invoice.customer_id]
        payer = _payer(tenant, integration, customer, external.get(customer.id))
        yield link, invoice, _draft(tenant, integration, invoice, lines[invoice.id], payer, now)


def draft_of(integration: records.Integration, invoice: records.Invoice, now: datetime) -> InvoiceDraft:
    """What would go out for this invoice, linked or not."""
    tenant = tenants.get(integration.tenant_id)
    customer = customers.by_ids({invoice.customer_id})[invoice.customer_id]
    external = payers.known(integration.id, {customer.id}).get(customer.id)
    lines = invoices.lines_of_all([invoice.id])[invoice.id]
    return _draft(tenant, integration, invoice, lines, _payer(tenant, integration, customer, external), now)


def payer_reference(
    tenant: records.Tenant, integration: records.Integration, customer: records.Customer
) -> str:
    """Ours (`WB-…`), under which the customer is kept at this account."""
    return our_reference(
        tenant=tenant.reference,
        reference=customer.reference,
        account=integration.account_id or integration.id,
        operation="payer",
    )


def _payer(
    tenant: records.Tenant, integration: records.Integration, customer: records.Customer, external: str | None
) -> PayerDraft:
    return PayerDraft(
        reference=payer_reference(tenant, integration, customer),
        platform_reference=customer.reference,
        name=customer.name,
        email=customer.email,
        phone=customer.phone,
        address=customer.address,
        external_id=external,
    )


def _draft(
    tenant: records.Tenant,
    integration: records.Integration,
    invoice: records.Invoice,
    lines: Sequence[records.Line],
    payer: PayerDraft,
    now: datetime,
) -> InvoiceDraft:
    """A due date that has passed while the integration was down is sent as today; ours stays."""
    today = now.astimezone(ZoneInfo(tenant.zone)).date()
    currency = invoice.currency
    return InvoiceDraft(
        reference=our_reference(
            tenant=tenant.reference,
            reference=invoice.reference,
            account=integration.account_id or integration.id,
            operation="create",
        ),
        platform_reference=invoice.reference,
        number=invoice.number,
        payer=payer,
        currency=currency,
        total=Money(invoice.total_minor, currency),
        issued_on=invoice.issued_on,
        due_on=max(invoice.due_on, today),
        lines=tuple(
            LineDraft(
                x.description,
                Money(x.net_minor, currency),
                Money(x.tax_minor, currency),
                x.tax_rate,
                x.quantity,
            )
            for x in lines
        ),
        memo=invoice.memo,
    )
