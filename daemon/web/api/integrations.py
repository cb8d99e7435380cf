"""Integrations: a customer's own, and by id every one of the tenant's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon import app
from daemon.connect import accounts, hooks
from daemon.errors import InvalidInput, NotFound
from daemon.model import IntegrationState
from daemon.store import integrations, records
from daemon.store.tokens import Role
from daemon.web.api import connecting, given, roles, seen, shown
from daemon.web.api.routing import Answer, Request, Route

OWN = "/api/customers/{customerId}/billing-integration"
ROOT = "/api/integrations"
ONE = f"{ROOT}/{{integrationId}}"
S = IntegrationState


def setup_own(request: Request) -> Answer:
    return connecting.setup(request, request.customer().id)


def setup_default(request: Request) -> Answer:
    return connecting.setup(request, None)


def status(request: Request) -> Answer:
    """The customer's own, else the tenant's default, which is none of the customer's business."""
    person = request.customer()
    row = integrations.at_place(request.tenant.id, person.id)
    if row is None and request.role is not Role.CUSTOMER_OWNER:
        row = integrations.at_place(request.tenant.id, None)
    if row is None:
        raise NotFound("billing integration of customer", request.path["customerId"])
    return answer(request, row)


def listed(request: Request) -> Answer:
    rows = integrations.listing(request.tenant.id, removed=request.asked(given.RemovedQuery).removed)
    queues = integrations.count_by_state([row.id for row in rows])
    found = [seen.integration(request.house, row, queues[row.id]) for row in rows]
    return Answer(shown.IntegrationList(integrations=found))


def one(request: Request) -> Answer:
    return answer(request, _named(request))


def rotate(request: Request) -> Answer:
    return answer(request, connecting.rotate(request, there(request)))


def test(request: Request) -> Answer:
    return connecting.test(request, there(request))


def change(request: Request) -> Answer:
    row = there(request)
    changes = request.given(given.IntegrationChange).told()
    for name, value in changes.items():
        if value is None:
            raise InvalidInput("WB-INPUT", f"{name}: it cannot be taken away", field=name)
    if not changes:
        raise InvalidInput("WB-INPUT", "say what to change")
    if "settings" in changes:
        if request.role is Role.TENANT_STAFF:  # they say where a system of one's own is, and what it is sent
            raise InvalidInput("WB-ACCESS-ROLE", "settings: only an administrator changes them")
        app.read_settings(row.provider, changes["settings"])
        connecting.insist_on_same_hosts(row, changes["settings"])
    return _changed(request, row, changes)


def approve(request: Request) -> Answer:
    return _changed(request, there(request), {"approved": True})


def pause(request: Request) -> Answer:
    row, check = there(request), connecting.unchanged(request)
    return answer(request, accounts.pause(request.house, row, actor=request.actor, check=check))


def resume(request: Request) -> Answer:
    row, check = there(request), connecting.unchanged(request)
    return answer(request, accounts.resume(request.house, row, actor=request.actor, check=check))


def remove(request: Request) -> Answer:
    """Drained first; its secrets go when its last invoice closes, or at once with `force`."""
    row, force = there(request), request.asked(given.RemoveQuery).force
    if force and request.role is Role.CUSTOMER_OWNER:
        raise InvalidInput("WB-ACCESS-ROLE", "force: only an administrator may do that")
    check = connecting.unchanged(request)
    removed = accounts.remove(request.house, row, force=force, actor=request.actor, check=check)
    return answer(request, removed)


def set_up_webhook(request: Request) -> Answer:
    row = there(request)
    with connecting.one_of_few():
        return answer(request, hooks.set_up(request.house, row, actor=request.actor))


def take_webhook_away(request: Request) -> Answer:
    row = there(request)
    with connecting.one_of_few():
        return answer(request, hooks.take_away(request.house, row, actor=request.actor))


# --- shared -------------------------------------------------------------------------------------------


def _named(request: Request) -> records.Integration:
    """By its id, else the customer's own; raises NotFound."""
    if "integrationId" in request.path:
        return integrations.get(request.tenant.id, request.path["integrationId"])
    row = integrations.at_place(request.tenant.id, request.customer().id)
    if row is None:
        raise NotFound("billing integration of customer", request.path["customerId"])
    return row


def there(request: Request) -> records.Integration:
    """As `_named`; raises InvalidInput where it is removed."""
    row = _named(request)
    if row.state == S.REMOVED:
        raise InvalidInput("WB-INTEGRATION-STATE", "it is removed; connect the account anew")
    return row


def answer(request: Request, row: records.Integration) -> Answer:
    return Answer(seen.integration(request.house, row), etag=seen.version(row))


def _changed(request: Request, row: records.Integration, changes: dict[str, Any]) -> Answer:
    check = connecting.unchanged(request)
    return answer(request, accounts.change(request.house, row, changes, actor=request.actor, check=check))


def _route(
    method: str,
    path: str,
    handle: Callable[[Request], Answer],
    rule: roles.Rule,
    summary: str,
    **more: Any,
) -> Route:
    options: dict[str, Any] = {"shown": shown.IntegrationShown, "versioned": True} | more
    if method == "POST":
        options.setdefault("given", given.Nothing)
    return Route(method, path, handle, rule, summary, **options)


_CONSENT = ((202, shown.ConsentShown),)
_SETUP: dict[str, Any] = {"given": given.SetupGiven, "status": 201, "also": _CONSENT, "versioned": False}
_HOOK: dict[str, Any] = {"versioned": False}

ROUTES = (
    _route("POST", f"{OWN}/setup", setup_own, roles.CONNECTING, "Connect the customer's account", **_SETUP),
    _route(
        "PUT",
        f"{OWN}/credentials",
        rotate,
        roles.CONNECTING,
        "Replace the credentials by others of the same account",
        given=given.CredentialsGiven,
    ),
    _route("GET", f"{OWN}/status", status, roles.AND_OWNER, "Show what serves this customer"),
    _route(
        "POST",
        f"{OWN}/test",
        test,
        roles.TESTING,
        "Test the connection",
        shown=shown.TestShown,
        versioned=False,
    ),
    _route(
        "PATCH",
        OWN,
        change,
        roles.ONLY_OFFICE,
        "Change its settings, how it syncs and its pace",
        given=given.IntegrationChange,
    ),
    _route("POST", f"{OWN}/webhook", set_up_webhook, roles.CONNECTING, "Register our webhook there", **_HOOK),
    _route("DELETE", f"{OWN}/webhook", take_webhook_away, roles.CONNECTING, "Take it away there", **_HOOK),
    _route("DELETE", OWN, remove, roles.CONNECTING, "Remove it, once it is drained", asked=given.RemoveQuery),
    _route("POST", ROOT, setup_default, roles.ONLY_ADMINS, "Connect the tenant's default account", **_SETUP),
    _route(
        "GET",
        ROOT,
        listed,
        roles.ONLY_READERS,
        "List the integrations",
        asked=given.RemovedQuery,
        shown=shown.IntegrationList,
        versioned=False,
    ),
    _route("GET", ONE, one, roles.ONLY_READERS, "Show an integration"),
    _route(
        "PATCH",
        ONE,
        change,
        roles.ONLY_OFFICE,
        "Change its settings, how it syncs and its pace",
        given=given.IntegrationChange,
    ),
    _route(
        "PUT",
        f"{ONE}/credentials",
        rotate,
        roles.ONLY_ADMINS,
        "Replace the credentials by others of the same account",
        given=given.CredentialsGiven,
    ),
    _route(
        "POST",
        f"{ONE}/test",
        test,
        roles.ONLY_OFFICE,
        "Test the connection",
        shown=shown.TestShown,
        versioned=False,
    ),
    _route("POST", f"{ONE}/approve", approve, roles.ONLY_ADMINS, "Let a customer's own account serve them"),
    _route("POST", f"{ONE}/pause", pause, roles.ONLY_OFFICE, "Push and pull nothing until it is resumed"),
    _route("POST", f"{ONE}/resume", resume, roles.ONLY_OFFICE, "Go on after a pause"),
    _route(
        "POST", f"{ONE}/webhook", set_up_webhook, roles.ONLY_ADMINS, "Register our webhook there", **_HOOK
    ),
    _route("DELETE", f"{ONE}/webhook", take_webhook_away, roles.ONLY_ADMINS, "Take it away there", **_HOOK),
    _route(
        "DELETE", ONE, remove, roles.ONLY_ADMINS, "Remove it, once it is drained", asked=given.RemoveQuery
    ),
)
