"""What a person gives to connect a PayPal account, and what the account can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from daemon.model import Capabilities, Limit
from daemon.providers.base import Credentials, ProviderSettings

_CREDENTIAL = re.compile(r"[!-9;-~]{50,256}", re.ASCII)
"""Which characters there are is not documented; a colon would part the pair in two."""
_FORM = "it is copied whole from the app's page: 50 characters or more, without spaces"


def _client_id(value: str) -> str:
    text = value.strip()
    if "@" in text:
        raise ValueError("this is an e-mail address; wispbill needs the REST app's client id")
    if not _CREDENTIAL.fullmatch(text):
        raise ValueError(_FORM)
    return text


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if text.startswith("A21AA"):
        raise ValueError("this is an access token, which lasts for hours; wispbill needs the app's secret")
    if not _CREDENTIAL.fullmatch(text):
        raise ValueError(_FORM)
    return SecretStr(text)


class PayPalCredentials(Credentials):
    """A REST app's client id and secret. Live and sandbox ones look the same: `--mode` decides."""

    client_id: Annotated[str, AfterValidator(_client_id)] = Field(
        title="Client ID",
        description="developer.paypal.com, Apps & Credentials, your app (Live or Sandbox).",
        examples=["AbC…"],
    )
    client_secret: Annotated[SecretStr, AfterValidator(_secret)] = Field(
        title="Secret",
        description="The same page, Secret key. The app needs the feature Invoicing, and Disputes "
        "if disputes shall be told.",
        examples=["EfG…"],
    )


class TaxRate(BaseModel):
    """How a tax rate of the invoices appears on PayPal's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    percentage: Decimal = Field(title="Percentage", ge=0, le=100, decimal_places=5, examples=["8.25"])
    display_name: str = Field(title="Name on the invoice", min_length=1, max_length=100, examples=["VAT"])


class PayPalSettings(ProviderSettings):
    """How invoices look and how they can be paid."""

    time_zone: str = Field(
        default="UTC",
        title="Time zone of the PayPal account",
        description="An invoice whose date is still in the future there would only be scheduled.",
        examples=["America/Denver"],
    )
    allow_partial_payments: bool = Field(
        default=False,
        title="Part payments",
        description="Let subscribers pay less than what is due (not in India, Brazil and Israel).",
    )
    invoicer_email: str = Field(
        default="",
        title="E-mail on the invoice",
        max_length=254,
        description="One that is confirmed on the PayPal account; empty: its primary one.",
    )
    business_name: str = Field(default="", title="Business name on the invoice", max_length=300)
    terms: str = Field(default="", title="Terms", max_length=4000, description="Printed on each invoice.")
    tax_rates: Mapping[str, TaxRate] = Field(
        default_factory=dict,
        title="Tax rates",
        description="For each rate's name on your invoices: its percentage, and its name at PayPal.",
    )
    tax_lines: bool = Field(
        default=False,
        title="Taxes as lines",
        description="Put each tax on the invoice as a line of its own, with our amount, since PayPal reckons "
        "taxes from the percentage and may round otherwise.",
    )
    read_disputes: bool = Field(
        default=True,
        title="Read disputes",
        description="Off: a disputed payment stays paid here; the app then needs no Disputes feature.",
    )

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("this is not a time zone like America/Denver")
        return value

    @field_validator("tax_rates")
    @classmethod
    def _one_rate_to_a_name(cls, value: Mapping[str, TaxRate]) -> Mapping[str, TaxRate]:
        """On an invoice one name of a tax has one percentage."""
        rates = {(rate.display_name, rate.percentage) for rate in value.values()}
        if len({name for name, _ in rates}) < len(rates):
            raise ValueError("two percentages have the same name on the invoice")
        return value


LIMITS = (
    # PayPal publishes no numbers and asks for moderation: this is a pace of ours, a fifth of it for pushes.
    Limit("", 600, 60, reserve=0.2, spares=("read", "search")),
)

CAPABILITIES = Capabilities(
    # No key is documented for invoicing: the invoice's own number guards against a twin.
    key_window_s=0,
    # How far search is behind is not documented.
    lookup_lag_s=60,
    settle_s=60,
    deadline_s=45,
    push_batch=1,
    push_concurrency=4,
    # More than a few are read by search, 100 a page.
    pull_batch=10_000,
    concurrency=4,
    # PayPal asks not to poll more often.
    min_poll_s=900,
    max_number_length=25,
    max_lines=100,
    limits=LIMITS,
    change_feed=True,
    feed_tells_all=False,
    # Disputes are told for 180 days.
    feed_reach_days=170,
    partial_payments=True,
    refunds=True,
    credits=False,
    disputes=True,
    void=True,
    record_payment=True,
    pdf=False,
    pay_page=True,
    webhooks=True,
    registers_webhook=True,
    needs_email=True,
    sends_email=True,
)
