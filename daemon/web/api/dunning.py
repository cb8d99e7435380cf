"""Service that follows the money: how it stands, what people say about it, what is held, what comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field

from daemon.jobs import enforce, standing
from daemon.jobs.enforce.previewing import Planned, day_of, preview
from daemon.jobs.intake import PRINTABLE
from daemon.model.dunning import StandingKind
from daemon.money import Money
from daemon.store import records
from daemon.store.tokens import Role
from daemon.web.api import given, roles
from daemon.web.api.given import Day, Given, PageQuery
from daemon.web.api.pace import Few
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Page, Shown

OWN = "/api/customers/{customerId}/service"
Status = Literal["active", "warned", "throttled", "suspended", "closed"]
looking = Few(2, 2, "other days are being looked at")
"""Every day up to that one is gone through, for everybody who owes."""

Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=standing.LONGEST,
        pattern=PRINTABLE,
        description="Why; the audit and the customer's page say it.",
    ),
]


class PromiseGiven(Given):
    """Full service through that day, then dunning goes on where it was."""

    until: Day
    reason: Reason = "promised"


class HoldGiven(Given):
    """Without `until`: until it is released."""

    reason: Reason
    until: Day | None = None


class CloseGiven(Given):
    reason: Reason


class SaidShown(Shown):
    """`actor` is the staff's business alone."""

    kind: Literal["promise", "hold", "exempt", "closed"]
    until_on: date | None
    reason: str
    actor: str | None
    created_at: datetime


class NextShown(Shown):
    """What happens next if nothing is paid, and nobody says anything. No `at`: nothing by the calendar."""

    sentence: str
    status: Status | None
    at: datetime | None


class ServiceShown(Shown):
    """`why` and `since`: of the last change. `notFollowed`: invoices that the service does not follow."""

    customer_id: str
    status: Status
    why: str | None
    since: datetime | None
    next: NextShown
    said: list[SaidShown]
    not_followed: list[str]


class HeldShown(Shown):
    """A cut-off that is due and not safe to make."""

    customer_id: str
    customer_reference: str
    invoice_id: str
    number: str
    due: str
    currency: str
    status: Status = Field(description="What the service would become.")
    code: str
    reason: str
    since: datetime


class HeldPage(Page):
    held: list[HeldShown]


class PlannedShown(Shown):
    """`spared`: why it does not come to that."""

    customer_id: str
    customer_reference: str
    was: Status
    becomes: Status
    numbers: list[str]
    spared: str | None


class PlannedPage(Page):
    """`date`: the day that was looked at."""

    date: date
    customers: list[PlannedShown]


class ReleaseShown(Shown):
    """`released` false: the brake held nothing."""

    released: bool


class PreviewQuery(PageQuery):
    """`date`: else tomorrow, in the tenant's zone."""

    date: Day | None = None


def service(request: Request) -> Answer:
    return _answer(request, request.customer())


def promise(request: Request) -> Answer:
    body = request.given(PromiseGiven)
    return _said(request, StandingKind.PROMISE, body.reason, body.until)


def hold(kind: StandingKind, request: Request) -> Answer:
    body = request.given(HoldGiven)
    return _said(request, kind, body.reason, body.until)


def close(request: Request) -> Answer:
    return _said(request, StandingKind.CLOSED, request.given(CloseGiven).reason, None)


def release(request: Request) -> Answer:
    row = request.customer()
    standing.release(request.house, request.tenant, row, actor=request.actor)
    return _answer(request, row)


def held(request: Request) -> Answer:
    asked = request.asked(PageQuery)
    found = sorted(enforce.held_cutoffs(request.tenant.id), key=lambda one: one.row.customer_id)
    rows = [one for one in found if one.row.customer_id > asked.after]
    more = rows[asked.limit - 1].row.customer_id if len(rows) > asked.limit else None
    return Answer(HeldPage(held=[_held(one) for one in rows[: asked.limit]], next=more))


def look_ahead(request: Request) -> Answer:
    asked = request.asked(PreviewQuery)
    day = day_of(request.house, request.tenant, asked.date)
    with looking.one():
        coming = preview(request.house, request.tenant, day, after=asked.after)
        rows = list(islice(coming, asked.limit + 1))
    more = rows[asked.limit - 1].customer.id if len(rows) > asked.limit else None
    return Answer(PlannedPage(date=day, customers=[_planned(one) for one in rows[: asked.limit]], next=more))


def release_brake(request: Request) -> Answer:
    released = enforce.release_brake(request.house, request.tenant, actor=request.actor)
    return Answer(ReleaseShown(released=released))


# --- shared -------------------------------------------------------------------------------------------


def _said(request: Request, kind: StandingKind, reason: str, until: date | None) -> Answer:
    row = request.customer()
    standing.say(request.house, request.tenant, row, kind, reason, until_on=until, actor=request.actor)
    return _answer(request, row)


def _answer(request: Request, row: records.Customer) -> Answer:
    now_ = standing.service_of(request.house, request.tenant, row.id)
    sees = request.role is not Role.CUSTOMER_OWNER
    said = [
        SaidShown(
            kind=one.kind,
            until_on=one.until_on,
            reason=one.reason,
            actor=one.actor if sees else None,
            created_at=one.created_at,
        )
        for one in now_.said
    ]
    return Answer(
        ServiceShown(
            customer_id=row.id,
            status=now_.status.value,
            why=now_.why,
            since=now_.since,
            next=NextShown(sentence=now_.next, status=now_.next_status, at=now_.next_at),
            said=said,
            not_followed=list(now_.ignored),
        )
    )


def _held(one: enforce.HeldCutoff) -> HeldShown:
    return HeldShown(
        customer_id=one.customer.id,
        customer_reference=one.customer.reference,
        invoice_id=one.invoice.id,
        number=one.invoice.number,
        due=Money(one.invoice.due_minor, one.invoice.currency).text,
        currency=one.invoice.currency,
        status=one.row.status,
        code=one.row.code,
        reason=one.row.reason,
        since=one.row.since,
    )


def _planned(one: Planned) -> PlannedShown:
    return PlannedShown(
        customer_id=one.customer.id,
        customer_reference=one.customer.reference,
        was=one.was.value,
        becomes=one.becomes.value,
        numbers=[debt.number for debt in one.debts],
        spared=one.spared,
    )


def _saying(word: str, handle: Callable[[Request], Answer], body: Any, summary: str) -> Route:
    return Route("POST", f"{OWN}/{word}", handle, roles.ONLY_OFFICE, summary, given=body, shown=ServiceShown)


ROUTES = (
    Route(
        "GET",
        OWN,
        service,
        roles.AND_OWNER,
        "Show the service, what happens next and when",
        shown=ServiceShown,
    ),
    _saying("promise", promise, PromiseGiven, "Note a promise to pay by a day"),
    _saying(
        "hold", partial(hold, StandingKind.HOLD), HoldGiven, "Let nothing get worse; what was cut stays cut"
    ),
    _saying("exempt", partial(hold, StandingKind.EXEMPT), HoldGiven, "Give full service whatever is owed"),
    _saying("close", close, CloseGiven, "Close the service: the customer has left"),
    _saying("release", release, given.Nothing, "Take back what was said"),
    Route(
        "GET",
        "/api/dunning/held",
        held,
        roles.ONLY_READERS,
        "List the cut-offs that are held, and why",
        asked=PageQuery,
        shown=HeldPage,
    ),
    Route(
        "GET",
        "/api/dunning/preview",
        look_ahead,
        roles.ONLY_READERS,
        "Show whose service gets worse on a day, if nothing is paid until then",
        asked=PreviewQuery,
        shown=PlannedPage,
    ),
    Route(
        "POST",
        "/api/dunning/release-brake",
        release_brake,
        roles.ONLY_ADMINS,
        "Somebody looked: let what the brake holds go on for a day",
        given=given.Nothing,
        shown=ReleaseShown,
    ),
)
