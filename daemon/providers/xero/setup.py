"""What a person gives to connect a Xero organisation, and what the organisation can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from daemon.model import Capabilities
from daemon.providers.base import Credentials, ProviderSettings
from daemon.providers.xero.words import APP_LIMITS, LIMITS, is_guid


class XeroCredentials(Credentials):
    """The organisation; under our app's consent that is all. A custom connection, Xero's paid add-on for a
    single organisation, brings a client id and secret of its own."""

    tenant_id: str = Field(
        default="",
        title="Organisation (tenant id)",
        description="Xero's id of the organisation; filled in when you connect through Xero's own page. A "
        "custom connection needs none: it belongs to one organisation.",
        examples=["e629a03c-7ec5-4913-a431-ba4dd4a4ef4c"],
    )
    client_id: str = Field(
        default="",
        title="Client id of a custom connection",
        description="developer.xero.com, My Apps, your custom connection, Configuration. Leave it empty when "
        "you connect through Xero's own page.",
    )
    client_secret: SecretStr | None = Field(
        default=None,
        title="Client secret of a custom connection",
        description="Shown once, when it is generated there.",
    )

    @field_validator("tenant_id")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        value = value.strip().lower()
        if value and not is_guid(value):
            raise ValueError("a tenant id looks like e629a03c-7ec5-4913-a431-ba4dd4a4ef4c")
        return value

    @field_validator("client_id")
    @classmethod
    def _is_a_client(cls, value: str) -> str:
        if value and not (value.isascii() and value.isalnum() and len(value) >= 16):
            raise ValueError("a client id is 32 letters and digits, copied whole")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.client_id) != bool(self.client_secret and self.client_secret.get_secret_value()):
            raise ValueError("a custom connection needs both its client id and its client secret")
        if not self.client_id and not self.tenant_id:
            raise ValueError("either connect through Xero's own page, or give a custom connection's client")
        return self

    @property
    def is_custom(self) -> bool:
        return bool(self.client_id)


class XeroSettings(ProviderSettings):
    """Where invoices are booked, and what happens to them."""

    account_code: str = Field(
        default="",
        max_length=10,
        title="Sales account",
        description="Code of the revenue account that invoice lines are booked on, such as 200. wispbill "
        "never guesses it.",
        examples=["200"],
    )
    tax_types: Mapping[str, str] = Field(
        default_factory=dict,
        title="Tax types",
        description="For each rate's name on your invoices: Xero's tax type, such as OUTPUT2. `wispbill "
        "integrations test` names those that Xero does not know.",
    )
    no_tax_type: str = Field(
        default="NONE",
        min_length=1,
        title="Tax type of lines without tax",
        description="Xero books a line without one under the account's own rate.",
    )
    send_tax_amounts: bool = Field(
        default=True,
        title="Send our tax amounts",
        description="Each line carries the tax as invoiced here. Off: Xero reckons it per line, and an "
        "invoice that differs by a cent is not sent.",
    )
    send_email: bool = Field(
        default=False,
        title="Let Xero e-mail the invoice",
        description="One more call for each invoice, and at most 1000 e-mails a day (20 in a trial, none in "
        "the Demo Company). Off: the invoice is marked as sent.",
    )
    branding_theme: str = Field(
        default="",
        title="Branding theme",
        description="Xero's id of the theme; empty: the organisation's default.",
    )
    payment_account: str = Field(
        default="",
        max_length=10,
        title="Payment account",
        description="Code of the bank account, or of one that payments are enabled for, on which payments "
        "made elsewhere are recorded.",
    )
    short_code: str = Field(
        default="",
        max_length=20,
        title="Short code",
        description="The organisation's short code, such as !23eYt, for links into Xero; the connection "
        "test tells it.",
    )
    pay_links: bool = Field(
        default=True,
        title="Fetch pay links",
        description="When a single open invoice is read by itself, its online invoice link is fetched too: "
        "one more call.",
    )

    @field_validator("branding_theme")
    @classmethod
    def _is_an_id(cls, value: str) -> str:
        if value and not is_guid(value):
            raise ValueError("a branding theme is named by its id")
        return value.lower()


MAX_NUMBER = 255
MAX_LINES = 100
BATCH = 50

CAPABILITIES = Capabilities(
    # Keys are kept for 6 minutes from the first call, with errors; only single calls lean on them.
    key_window_s=240,
    lookup_lag_s=30,
    settle_s=180,
    deadline_s=60,
    push_batch=BATCH,
    push_concurrency=2,
    # More than a few are read by listing the open ones; the rest by id, 40 a call.
    pull_batch=10_000,
    # 5 are allowed; a refusal for this comes without Retry-After.
    concurrency=3,
    min_poll_s=900,
    max_number_length=MAX_NUMBER,
    max_lines=MAX_LINES,
    limits=LIMITS,
    app_limits=APP_LIMITS,
    change_feed=True,
    feed_tells_all=True,
    partial_payments=True,
    credits=True,
    void=True,
    record_payment=True,
    pdf=True,
    pay_page=True,
    webhooks=True,
    oauth=True,
    needs_email=False,
    sends_email=True,
    lists_payers=True,
)
