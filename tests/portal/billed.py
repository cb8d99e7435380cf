"""Invoices of the office's customers, at Stripe's double."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from daemon.money import Money
from daemon.store import customers, invoices, links, records
from daemon.store.invoices import NewInvoice, NewLine
from daemon.store.tables import Link as LinkTable
from tests.api.asking import KEY, OTHER_KEY, Office

ROOT = "/customer-portal/billing/invoices"


def connected(office: Office) -> None:
    """The tenant's default account, at Stripe."""
    body = {"provider": "stripe", "credentials": {"secret_key": KEY}}
    office.post("/api/integrations", body)


def own_account(office: Office, key: str = OTHER_KEY) -> str:
    """The customer's own, connected and approved; its id."""
    grant(office)
    body = {"provider": "stripe", "credentials": {"secret_key": key}}
    made = office.post("/api/customers/ref:C-1/billing-integration/setup", body)
    office.post(f"/api/integrations/{made['id']}/approve", {}, 200)
    return str(made["id"])


def grant(office: Office) -> None:
    """The tenant lets the customer connect an account."""
    changes = {"may_connect": True}
    who, now = office.customer, office.clock.now()
    office.house.store.write(
        "test", lambda: customers.update(who.tenant_id, who.id, changes, actor="test", now=now)
    )


def refused(link: records.Link, text: str) -> None:
    """As a push leaves an invoice that the provider refuses."""
    values = {"state": "failed", "fault_code": "WB-REMOTE-REJECTED", "fault_text": text, "attempts": 3}
    LinkTable.update(values).where(LinkTable.id == link.id).execute()


def an_invoice(
    office: Office,
    number: str = "1001",
    amount: str = "50.00 USD",
    *,
    customer: records.Customer | None = None,
    due_in: int = 14,
    **more: Any,
) -> records.Invoice:
    """Entered, not sent yet; `due_in` days from today, which may lie behind."""
    who = customer or office.customer
    text, currency = amount.split()
    today: date = office.clock.now().date()
    new = NewInvoice(
        tenant_id=who.tenant_id,
        customer_id=who.id,
        number=number,
        reference=more.pop("reference", number),
        currency=currency,
        issued_on=today - timedelta(days=30),
        due_on=today + timedelta(days=due_in),
        lines=(NewLine(more.pop("line", "Internet"), Money.parse(text, currency), Money(0, currency)),),
        **more,
    )
    return office.house.store.write(
        "test",
        lambda: invoices.add(new, actor="test", now=office.clock.now(), entropy=office.house.entropy)[0],
    )


def sent(office: Office, *rows: records.Invoice) -> list[records.Link]:
    office.push()
    return [links.of_invoice(row.id) for row in rows]


def paid(office: Office, row: records.Invoice, minor: int | None = None) -> None:
    """At Stripe; and read back."""
    office.account.pay(links.of_invoice(row.id).external_id or "", minor)
    office.clock.move(minutes=2)
    office.pull()
