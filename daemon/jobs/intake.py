"""Intake: what somebody gives us as an invoice is checked as a whole before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.model import reasons
from daemon.money import Money
from daemon.providers import provider_class
from daemon.store import billing, customers, integrations, invoices, records
from daemon.store.invoices import NewInvoice, NewLine

MAX_LINES = 100
_BREAKS, _TURNS = "\u2028-\u202e", "\u2066-\u2069"
"""Line separators, and what turns the order of reading: a name that is read otherwise than it is written."""

PRINTABLE = rf"^[^\x00-\x1f\x7f-\x9f{_BREAKS}{_TURNS}]+$"


def _amount_text(value: object) -> object:
    """Whole numbers are clear; a float has lost what was meant."""
    if isinstance(value, bool | float):
        raise ValueError('write amounts as text, like "12.50"')
    return str(value) if isinstance(value, int) else value


def _named(value: str) -> str:
    """What stands in addresses and is compared has no character that nobody sees."""
    if not value.isprintable():
        raise ValueError("it holds characters that cannot be seen")
    return value


Amount = Annotated[str, BeforeValidator(_amount_text), Field(max_length=24)]
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=PRINTABLE)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTABLE)]
Named = AfterValidator(_named)
"""Beside a bounded text that names something: a number, a reference."""


class LineInput(BaseModel):
    """A line: `amount` is its net total, `tax` the tax on it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    description: Text
    amount: Amount
    tax: Amount = "0"
    tax_rate: Name | None = None
    quantity: Annotated[str, Field(max_length=40)] | None = None


class InvoiceInput(BaseModel):
    """An invoice as the platform, a file or a person gives it. `customer` is our id or the platform's
    reference; `reference` is the platform's own name for the invoice and defaults to the number."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: Annotated[str, Field(min_length=1, max_length=40, pattern=PRINTABLE), Named]
    customer: Name
    due_on: date
    lines: Annotated[list[LineInput], Field(min_length=1, max_length=MAX_LINES)]
    reference: Annotated[Name, Named] | None = None
    currency: Annotated[str, Field(min_length=3, max_length=3)] | None = None
    issued_on: date | None = None
    memo: Text | None = None
    total: Amount | None = None


class Books:
    """What is looked up while an invoice is read, straight in the store; an import reads ahead."""

    def customer(self, tenant_id: str, name: str) -> records.Customer:
        """Raises NotFound."""
        return customers.get(tenant_id, name)

    def taken(self, new: NewInvoice) -> str | None:
        """The digest of the invoice that has this number or reference already."""
        there = invoices.taken(new.tenant_id, new.number, new.reference)
        return there.digest if there else None

    def serving(self, tenant_id: str, customer_id: str) -> records.Integration | None:
        return integrations.serving(tenant_id, customer_id)


STORE = Books()


def read(tenant: records.Tenant, raw: Mapping[str, Any], today: date, books: Books = STORE) -> NewInvoice:
    """The invoice that `raw` describes; raises InvalidInput with the field that is wrong. `today` is the
    tenant's. `currency` defaults to the tenant's; `total`, where given, must be the sum of the lines."""
    given = _parsed(raw)
    currency = (given.currency or tenant.currency).upper()
    customer = books.customer(tenant.id, given.customer)
    alone = len(given.lines) == 1
    lines = tuple(_line(line, currency, n, alone) for n, line in enumerate(given.lines, start=1))
    new = NewInvoice(
        tenant_id=tenant.id,
        customer_id=customer.id,
        number=given.number,
        reference=given.reference or given.number,
        currency=currency,
        issued_on=given.issued_on or today,
        due_on=given.due_on,
        lines=lines,
        memo=given.memo,
    )
    _check_total(new, given.total)
    _check_due(new, today, books)
    _check_number(new, books)
    return new


def enter(
    house: House, tenant: records.Tenant, raw: Mapping[str, Any], *, actor: str
) -> tuple[records.Invoice, bool]:
    """Check and store one invoice; returns it and whether it is new. Raises InvalidInput."""
    now = house.clock.now()
    new = read(tenant, raw, today_of(tenant, now))
    answer = billing.write_once(
        house.store, "intake.add", lambda: invoices.add(new, actor=actor, now=now, entropy=house.entropy)
    )
    house.wake("push")
    return answer


def today_of(tenant: records.Tenant, now: datetime) -> date:
    return now.astimezone(ZoneInfo(tenant.zone)).date()


def _parsed(raw: Mapping[str, Any]) -> InvoiceInput:
    try:
        return InvoiceInput.model_validate(dict(raw))
    except ValidationError as error:
        field, reason = reasons.told(error, InvoiceInput.model_fields, whole="invoice")
        raise InvalidInput("WB-INPUT", reason, field=field) from None


def _line(line: LineInput, currency: str, position: int, alone: bool) -> NewLine:
    """The only line of an invoice is not counted: files have lines of their own."""
    field = f"lines.{position - 1}.amount"
    which = "" if alone else f"line {position} of the invoice: "
    try:
        net, tax = Money.parse(line.amount, currency), Money.parse(line.tax, currency)
    except InvalidInput as error:
        raise InvalidInput(error.code, f"{which}{error.message}", field=field) from None
    if tax.minor < 0:
        raise InvalidInput("WB-MONEY-AMOUNT", f"{which}the tax is negative", field=field)
    if tax.minor and not line.tax_rate:
        raise InvalidInput("WB-INPUT", f"{which}a tax needs the name of its rate", field=field)
    return NewLine(line.description, net, tax, line.tax_rate, line.quantity)


def _check_total(new: NewInvoice, given: str | None) -> None:
    total = new.total
    if total.minor <= 0:
        raise InvalidInput("WB-MONEY-AMOUNT", f"an invoice over {total} cannot be sent", field="lines")
    if given is not None and Money.parse(given, new.currency) != total:
        raise InvalidInput("WB-INPUT", f"total: it says {given}, the lines make {total.text}", field="total")


def _check_number(new: NewInvoice, books: Books) -> None:
    """Where it goes to is known, so is how long a number may be there."""
    integration = books.serving(new.tenant_id, new.customer_id)
    if integration is None:
        return
    kind = provider_class(integration.provider)
    if len(new.number) > kind.can.max_number_length:
        raise InvalidInput(
            "WB-INPUT",
            f"number: {kind.label} takes at most {kind.can.max_number_length} characters",
            field="number",
        )


def _check_due(new: NewInvoice, today: date, books: Books) -> None:
    """An invoice that is there already may be given again after its due date."""
    if new.due_on >= today:
        return
    if books.taken(new) != new.digest:
        raise InvalidInput(
            "WB-INVOICE-DUE", f"the due date {new.due_on} lies before today ({today})", field="due_on"
        )
