"""Plans and subscriptions as somebody gives them: checked as a whole before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from daemon.errors import InvalidInput
from daemon.jobs.intake import MAX_LINES, PRINTABLE, Amount, Name, Named, Text
from daemon.model import reasons
from daemon.money import Money, exponent
from daemon.policy.periods import LONGEST, Unit
from daemon.store import customers, plans, records
from daemon.store.invoices import NewLine
from daemon.store.plans import NewPlan
from daemon.store.recurring import Plan
from daemon.store.subscriptions import NewSubscription

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)

M = TypeVar("M", bound=BaseModel)


def _whole_text(value: object) -> object:
    """A file's columns are text."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


Whole = BeforeValidator(_whole_text)
Reference = Annotated[str, Field(min_length=1, max_length=60, pattern=PRINTABLE), Named]
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


class PlanLineInput(BaseModel):
    """A line of a plan, for a whole period and a quantity of one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    description: Annotated[str, Field(min_length=1, max_length=440, pattern=PRINTABLE)]
    amount: Amount
    tax: Amount = "0"
    tax_rate: Name | None = None


class PlanInput(BaseModel):
    """A plan as a person gives it. Every `every` `unit`s an invoice, `ahead_days` before its period begins
    and due `due_days` after that; a part of a period costs its share of the days (`daily`) or the whole."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reference: Reference
    name: Name | None = None
    currency: Annotated[str, Field(min_length=3, max_length=3)] | None = None
    lines: Annotated[list[PlanLineInput], Field(min_length=1, max_length=MAX_LINES)]
    every: Annotated[int, Whole, Field(ge=1)] = 1
    unit: Literal["days", "weeks", "months", "years"] = "months"
    due_days: Annotated[int, Whole, Field(ge=0, le=365)] = 14
    ahead_days: Annotated[int, Whole, Field(ge=0, le=92)] = 0
    proration: Literal["none", "daily"] = "daily"
    memo: Text | None = None


class SubscriptionInput(BaseModel):
    """A subscription as a person or a file gives it. `customer` and `plan` are our ids or their references.
    `billed_to`: the last day that was billed elsewhere. `amount` and `tax`: a price of its own."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    customer: Name
    plan: Name
    reference: Reference | None = None
    start: Day | None = None
    end: Day | None = None
    billed_to: Day | None = None
    anchor_day: Annotated[int, Whole, Field(ge=1, le=31)] | None = None
    quantity: Annotated[int, Whole, Field(ge=1, le=100_000)] = 1
    amount: Amount | None = None
    tax: Amount | None = None


SUBSCRIPTION_COLUMNS = tuple(SubscriptionInput.model_fields)


def read_plan(tenant: records.Tenant, raw: Mapping[str, Any]) -> NewPlan:
    """The plan that `raw` describes; raises InvalidInput with the field that is wrong. `currency` defaults
    to the tenant's, `name` to the reference."""
    given = _parsed(PlanInput, raw, "plan")
    currency = (given.currency or tenant.currency).upper()
    exponent(currency)
    unit = Unit(given.unit)
    if given.every > LONGEST[unit]:
        raise InvalidInput("WB-INPUT", f"every: at most {LONGEST[unit]} {unit}", field="every")
    lines = tuple(_line(line, currency, n) for n, line in enumerate(given.lines, start=1))
    check_price(lines, currency)
    return NewPlan(
        tenant_id=tenant.id,
        reference=given.reference,
        name=given.name or given.reference,
        currency=currency,
        lines=lines,
        every=given.every,
        unit=unit,
        due_days=given.due_days,
        ahead_days=given.ahead_days,
        proration=given.proration,
        memo=given.memo,
    )


def as_given(plan: Plan) -> dict[str, Any]:
    """A plan in the form that `read_plan` reads, so that a part of it can be given anew."""
    lines = [
        {"description": x.description, "amount": x.net.text, "tax": x.tax.text, "tax_rate": x.tax_rate}
        for x in plan.priced
    ]
    names = ("reference", "name", "currency", "every", "unit", "due_days", "ahead_days", "proration", "memo")
    return {name: getattr(plan, name) for name in names} | {"lines": lines}


class Books:
    """What is looked up while a subscription is read; an import keeps what it found."""

    def customer(self, tenant_id: str, name: str) -> records.Customer:
        return customers.get(tenant_id, name)

    def plan(self, tenant_id: str, name: str) -> Plan:
        return plans.get(tenant_id, name)


STORE = Books()


def read_subscription(
    tenant: records.Tenant, raw: Mapping[str, Any], today: date, books: Books = STORE
) -> NewSubscription:
    """The subscription that `raw` describes; raises InvalidInput with the field that is wrong. It starts on
    the tenant's `today` unless it says otherwise, and on that day of the month or week by itself."""
    given = _parsed(SubscriptionInput, raw, "subscription")
    plan = books.plan(tenant.id, given.plan)
    customer = books.customer(tenant.id, given.customer)
    start = given.start or today
    _check_days(given, start)
    price = _price(given, plan)
    return NewSubscription(
        tenant_id=tenant.id,
        customer_id=customer.id,
        plan_id=plan.id,
        reference=given.reference or _default_reference(customer, plan),
        start_on=start,
        ends_on=given.end,
        next_on=max(start, given.billed_to + timedelta(days=1)) if given.billed_to else start,
        anchor_day=_anchor(given.anchor_day, Unit(plan.unit), start),
        quantity=given.quantity,
        net_minor=price.net.minor if price else None,
        tax_minor=price.tax.minor if price else None,
    )


def check_open(plan: Plan) -> None:
    """For a new subscription: raises InvalidInput where the plan has ended."""
    if plan.ended_at is not None:
        raise InvalidInput("WB-PLAN-ENDED", f"the plan {plan.reference!r} has ended", field="plan")


def own_price(plan: Plan, amount: str, tax: str | None) -> NewLine:
    """A price in place of the plan's; raises InvalidInput."""
    if len(plan.lines) != 1:
        raise InvalidInput(
            "WB-INPUT", f"amount: the plan {plan.reference!r} has {len(plan.lines)} lines", field="amount"
        )
    [line] = plan.priced
    if tax is None and line.tax.minor:
        raise InvalidInput("WB-INPUT", "tax: the plan's line has one; say what it is, or 0", field="tax")
    priced = PlanLineInput(
        description=line.description, amount=amount, tax=tax or "0", tax_rate=line.tax_rate
    )
    made = _line(priced, plan.currency, 1)
    check_price((made,), plan.currency)
    return made


def check_price(lines: tuple[NewLine, ...], currency: str) -> None:
    total = Money.total((line.net + line.tax for line in lines), currency)
    if total.minor <= 0:
        raise InvalidInput("WB-MONEY-AMOUNT", f"a plan over {total} cannot be billed", field="lines")


def _price(given: SubscriptionInput, plan: Plan) -> NewLine | None:
    if given.amount is None:
        if given.tax is not None:
            raise InvalidInput("WB-INPUT", "tax: there is no amount that it is on", field="tax")
        return None
    return own_price(plan, given.amount, given.tax)


def _check_days(given: SubscriptionInput, start: date) -> None:
    if given.end is not None and given.end < start:
        raise InvalidInput("WB-INPUT", f"end: {given.end} lies before the start, {start}", field="end")
    if given.billed_to is not None and given.billed_to < start - timedelta(days=1):
        raise InvalidInput(
            "WB-INPUT", f"billed_to: {given.billed_to} lies before the start, {start}", field="billed_to"
        )


def _anchor(given: int | None, unit: Unit, start: date) -> int:
    if given is None:
        return unit.anchor_of(start)
    if given not in unit.anchors:
        right = "1 (Monday) to 7" if unit is Unit.WEEKS else "not for a plan that counts days"
        raise InvalidInput("WB-INPUT", f"anchor_day: {right}", field="anchor_day")
    return given


def _default_reference(customer: records.Customer, plan: Plan) -> str:
    reference = f"{customer.reference}.{plan.reference}"
    if len(reference) > 60:
        raise InvalidInput("WB-INPUT", "reference: give one, of at most 60 characters", field="reference")
    return reference


def _line(line: PlanLineInput, currency: str, position: int) -> NewLine:
    field = f"lines.{position - 1}.amount"
    net, tax = Money.parse(line.amount, currency), Money.parse(line.tax, currency)
    if tax.minor < 0:
        raise InvalidInput("WB-MONEY-AMOUNT", f"line {position}: the tax is negative", field=field)
    if tax.minor and not line.tax_rate:
        raise InvalidInput("WB-INPUT", f"line {position}: a tax needs the name of its rate", field=field)
    return NewLine(line.description, net, tax, line.tax_rate)


def _parsed(model: type[M], raw: Mapping[str, Any], whole: str) -> M:
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        field, reason = reasons.told(error, model.model_fields, whole=whole)
        raise InvalidInput("WB-INPUT", reason, field=field) from None
