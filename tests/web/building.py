"""A house with one tenant, one Stripe integration and its webhook; and deliveries as Stripe signs them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from daemon import app
from daemon.clock import Clock, SystemClock, SystemEntropy, to_unix
from daemon.house import House
from daemon.model import AccountInfo, Mode
from daemon.settings import load
from daemon.store import customers, hints, integrations, records, tenants, webhook
from daemon.store.secrets import CREDENTIALS
from daemon.store.webhook import WebhookKeys
from daemon.vault import MasterKeys

SECRET = "whsec_" + "a" * 32
OTHER_SECRET = "whsec_" + "b" * 32
URL = "https://billing.example.com/api/webhooks/billing"
ENTROPY = SystemEntropy()


def build_house(
    folder: Path, *, clock: Clock | None = None, make_wire: Any = None, **settings: object
) -> House:
    """`settings` as environment variables would give them: receiver__per_minute=60."""
    environ = {f"WISPBILL_{name.upper()}": str(value) for name, value in settings.items()}
    environ["WISPBILL_DAEMON__STATE_DIR"] = str(folder)
    return app.build(
        load(None, environ),
        clock=clock or SystemClock(),
        keys=MasterKeys.generate(ENTROPY),
        make_wire=make_wire,
        migrating=True,
    )


def a_tenant(house: House, reference: str = "tenant-1") -> records.Tenant:
    return house.store.write(
        "test",
        lambda: tenants.add(
            reference=reference,
            name="Tenant 0001",
            zone="Europe/Berlin",
            currency="EUR",
            actor="test",
            now=house.clock.now(),
            entropy=ENTROPY,
        ),
    )


def a_customer(house: House, tenant: records.Tenant) -> records.Customer:
    return house.store.write(
        "test",
        lambda: customers.add(
            tenant_id=tenant.id,
            reference="subscriber-0001",
            name="Subscriber 0001",
            email="subscriber0001@example.com",
            actor="test",
            now=house.clock.now(),
            entropy=ENTROPY,
        ),
    )


def an_integration(
    house: House,
    tenant: records.Tenant,
    *,
    account: str = "acct_0001",
    customer: records.Customer | None = None,
    secrets: Iterable[str] = (SECRET,),
    provider: str = "stripe",
    settings: Mapping[str, Any] = MappingProxyType({}),
    credentials: Mapping[str, Any] = MappingProxyType({"secret_key": "sk_test_" + "0" * 24}),
) -> records.Integration:
    def work() -> records.Integration:
        added = integrations.add(
            tenant_id=tenant.id,
            customer_id=customer.id if customer else None,
            provider=provider,
            mode="sandbox",
            label=provider,
            settings=dict(settings),
            account=AccountInfo(account, "Account", Mode.SANDBOX),
            base_url=None,
            pace="realtime",
            actor="test",
            now=house.clock.now(),
            entropy=ENTROPY,
        )
        house.safe.put(added, CREDENTIALS, dict(credentials))
        webhook.keep(house.safe, added, WebhookKeys(URL, tuple(secrets)))
        return added

    return house.store.write("test", work)


def event(number: int) -> bytes:
    """A Stripe event about an invoice; each `number` is another event."""
    return json.dumps(
        {
            "id": f"evt_{number:08d}",
            "object": "event",
            "type": "invoice.paid",
            "created": 1_772_000_000,
            "livemode": False,
            "request": {"id": None, "idempotency_key": None},
            "data": {"object": {"id": f"in_{number:08d}", "object": "invoice"}},
        }
    ).encode()


def signature(body: bytes, clock: Clock, *, secret: str = SECRET, age_s: int = 0) -> str:
    at = to_unix(clock.now()) - age_s
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def waiting(house: House, integration: records.Integration) -> list[records.Hint]:
    return hints.waiting(integration.id, limit=100_000)
