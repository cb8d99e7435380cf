"""Everything at once: what is pending, how the integrations stand, what happened."""

from __future__ import annotations

from daemon.jobs.notify.payload import facts_of
from daemon.store import audit, events, integrations, links, records, views
from daemon.store.audit import PLATFORM
from daemon.web.api import given, roles, shown
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.seen import WORDS, S


def sync_all(request: Request) -> Answer:
    tenant_id = _tenant_id(request)

    def work() -> int:
        links.assign(request.now)
        count = links.ask_all(tenant_id, request.now)
        audit.append(
            tenant_id or PLATFORM,
            actor=request.actor,
            action="invoices.sync_requested",
            subject=tenant_id or PLATFORM,
            data={"asked": count},
            now=request.now,
        )
        return count

    return Answer(shown.SyncAll(asked=request.write("billing.sync_all", work, wake="push")), 202)


def status(request: Request) -> Answer:
    rows = integrations.listing(_tenant_id(request))
    queues = integrations.count_by_state([row.id for row in rows])
    return Answer(
        shown.StatusList(
            integrations=[_status(row, queues[row.id]) for row in rows],
            unassigned=links.unassigned(_tenant_id(request)),
        )
    )


def feed(request: Request) -> Answer:
    """In the order of the feed, in which nothing is ever inserted before what was read."""
    asked = request.asked(given.EventQuery)
    tenant_id = _tenant_id(request) or PLATFORM
    rows = events.feed(asked.after, tenant_id=tenant_id, limit=asked.limit)
    found = [_event(row) for row in rows]
    return Answer(shown.EventPage(events=found, next=found[-1].seq if found else asked.after))


def _tenant_id(request: Request) -> str | None:
    return request.tenant_row.id if request.tenant_row else None


def _status(row: records.Integration, queue: dict[str, int]) -> shown.IntegrationStatus:
    same = ("id", "tenant_id", "customer_id", "provider", "mode", "state", "account_name")
    times = ("pushed_at", "polled_at", "next_poll_at")
    return shown.IntegrationStatus(
        **{name: getattr(row, name) for name in (*same, *times)},
        status=WORDS[S(row.state)],
        queue=queue,
        oldest_waiting_at=views.oldest_unsent(row.id),
        fault=shown.fault(row.fault_code, row.fault_text, row.fault_at),
    )


def _event(row: records.Event) -> shown.EventShown:
    return shown.EventShown(
        seq=row.seq or 0,
        id=row.uid,
        tenant_id=row.tenant_id,
        type=row.type,
        at=row.at,
        customer_id=row.customer_id,
        invoice_id=row.invoice_id,
        integration_id=row.integration_id,
        data=facts_of(row),
    )


ROUTES = (
    Route(
        "POST",
        "/api/billing/sync-all-pending",
        sync_all,
        roles.ONLY_OFFICE,
        "Push everything that is pending, now",
        given=given.Nothing,
        shown=shown.SyncAll,
        status=202,
        scope="either",
    ),
    Route(
        "GET",
        "/api/billing/integration-status",
        status,
        roles.ONLY_READERS,
        "How each integration stands, and what waits at it",
        shown=shown.StatusList,
        scope="either",
    ),
    Route(
        "GET",
        "/api/events",
        feed,
        roles.ONLY_READERS,
        "What happened, behind a place in the feed",
        asked=given.EventQuery,
        shown=shown.EventPage,
        scope="either",
    ),
)
