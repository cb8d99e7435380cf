"""Everything that the routes name, in one tenant and in another; and a body for each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from daemon.model import Hint
from daemon.store import differences, hints, integrations
from daemon.store.tokens import Role
from daemon.web.api import given
from daemon.web.api.cash import NoteGiven, PaymentGiven
from daemon.web.api.dunning import CloseGiven, HoldGiven, PromiseGiven
from daemon.web.api.endpoints import EndpointGiven, ResendGiven
from daemon.web.api.entering import InvoicesGiven, NumberingGiven, SubscriptionsGiven
from daemon.web.api.matches import DecisionsGiven
from daemon.web.api.office import SettleGiven
from daemon.web.api.papers import LetterheadGiven
from daemon.web.api.payers import PayerGiven
from daemon.web.api.plans import AdjustGiven, SkipGiven
from daemon.web.api.portal import PortalSessionGiven
from daemon.web.api.reports import CloseMonthGiven, ReopenMonthGiven
from daemon.web.api.routing import Route
from daemon.web.api.switching import SwitchGiven
from daemon.web.api.tickets import MessageGiven, TicketGiven
from tests.api.asking import KEY, OTHER_KEY, Office

OWN_KEY = "sk_test_canaryown0123456789ij"
FRESH_KEY = "sk_test_canaryfresh3456789kl"

INVOICE = {
    "number": "1001",
    "dueOn": "2026-04-01",
    "lines": [{"description": "Internet", "amount": "45.00"}],
}
PLAN = {"reference": "home", "lines": [{"description": "Home 100", "amount": "30.00"}]}

BODIES: Mapping[type[given.Given], dict[str, Any]] = {
    LetterheadGiven: {"address": ["Main Street 1"], "taxNumber": "VAT 1", "howToPay": "", "locale": "en"},
    CloseMonthGiven: {"month": "2026-02", "note": None},
    ReopenMonthGiven: {"month": "2026-02", "reason": "a late invoice"},
    given.SetupGiven: {
        "provider": "stripe",
        "credentials": {"secret_key": FRESH_KEY},
        "settings": {},
        "mode": "sandbox",
        "label": "Stripe",
        "app": None,
        "standsBy": False,
    },
    given.CredentialsGiven: {"credentials": {"secret_key": OWN_KEY}, "settings": {}},
    given.IntegrationChange: {
        "label": "Another name",
        "createAutomatically": True,
        "pullStatus": True,
        "pace": "hourly",
    },
    given.InvoiceGiven: {
        "number": "2002",
        "reference": "R-2002",
        "dueOn": "2026-04-01",
        "issuedOn": "2026-03-02",
        "currency": "USD",
        "memo": "Thank you",
        "total": "49.50",
        "lines": [
            {"description": "Internet", "amount": "45.00", "tax": "4.50", "taxRate": "VAT", "quantity": "1"}
        ],
    },
    given.CustomerGiven: {
        "reference": "C-9",
        "name": "Subscriber 0009",
        "email": "subscriber0009@example.com",
        "phone": "+1 555 0109",
    },
    given.CustomerChange: {
        "name": "Subscriber 0010",
        "email": "subscriber0010@example.com",
        "phone": None,
    },
    given.TenantGiven: {"reference": "wisp-9", "name": "Wisp", "zone": "UTC", "currency": "EUR"},
    given.TokenGiven: {
        "role": "read_only",
        "label": "a report",
        "customer": None,
        "expiresAt": "2026-12-31T00:00:00Z",
    },
    given.PlanGiven: {
        "reference": "other",
        "name": "Other",
        "currency": "USD",
        "lines": [{"description": "Home 100", "amount": "30.00", "tax": "3.00", "taxRate": "VAT"}],
        "every": 1,
        "unit": "months",
        "dueDays": 14,
        "aheadDays": 0,
        "proration": "daily",
        "memo": "Thank you",
    },
    given.PlanChange: {"name": "Home"},
    given.SubscriptionGiven: {
        "customer": "ref:C-2",
        "plan": "ref:home",
        "reference": "S-2",
        "start": "2026-03-02",
        "end": "2026-12-31",
        "billedTo": "2026-03-02",
        "anchorDay": 2,
        "quantity": 1,
        "amount": "20.00",
        "tax": "0",
    },
    given.On: {"on": "2026-03-20"},
    PaymentGiven: {
        "amount": "5.00",
        "method": "cash",
        "paidOn": "2026-03-01",
        "currency": "USD",
        "note": "slip 7",
        "reference": None,
    },
    NoteGiven: {"note": "closed there"},
    SwitchGiven: {
        "to": None,
        "setup": {"provider": "stripe", "credentials": {"secret_key": FRESH_KEY}},
        "dryRun": True,
    },
    TicketGiven: {
        "subject": "An amount",
        "text": "The invoice says 45.00.\nWhy?",
        "invoice": "ref:1001",
    },
    MessageGiven: {"text": "Tax."},
    PromiseGiven: {"until": "2026-03-20", "reason": "pays on Friday"},
    HoldGiven: {"reason": "a complaint is open", "until": "2026-03-20"},
    CloseGiven: {"reason": "moved away"},
    EndpointGiven: {
        "url": "https://platform.example.com/hooks?token=hidden",
        "types": ["invoice.*"],
        "label": "The platform",
        "after": 0,
    },
    SkipGiven: {"to": "2026-05-01"},
    AdjustGiven: {"quantity": 2, "amount": "20.00", "tax": "0", "planPrice": False},
    ResendGiven: {"first": 1, "last": 2, "failed": False},
    PortalSessionGiven: {"page": "service"},
    PayerGiven: {"payer": "cus_none"},
    SettleGiven: {"note": "agreed by phone"},
    NumberingGiven: {"format": "{year}-{counter:05d}", "next": 7},
    InvoicesGiven: {
        "invoices": [
            INVOICE | {"number": "3003", "customer": "C-8", "customerName": "Subscriber 0008"},
            INVOICE | {"number": "3004", "customer": "C-2", "customerEmail": "subscriber0002@example.com"},
        ],
        "dryRun": False,
        "createCustomers": True,
    },
    SubscriptionsGiven: {
        "subscriptions": [{"customer": "C-2", "plan": "home", "start": "2026-03-02", "reference": "S-3"}],
        "dryRun": False,
    },
    DecisionsGiven: {"decisions": [{"customer": "C-2", "decision": "skip", "proof": None}]},
    given.Nothing: {},
}


class World:
    """Two tenants with one of everything: `own` and `other` say what stands for each name of a path."""

    def __init__(self, office: Office) -> None:
        self.office = office
        for key in (OWN_KEY, FRESH_KEY):
            office.double.add_account(key=key)
        self.own = self._tenant("tenant_admin", "C-1", KEY, OWN_KEY)
        self.other = self._tenant("other_admin", "C-3", OTHER_KEY, None)

    def _tenant(self, admin: str, customer: str, key: str, own_key: str | None) -> dict[str, str]:
        ask = {"as_": admin}
        office = self.office
        setup = {"provider": "stripe", "credentials": {"secret_key": key}}
        integration = office.post("/api/integrations", setup, **ask)["id"]
        home = f"/api/customers/ref:{customer}"
        if own_key:
            own = office.post(
                f"{home}/billing-integration/setup",
                {"provider": "stripe", "credentials": {"secret_key": own_key}},
                **ask,
            )
            office.post(f"/api/integrations/{own['id']}/approve", status=200, **ask)
        invoice = office.post(f"{home}/invoices", INVOICE, **ask)
        plan = office.post("/api/plans", PLAN, **ask)["id"]
        body = {"customer": f"ref:{customer}", "plan": plan}
        row = office.a_token(f"spare of {customer}", Role.READ_ONLY, self._id(admin))
        return {
            "customerId": invoice["customerId"],
            "invoiceId": invoice["id"],
            "paymentId": office.post(
                f"{home}/invoices/{invoice['id']}/payments", BODIES[PaymentGiven], **ask
            )["id"],
            "integrationId": integration,
            "tenantId": self._id(admin),
            "tokenId": row.id,
            "planId": plan,
            "subscriptionId": office.post("/api/subscriptions", body, **ask)["id"],
            "hintId": self._hint(self._id(admin), integration),
            "differenceId": self._difference(integration),
            "endpointId": office.post("/api/endpoints", BODIES[EndpointGiven], **ask)["id"],
            "ticketId": office.post(f"{home}/tickets", BODIES[TicketGiven], **ask)["id"],
        }

    def _hint(self, tenant_id: str, integration_id: str) -> str:
        now = self.office.clock.now()
        told = [Hint("evt_1", "in_1", now, "invoice.paid")]
        self.office.house.store.write(
            "test", lambda: hints.note(tenant_id, integration_id, told, source="webhook", now=now)
        )
        return str(hints.listing(integration_id=integration_id)[0].id)

    def _difference(self, integration_id: str) -> str:
        office, row = self.office, integrations.get(None, integration_id)
        found = [differences.Found("unknown_here", "in_9", "It is not here.", "1", "wispbill explain in_9")]
        office.house.store.write(
            "test",
            lambda: differences.note(row, found, now=office.clock.now(), entropy=office.house.entropy),
        )
        return differences.waiting(row.tenant_id)[0].id

    def _id(self, admin: str) -> str:
        return self.office.rows[admin].tenant_id


MISSING = {
    "customerId": "wbc_00000000000000000000000000",
    "invoiceId": "wbi_00000000000000000000000000",
    "paymentId": "wbq_00000000000000000000000000",
    "integrationId": "wbn_00000000000000000000000000",
    "tenantId": "wbt_00000000000000000000000000",
    "tokenId": "00000000",
    "planId": "wbf_00000000000000000000000000",
    "subscriptionId": "wbs_00000000000000000000000000",
    "hintId": "999999999",
    "differenceId": "wbd_00000000000000000000000000",
    "endpointId": "wbe_00000000000000000000000000",
    "ticketId": "wbk_00000000000000000000000000",
}


def filled(route: Route, names: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], route.path)


def body_of(route: Route) -> dict[str, Any] | None:
    return BODIES[route.given] if route.given else None  # type: ignore[index]
