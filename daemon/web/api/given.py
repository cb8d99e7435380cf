"""What may be given: the models of bodies and queries. What is not listed here is refused by name."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, EmailStr, Field, StringConstraints
from pydantic.alias_generators import to_camel

from daemon.jobs.intake import MAX_LINES, PRINTABLE, Amount, Named
from daemon.jobs.subscribing import FIRST_DAY, LAST_DAY
from daemon.model import Mode, PaymentStatus, SyncState
from daemon.store.tokens import Role

Text = Annotated[str, Field(min_length=1, max_length=500, pattern=PRINTABLE)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTABLE)]
Phone = Annotated[str, Field(min_length=1, max_length=40, pattern=PRINTABLE)]
Reference = Annotated[str, Field(min_length=1, max_length=60, pattern=PRINTABLE), Named]
PlatformName = Annotated[Name, Named]
Currency = Annotated[str, StringConstraints(pattern="^[A-Za-z]{3}$")]
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
Pace = Literal["realtime", "hourly", "daily"]
Credentials = Annotated[
    dict[Annotated[str, Field(max_length=80)], Any],
    Field(min_length=1, max_length=30, description="As `<provider>.…Credentials` below. Never shown."),
]
Settings = Annotated[
    dict[Annotated[str, Field(max_length=80)], Any],
    Field(max_length=60, description="As `<provider>.…Settings` below."),
]


class Given(BaseModel):
    """Strict: a number is no text, `false` is no 0, and an unknown field is an error."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    def told(self) -> dict[str, Any]:
        """What was given, by snake_case names; what was left out is left out."""
        return self.model_dump(exclude_unset=True)


class TenantGiven(Given):
    reference: PlatformName
    name: Name | None = None
    zone: Annotated[str, Field(max_length=60, description="An IANA time zone.")] = "UTC"
    currency: Currency = "USD"


class CustomerGiven(Given):
    """`name` is what the invoice shows, else the reference; `email` is where the provider sends it."""

    reference: PlatformName
    name: Name | None = None
    email: EmailStr | None = None
    phone: Phone | None = None


class CustomerChange(Given):
    """`mayConnect`: whether the customer may connect a billing system of their own (administrators)."""

    name: Name | None = None
    email: EmailStr | None = None
    phone: Phone | None = None
    may_connect: bool | None = None


class LineGiven(Given):
    """`amount` is the line's net total, `tax` the tax on it: decimal text such as "12.50"."""

    description: Text
    amount: Amount
    tax: Amount = "0"
    tax_rate: Name | None = None
    quantity: Annotated[str, Field(max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None


class InvoiceGiven(Given):
    """`number` is what people read; `reference` the platform's own name, else the number."""

    number: Annotated[str, Field(min_length=1, max_length=40, pattern=PRINTABLE), Named]
    due_on: Day
    lines: Annotated[list[LineGiven], Field(min_length=1, max_length=MAX_LINES)]
    reference: PlatformName | None = None
    currency: Currency | None = None
    issued_on: Day | None = None
    memo: Text | None = None
    total: Amount | None = None


class SetupGiven(Given):
    """`provider`: stripe, paypal, square, quickbooks, xero, custom_webhook (or `custom`). Providers that are
    connected by consent take no credentials; the answer is then where the owner consents. `standsBy`: beside
    the one that serves, until the two are switched."""

    provider: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]
    credentials: Credentials | None = None
    settings: Settings = Field(default_factory=dict)
    mode: Literal["live", "sandbox"] | None = None
    label: Name | None = None
    app: Annotated[str, Field(max_length=40, pattern=PRINTABLE)] | None = None
    stands_by: bool = False

    @property
    def wanted_mode(self) -> Mode | None:
        return Mode(self.mode) if self.mode else None


class CredentialsGiven(Given):
    """`settings`: in place of those that are there, all of them anew."""

    credentials: Credentials
    settings: Settings | None = None


class IntegrationChange(Given):
    """`createAutomatically` off: invoices wait until somebody syncs them. `pullStatus` off: payments are
    not read, and nobody is cut off."""

    create_automatically: bool | None = None
    pull_status: bool | None = None
    pace: Pace | None = None
    label: Name | None = None
    settings: Settings | None = None


class TokenGiven(Given):
    role: Literal["platform_admin", "tenant_admin", "tenant_staff", "customer_owner", "read_only"]
    label: Name
    customer: Annotated[Name, Field(description="For a customer_owner: id, or ref:REFERENCE.")] | None = None
    expires_at: AwareDatetime | None = None

    @property
    def wanted_role(self) -> Role:
        return Role(self.role)


class PlanLineGiven(Given):
    description: Annotated[str, Field(min_length=1, max_length=440, pattern=PRINTABLE)]
    amount: Amount
    tax: Amount = "0"
    tax_rate: Name | None = None


Lines = Annotated[list[PlanLineGiven], Field(min_length=1, max_length=MAX_LINES)]
Unit = Literal["days", "weeks", "months", "years"]


class PlanGiven(Given):
    """Every `every` `unit`s an invoice, `aheadDays` before its period begins, due `dueDays` after that."""

    reference: Reference
    name: Name | None = None
    currency: Currency | None = None
    lines: Lines
    every: Annotated[int, Field(ge=1, le=3660)] = 1
    unit: Unit = "months"
    due_days: Annotated[int, Field(ge=0, le=365)] = 14
    ahead_days: Annotated[int, Field(ge=0, le=92)] = 0
    proration: Literal["none", "daily"] = "daily"
    memo: Text | None = None


class PlanChange(Given):
    """For every period that is not billed yet."""

    name: Name | None = None
    lines: Lines | None = None
    every: Annotated[int, Field(ge=1, le=3660)] | None = None
    unit: Unit | None = None
    due_days: Annotated[int, Field(ge=0, le=365)] | None = None
    ahead_days: Annotated[int, Field(ge=0, le=92)] | None = None
    proration: Literal["none", "daily"] | None = None
    memo: Text | None = None


class SubscriptionGiven(Given):
    """`customer` and `plan`: id or reference. `amount` and `tax`: a price of its own."""

    customer: Name
    plan: Name
    reference: Reference | None = None
    start: Day | None = None
    end: Day | None = None
    billed_to: Day | None = None
    anchor_day: Annotated[int, Field(ge=1, le=31)] | None = None
    quantity: Annotated[int, Field(ge=1, le=100_000)] = 1
    amount: Amount | None = None
    tax: Amount | None = None


class On(Given):
    """`on`: from which day; else the tenant's today."""

    on: Day | None = None


class Nothing(Given):
    """An empty object, or no body at all."""


# --- queries ------------------------------------------------------------------------------------------


class Query(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class PageQuery(Query):
    """`after` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class InvoiceQuery(PageQuery):
    payment_status: PaymentStatus | None = None
    sync: SyncState | None = None


class SubscriptionQuery(PageQuery):
    plan: Name | None = None
    customer: Name | None = None


class EventQuery(Query):
    """Events behind this sequence number, oldest first."""

    after: Annotated[int, Field(ge=0, le=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class RemoveQuery(Query):
    """`force`: destroy the secrets now; nothing more is read."""

    force: bool = False


class RemovedQuery(Query):
    removed: bool = False
