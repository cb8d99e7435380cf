"""What a person gives to connect a Square account, and what the account can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from daemon.model import Capabilities
from daemon.providers.base import Credentials, ProviderSettings
from daemon.providers.square.words import LIMITS

_TOKEN = re.compile(r"[A-Za-z0-9_-]{40,}", re.ASCII)
_REFUSALS = (
    ("sq0idp-", "this is the application's id; wispbill needs its access token"),
    ("sandbox-sq0idb-", "this is the application's id; wispbill needs its access token"),
    ("sq0csp-", "this is the application's secret; wispbill needs its access token"),
    ("sandbox-sq0csb-", "this is the application's secret; wispbill needs its access token"),
)

Method = Literal["card", "bank_account", "cash_app_pay", "square_gift_card", "buy_now_pay_later"]


class SquareCredentials(Credentials):
    """An access token. It does not say whether it is for live invoices or for the sandbox."""

    access_token: SecretStr = Field(
        title="Access token",
        description="Square Developer Console, your application, Credentials: the production access token "
        "(or the sandbox one, for a test). A personal token may do everything; one that was obtained by "
        "OAuth needs INVOICES, ORDERS and CUSTOMERS read and write, MERCHANT_PROFILE_READ, PAYMENTS_READ "
        "and DISPUTES_READ.",
        examples=["EAAA…"],
    )

    @field_validator("access_token", mode="after")
    @classmethod
    def _is_a_token(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        for prefix, sentence in _REFUSALS:
            if text.startswith(prefix):
                raise ValueError(sentence)
        if not _TOKEN.fullmatch(text):
            raise ValueError("a Square access token is one long word (EAAA…), and is copied whole")
        return value


class TaxRate(BaseModel):
    """How a tax rate of the invoices appears on Square's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    percentage: Decimal = Field(title="Percentage", ge=0, le=100, decimal_places=5, examples=["8.25"])
    display_name: str = Field(title="Name on the invoice", min_length=1, max_length=255, examples=["VAT"])


class SquareSettings(ProviderSettings):
    """Where invoices are made, and how they can be paid."""

    location_id: str = Field(
        default="",
        title="Location",
        max_length=50,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="The id of the location that bills; its currency is the invoices'. The connection test "
        "names the locations.",
        examples=["L1234567890AB"],
    )
    delivery: Literal["EMAIL", "SHARE_MANUALLY"] = Field(
        default="EMAIL",
        title="Delivery",
        description="EMAIL: Square sends the invoice and its reminders. SHARE_MANUALLY: Square sends "
        "nothing, and you hand out the pay link.",
    )
    payment_methods: tuple[Method, ...] = Field(
        default=("card",),
        min_length=1,
        title="Payment methods",
        description="What the pay page offers; bank_account (ACH) and cash_app_pay only in the US.",
    )
    tax_rates: Mapping[str, TaxRate] = Field(
        default_factory=dict,
        title="Tax rates",
        description="For each rate's name on your invoices: its percentage, and its name at Square.",
    )
    tax_as_line: bool = Field(
        default=False,
        title="Tax as a line",
        description="Send the tax as a line of its own instead of a rate that Square reckons with: always "
        "exact, but not in Square's tax reports.",
    )


CAPABILITIES = Capabilities(
    # Keys are sent, and how long Square keeps them is not published: every doubt is settled by a look.
    key_window_s=0,
    # Customers are searchable "in well under 30 seconds", at times after a minute or longer; for orders and
    # invoices nothing is said.
    lookup_lag_s=180,
    settle_s=120,
    deadline_s=45,
    push_batch=1,
    push_concurrency=4,
    # More than a few are read by listing, 200 a page: the larger the batch, the cheaper each.
    pull_batch=10_000,
    min_poll_s=60,
    max_number_length=191,
    max_lines=100,
    limits=LIMITS,
    change_feed=True,
    # A due date, a pending bank debit or a cancellation by Square may leave the order as it was.
    feed_tells_all=False,
    partial_payments=True,
    refunds=True,
    disputes=True,
    void=True,
    pay_page=True,
    webhooks=True,
    registers_webhook=True,
    needs_email=True,
    sends_email=True,
    lists_payers=True,
)
