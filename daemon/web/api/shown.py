"""What is answered: the models, and how they are made from rows. No credential has a place in them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from daemon.store import records
from daemon.store.tokens import ApiToken


class Shown(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True, frozen=True
    )


class Page(Shown):
    """`next` is what `after` takes to go on; null: that was all."""

    next: str | None = None


class Fault(Shown):
    code: str
    text: str | None
    at: datetime | None = None


class TenantShown(Shown):
    id: str
    reference: str
    name: str
    zone: str
    currency: str
    created_at: datetime


class TenantPage(Page):
    tenants: list[TenantShown]


class CustomerShown(Shown):
    id: str
    reference: str
    name: str
    email: str | None
    phone: str | None
    may_connect: bool
    service_status: str
    created_at: datetime


class CustomerPage(Page):
    customers: list[CustomerShown]


class CredentialsShown(Shown):
    """All that is ever told of credentials: never they themselves."""

    provider: str
    last_four: str | None = Field(
        description="Of the longest secret, where it is long enough to be guessed by nobody."
    )
    fingerprint: str | None = Field(description="The same for the same credentials, on this installation.")
    tested_at: datetime | None
    missing_permissions: list[str]


class IntegrationShown(Shown):
    """`status` is one of testing, active, inactive, error; `state` says more. `duty`: it serves, stands_by
    (for `followsId`, until they are switched) or leaves."""

    id: str
    scope: str = Field(description="customer: their own; tenant: the default of all without one.")
    customer_id: str | None
    provider: str
    mode: str
    status: str
    state: str
    label: str
    account_id: str | None
    account_name: str | None
    approved: bool
    create_automatically: bool
    pull_status: bool
    pace: str
    settings: dict[str, Any]
    credentials: CredentialsShown
    queue: dict[str, int]
    fault: Fault | None
    pushed_at: datetime | None
    polled_at: datetime | None
    next_poll_at: datetime | None
    webhook_url: str | None
    webhook_seen_at: datetime | None
    duty: str
    follows_id: str | None
    created_at: datetime
    removed_at: datetime | None


class IntegrationList(Shown):
    integrations: list[IntegrationShown]


class TestShown(Shown):
    """What the provider answered to a connection test."""

    ok: bool
    account_id: str | None
    account_name: str | None
    mode: str
    currencies: list[str]
    missing_permissions: list[str]
    notes: list[str]
    integration: IntegrationShown


class ConsentShown(Shown):
    """Where the account's owner consents: once, for ten minutes."""

    consent_url: str
    expires_at: datetime


class LineShown(Shown):
    description: str
    quantity: str | None
    net: str
    tax: str
    tax_rate: str | None


class PaymentShown(Shown):
    kind: str
    reverses: str | None
    amount: str
    currency: str
    at: datetime | None
    method: str | None
    external_id: str
    transaction_id: str | None
    revision: int
    seen_at: datetime


class HistoryShown(Shown):
    """Something that happened to the invoice."""

    at: datetime
    type: str
    sentence: str | None


class InvoiceShown(Shown):
    """`syncStatus` and `status` are single words made of the three states beside them; amounts are decimal
    text."""

    id: str
    number: str
    reference: str
    customer_id: str
    customer_reference: str
    currency: str
    total: str
    paid: str
    due: str
    refunded: str
    issued_on: date
    due_on: date
    memo: str | None
    sync_status: str = Field(description="pending, synced, failed, paid or overdue")
    status: str = Field(description="pending, paid, overdue or cancelled")
    sync_state: str
    payment_state: str
    due_state: str
    overdue_days: int
    paid_at: datetime | None
    payment_method: str | None
    transaction_id: str | None
    provider: str | None
    integration_id: str | None
    external_id: str | None
    external_number: str | None
    pay_url: str | None
    pdf_url: str | None
    view_url: str | None
    attempts: int
    fault: Fault | None
    pushed_at: datetime | None
    next_push_at: datetime | None
    last_pulled_at: datetime | None
    next_pull_at: datetime | None
    void_requested_at: datetime | None
    created_at: datetime


class InvoiceWhole(InvoiceShown):
    lines: list[LineShown]
    payments: list[PaymentShown]
    sync_history: list[HistoryShown]


class InvoicePage(Page):
    invoices: list[InvoiceShown]


class InvoiceStatus(Shown):
    """The short form, for "has this customer paid?"."""

    id: str
    number: str
    sync_status: str
    status: str
    sync_state: str
    payment_state: str
    due_state: str
    overdue_days: int
    currency: str
    total: str
    paid: str
    due: str
    paid_at: datetime | None
    payment_method: str | None
    transaction_id: str | None
    external_id: str | None
    pay_url: str | None
    fault: Fault | None
    last_pulled_at: datetime | None


class SyncAll(Shown):
    """How many invoices were asked to go out now."""

    asked: int


class IntegrationStatus(Shown):
    id: str
    tenant_id: str
    customer_id: str | None
    provider: str
    mode: str
    status: str
    state: str
    account_name: str | None
    queue: dict[str, int]
    oldest_waiting_at: datetime | None
    pushed_at: datetime | None
    polled_at: datetime | None
    next_poll_at: datetime | None
    fault: Fault | None


class StatusList(Shown):
    """`unassigned`: invoices for which nothing is connected yet."""

    integrations: list[IntegrationStatus]
    unassigned: int


class EventShown(Shown):
    seq: int
    id: str | None
    tenant_id: str
    type: str
    at: datetime
    customer_id: str | None
    invoice_id: str | None
    integration_id: str | None
    data: dict[str, Any]


class EventPage(Shown):
    """`next` is what `after` takes; it stays where it is while nothing is new."""

    events: list[EventShown]
    next: int


class TokenShown(Shown):
    id: str
    tenant_id: str
    customer_id: str | None
    role: str
    label: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


class NewToken(TokenShown):
    """`token` is shown this once."""

    token: str


class TokenPage(Page):
    tokens: list[TokenShown]


class PlanLineShown(Shown):
    description: str
    amount: str
    tax: str
    tax_rate: str | None


class PlanShown(Shown):
    id: str
    reference: str
    name: str
    currency: str
    total: str
    lines: list[PlanLineShown]
    every: int
    unit: str
    due_days: int
    ahead_days: int
    proration: str
    memo: str | None
    subscriptions: int
    created_at: datetime
    ended_at: datetime | None


class PlanList(Shown):
    plans: list[PlanShown]


class SubscriptionShown(Shown):
    """`state` is active, paused or ended; `price` a price of its own, net and tax together."""

    id: str
    reference: str
    customer_id: str
    plan_id: str
    state: str
    start_on: date
    ends_on: date | None
    next_on: date
    anchor_day: int
    quantity: int
    price: str | None
    paused_on: date | None
    fault: Fault | None
    created_at: datetime


class SubscriptionPage(Page):
    subscriptions: list[SubscriptionShown]


# --- of single rows -----------------------------------------------------------------------------------


def tenant(row: records.Tenant) -> TenantShown:
    return TenantShown.model_validate(row, from_attributes=True)


def customer(row: records.Customer) -> CustomerShown:
    return CustomerShown.model_validate(row, from_attributes=True)


def token(row: ApiToken) -> TokenShown:
    return TokenShown.model_validate(row, from_attributes=True)


def fault(code: str | None, text: str | None, at: datetime | None = None) -> Fault | None:
    return Fault(code=code, text=text, at=at) if code else None
