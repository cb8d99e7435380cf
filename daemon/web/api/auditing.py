"""Who did what, the whole story of an invoice, and what is asked of an integration after a look at it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from daemon.jobs import pull
from daemon.store import audit, sweeps
from daemon.store.audit import PLATFORM
from daemon.store.tokens import Role
from daemon.timeline import timeline
from daemon.web.api import given, roles, shown
from daemon.web.api.given import Query
from daemon.web.api.integrations import ONE, answer, there
from daemon.web.api.invoices import ONE as INVOICE
from daemon.web.api.invoices import named
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Shown


class AuditQuery(Query):
    """`after` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[int, Field(ge=1, le=2**62)] | None = None


class AuditShown(Shown):
    """`hash` is over this row and the `hash` of the one before: a chain for each tenant."""

    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    data: dict[str, Any]
    hash: str


class AuditPage(Shown):
    """`next` is what `after` takes to go on; null: that was all."""

    rows: list[AuditShown]
    next: int | None


class EntryShown(Shown):
    """`proof` names the row that anybody can look up again; a customer owner is told of no proof."""

    at: datetime
    sentence: str
    kind: str
    actor: str | None
    proof: str | None


class TimelineShown(Shown):
    entries: list[EntryShown]


def rows(request: Request) -> Answer:
    """Of the tenant; `*`: of the platform's own chain."""
    asked = request.asked(AuditQuery)
    chain = request.tenant_row.id if request.tenant_row else PLATFORM
    found = audit.chain(chain, before=asked.after, limit=asked.limit + 1)
    more = found[asked.limit - 1].seq if len(found) > asked.limit else None
    told = [AuditShown.model_validate(row, from_attributes=True) for row in found[: asked.limit]]
    return Answer(AuditPage(rows=told, next=more))


def story(request: Request) -> Answer:
    theirs = request.role is Role.CUSTOMER_OWNER
    entries = [
        EntryShown(
            at=one.at,
            sentence=one.sentence,
            kind=one.kind,
            actor=None if theirs else one.actor,
            proof=None if theirs else str(one.proof),
        )
        for one in timeline(named(request))
        if one.public or not theirs
    ]
    return Answer(TimelineShown(entries=entries))


def release_brake(request: Request) -> Answer:
    row = there(request)
    pull.release_brake(request.house, row, actor=request.actor)
    return answer(request, there(request))


def sweep(request: Request) -> Answer:
    row = there(request)

    def work() -> None:
        sweeps.ask(row, request.now)
        audit.append(
            row.tenant_id,
            actor=request.actor,
            action="sweep.requested",
            subject=row.id,
            data={},
            now=request.now,
        )

    request.write("sweep.ask", work, wake="sweep")
    done = answer(request, row)
    return Answer(done.shown, 202, done.etag)


ROUTES = (
    Route(
        "GET",
        "/api/audit",
        rows,
        roles.ONLY_ADMINS,
        "List who did what, newest first",
        asked=AuditQuery,
        shown=AuditPage,
        scope="either",
    ),
    Route(
        "GET",
        f"{INVOICE}/timeline",
        story,
        roles.AND_OWNER,
        "Tell the whole story of an invoice, with the proof for each step",
        shown=TimelineShown,
    ),
    Route(
        "POST",
        f"{ONE}/release-brake",
        release_brake,
        roles.ONLY_ADMINS,
        "Somebody looked at the provider: apply what the brake holds",
        given=given.Nothing,
        shown=shown.IntegrationShown,
    ),
    Route(
        "POST",
        f"{ONE}/sweep",
        sweep,
        roles.ONLY_OFFICE,
        "Compare all invoices there with the provider's, now",
        given=given.Nothing,
        shown=shown.IntegrationShown,
        status=202,
    ),
)
