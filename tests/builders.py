"""Builders: what a test needs, with everything that it does not care about filled in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from daemon.house import House
from daemon.model import AccountInfo, Mode
from daemon.money import Money
from daemon.store import customers, integrations, invoices, links, records, tenants
from daemon.store.database import Store
from daemon.store.invoices import NewInvoice, NewLine
from tests.fakes import PacedAccount, Shop

ACTOR = "test"


def eur(text: str) -> Money:
    return Money.parse(text, "EUR")


class Builders:
    """Makes things in one store. Names count up: tenant-1, Subscriber 0001, invoice 1001."""

    def __init__(self, store: Store, shop: Shop | None = None) -> None:
        self.store = store
        self.shop = shop
        self._counts: dict[str, int] = {}

    def _next(self, noun: str) -> int:
        self._counts[noun] = self._counts.get(noun, 0) + 1
        return self._counts[noun]

    def a_tenant(self, *, zone: str = "Europe/Berlin", currency: str = "EUR") -> records.Tenant:
        n, store = self._next("tenant"), self.store
        return store.write(
            "test",
            lambda: tenants.add(
                reference=f"tenant-{n}",
                name=f"Tenant {n}",
                zone=zone,
                currency=currency,
                actor=ACTOR,
                now=store.clock.now(),
                entropy=store.entropy,
            ),
        )

    def a_customer(
        self, tenant: records.Tenant | None = None, *, email: str | None = "unset"
    ) -> records.Customer:
        n, store = self._next("customer"), self.store
        owner = tenant or self.a_tenant()
        return store.write(
            "test",
            lambda: customers.add(
                tenant_id=owner.id,
                reference=f"sub-{n:04}",
                name=f"Subscriber {n:04}",
                email=f"subscriber{n:04}@example.com" if email == "unset" else email,
                actor=ACTOR,
                now=store.clock.now(),
                entropy=store.entropy,
            ),
        )

    def an_integration(
        self,
        tenant: records.Tenant | None = None,
        *,
        customer: records.Customer | None = None,
        pace: str = "realtime",
        tested: bool = True,
    ) -> records.Integration:
        n, store = self._next("integration"), self.store
        owner = customer.tenant_id if customer else (tenant or self.a_tenant()).id
        account = AccountInfo(f"mem_{n}", f"Account {n}", Mode.SANDBOX) if tested else None
        made = store.write(
            "test",
            lambda: integrations.add(
                tenant_id=owner,
                customer_id=customer.id if customer else None,
                provider="memory",
                mode="sandbox",
                label="",
                settings={},
                account=account,
                base_url=None,
                pace=pace,
                actor=ACTOR,
                now=store.clock.now(),
                entropy=store.entropy,
            ),
        )
        if self.shop is not None:
            self.shop.accounts[made.id] = PacedAccount(account_id=f"mem_{n}", clock=self.shop.clock)
        return made

    def new_invoice(
        self,
        customer: records.Customer,
        *,
        total: str = "45.00 EUR",
        number: str | None = None,
        due_on: date | None = None,
    ) -> NewInvoice:
        amount, currency = total.split()
        today = self.store.clock.now().date()
        name = number or str(1000 + self._next("invoice"))
        zero = Money(0, currency)
        return NewInvoice(
            tenant_id=customer.tenant_id,
            customer_id=customer.id,
            number=name,
            reference=name,
            currency=currency,
            issued_on=today,
            due_on=due_on or today + timedelta(days=14),
            lines=(NewLine("Internet access", Money.parse(amount, currency), zero),),
        )

    def an_invoice(
        self,
        customer: records.Customer | None = None,
        *,
        total: str = "45.00 EUR",
        number: str | None = None,
        due_on: date | None = None,
    ) -> records.Invoice:
        new = self.new_invoice(customer or self.a_customer(), total=total, number=number, due_on=due_on)
        return self.add(new)[0]

    def add(self, new: NewInvoice) -> tuple[records.Invoice, bool]:
        store = self.store
        return store.write(
            "test", lambda: invoices.add(new, actor=ACTOR, now=store.clock.now(), entropy=store.entropy)
        )

    def a_link(
        self,
        integration: records.Integration,
        customer: records.Customer | None = None,
        *,
        total: str = "45.00 EUR",
        due_on: date | None = None,
    ) -> records.Link:
        """A new invoice, on its way to the integration."""
        payer = customer or self.a_customer(tenants.get(integration.tenant_id))
        invoice = self.an_invoice(payer, total=total, due_on=due_on)
        self.store.write("test", lambda: links.assign(self.store.clock.now()))
        return links.of_invoice(invoice.id)

    def links(self, integration: records.Integration, count: int) -> list[records.Link]:
        """Invoices for as many customers."""
        return [self.a_link(integration) for _ in range(count)]


def refs(found: Iterable[records.Link]) -> list[str]:
    """Where these are at the provider, as it stands now."""
    return [links.get(link.id).external_id or "" for link in found]


def invoice_of(house: House, link: records.Link) -> records.Invoice:
    return invoices.get(link.tenant_id, link.invoice_id)
