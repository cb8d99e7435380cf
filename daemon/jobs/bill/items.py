"""Items: the period of a subscription that is due, and its invoice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from daemon.errors import InvalidInput
from daemon.model import Document
from daemon.money import Money
from daemon.policy.periods import Period
from daemon.policy.proration import share
from daemon.store import records
from daemon.store.invoices import NewInvoice, NewLine
from daemon.store.recurring import Plan, Subscription

DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Terms:
    """On which day it is billed, and how long ago a period may have ended to be billed without asking."""

    on: date
    catch_up: timedelta | None


@dataclass(frozen=True, slots=True)
class Item:
    """One period to be billed: `invoice` is None where nothing is to be paid for it."""

    tenant: records.Tenant
    plan: Plan
    subscription: Subscription
    customer: records.Customer
    period: Period
    invoice: NewInvoice | None

    @property
    def key(self) -> str:
        """What there can be one of."""
        return f"{self.tenant.reference} {self.subscription.reference} {self.period.start}"

    @property
    def told(self) -> Document:
        """For the event and the timeline."""
        assert self.invoice is not None  # noqa: S101 - there is an event of an invoice alone
        part = "" if self.period.is_whole else self._part()
        sentence = (
            f"Invoice {self.invoice.number} over {self.invoice.total} was generated from the plan "
            f"{self.plan.reference} (subscription {self.subscription.reference}) for {self.period}{part}, "
            f"due {self.invoice.due_on}."
        )
        return self.source | {"sentence": sentence}

    @property
    def source(self) -> Document:
        return {
            "plan": self.plan.reference,
            "subscription": self.subscription.reference,
            "period_start": self.period.start.isoformat(),
            "period_last": self.period.last.isoformat(),
        }

    def numbered(self, number: str) -> Item:
        assert self.invoice is not None  # noqa: S101 - only what is sent has a number
        return replace(self, invoice=replace(self.invoice, number=number))

    def _part(self) -> str:
        days = (self.period.end - self.period.start).days
        priced = "its share" if self.plan.proration == DAILY else "billed whole"
        return f" ({days} of {self.period.whole_days} days, {priced})"


def reference_of(subscription: Subscription, start: date) -> str:
    """The invoice's reference: computed, so that a restore to an earlier day bills under the same again,
    and finds at the provider what was sent."""
    return f"sub:{subscription.reference}:{start}"


def due_period(plan: Plan, subscription: Subscription, terms: Terms) -> Period:
    """The one that begins on the first day that is not billed. Raises InvalidInput (WB-BILL-HELD) where it
    ended too long ago."""
    period = subscription.schedule(plan).period_at(subscription.next_on, subscription.ends_on)
    if terms.catch_up is not None and period.end + terms.catch_up < terms.on:
        raise InvalidInput(
            "WB-BILL-HELD", f"{period} was never billed and ended more than {terms.catch_up.days} days ago"
        )
    return period


def make(
    tenant: records.Tenant,
    plan: Plan,
    subscription: Subscription,
    customer: records.Customer,
    period: Period,
    terms: Terms,
) -> Item:
    """The invoice of a period, still without its number. Raises InvalidInput where the amounts are larger
    than any invoice can be."""
    lines = tuple(_line(line, subscription, plan, period) for line in plan.priced)
    new = NewInvoice(
        tenant_id=tenant.id,
        customer_id=customer.id,
        number="",
        reference=reference_of(subscription, period.start),
        currency=plan.currency,
        issued_on=terms.on,
        due_on=terms.on + timedelta(days=plan.due_days),
        lines=lines,
        memo=plan.memo,
    )
    return Item(tenant, plan, subscription, customer, period, new if new.total.minor > 0 else None)


def _line(line: NewLine, subscription: Subscription, plan: Plan, period: Period) -> NewLine:
    quantity, currency = subscription.quantity, plan.currency
    net, tax = line.net, line.tax
    if subscription.net_minor is not None:
        net, tax = Money(subscription.net_minor, currency), Money(subscription.tax_minor or 0, currency)
    net, tax = Money(net.minor * quantity, currency), Money(tax.minor * quantity, currency)
    if plan.proration == DAILY:
        net, tax = share(net, period), share(tax, period)
    return NewLine(
        f"{line.description} ({period})", net, tax, line.tax_rate, str(quantity) if quantity > 1 else None
    )
