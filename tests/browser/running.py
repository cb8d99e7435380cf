"""wispbill on a real port, with a sandbox of each provider beside it: what the browser tests look at.

The listener is the daemon's own, over real HTTP; the jobs run when a test says so (`work`), so that nothing
is waited for.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from daemon import app as wiring
from daemon.beats import Beats
from daemon.clock import SystemClock, SystemEntropy
from daemon.house import House
from daemon.jobs.enforce import enforce_some
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.visit import visit
from daemon.model import AccountInfo, Mode
from daemon.money import Money
from daemon.sandbox.deliverer import Forward
from daemon.sandbox.double import BaseDouble
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import SEATED, Ground
from daemon.sandbox.stands import Ports, Stand, close, put_up
from daemon.settings import load
from daemon.store import apps, customers, integrations, invoices, links, portal_links, records, tenants
from daemon.store.invoices import NewInvoice, NewLine
from daemon.store.secrets import CREDENTIALS
from daemon.vault import MasterKeys
from daemon.web.listeners import build_web
from daemon.web.portal import addresses

CURRENCY = "USD"
PUBLIC_URL = "https://wispbill.example"
"""Where webhooks are addressed to; the sandboxes play the part of the proxy that leads here."""


@dataclass
class Running:
    """`url` is where the pages are; `stands` are the sandboxes by provider."""

    house: House
    url: str
    stands: dict[str, Stand]
    tenant: records.Tenant
    servers: Sequence[Any]
    count: int = 0

    # --- who and what there is ------------------------------------------------------------------------

    def a_customer(self, *, may_connect: bool = False, name: str = "") -> records.Customer:
        self.count += 1
        reference = f"C-{self.count}"

        def work() -> records.Customer:
            row = customers.add(
                tenant_id=self.tenant.id,
                reference=reference,
                name=name or f"Subscriber {self.count:04}",
                email=f"subscriber{self.count:04}@example.com",
                actor="test",
                now=self.house.clock.now(),
                entropy=self.house.entropy,
            )
            now = self.house.clock.now()
            changed = {"may_connect": may_connect}
            return customers.update(self.tenant.id, row.id, changed, actor="test", now=now)

        return self.house.store.write("test", work)

    def an_integration(
        self, provider: str = "stripe", customer: records.Customer | None = None
    ) -> records.Integration:
        """The sandbox's account, connected as the tenant's default, or as this customer's own."""
        seat = self.stands[provider].seat

        def work() -> records.Integration:
            row = integrations.add(
                tenant_id=self.tenant.id,
                customer_id=customer.id if customer else None,
                provider=provider,
                mode=seat.mode,
                label=provider,
                settings=seat.settings,
                account=AccountInfo(seat.account_id, "Sandbox", Mode(seat.mode)),
                base_url=None,
                pace="realtime",
                actor="test",
                now=self.house.clock.now(),
                entropy=self.house.entropy,
            )
            self.house.safe.put(row, CREDENTIALS, seat.credentials)
            return row

        return self.house.store.write("test", work)

    def an_invoice(
        self, customer: records.Customer, amount: str = "45.00", *, due_in: int = 14, number: str = ""
    ) -> records.Invoice:
        """As intake writes it; `due_in` days from today, which may lie behind."""
        self.count += 1
        today = self.house.clock.now().date()
        name = number or f"INV-{1000 + self.count}"
        net = Money.parse(amount, CURRENCY)
        new = NewInvoice(
            tenant_id=self.tenant.id,
            customer_id=customer.id,
            number=name,
            reference=name,
            currency=CURRENCY,
            issued_on=today + timedelta(days=min(0, due_in - 14)),
            due_on=today + timedelta(days=due_in),
            lines=(NewLine("Internet access, 100 Mbit/s", net, Money(0, CURRENCY)),),
        )
        house = self.house
        return house.store.write(
            "test",
            lambda: invoices.add(new, actor="test", now=house.clock.now(), entropy=house.entropy)[0],
        )

    def an_app(self, provider: str) -> records.App:
        """Our registration at a provider where tenants consent."""
        seat = self.stands[provider].seat
        own = seat.app
        assert own is not None, f"{provider} has no app"

        def work() -> records.App:
            row = apps.add(
                provider=provider,
                mode=seat.mode,
                client_id=own.client_id,
                redirect_uri=own.redirect_uri,
                label=provider,
                actor="test",
                now=self.house.clock.now(),
                entropy=self.house.entropy,
            )
            now = self.house.clock.now()
            apps.replace_secret(self.house.safe, row, SecretStr(own.client_secret), now=now, actor="test")
            return row

        return self.house.store.write("test", work)

    # --- what happens ---------------------------------------------------------------------------------

    def work(self) -> None:
        """One round of push, pull and enforce, as the scheduler would start them."""
        now = self.house.clock.now()
        self.house.store.write("test", lambda: links.assign(now))
        for row in integrations.listing(self.tenant.id):
            self.house.store.write("test", lambda one=row: integrations.update(one.id, next_poll_at=now))
            visit(self.house, row.id, "push", push)
            visit(self.house, row.id, "pull", pull)

    def enforce(self, customer: records.Customer) -> None:
        enforce_some(self.house, self.tenant, [customer.id], actor="test")

    def pay(self, invoice: records.Invoice, minor: int | None = None) -> None:
        """At the provider, as the subscriber does."""
        link = links.of_invoice(invoice.id)
        at = integrations.get(None, link.integration_id or "")
        self.stands[at.provider].seat.hands.pay(link.external_id or "", minor)

    # --- the way in -----------------------------------------------------------------------------------

    def link(self, customer: records.Customer, page: str = "invoices") -> str:
        """An address that opens this customer's pages, once."""
        _row, token = self.house.store.write(
            "test",
            lambda: portal_links.add(
                customer,
                page=page,
                life_s=900,
                actor="test",
                now=self.house.clock.now(),
                entropy=self.house.entropy,
            ),
        )
        return self.url + addresses.link(self.house, token).removeprefix(PUBLIC_URL)

    def close(self) -> None:
        for server in self.servers:
            server.stop(within_s=2)
        close(list(self.stands.values()))
        self.house.close()


def run(folder: Path, *providers: str) -> Running:
    """Everything up, with these sandboxes (none named: all six)."""
    held = _free_port()
    port = int(held.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    clock, entropy = SystemClock(), SystemEntropy()
    ground = Ground(clock, entropy, Faults(), demo=True, currency=CURRENCY, rates=False)
    forward = Forward(PUBLIC_URL, url)
    stands = put_up(providers or SEATED, ground, Ports(threads=8), public_url=url, forward=forward)
    for stand in stands:
        if isinstance(stand.seat.double, BaseDouble):
            stand.seat.double.outbox.retry_after_s = ()
    environ = {
        "WISPBILL_DAEMON__STATE_DIR": str(folder),
        "WISPBILL_RECEIVER__LISTEN": f"127.0.0.1:{port}",
        "WISPBILL_RECEIVER__PUBLIC_URL": PUBLIC_URL,
        "WISPBILL_RECEIVER__PER_ADDRESS": "200",
        "WISPBILL_PORTAL__PER_MINUTE": "5000",
        "WISPBILL_DASHBOARD__PER_MINUTE": "5000",
        "WISPBILL_DASHBOARD__WRONG_PER_MINUTE": "100",
        "WISPBILL_MONITORING__ENABLED": "false",
    } | {f"WISPBILL_PROVIDERS__{one.seat.provider.upper()}__BASE_URL": one.served.url for one in stands}
    house = wiring.build(
        load(None, environ), environ=environ, clock=clock, keys=MasterKeys.generate(entropy), migrating=True
    )
    servers = build_web(house, Beats(clock))
    held.close()
    for server in servers:
        server.start()
    tenant = house.store.write(
        "test",
        lambda: tenants.add(
            reference="wisp-1",
            name="Example Wireless",
            zone="UTC",
            currency=CURRENCY,
            actor="test",
            now=clock.now(),
            entropy=entropy,
        ),
    )
    return Running(house, url, {one.seat.provider: one for one in stands}, tenant, servers)


def _free_port() -> socket.socket:
    """Held until it is needed, so that no sandbox gets it."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock
