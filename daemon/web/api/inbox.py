"""Hints: what webhooks and people said is worth a look, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from daemon.errors import NotFound
from daemon.jobs import wishes
from daemon.store import hints, integrations, invoices, links, records
from daemon.web.api import given, roles
from daemon.web.api.given import Name, Query
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Shown

ROOT = "/api/inbox"
ONE = f"{ROOT}/{{hintId}}"
LAST = 2**62


class HintQuery(Query):
    """`after` is the `next` of the page before."""

    integration: Name | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[int, Field(ge=1, le=LAST)] | None = None


class HintShown(Shown):
    """`ref` is the provider's id of what it points at; no `usedAt`: it waits."""

    id: int
    integration_id: str
    source: str
    kind: str
    ref: str | None
    event_id: str
    received_at: datetime
    used_at: datetime | None


class HintWhole(HintShown):
    """With the invoice that it points at, where there is one here."""

    invoice_id: str | None
    number: str | None


class HintPage(Shown):
    """`next` is what `after` takes to go on; null: that was all."""

    hints: list[HintShown]
    next: int | None


def listed(request: Request) -> Answer:
    asked = request.asked(HintQuery)
    if asked.integration is not None:
        integrations.get(request.tenant.id, asked.integration)
    rows = hints.listing(
        integration_id=asked.integration,
        tenant_id=request.tenant.id,
        before=asked.after,
        limit=asked.limit + 1,
    )
    more = rows[asked.limit - 1].id if len(rows) > asked.limit else None
    found = [HintShown.model_validate(row, from_attributes=True) for row in rows[: asked.limit]]
    return Answer(HintPage(hints=found, next=more))


def one(request: Request) -> Answer:
    return Answer(_whole(_named(request)))


def replay(request: Request) -> Answer:
    row = _named(request)
    request.write(
        "inbox.replay", lambda: wishes.replay(row, actor=request.actor, now=request.now), wake="pull"
    )
    return Answer(_whole(_named(request)), 202)


def _named(request: Request) -> records.Hint:
    """Raises NotFound."""
    name = request.path["hintId"]
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 19 else 0
    row = hints.get(number, tenant_id=request.tenant.id)
    if row is None:
        raise NotFound("hint", name)
    return row


def _whole(row: records.Hint) -> HintWhole:
    link = links.by_refs(row.integration_id, [row.ref]).get(row.ref) if row.ref else None
    invoice = invoices.get(row.tenant_id, link.invoice_id) if link else None
    hint = HintShown.model_validate(row, from_attributes=True)
    return HintWhole(
        **hint.model_dump(by_alias=False),
        invoice_id=invoice.id if invoice else None,
        number=invoice.number if invoice else None,
    )


ROUTES = (
    Route(
        "GET",
        ROOT,
        listed,
        roles.ONLY_READERS,
        "List the hints, newest first",
        asked=HintQuery,
        shown=HintPage,
    ),
    Route("GET", ONE, one, roles.ONLY_READERS, "Show a hint and the invoice it points at", shown=HintWhole),
    Route(
        "POST",
        f"{ONE}/replay",
        replay,
        roles.ONLY_OFFICE,
        "Let a hint point again: what it is about is read once more",
        given=given.Nothing,
        shown=HintWhole,
        status=202,
    ),
)
