"""Integrations: how each stands, in plain words, and what can be done about it here."""

from __future__ import annotations

from daemon.connect import accounts
from daemon.errors import CATALOGUE, InvalidInput, RemoteError, VaultError, WispbillError
from daemon.jobs import pull
from daemon.log import scrub
from daemon.model import RUNNING, IntegrationState
from daemon.office.health import Health, all_of
from daemon.providers import provider_class
from daemon.store import customers, differences, integrations, overviews, records, sweeps, views
from daemon.web.api.connecting import tested
from daemon.web.dashboard.roles import ADMINS, OFFICE, READERS
from daemon.web.dashboard.within import Desk, Spot
from daemon.web.pages import Answer, Go

PACES = {
    "realtime": "as often as the provider allows",
    "hourly": "every hour",
    "daily": "once a day",
}
LATEST = 15


def listed(desk: Desk) -> Answer:
    rows = integrations.listing(desk.tenant.id)
    people = customers.by_ids({row.customer_id for row in rows if row.customer_id})
    return desk.view("integrations", "Integrations", health=_health(desk, rows), people=people)


def one(desk: Desk) -> Answer:
    row = _named(desk)
    [health] = _health(desk, [row])
    person = customers.by_ids({row.customer_id}).get(row.customer_id) if row.customer_id else None
    return desk.view(
        "integration",
        health.name,
        row=row,
        health=health,
        person=person,
        paces=PACES,
        differences=differences.waiting(desk.tenant.id, integration_id=row.id)[:LATEST],
        runs=overviews.runs_of(row.id, limit=LATEST),
        audit=list(reversed(views.audit_of(desk.tenant.id, row.id)))[:LATEST],
        can=provider_class(row.provider).can,
        removed=row.state == IntegrationState.REMOVED,
    )


def test(desk: Desk) -> Answer:
    """The connection test; what is wrong is told on its page. Raises TooFast."""
    row = _there(desk)
    try:
        account = tested(desk.house.providers(row), close=False)
        accounts.tested(desk.house, row, account, actor=desk.actor)
    except (RemoteError, VaultError) as error:
        desk.visit.say("bad", f"The test failed. {_plainly(error)}")
        return _back(desk, row)
    missing = ", ".join(account.missing)
    if missing:
        desk.visit.say("bad", f"It answers, but lacks: {missing}.")
    else:
        desk.visit.say("good", f"It answers as {account.name or account.account_id}. All is well.")
    return _back(desk, row)


def compare(desk: Desk) -> Answer:
    """Both books, invoice by invoice, as every night. Raises InvalidInput where it does not run."""
    row = _there(desk)
    if row.state not in RUNNING or not row.pull_status:
        raise InvalidInput("WB-INTEGRATION-STATE", "it is not read now, so nothing can be compared")

    def work() -> None:
        sweeps.ask(row, desk.now)
        desk.audit("sweep.requested", row.id, {})

    desk.write("compare", work, wake="sweep")
    desk.visit.say("good", "Both books are compared as soon as its quota allows; what differs stands here.")
    return _back(desk, row)


def _plainly(error: WispbillError) -> str:
    """The catalogue's sentence, and what was said."""
    entry = CATALOGUE.get(error.code)
    return f"{entry.sentence if entry else ''} ({error.code}: {scrub(error.message).rstrip('.')})"


def pause(desk: Desk) -> Answer:
    row = accounts.pause(desk.house, _there(desk), actor=desk.actor)
    desk.visit.say("good", "It is paused: nothing is sent or read until it is resumed.")
    return _back(desk, row)


def resume(desk: Desk) -> Answer:
    row = accounts.resume(desk.house, _there(desk), actor=desk.actor)
    desk.visit.say("good", "It goes on.")
    return _back(desk, row)


def release_brake(desk: Desk) -> Answer:
    """Only who looked there first should do it. Raises InvalidInput where nothing is held."""
    row = _there(desk)
    if desk.visit.form.get("sure") != "yes":
        raise InvalidInput("WB-INPUT", "say that you looked there first", field="sure")
    if not pull.release_brake(desk.house, row, actor=desk.actor):
        raise InvalidInput("WB-INPUT", "the brake holds nothing there")
    desk.visit.say("good", "The brake is released: what it held is read again and applied.")
    return _back(desk, row)


def change(desk: Desk) -> Answer:
    """How it syncs. Raises InvalidInput."""
    row, form = _there(desk), desk.visit.form
    if form.get("pace") not in PACES:
        raise InvalidInput("WB-INPUT", f"pace: one of {', '.join(PACES)}", field="pace")
    wanted = {
        "create_automatically": form.get("create_automatically") == "yes",
        "pull_status": form.get("pull_status") == "yes",
        "pace": form.get("pace"),
    }
    changes = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if changes:
        accounts.change(desk.house, row, changes, actor=desk.actor)
    desk.visit.say("good", "It syncs so from now on." if changes else "It does so already.")
    return _back(desk, row)


def approve(desk: Desk) -> Answer:
    """Let service follow a customer's own account."""
    row = accounts.change(desk.house, _there(desk), {"approved": True}, actor=desk.actor)
    desk.visit.say("good", "Service follows this account from now on.")
    return _back(desk, row)


def _health(desk: Desk, rows: list[records.Integration]) -> list[Health]:
    return all_of(rows, desk.house.settings, desk.now)


def _named(desk: Desk) -> records.Integration:
    """Raises NotFound."""
    return integrations.get(desk.tenant.id, desk.visit.path["integrationId"])


def _there(desk: Desk) -> records.Integration:
    """As `_named`; raises InvalidInput where it is removed."""
    row = _named(desk)
    if row.state == IntegrationState.REMOVED:
        raise InvalidInput("WB-INTEGRATION-STATE", "it is removed; connect the account anew")
    return row


def _back(desk: Desk, row: records.Integration) -> Go:
    return Go(desk.path(f"integrations/{row.id}"))


ONE = "integrations/{integrationId}"
SPOTS = (
    Spot("GET", "integrations", listed, READERS),
    Spot("GET", ONE, one, READERS),
    Spot("POST", f"{ONE}/test", test, OFFICE),
    Spot("POST", f"{ONE}/compare", compare, OFFICE),
    Spot("POST", f"{ONE}/pause", pause, OFFICE),
    Spot("POST", f"{ONE}/resume", resume, OFFICE),
    Spot("POST", f"{ONE}/release-brake", release_brake, OFFICE),
    Spot("POST", f"{ONE}/settings", change, OFFICE),
    Spot("POST", f"{ONE}/approve", approve, ADMINS),
)
