"""Staff, browsers that they are signed in with, and what the pages' addresses name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import SecretStr

from daemon.jobs import receipts
from daemon.model import Hint
from daemon.store import hints, records, staff, tickets
from daemon.store.staff import Staff
from daemon.store.tables import Difference
from daemon.store.tickets import Author
from daemon.store.tokens import Role
from daemon.vault import passwords
from daemon.web.dashboard.within import Spot
from tests.api.asking import KEY, OTHER_KEY, Office
from tests.browsing import Browser, Seen
from tests.fakes import SeededEntropy
from tests.portal.billed import an_invoice

ROOT = "/dashboard"
SIGN_IN = f"{ROOT}/sign-in"
PASSWORD = "a long enough canary"
ROLES = (Role.PLATFORM_ADMIN, Role.TENANT_ADMIN, Role.TENANT_STAFF, Role.READ_ONLY)
MISSING = {
    "tenantId": "wbt_00000000000000000000000000",
    "customerId": "wbc_00000000000000000000000000",
    "invoiceId": "wbi_00000000000000000000000000",
    "integrationId": "wbn_00000000000000000000000000",
    "ticketId": "wbk_00000000000000000000000000",
    "differenceId": "wbd_00000000000000000000000000",
    "hintId": "999999",
    "paymentId": "wbq_00000000000000000000000000",
    "report": "none",
    "format": "exe",
}


@cache
def hashed(password: str) -> str:
    """Once for all tests: it takes its time by design."""
    return passwords.hashed(SecretStr(password), SeededEntropy())


def a_member(
    office: Office,
    role: Role,
    tenant: records.Tenant | None = None,
    email: str | None = None,
    password: str | None = PASSWORD,
) -> Staff:
    where = staff.PLATFORM if role is Role.PLATFORM_ADMIN else (tenant or office.tenant).id
    return office.house.store.write(
        "test",
        lambda: staff.add(
            tenant_id=where,
            email=email or f"{role.value.replace('_', '-')}@example.com",
            name="",
            role=role,
            password=hashed(password) if password else None,
            actor="test",
            now=office.clock.now(),
            entropy=office.house.entropy,
        ),
    )


def try_in(browser: Browser, email: str, password: str = PASSWORD, following: str = "") -> Seen:
    """Open the form and send it."""
    browser.see(f"{SIGN_IN}?next={following}" if following else SIGN_IN)
    return browser.post(SIGN_IN, {"email": email, "password": password, "next": following})


def signed_in(office: Office, row: Staff) -> Browser:
    browser = Browser(office.app)
    assert try_in(browser, row.email).status == 303
    return browser


class World:
    """Two tenants with one of everything: `own` and `other` say what stands for each name of an address."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.own = self._tenant(office.tenant, office.customer, KEY, "tenant_admin")
        self.other = self._tenant(
            office.other, office.a_customer(office.other, "C-9"), OTHER_KEY, "other_admin"
        )

    def browser(self, role: Role) -> Browser:
        return signed_in(self.office, a_member(self.office, role))

    def _tenant(
        self, tenant: records.Tenant, person: records.Customer, key: str, admin: str
    ) -> dict[str, str]:
        office, now = self.office, self.office.clock.now()
        setup = {"provider": "stripe", "credentials": {"secret_key": key}}
        integration = office.post("/api/integrations", setup, as_=admin)["id"]
        invoice = an_invoice(office, f"INV-{tenant.reference}", customer=person)

        def work() -> str:
            hint = Hint(f"evt_{tenant.reference}", "in_1", now, "invoice.paid")
            hints.note(tenant.id, integration, [hint], source="webhook", now=now)
            ticket = tickets.open_(
                person,
                "A question",
                "Was it paid?",
                author=Author.SUBSCRIBER,
                actor=f"customer:{person.id}",
                now=now,
                entropy=office.house.entropy,
            )
            difference = f"wbd_{tenant.reference.replace('-', ''):0<26}"
            Difference.insert(_difference(difference, tenant.id, integration, now)).execute()
            return f"{ticket.id} {difference}"

        ticket, difference = office.house.store.write("test", work).split()
        receipt, _is_new = receipts.enter(office.house, invoice, receipts.Given("1.00"), actor="test")
        return {
            "tenantId": tenant.id,
            "customerId": person.id,
            "invoiceId": invoice.id,
            "integrationId": integration,
            "ticketId": ticket,
            "differenceId": difference,
            "paymentId": receipt.id,
            "hintId": str(hints.listing(integration_id=integration)[0].id),
            "report": "ageing",
            "format": "csv",
        }


def _difference(name: str, tenant_id: str, integration_id: str, now: Any) -> dict[str, Any]:
    return {
        "id": name,
        "tenant_id": tenant_id,
        "integration_id": integration_id,
        "kind": "unknown_here",
        "ref": "in_stray",
        "fingerprint": "f",
        "amount_minor": 900,
        "currency": "USD",
        "sentence": "There is an invoice there that nobody knows here.",
        "command": "wispbill exceptions settle {id}",
        "times": 1,
        "found_at": now,
        "seen_at": now,
    }


def filled(path: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], path)


def is_page(spot: Spot) -> bool:
    """And not a form, or a file."""
    return spot.method == "GET" and not spot.path.endswith(("{format}", "/pdf"))
