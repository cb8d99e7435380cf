"""What the office asks: has this customer paid, what needs a person, what is wrong, what runs when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from daemon.errors import NotFound
from daemon.jobs import exceptions
from daemon.jobs.exceptions import Group, Matter
from daemon.model.ids import DIFFERENCE
from daemon.money import Money
from daemon.office import proof, schedule, search
from daemon.store import alerts, differences, links, records, views
from daemon.store.alerts import Alert
from daemon.web.api import roles, shown
from daemon.web.api.given import Given, Query
from daemon.web.api.invoices import fields_of
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Shown

Limit = Annotated[int, Field(ge=1, le=200)]


class FindQuery(Query):
    """`text`: a name, e-mail or telephone number, an invoice's number, a reference, a transaction id."""

    text: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    limit: Limit = 20


class ExceptionQuery(Query):
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AlertQuery(Query):
    """`all`: those that are over, too."""

    all: bool = False
    limit: Limit = 50


class SettleGiven(Given):
    """`note`: what you found, or did; the audit keeps it."""

    note: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]


class AmountShown(Shown):
    amount: str
    currency: str


class FoundCustomer(shown.CustomerShown):
    """`account`: the answer in a sentence, of the latest thousand invoices."""

    account: str
    owed: list[AmountShown]


class FoundInvoice(shown.InvoiceShown):
    """`proof`: why we believe its status; null where nothing was read about it yet."""

    proof: str | None


class FoundShown(Shown):
    customers: list[FoundCustomer]
    invoices: list[FoundInvoice]


class MatterShown(Shown):
    """Something that needs a person: `command` settles it at the command line, `actor` must act; `settles`
    says whether it can be acknowledged here."""

    id: str
    tenant_id: str
    group: Group
    sentence: str
    command: str
    actor: str
    since: datetime | None
    deadline: date | None
    amount: AmountShown | None
    count: int
    invoice_id: str | None
    number: str | None
    customer_id: str | None
    customer_reference: str | None
    integration_id: str | None
    settles: bool


class MatterList(Shown):
    """The most money first; `total` counts those behind the limit too."""

    exceptions: list[MatterShown]
    total: int


class DifferenceShown(Shown):
    id: str
    sentence: str
    settled_at: datetime | None
    settled_by: str | None
    note: str | None


class AlertShown(Shown):
    """`money`: what the customers concerned owe, by currency."""

    id: int
    tenant_id: str
    cause: str
    title: str
    text: str
    count: int
    customers: int
    money: dict[str, str]
    first_at: datetime
    last_at: datetime
    told_at: datetime | None
    closed_at: datetime | None


class AlertList(Shown):
    alerts: list[AlertShown]


class RunShown(Shown):
    """`counts`: null where they are everybody's."""

    started_at: datetime
    finished_at: datetime | None
    counts: dict[str, Any] | None
    fault: shown.Fault | None


class JobShown(Shown):
    """`nextAt` in the past: it is due, and looked at every `everySeconds`."""

    name: Literal["bill", "push", "pull", "sweep", "enforce", "keepalive", "tidy.backup"]
    enabled: bool
    every_seconds: float
    next_at: datetime | None
    last: RunShown | None


class JobList(Shown):
    jobs: list[JobShown]


def find(request: Request) -> Answer:
    asked = request.asked(FindQuery)
    found = search.search(asked.text, request.tenant.id, limit=asked.limit)
    return Answer(
        FoundShown(
            customers=[_customer(row) for row in found.customers],
            invoices=_invoices(request, found.invoices),
        )
    )


def matters(request: Request) -> Answer:
    found = exceptions.gather(_tenant_id(request))
    some = found[: request.asked(ExceptionQuery).limit]
    people = exceptions.names(some)
    return Answer(MatterList(exceptions=[_matter(one, people) for one in some], total=len(found)))


def settle(request: Request) -> Answer:
    name, note = request.path["differenceId"], request.given(SettleGiven).note
    if not name.startswith(f"{DIFFERENCE}_"):
        raise NotFound("difference", name)
    row = differences.get(_tenant_id(request), name)
    request.write(
        "exceptions.settle",
        lambda: differences.settle(row, note=note, actor=request.actor, now=request.now),
    )
    done = differences.get(_tenant_id(request), name)
    return Answer(DifferenceShown.model_validate(done, from_attributes=True))


def alerting(request: Request) -> Answer:
    asked, tenant_id = request.asked(AlertQuery), _tenant_id(request)
    rows = alerts.of_tenant(tenant_id, over=asked.all, limit=asked.limit)
    return Answer(AlertList(alerts=[_alert(row) for row in rows]))


def jobs(request: Request) -> Answer:
    tenant_id = _tenant_id(request)
    found = schedule.jobs(request.house.settings, tenant_id, request.now)
    return Answer(JobList(jobs=[_job(one, tenant_id) for one in found]))


# --- shared -------------------------------------------------------------------------------------------


def _tenant_id(request: Request) -> str | None:
    """None: a platform admin asks about all of them."""
    return request.tenant_row.id if request.tenant_row else None


def _customer(row: records.Customer) -> FoundCustomer:
    account = search.account_of(row)
    return FoundCustomer(
        **shown.customer(row).model_dump(by_alias=False),
        account=f"{row.name} {account.sentence}.",
        owed=[_amount(one) for one in account.owed],
    )


def _invoices(request: Request, found: Sequence[records.Invoice]) -> list[FoundInvoice]:
    ids = [row.id for row in found]
    at, money = links.of_invoices(ids), views.payments_of(ids)
    return [
        FoundInvoice(**fields, proof=proof.proof(at[row.id], money[row.id], fields["provider"]))
        for row, fields in zip(found, fields_of(request, found), strict=True)
    ]


def _matter(one: Matter, people: dict[str, records.Customer]) -> MatterShown:
    person = people.get(one.customer_id or "")
    same = ("id", "tenant_id", "group", "sentence", "command", "actor", "since", "deadline", "count")
    more = ("invoice_id", "number", "customer_id", "integration_id", "settles")
    return MatterShown(
        **{name: getattr(one, name) for name in (*same, *more)},
        amount=_amount(one.amount) if one.amount else None,
        customer_reference=person.reference if person else None,
    )


def _amount(money: Money) -> AmountShown:
    return AmountShown(amount=money.text, currency=money.currency)


def _alert(row: Alert) -> AlertShown:
    return AlertShown.model_validate(row, from_attributes=True)


def _job(one: schedule.JobNow, tenant_id: str | None) -> JobShown:
    run = one.last
    told = run and RunShown(
        started_at=run.started_at,
        finished_at=run.finished_at,
        counts=run.counts if tenant_id is None or run.integration_id else None,
        fault=shown.fault(run.fault_code, run.fault_text, run.finished_at),
    )
    return JobShown(
        name=one.name,
        enabled=one.enabled,
        every_seconds=one.every_s,
        next_at=one.next_at,
        last=told,
    )


ROUTES = (
    Route(
        "GET",
        "/api/find",
        find,
        roles.ONLY_READERS,
        "Has this customer paid? By whatever they say on the phone",
        asked=FindQuery,
        shown=FoundShown,
    ),
    Route(
        "GET",
        "/api/exceptions",
        matters,
        roles.ONLY_READERS,
        "List what needs a person, the most money first",
        asked=ExceptionQuery,
        shown=MatterList,
        scope="either",
    ),
    Route(
        "POST",
        "/api/exceptions/{differenceId}/settle",
        settle,
        roles.ONLY_OFFICE,
        "Acknowledge a difference; it comes back only where it becomes another",
        given=SettleGiven,
        shown=DifferenceShown,
        scope="either",
    ),
    Route(
        "GET",
        "/api/alerts",
        alerting,
        roles.ONLY_READERS,
        "List the open alerts, newest first",
        asked=AlertQuery,
        shown=AlertList,
        scope="either",
    ),
    Route(
        "GET",
        "/api/jobs",
        jobs,
        roles.ONLY_READERS,
        "Show when each job ran last, and when it has something to do next",
        shown=JobList,
        scope="either",
    ),
)
