"""An invoice on paper: the provider's own where it prints one, ours where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import structlog

from daemon import locales
from daemon.errors import Unsupported, WispbillError
from daemon.house import House
from daemon.model import RUNNING, PaymentStatus
from daemon.model.letterhead import Letterhead
from daemon.money import Money
from daemon.pdf import Item, Sheet, Side, typeset
from daemon.store import customers, integrations, invoices, links, records, tenants

STATES = {
    PaymentStatus.PAID: "Paid",
    PaymentStatus.OVERPAID: "Paid",
    PaymentStatus.PARTIALLY_PAID: "Part paid",
    PaymentStatus.IN_FLIGHT: "A payment is under way",
    PaymentStatus.REFUNDED: "Paid and refunded",
    PaymentStatus.DISPUTED: "The payment is disputed",
    PaymentStatus.VOID: "Void: nothing is to be paid",
    PaymentStatus.UNCOLLECTIBLE: "Written off",
}
ADDRESS = (("line1",), ("line2",), ("postal_code", "city"), ("state",), ("country",))
"""Of a customer's address, what stands together on a line."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Paper:
    """`printed_by`: whose form it is."""

    pdf: bytes
    printed_by: Literal["provider", "us"]


def paper_of(house: House, row: records.Invoice) -> Paper:
    """The invoice as PDF. Where the provider cannot be reached, ours: the figures are the same. Raises
    ConfigError where a font of `[pdf] fonts` cannot be used."""
    theirs = _theirs(house, row)
    return Paper(theirs, "provider") if theirs else Paper(typeset(sheet_of(house, row)), "us")


def _theirs(house: House, row: records.Invoice) -> bytes | None:
    link = links.of_invoice(row.id)
    if link.integration_id is None or link.external_id is None or link.state != "synced":
        return None
    try:
        integration = integrations.get(row.tenant_id, link.integration_id)
        if integration.state not in RUNNING:
            return None
        provider = house.providers(integration)
        return provider.document(link.external_id) if provider.can.pdf else None
    except Unsupported:
        return None
    except WispbillError as error:
        log.warning("paper.not_fetched", invoice=row.id, code=error.code, text=error.message)
        return None


def sheet_of(house: House, row: records.Invoice) -> Sheet:
    """What stands on our own form of it."""
    tenant = tenants.get(row.tenant_id)
    head = Letterhead.read(tenant.letterhead)
    link = links.of_invoice(row.id)
    pdf = house.settings.pdf
    return Sheet(
        number=link.external_number or row.number,
        seller=_seller(tenant, head),
        buyer=_buyer(customers.get(row.tenant_id, row.customer_id)),
        issued_on=row.issued_on,
        due_on=row.due_on,
        items=tuple(_item(line, row.currency) for line in invoices.lines_of(row.id)),
        total=Money(row.total_minor, row.currency),
        settled=Money(_settled(row), row.currency),
        owed=Money(row.due_minor, row.currency),
        state=_state(row, ZoneInfo(tenant.zone), head.locale),
        memo=row.memo or "",
        how_to_pay=head.how_to_pay,
        pay_url=link.pay_url or "",
        locale=head.locale,
        paper=pdf.paper,
        fonts=tuple(str(font) for font in pdf.fonts),
    )


def _seller(tenant: records.Tenant, head: Letterhead) -> Side:
    return Side(tenant.name, (*head.address, *filter(None, [head.tax_number])))


def _buyer(customer: records.Customer) -> Side:
    lines = (" ".join(customer.address.get(part, "") for part in parts).strip() for parts in ADDRESS)
    return Side(customer.name, tuple(filter(None, lines)))


def _item(line: records.Line, currency: str) -> Item:
    net, tax = Money(line.net_minor, currency), Money(line.tax_minor, currency)
    return Item(line.description, net, tax, line.tax_rate, line.quantity)


def _settled(row: records.Invoice) -> int:
    """What was paid or credited of the total; nothing was where it is void or written off."""
    ended = row.payment_status in (PaymentStatus.VOID, PaymentStatus.UNCOLLECTIBLE)
    return row.paid_minor if ended else row.total_minor - row.due_minor


def _state(row: records.Invoice, zone: ZoneInfo, locale: str) -> str:
    told = STATES.get(PaymentStatus(row.payment_status), "")
    paid_at: datetime | None = row.paid_at
    if told == "Paid" and paid_at is not None:
        return f"Paid on {locales.day(paid_at.astimezone(zone).date(), locale)}"
    return told
