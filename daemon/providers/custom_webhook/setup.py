"""What a person gives to connect a system of their own, and what such a connection can do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from daemon.clock import EPOCH
from daemon.errors import InvalidInput
from daemon.model import Capabilities, Document, Limit
from daemon.money import exponent
from daemon.providers.base import Credentials, ProviderSettings
from daemon.providers.custom_webhook import mapping, markup, schemas
from daemon.providers.custom_webhook.addresses import CreateUrl, ListUrl, LookupUrl, StatusUrl, variables
from daemon.providers.custom_webhook.answers import Path
from daemon.providers.custom_webhook.canonical import DEFAULT, canonical, sample_draft
from daemon.providers.custom_webhook.signing import MIN_TEXT, PREFIX, Signature, standard_key
from daemon.providers.custom_webhook.words import STATES, WORDS, folded

CAPABILITIES = Capabilities(
    # Each try bears the same webhook-id, by which the receiver knows it again; a look comes before a repeat
    # where there is an address to look at, so that nothing leans on the receiver's memory.
    key_window_s=0,
    lookup_lag_s=60,
    settle_s=60,
    deadline_s=20,
    push_batch=1,
    push_concurrency=2,
    pull_batch=100,
    concurrency=2,
    min_poll_s=900,
    max_number_length=100,
    max_lines=1000,
    limits=(Limit("", 5, 1.0),),
    feed_tells_all=False,
    partial_payments=True,
    refunds=True,
    credits=True,
    webhooks=True,
    registers_webhook=True,
    needs_email=False,
)

_HEADER = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
_TAKEN = re.compile(r"host|content-.*|transfer-encoding|connection|webhook-.*|idempotency-key|cookie", re.I)


class CustomCredentials(Credentials):
    """The API key of the customer's system, and the secrets that both directions are signed with."""

    auth: Literal["bearer", "header", "basic", "none"] = Field(
        default="bearer",
        title="How the API key is sent",
        description="bearer: Authorization: Bearer KEY; header: in a header of its own; basic: with a user "
        "name; none: the signature alone.",
    )
    api_key: SecretStr | None = Field(
        default=None, title="API key", description="What your system knows us by; with basic, the password."
    )
    header_name: str | None = Field(
        default=None, title="Name of the header", description="With header only.", pattern=_HEADER
    )
    user: str | None = Field(
        default=None, title="User name", description="With basic only.", pattern=r"^[^:\x00-\x1f]{1,200}$"
    )
    signing_secret: SecretStr | None = Field(
        default=None,
        title="Signing secret",
        description="Your system checks our requests with it: whsec_ and base64 of 24 to 64 random bytes.",
    )
    previous_signing_secret: SecretStr | None = Field(
        default=None, title="Previous signing secret", description="During a rotation, else empty."
    )
    inbound_secret: SecretStr | None = Field(
        default=None,
        title="Inbound secret",
        description="Your system signs its hints to us with it; another one than the signing secret.",
    )

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e]{1,4096}", value.get_secret_value()):
            raise ValueError("an API key has printable ASCII characters without spaces")
        return value

    @field_validator("signing_secret", "previous_signing_secret", "inbound_secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        if text.startswith(PREFIX):
            standard_key(text)
        elif text and len(text) < MIN_TEXT:
            raise ValueError(f"a secret is whsec_ and base64, or (plain hmac) {MIN_TEXT} characters at least")
        return value if text else None

    @field_validator("header_name")
    @classmethod
    def _is_free(cls, value: str | None) -> str | None:
        if value is not None and _TAKEN.fullmatch(value):
            raise ValueError("this header has a meaning of its own")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> CustomCredentials:
        if self.auth != "none" and self.api_key is None:
            raise ValueError("api_key is missing (or say auth = none)")
        if self.auth == "header" and self.header_name is None:
            raise ValueError("header_name is missing")
        if self.auth == "basic" and self.user is None:
            raise ValueError("user is missing")
        if self.auth == "none" and self.signing_secret is None:
            raise ValueError("without an API key a signing_secret is needed")
        if self.inbound_secret and self.inbound_secret in (self.signing_secret, self.previous_signing_secret):
            raise ValueError("inbound_secret must be another one than the signing secret")
        return self

    def signing_secrets(self) -> tuple[str, ...]:
        given = (self.signing_secret, self.previous_signing_secret)
        return tuple(secret.get_secret_value() for secret in given if secret is not None)


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CreateAnswer(Part):
    """Where the answer to a new invoice says what became of it (JMESPath)."""

    external_id: Path | None = Field(default=None, title="Your id of the invoice")
    success: Path | None = Field(default=None, title="What must be true for the answer to be a success")


class Create(Part):
    url: CreateUrl = Field(
        title="Address for new invoices", examples=["https://billing.example.com/invoices"]
    )
    method: Literal["POST", "PUT"] = "POST"
    response: CreateAnswer = CreateAnswer()


class Void(Part):
    """Where an invoice is withdrawn: a signed `invoice.void` is posted there."""

    url_template: StatusUrl


class MoneyList(Part):
    """Payments, or refunds, one by one: `items` is the list, the others are paths in each of its entries."""

    items: Path
    id: Path
    amount: Path
    at: Path | None = None
    method: Path | None = None


class Paths(Part):
    """Where a status document says what (JMESPath)."""

    status: Path
    external_id: Path | None = None
    reference: Path | None = None
    number: Path | None = None
    customer: Path | None = None
    currency: Path | None = None
    total: Path | None = None
    amount_paid: Path | None = None
    amount_due: Path | None = None
    due_date: Path | None = None
    updated_at: Path | None = None
    view_url: Path | None = None
    pay_url: Path | None = None
    payments: MoneyList | None = None
    refunds: MoneyList | None = None


class StatusList(Part):
    """A list of what changed: `items` is the list; an entry's id, reference and time by the status paths."""

    url_template: ListUrl
    items: Path


class Status(Part):
    url_template: StatusUrl
    lookup_url_template: LookupUrl | None = None
    changes: StatusList | None = None
    paths: Paths
    words: dict[str, STATES] = Field(default_factory=dict, max_length=200)
    success: Path | None = None
    repeated_elements: tuple[str, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _tells_money(self) -> Status:
        if not (self.paths.total or self.paths.amount_paid):
            raise ValueError("paths: amount_paid or total is needed, or nothing could be told as paid")
        if self.changes is not None and not self.paths.updated_at:
            raise ValueError("paths: updated_at is needed for a list of changes")
        return self

    @property
    def ref_is(self) -> str:
        """Which name of an invoice its address takes: external_id, reference or number."""
        names = variables(self.url_template)
        return next(name for name in ("external_id", "reference", "number") if name in names)

    @property
    def lookup(self) -> str | None:
        """The address that finds an invoice whose id was never told."""
        return self.lookup_url_template or (None if self.ref_is == "external_id" else self.url_template)

    def word(self, text: str) -> str | None:
        """Our word for theirs; None for one that nobody mapped."""
        own = {folded(theirs): ours for theirs, ours in self.words.items()}
        return (own or WORDS).get(folded(text))


class CustomSettings(ProviderSettings):
    """Where invoices go, what they look like there, and where their status is read."""

    create: Create = Field(title="New invoices")
    status: Status | None = Field(default=None, title="Status of an invoice")
    void: Void | None = Field(default=None, title="Withdrawing an invoice")
    manual: bool = Field(
        default=False,
        title="Nothing can be read back",
        description="True: your system has no address for the status. Payments are then never seen here; a "
        "person records them, and nobody is cut off for what could not be read.",
    )
    account: str = Field(
        default="",
        title="Account",
        max_length=100,
        description="A name for this account, where one address serves several.",
    )
    currencies: tuple[str, ...] = Field(
        default=(), title="Currencies", description="What your system bills in; empty: any.", max_length=50
    )
    content_type: Literal["application/json", "application/xml"] = "application/json"
    mapping: Any = Field(default=None, title="Mapping", description="Empty: the documented default (JSON).")
    mapping_version: int = Field(default=1, ge=1, title="Version of the mapping")
    json_schema: Document | None = Field(default=None, title="JSON Schema of what is sent")
    amount_format: Literal["decimal_string", "decimal_number", "minor_units"] = "decimal_string"
    decimal_separator: Literal[".", ","] = "."
    date_format: str = Field(
        default="iso",
        title="Times in answers",
        max_length=40,
        description="iso, epoch_s, epoch_ms or %d.%m.%Y",
    )
    signing: Signature = Field(default=Signature(), title="Signature of our requests")
    inbound: Signature = Field(default=Signature(), title="Signature of your hints")
    hint_path: Path | None = Field(
        default=None,
        title="Where a hint names the invoice",
        description="By the name that status.url_template takes; empty: a hint means all open invoices.",
    )
    test_event: Literal["send", "skip"] = Field(
        default="send", title="Connection test", description="skip: your system refuses unknown events."
    )

    @field_validator("currencies")
    @classmethod
    def _are_currencies(cls, value: Sequence[str]) -> Sequence[str]:
        for currency in value:
            try:
                exponent(currency)
            except InvalidInput as error:
                raise ValueError(error.message) from None
        return value

    @field_validator("date_format")
    @classmethod
    def _is_a_format(cls, value: str) -> str:
        if value not in ("iso", "epoch_s", "epoch_ms") and "%Y" not in value:
            raise ValueError("it is iso, epoch_s, epoch_ms or a pattern with %Y")
        return value

    @field_validator("mapping")
    @classmethod
    def _is_a_mapping(cls, value: Any, known: ValidationInfo) -> Any:
        currencies = known.data.get("currencies") or ("EUR",)
        invoice = canonical(sample_draft(currencies[0]), EPOCH)
        if known.data.get("content_type") == "application/xml":
            markup.check(value, invoice)
            markup.write(value, invoice)
        elif value is not None:
            mapping.check(value, invoice)
        return value

    @field_validator("json_schema")
    @classmethod
    def _is_a_schema(cls, value: Document | None) -> Document | None:
        if value is not None:
            schemas.check(value)
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> CustomSettings:
        if self.content_type == "application/xml":
            if self.mapping is None:
                raise ValueError("mapping is missing: there is no default for XML")
            if self.json_schema is not None:
                raise ValueError("json_schema is for JSON, and content_type is XML")
        if self.status is None:
            if not self.manual:
                raise ValueError("status is missing; where your system has none, say manual = true")
            if self.void is not None:
                raise ValueError("void needs status: whether it happened is read there")
            return self
        if self.manual:
            raise ValueError("manual is for systems without status; give one of the two")
        if self.status.ref_is == "external_id" and not self.create.response.external_id:
            raise ValueError(
                "status.url_template has {external_id}, so create.response.external_id is needed"
            )
        if self.status.ref_is == "external_id" and self.status.lookup and not self.status.paths.external_id:
            raise ValueError("status.lookup_url_template finds the id: status.paths.external_id is needed")
        if self.void is not None and variables(self.void.url_template) != {self.status.ref_is}:
            raise ValueError(f"void.url_template must hold {{{self.status.ref_is}}}, as status does")
        if not self.status.paths.currency and len(self.currencies) != 1:
            raise ValueError("status.paths.currency is needed, or exactly one of currencies")
        return self

    @property
    def tree(self) -> Any:
        return DEFAULT if self.mapping is None else self.mapping


def insist_on_secrets(given: CustomCredentials, settings: CustomSettings) -> None:
    """Raises InvalidInput where a secret is not of the form that its direction's signature needs."""
    outbound = [
        ("signing_secret", given.signing_secret),
        ("previous_signing_secret", given.previous_signing_secret),
    ]
    uses = [(name, secret, settings.signing.profile) for name, secret in outbound]
    uses.append(("inbound_secret", given.inbound_secret, settings.inbound.profile))
    for name, secret, profile in uses:
        if secret is None or profile != "standard":
            continue
        try:
            standard_key(secret.get_secret_value())
        except ValueError as error:
            raise InvalidInput("WB-CREDENTIALS-FORMAT", f"{name}: {error}", field=name) from None
    if given.signing_secret is None and settings.signing.profile != "none":
        raise InvalidInput(
            "WB-CREDENTIALS-FORMAT",
            "signing_secret is missing; where your system checks no signature, say signing.profile = none",
            field="signing_secret",
        )
