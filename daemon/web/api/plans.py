"""Recurring plans, and who subscribes to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from daemon.errors import NotFound
from daemon.jobs import adjusting, subscribing
from daemon.jobs.intake import Amount, today_of
from daemon.money import Money
from daemon.store import billing, customers, plans, subscriptions
from daemon.store.recurring import Plan, Subscription
from daemon.web.api import given, roles, shown
from daemon.web.api.etags import etag
from daemon.web.api.given import Day, Given
from daemon.web.api.routing import Answer, Request, Route

ROOT = "/api/plans"
ONE = f"{ROOT}/{{planId}}"
SUBSCRIPTIONS = "/api/subscriptions"
SUBSCRIPTION = f"{SUBSCRIPTIONS}/{{subscriptionId}}"


class SkipGiven(Given):
    """`to`: the first day to be billed again."""

    to: Day


class AdjustGiven(Given):
    """`amount` and `tax`: a price of its own, for a whole period; `planPrice`: the plan's again."""

    quantity: Annotated[int, Field(ge=1, le=100_000)] | None = None
    amount: Amount | None = None
    tax: Amount | None = None
    plan_price: bool = False


def add(request: Request) -> Answer:
    new = subscribing.read_plan(request.tenant, request.given(given.PlanGiven).told())
    row, is_new = billing.write_once(
        request.house.store,
        "api.plans.add",
        lambda: plans.add(new, actor=request.actor, now=request.now, entropy=request.house.entropy),
    )
    return _answer(row, 201 if is_new else 200)


def listed(request: Request) -> Answer:
    counts = plans.counts(request.tenant.id)
    rows = plans.listing(request.tenant.id)
    return Answer(shown.PlanList(plans=[_plan(row, counts.get(row.id, 0)) for row in rows]))


def one(request: Request) -> Answer:
    return _answer(_named(request))


def change(request: Request) -> Answer:
    told = request.given(given.PlanChange).told()
    there = _named(request)

    def work() -> Plan:
        billing.take_turns(request.tenant.id)
        row = plans.get(request.tenant.id, there.id)
        request.insist_on(_version(row))
        new = subscribing.read_plan(request.tenant, subscribing.as_given(row) | told)
        return plans.change(row, new, actor=request.actor, now=request.now)

    return _answer(request.write("plans.change", work))


def end(request: Request) -> Answer:
    there = _named(request)

    def work() -> Plan:
        billing.take_turns(request.tenant.id)
        return plans.end(plans.get(request.tenant.id, there.id), actor=request.actor, now=request.now)

    return _answer(request.write("plans.end", work))


def _named(request: Request) -> Plan:
    name = request.path["planId"]
    row = plans.find(request.tenant.id, name.removeprefix("ref:"))
    if row is None or name not in (row.id, f"ref:{row.reference}"):
        raise NotFound("plan", name)
    return row


def _version(row: Plan) -> str:
    names = (
        "id",
        "name",
        "currency",
        "lines",
        "every",
        "unit",
        "due_days",
        "ahead_days",
        "proration",
        "memo",
    )
    return etag([*(getattr(row, name) for name in names), row.ended_at is None])


def _answer(row: Plan, status: int = 200) -> Answer:
    return Answer(_plan(row, plans.counts(row.tenant_id).get(row.id, 0)), status, _version(row))


def _plan(row: Plan, count: int) -> shown.PlanShown:
    same = ("id", "reference", "name", "currency", "every", "unit", "due_days", "ahead_days", "proration")
    lines = [
        shown.PlanLineShown(description=x.description, amount=x.net.text, tax=x.tax.text, tax_rate=x.tax_rate)
        for x in row.priced
    ]
    return shown.PlanShown(
        **{name: getattr(row, name) for name in (*same, "memo", "created_at", "ended_at")},
        total=Money.total((x.net + x.tax for x in row.priced), row.currency).text,
        lines=lines,
        subscriptions=count,
    )


# --- subscriptions ------------------------------------------------------------------------------------


def subscribe(request: Request) -> Answer:
    raw = request.given(given.SubscriptionGiven).told()
    raw["plan"] = raw["plan"].removeprefix("ref:")

    def work() -> tuple[Subscription, bool]:
        tenant = request.tenant
        new = subscribing.read_subscription(tenant, raw, today_of(tenant, request.now))
        if subscriptions.find(tenant.id, new.reference) is None:
            subscribing.check_open(plans.get(tenant.id, new.plan_id))
        return subscriptions.add(new, actor=request.actor, now=request.now, entropy=request.house.entropy)

    row, is_new = billing.write_once(request.house.store, "api.subscriptions.add", work)
    return Answer(_subscriptions([row])[0], 201 if is_new else 200)


def list_subscriptions(request: Request) -> Answer:
    asked = request.asked(given.SubscriptionQuery)
    tenant_id = request.tenant.id
    rows = subscriptions.listing(
        tenant_id,
        limit=asked.limit + 1,
        after=asked.after,
        plan_id=plans.get(tenant_id, asked.plan.removeprefix("ref:")).id if asked.plan else None,
        customer_id=customers.get(tenant_id, asked.customer).id if asked.customer else None,
    )
    more = rows[asked.limit - 1].reference if len(rows) > asked.limit else None
    return Answer(shown.SubscriptionPage(subscriptions=_subscriptions(rows[: asked.limit]), next=more))


def one_subscription(request: Request) -> Answer:
    return Answer(_subscriptions([_subscription(request)])[0])


def unsubscribe(request: Request) -> Answer:
    return _changed(request, adjusting.end, on=request.given(given.On).on)


def pause(request: Request) -> Answer:
    return _changed(request, adjusting.pause)


def resume(request: Request) -> Answer:
    return _changed(request, adjusting.resume, on=request.given(given.On).on)


def skip(request: Request) -> Answer:
    return _changed(request, adjusting.skip, to=request.given(SkipGiven).to)


def adjust(request: Request) -> Answer:
    return _changed(request, adjusting.adjust, **request.given(AdjustGiven).told())


def _subscription(request: Request) -> Subscription:
    name = request.path["subscriptionId"]
    row = subscriptions.find(request.tenant.id, name.removeprefix("ref:"))
    if row is None or name not in (row.id, f"ref:{row.reference}"):
        raise NotFound("subscription", name)
    return row


def _changed(request: Request, work: Callable[..., Subscription], **told: Any) -> Answer:
    row = work(request.house, request.tenant, _subscription(request).id, actor=request.actor, **told)
    return Answer(_subscriptions([row])[0])


def _subscriptions(rows: list[Subscription]) -> list[shown.SubscriptionShown]:
    known = plans.by_ids({row.plan_id for row in rows})
    same = ("id", "reference", "customer_id", "plan_id", "start_on", "ends_on", "next_on", "anchor_day")
    more = ("quantity", "paused_on", "created_at")
    return [
        shown.SubscriptionShown(
            **{name: getattr(row, name) for name in (*same, *more)},
            state="ended" if row.is_over else "paused" if row.paused_on else "active",
            price=_price(row, known[row.plan_id].currency),
            fault=shown.fault(row.fault_code, row.fault_text, row.fault_at),
        )
        for row in rows
    ]


def _price(row: Subscription, currency: str) -> str | None:
    if row.net_minor is None:
        return None
    return Money(row.net_minor + (row.tax_minor or 0), currency).text


def _acting(word: str, handle: Callable[[Request], Answer], summary: str, body: Any) -> Route:
    return Route(
        "POST",
        f"{SUBSCRIPTION}/{word}",
        handle,
        roles.ONLY_OFFICE,
        summary,
        given=body,
        shown=shown.SubscriptionShown,
    )


ROUTES = (
    Route(
        "POST",
        ROOT,
        add,
        roles.ONLY_OFFICE,
        "Add a plan; the same again is harmless",
        given=given.PlanGiven,
        shown=shown.PlanShown,
        status=201,
    ),
    Route("GET", ROOT, listed, roles.ONLY_READERS, "List the plans", shown=shown.PlanList),
    Route("GET", ONE, one, roles.ONLY_READERS, "Show a plan", shown=shown.PlanShown, versioned=True),
    Route(
        "PATCH",
        ONE,
        change,
        roles.ONLY_OFFICE,
        "Change a plan, for what is not billed yet",
        given=given.PlanChange,
        shown=shown.PlanShown,
        versioned=True,
    ),
    Route(
        "POST",
        f"{ONE}/end",
        end,
        roles.ONLY_OFFICE,
        "End a plan; who has subscribed goes on",
        given=given.Nothing,
        shown=shown.PlanShown,
    ),
    Route(
        "POST",
        SUBSCRIPTIONS,
        subscribe,
        roles.ONLY_OFFICE,
        "Subscribe a customer to a plan; the same again is harmless",
        given=given.SubscriptionGiven,
        shown=shown.SubscriptionShown,
        status=201,
    ),
    Route(
        "GET",
        SUBSCRIPTIONS,
        list_subscriptions,
        roles.ONLY_READERS,
        "List the subscriptions, by reference",
        asked=given.SubscriptionQuery,
        shown=shown.SubscriptionPage,
    ),
    Route(
        "GET",
        SUBSCRIPTION,
        one_subscription,
        roles.ONLY_READERS,
        "Show a subscription",
        shown=shown.SubscriptionShown,
    ),
    _acting("end", unsubscribe, "End it with a day", given.On),
    _acting("pause", pause, "Bill nothing until it is resumed", given.Nothing),
    _acting("resume", resume, "Bill again from a day on", given.On),
    _acting("skip", skip, "Never bill the days before this one", SkipGiven),
    _acting("adjust", adjust, "Change quantity or price, for what is not billed yet", AdjustGiven),
)
