"""Many at once: invoices and subscriptions, each checked by itself; how generated ones are numbered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import EmailStr, Field

from daemon.jobs.bill import NumberingNow, numbering_of, set_numbering
from daemon.jobs.importing import Import, Item, Problem
from daemon.jobs.importing.subscribers import SubscriptionImport
from daemon.money import Money
from daemon.web.api import given, roles
from daemon.web.api.bodies import camel
from daemon.web.api.given import Day, Given, Name
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Shown

NUMBERING = "/api/numbering"
MOST = 500
"""In one request, whose body has its own limit."""


class ImportedInvoice(given.InvoiceGiven):
    """`customer`: the platform's reference, or our id; the name and e-mail are those of one that is added."""

    customer: Name
    customer_name: Name | None = None
    customer_email: EmailStr | None = None


class InvoicesGiven(Given):
    """Those with a mistake are named by their place, the others go in. `dryRun`: check, change nothing."""

    invoices: Annotated[list[ImportedInvoice], Field(min_length=1, max_length=MOST)]
    dry_run: bool = False
    create_customers: bool = False


class ImportedSubscription(given.SubscriptionGiven):
    start: Day


class SubscriptionsGiven(Given):
    """As invoices are imported."""

    subscriptions: Annotated[list[ImportedSubscription], Field(min_length=1, max_length=MOST)]
    dry_run: bool = False


class NumberingGiven(Given):
    """`format` like {year}-{counter:05d} or R{counter}; `next`: the next number's counter, never back."""

    format: Name | None = None
    next: Annotated[int, Field(ge=1, le=2**62)] | None = None


class ProblemShown(Shown):
    """What is wrong with the one in this `place`, counted from 1."""

    place: int
    number: str | None
    code: str
    message: str


class SumShown(Shown):
    currency: str
    total: str


class InvoicesShown(Shown):
    """`there`: they were there already, with the same content. `sums`: of what was added, by currency."""

    dry_run: bool
    added: int
    there: int
    failed: int
    customers_added: int
    sums: list[SumShown]
    problems: list[ProblemShown]


class SubscriptionsShown(Shown):
    dry_run: bool
    added: int
    there: int
    failed: int
    problems: list[ProblemShown]


class NumberingShown(Shown):
    """`next` is the whole number that comes next; `last` the counter given out last, by year."""

    format: str
    next: str
    last: dict[str, int]


def invoices(request: Request) -> Answer:
    body = request.given(InvoicesGiven)
    work = Import(
        request.house,
        request.tenant,
        request.actor,
        dry_run=body.dry_run,
        create_customers=body.create_customers,
    )
    report = work.run(_items(body.invoices))
    return Answer(
        InvoicesShown(
            dry_run=report.dry_run,
            added=report.added,
            there=report.there,
            failed=report.failed,
            customers_added=report.customers_added,
            sums=[SumShown(currency=c, total=Money(minor, c).text) for c, minor in report.sums.items()],
            problems=_problems(report.problems),
        )
    )


def subscriptions(request: Request) -> Answer:
    body = request.given(SubscriptionsGiven)
    work = SubscriptionImport(request.house, request.tenant, request.actor, dry_run=body.dry_run)
    report = work.run(_items(body.subscriptions))
    return Answer(
        SubscriptionsShown(
            dry_run=report.dry_run,
            added=report.added,
            there=report.there,
            failed=report.failed,
            problems=_problems(report.problems),
        )
    )


def numbering(request: Request) -> Answer:
    return _numbering(numbering_of(request.tenant, request.now))


def number(request: Request) -> Answer:
    body = request.given(NumberingGiven)
    if body.format is not None or body.next is not None:
        set_numbering(
            request.house, request.tenant, format_=body.format, following=body.next, actor=request.actor
        )
    return numbering(request)


# --- shared -------------------------------------------------------------------------------------------


def _items(rows: Sequence[Given]) -> Iterator[Item]:
    for place, row in enumerate(rows, start=1):
        raw: dict[str, Any] = {name: value for name, value in row.told().items() if value is not None}
        yield Item(place, place, raw)


def _problems(found: Sequence[Problem]) -> list[ProblemShown]:
    return [ProblemShown(place=p.line, number=p.number, code=p.code, message=_told(p)) for p in found]


def _told(one: Problem) -> str:
    """In the API's names: the work below has snake_case ones."""
    name, colon, rest = one.message.partition(":")
    return f"{camel(name)}:{rest}" if colon and name.isidentifier() else one.message


def _numbering(now_: NumberingNow) -> Answer:
    return Answer(NumberingShown(format=now_.format, next=now_.next, last=dict(now_.last)))


ROUTES = (
    Route(
        "POST",
        "/api/invoices/import",
        invoices,
        roles.ONLY_OFFICE,
        "Enter up to 500 invoices; the same again are harmless",
        given=InvoicesGiven,
        shown=InvoicesShown,
    ),
    Route(
        "POST",
        "/api/subscriptions/import",
        subscriptions,
        roles.ONLY_OFFICE,
        "Subscribe up to 500 customers; the same again are harmless",
        given=SubscriptionsGiven,
        shown=SubscriptionsShown,
    ),
    Route(
        "GET",
        NUMBERING,
        numbering,
        roles.ONLY_READERS,
        "Show how generated invoices are numbered",
        shown=NumberingShown,
    ),
    Route(
        "PUT",
        NUMBERING,
        number,
        roles.ONLY_ADMINS,
        "Set how generated invoices are numbered",
        given=NumberingGiven,
        shown=NumberingShown,
    ),
)
