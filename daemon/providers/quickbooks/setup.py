"""What a company connects with, how its invoices are booked, and what QuickBooks can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from daemon.errors import InvalidInput
from daemon.model import Capabilities
from daemon.money import exponent
from daemon.providers.base import Credentials, ProviderSettings
from daemon.providers.quickbooks.words import APP_LIMITS, ITEMS, LIMITS, REACH_DAYS, WRITE_S

Id = Annotated[str, StringConstraints(pattern=r"^[0-9]{0,20}$")]
US_CODES = frozenset(["TAX", "NON"])


class QuickBooksCredentials(Credentials):
    """Which company it is. The tokens belong to the consent, not to these."""

    realm_id: str = Field(
        title="Company id",
        description="The realm id that QuickBooks names when the company consents; in QuickBooks: the gear, "
        "Account and settings, Billing and subscription, Company ID.",
        examples=["9130000000000001"],
    )

    @field_validator("realm_id")
    @classmethod
    def _is_a_realm(cls, value: str) -> str:
        digits = value.replace(" ", "")
        if not (digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 20):
            raise ValueError("a company id consists of digits, like 9130000000000001")
        return digits


class QuickBooksSettings(ProviderSettings):
    """What invoices are booked on, numbered by and taxed with."""

    item: Id = Field(
        default="",
        title="Product or service",
        description="The id of the item on which each line is booked; the connection test lists them.",
        examples=["19"],
    )
    numbering: Literal["ours", "quickbooks"] = Field(
        default="ours",
        title="Invoice numbers",
        description="ours: your number, which needs custom transaction numbers in QuickBooks; quickbooks: "
        "QuickBooks counts, and its number is shown.",
    )
    home_currency: str = Field(
        default="USD", title="Home currency", description="Of the company.", examples=["USD"]
    )
    multicurrency: bool = Field(
        default=False,
        title="Multicurrency",
        description="Whether it is on in QuickBooks; without it only the home currency can be billed.",
    )
    tax_codes: Mapping[str, str] = Field(
        default_factory=dict,
        title="Tax codes",
        description="For each tax rate's name on your invoices: the id of the tax code at QuickBooks (in the "
        "US: TAX). QuickBooks reckons the tax; an invoice on which it reckons otherwise is not sent.",
        examples=[{"VAT": "5"}],
    )
    untaxed_code: str = Field(
        default="",
        title="Code of lines without tax",
        description="The id of an exempt or zero-rated code (in the US: NON). Outside the US each line "
        "needs a code.",
        examples=["7"],
    )
    us_tax_code: Id = Field(
        default="",
        title="US: the tax rate",
        description="The id of the tax code whose rate applies to lines with TAX, where QuickBooks' "
        "automated sales tax is off.",
    )
    send_email: bool = Field(
        default=True,
        title="Send by e-mail",
        description="Whether QuickBooks mails each invoice to the subscriber.",
    )
    online_payment: bool = Field(
        default=False,
        title="Online payment",
        description="Whether the subscriber may pay by card or bank, where QuickBooks Payments is on; the "
        "link to the pay page costs one more read an invoice.",
    )
    term: Id = Field(default="", title="Terms", description="The id of the terms; the due date is yours.")
    deposit_account: Id = Field(
        default="",
        title="Deposit account",
        description="Where payments recorded from here go; empty: Undeposited Funds.",
    )
    payment_method: Id = Field(
        default="", title="Payment method", description="The id of the method of such payments."
    )

    @field_validator("home_currency")
    @classmethod
    def _is_a_currency(cls, value: str) -> str:
        try:
            exponent(value)
        except InvalidInput as error:
            raise ValueError(error.message) from error
        return value

    @model_validator(mode="after")
    def _codes_are_of_one_country(self) -> Self:
        codes = {code for code in (*self.tax_codes.values(), self.untaxed_code) if code}
        if not all(code in US_CODES or (code.isascii() and code.isdigit()) for code in codes):
            raise ValueError("a tax code is given by its id, like 5, or in the US as TAX or NON")
        if codes & US_CODES and codes - US_CODES:
            raise ValueError("TAX and NON are codes of the US, ids those of other countries: not both")
        return self

    @property
    def outside_us(self) -> bool:
        """Whether lines carry tax codes by id."""
        return bool({*self.tax_codes.values(), self.untaxed_code} - US_CODES - {""})


CAPABILITIES = Capabilities(
    # `requestid` is sent, but how long it is kept is not published: what is in doubt is looked for.
    key_window_s=0,
    # A query may not show at once what was written; third parties wait a minute between two looks.
    lookup_lag_s=60,
    # The server gives a request up after 120 s.
    settle_s=130,
    deadline_s=WRITE_S,
    push_batch=ITEMS,
    push_concurrency=4,
    pull_batch=10_000,
    concurrency=8,
    # A read every 15 minutes makes 2,880 a month of the half million that an app may read for free.
    min_poll_s=900,
    max_number_length=21,
    max_lines=750,
    limits=LIMITS,
    app_limits=APP_LIMITS,
    webhook_bytes=2 * 1024 * 1024,
    change_feed=True,
    feed_reach_days=REACH_DAYS - 1,
    partial_payments=True,
    credits=True,
    void=True,
    record_payment=True,
    pdf=True,
    pay_page=True,
    webhooks=True,
    oauth=True,
    needs_email=True,
    sends_email=True,
    lists_payers=True,
)
