"""Event endpoints: where the platform is told of what happens, and what became of each telling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from daemon.errors import InvalidInput
from daemon.jobs import endpoints
from daemon.jobs.notify import send_test
from daemon.store import deliveries
from daemon.store import endpoints as rows
from daemon.store.audit import PLATFORM
from daemon.store.deliveries import Delivery, DeliveryState
from daemon.store.endpoints import Endpoint
from daemon.web.api import given, roles
from daemon.web.api.connecting import one_of_few
from daemon.web.api.given import Given, Name, Query
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Shown

ROOT = "/api/endpoints"
ONE = f"{ROOT}/{{endpointId}}"
LAST = 2**62
SPAN = 10_000
"""Places of the feed that one wish may name."""

Seq = Annotated[int, Field(ge=1, le=LAST)]
Type = Annotated[str, Field(min_length=1, max_length=endpoints.LONGEST_TYPE)]


class EndpointGiven(Given):
    """`types` like invoice.paid, integration.* or *; none: all. `after`: also what followed this place in the
    feed, else what happens from now on. A platform admin that names `*` adds one for all tenants."""

    url: Annotated[str, Field(min_length=1, max_length=2048, description="A public https address.")]
    types: Annotated[list[Type], Field(default_factory=list, max_length=endpoints.MOST_TYPES)]
    label: Name | None = None
    after: Annotated[int, Field(ge=0, le=LAST)] | None = None


class ResendGiven(Given):
    """What stands in the feed from `first` to `last` (none: the end), both included; `failed`: of that only
    what was given up."""

    first: Seq | None = None
    last: Seq | None = None
    failed: bool = False


class DeliveryQuery(Query):
    """`after` is the `next` of the page before."""

    state: DeliveryState | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[int, Field(ge=1, le=LAST)] | None = None


class EndpointShown(Shown):
    """`url` without its query, which may hold a token. `queue` waits, `givenUp` was tried to the end."""

    id: str
    tenant_id: str = Field(description="`*`: told of all tenants.")
    label: str
    url: str
    types: list[str]
    state: Literal["active", "paused", "disabled", "removed"]
    queue: int
    given_up: int
    told_to: int = Field(description="Place in the feed up to which its deliveries were made.")
    last_status: int | None
    succeeded_at: datetime | None
    failing_since: datetime | None
    next_try_at: datetime | None
    fault: str | None
    created_at: datetime


class NewEndpoint(EndpointShown):
    """`secret` signs what is sent there (Standard Webhooks), and is shown this once."""

    secret: str


class EndpointList(Shown):
    endpoints: list[EndpointShown]


class AnsweredShown(Shown):
    """What it answered to an `endpoint.test`; no `status`: nothing."""

    ok: bool
    status: int | None
    answer: str


class DeliveryShown(Shown):
    id: int
    sequence: int
    type: str
    state: Literal["pending", "delivered", "failed", "dropped"]
    attempts: int
    last_status: int | None
    answer: str | None
    created_at: datetime
    last_at: datetime | None
    next_at: datetime | None


class DeliveryPage(Shown):
    """`next` is what `after` takes to go on; null: that was all."""

    deliveries: list[DeliveryShown]
    next: int | None


class ResentShown(Shown):
    """How many events will be told again."""

    resent: int


def add(request: Request) -> Answer:
    body = request.given(EndpointGiven)
    row, secret = endpoints.add(
        request.house,
        tenant_id=request.tenant_row.id if request.tenant_row else PLATFORM,
        url=body.url,
        types=body.types,
        label=body.label or "",
        after=body.after,
        actor=request.actor,
    )
    return _with_secret(row, secret, 201)


def listed(request: Request) -> Answer:
    tenant_id = _tenant_id(request)
    found = [row for row in rows.listing(tenant_id) if tenant_id in (None, row.tenant_id)]
    return Answer(EndpointList(endpoints=[EndpointShown(**fields) for fields in _fields(found)]))


def one(request: Request) -> Answer:
    return _answer(_named(request))


def pause(request: Request) -> Answer:
    return _answer(endpoints.pause(request.house, _named(request), actor=request.actor))


def resume(request: Request) -> Answer:
    return _answer(endpoints.resume(request.house, _named(request), actor=request.actor))


def remove(request: Request) -> Answer:
    return _answer(endpoints.remove(request.house, _named(request), actor=request.actor))


def rotate(request: Request) -> Answer:
    row = _named(request)
    return _with_secret(row, endpoints.rotate(request.house, row, actor=request.actor), 200)


def settle(request: Request) -> Answer:
    row = _named(request)
    endpoints.settle(request.house, row, actor=request.actor)
    return _answer(row)


def test(request: Request) -> Answer:
    row = _named(request)
    with one_of_few():
        answer = send_test(request.house, row)
    return Answer(AnsweredShown(ok=answer.ok, status=answer.status, answer=answer.text))


def delivered(request: Request) -> Answer:
    asked = request.asked(DeliveryQuery)
    found = deliveries.listing(
        endpoint_id=_named(request).id,
        state=asked.state.value if asked.state else None,
        before=asked.after,
        limit=asked.limit + 1,
    )
    more = found[asked.limit - 1].id if len(found) > asked.limit else None
    return Answer(DeliveryPage(deliveries=[_delivery(row) for row in found[: asked.limit]], next=more))


def resend(request: Request) -> Answer:
    body, row = request.given(ResendGiven), _named(request)
    if body.first is not None and (body.last or row.cursor_seq) - body.first >= SPAN:
        raise InvalidInput("WB-INPUT", f"last: at most {SPAN:,} places of the feed at once", field="last")
    count = endpoints.resend(
        request.house, row, first=body.first, last=body.last, failed=body.failed, actor=request.actor
    )
    return Answer(ResentShown(resent=count), 202)


# --- shared -------------------------------------------------------------------------------------------


def _tenant_id(request: Request) -> str | None:
    """None: a platform admin asks about all of them."""
    return request.tenant_row.id if request.tenant_row else None


def _named(request: Request) -> Endpoint:
    return endpoints.named(request.path["endpointId"], tenant_id=_tenant_id(request))


def _answer(row: Endpoint) -> Answer:
    [fields] = _fields([row])
    return Answer(EndpointShown(**fields))


def _with_secret(row: Endpoint, secret: str, status: int) -> Answer:
    [fields] = _fields([row])
    return Answer(NewEndpoint(**fields, secret=secret), status, kept=False)


def _fields(found: list[Endpoint]) -> list[dict[str, Any]]:
    counts = deliveries.counts([row.id for row in found])
    same = ("id", "tenant_id", "label", "types", "state", "last_status", "succeeded_at", "failing_since")
    return [
        {name: getattr(row, name) for name in (*same, "created_at")}
        | {
            "url": endpoints.shown_url(row),
            "queue": counts[row.id].get("pending", 0),
            "given_up": counts[row.id].get("failed", 0),
            "told_to": row.cursor_seq,
            "next_try_at": row.resume_at,
            "fault": row.fault_text,
        }
        for row in found
    ]


def _delivery(row: Delivery) -> DeliveryShown:
    same = ("id", "type", "state", "attempts", "last_status", "answer", "created_at", "last_at", "next_at")
    return DeliveryShown(**{name: getattr(row, name) for name in same}, sequence=row.seq)


def _route(
    method: str,
    path: str,
    handle: Callable[[Request], Answer],
    rule: roles.Rule,
    summary: str,
    **more: Any,
) -> Route:
    options: dict[str, Any] = {"shown": EndpointShown, "scope": "either"} | more
    if method == "POST":
        options.setdefault("given", given.Nothing)
    return Route(method, path, handle, rule, summary, **options)


ROUTES = (
    _route(
        "POST",
        ROOT,
        add,
        roles.ONLY_ADMINS,
        "Add an endpoint; its secret is shown this once",
        given=EndpointGiven,
        shown=NewEndpoint,
        status=201,
    ),
    _route(
        "GET",
        ROOT,
        listed,
        roles.ONLY_READERS,
        "List the endpoints, and what waits for each",
        shown=EndpointList,
    ),
    _route("GET", ONE, one, roles.ONLY_READERS, "Show an endpoint"),
    _route(
        "POST",
        f"{ONE}/rotate",
        rotate,
        roles.ONLY_ADMINS,
        "Sign with a new secret, and for 72 hours with the one before as well",
        shown=NewEndpoint,
    ),
    _route("POST", f"{ONE}/settle", settle, roles.ONLY_ADMINS, "Sign with the newest secret alone"),
    _route("POST", f"{ONE}/pause", pause, roles.ONLY_ADMINS, "Tell it nothing; what happens waits"),
    _route("POST", f"{ONE}/resume", resume, roles.ONLY_ADMINS, "Tell it what waited, and all that comes"),
    _route("DELETE", ONE, remove, roles.ONLY_ADMINS, "Forget it and its secrets; what waited is dropped"),
    _route(
        "POST",
        f"{ONE}/test",
        test,
        roles.ONLY_ADMINS,
        "Send a signed endpoint.test now, and show what it answers",
        shown=AnsweredShown,
    ),
    _route(
        "GET",
        f"{ONE}/deliveries",
        delivered,
        roles.ONLY_READERS,
        "List its deliveries, newest first",
        asked=DeliveryQuery,
        shown=DeliveryPage,
    ),
    _route(
        "POST",
        f"{ONE}/resend",
        resend,
        roles.ONLY_ADMINS,
        "Tell events again, under the same ids: at most 10,000 places of the feed at once",
        given=ResendGiven,
        shown=ResentShown,
        status=202,
    ),
)
