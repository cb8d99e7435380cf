"""What a person gives to connect a Stripe account, and what the account can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from daemon.model import Capabilities, Mode
from daemon.providers.base import Credentials, ProviderSettings
from daemon.providers.stripe.words import limits

_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9]{10,}", re.ASCII)
_REFUSALS = (
    ("pk_", "this is a publishable key; wispbill needs a secret key (sk_…) or a restricted key (rk_…)"),
    ("sk_org_", "this is an organisation's key; create a key in the account that bills the customers"),
    ("whsec_", "this is a webhook's signing secret; wispbill needs a secret or a restricted key"),
    ("acct_", "this is the account's id; wispbill needs a secret or a restricted key"),
)


class StripeCredentials(Credentials):
    """One API key; its prefix says whether it is for live invoices or for Stripe's test mode."""

    secret_key: SecretStr = Field(
        title="Secret or restricted key",
        description="Stripe Dashboard, Developers, API keys. A restricted key (rk_…) needs: Customers and "
        "Invoices write; Events, Payment intents, Charges and refunds, Disputes, Credit notes and "
        "Account read; Webhook endpoints write, if wispbill shall register its webhook.",
        examples=["rk_live_…"],
    )

    @field_validator("secret_key", mode="after")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        for prefix, sentence in _REFUSALS:
            if text.startswith(prefix):
                raise ValueError(sentence)
        if not _KEY.fullmatch(text):
            raise ValueError("a Stripe key looks like sk_live_… or rk_test_…, and is copied whole")
        return value

    @property
    def mode(self) -> Mode:
        return Mode.LIVE if self.secret_key.get_secret_value()[3:].startswith("live_") else Mode.SANDBOX


class TaxRate(BaseModel):
    """How a tax rate of the invoices appears on Stripe's; the amount of tax is always ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    percentage: Decimal = Field(title="Percentage", ge=0, le=100, decimal_places=4, examples=["8.25"])
    display_name: str = Field(title="Name on the invoice", min_length=1, max_length=50, examples=["VAT"])


class StripeSettings(ProviderSettings):
    """How invoices look and how they can be paid."""

    payment_methods: tuple[str, ...] = Field(
        default=(),
        title="Payment methods",
        description="Stripe's names, such as card or us_bank_account; empty: what the account offers.",
    )
    footer: str = Field(default="", title="Footer", max_length=5000, description="Printed on each invoice.")
    time_zone: str = Field(
        default="UTC",
        title="Time zone of the Stripe account",
        description="An invoice is due at the end of its due day in this zone, as Stripe shows it.",
        examples=["America/Denver"],
    )
    tax_rates: Mapping[str, TaxRate] = Field(
        default_factory=dict,
        title="Tax rates",
        description="For each rate's name on your invoices: its percentage, and its name at Stripe.",
    )

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("this is not a time zone like America/Denver")
        return value


CAPABILITIES = Capabilities(
    # Keys may be pruned once they are 24 h old (https://docs.stripe.com/api/idempotent_requests).
    key_window_s=19 * 3600,
    # Lists are strongly consistent; only search lags, and it is asked with a lag of its own.
    lookup_lag_s=0,
    # Stripe's own SDK waits 80 s for an answer: what takes longer has been given up there.
    settle_s=120,
    deadline_s=45,
    push_batch=1,
    push_concurrency=8,
    # More than SINGLE_READS are read by listing, 100 a page: the larger the batch, the cheaper each.
    pull_batch=10_000,
    min_poll_s=60,
    max_number_length=26,
    max_lines=250,
    limits=limits(Mode.LIVE),
    change_feed=True,
    feed_reach_days=25,
    partial_payments=True,
    refunds=True,
    credits=True,
    disputes=True,
    void=True,
    record_payment=True,
    pdf=True,
    pay_page=True,
    webhooks=True,
    registers_webhook=True,
    needs_email=True,
    sends_email=True,
    lists_payers=True,
)
