"""The billing system that is connected: how it stands, its webhook, how it syncs; tested, paused, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon import app
from daemon.connect import accounts, hooks
from daemon.connect.hooks import ADDRESS
from daemon.errors import InvalidInput, RemoteError, Unsupported, WispbillError
from daemon.house import House
from daemon.model import IntegrationState
from daemon.policy import PACES_S
from daemon.providers import provider_class
from daemon.providers.base import Provider
from daemon.providers.described import webhook_registration
from daemon.store import integrations, payers, records
from daemon.web.api import seen
from daemon.web.api.connecting import insist_on_same_hosts, one_of_few, tested
from daemon.web.pages import Answer, Go, View, Visit, fields
from daemon.web.portal.addresses import SETUP
from daemon.web.portal.roles import connector
from daemon.web.portal.setup import choosing, saving, trying
from daemon.web.portal.setup.choosing import UNPROCESSABLE, own
from daemon.web.portal.setup.trying import wrong_in

CALLS_PER_MINUTE = 6
S = IntegrationState
STATES = {
    S.TESTING: ("Not ready yet", "warn"),
    S.ACTIVE: ("Working", "good"),
    S.PAUSED: ("Paused", ""),
    S.NEEDS_RECONNECT: ("Needs new keys", "bad"),
    S.ERROR: ("Error", "bad"),
    S.DRAINING: ("Being removed", "warn"),
    S.REMOVED: ("Removed", ""),
}
PACES = {
    "realtime": "As soon as possible",
    "hourly": "Every hour",
    "daily": "Once a day",
}


def overview(visit: Visit) -> Answer:
    """Where nothing is connected, the choice of what could be."""
    person = connector(visit)
    row = integrations.at_place(person.tenant_id, person.id)
    if row is None:
        return choosing.choices(visit)
    return _shown(visit, person, row)


def _shown(
    visit: Visit, person: records.Customer, row: records.Integration, wrong: dict[str, str] | None = None
) -> View:
    kind = provider_class(row.provider)
    state = S(row.state)
    shown = {
        "title": "Billing system",
        "kind": kind,
        "row": row,
        "state": STATES[state],
        "account": seen.credentials(visit.house, row),
        "queue": integrations.count_by_state([row.id])[row.id],
        "paces": {name: PACES.get(name, name) for name in PACES_S},
        "payer": payers.known(row.id, {person.id}).get(person.id),
        "takes_payer": kind.payer is not Provider.payer,
        "hook": _hook(visit.house, row, kind),
        "can_pause": state in (S.ACTIVE, S.TESTING),
        "can_resume": state is S.PAUSED,
        "is_leaving": state is S.DRAINING,
        "by_consent": row.grant_id is not None,
        "wrong": wrong or {},
        "root": SETUP,
    }
    return View("portal/setup/overview.html", shown, UNPROCESSABLE if wrong else 200)


def _hook(house: House, row: records.Integration, kind: type[Provider]) -> dict[str, Any]:
    """How its webhook comes to be: `way` is api, app, person or none."""
    receiver = house.settings.receiver
    public = receiver.public_url if receiver.enabled else ""
    return {
        "way": webhook_registration(kind),
        "url": row.webhook_url or (f"{public}{ADDRESS}{row.id}" if public else ""),
        "is_registered": row.webhook_id is not None,
        "can_register": bool(public),
        "can_prove": row.webhook_id is not None and kind.test_webhook is not Provider.test_webhook,
        "seen_at": row.webhook_seen_at,
    }


# --- tests ----------------------------------------------------------------------------------------------


def test(visit: Visit) -> Answer:
    row = own(connector(visit))

    def work() -> None:
        account = tested(visit.house.providers(row), close=False)
        accounts.tested(visit.house, row, account, actor=visit.actor)
        if account.missing:
            visit.say("bad", f"It answers, and lacks: {', '.join(account.missing)}.")
        else:
            visit.say("good", f"{account.name} answers, and nothing is missing.")

    return _asked(visit, work)


def register(visit: Visit) -> Answer:
    row = own(connector(visit))

    def work() -> None:
        with one_of_few():
            hooks.set_up(visit.house, row, actor=visit.actor)
        visit.say("good", "The webhook is registered.")

    return _asked(visit, work)


def prove(visit: Visit) -> Answer:
    """A test delivery; what arrives is shown by its time."""
    row = own(connector(visit))

    def work() -> None:
        with one_of_few():
            hooks.prove(visit.house, row, actor=visit.actor)
        visit.say("good", "A test delivery was asked for. Load this page again in a moment.")

    return _asked(visit, work)


def payer(visit: Visit) -> Answer:
    """The customer there that stands for this one."""
    person = connector(visit)
    row, ref = own(person), visit.form.get("payer")
    visit.pace("setup", CALLS_PER_MINUTE)
    try:
        found = trying.checked_payer(visit.house.providers(row), ref)
        if found is None:
            raise InvalidInput("WB-INPUT", "an id is needed", field="payer")
    except (InvalidInput, RemoteError, Unsupported) as error:
        return _shown(visit, person, row, wrong_in(error))
    saving.note_payer(visit, row, person, found[0])
    visit.say("good", f"New invoices go to {found[1] or found[0]} there.")
    return Go(SETUP)


def _asked(visit: Visit, work: Callable[[], None]) -> Answer:
    """Around what asks the provider: how it went is said on the page itself."""
    visit.pace("setup", CALLS_PER_MINUTE)
    try:
        work()
    except WispbillError as error:
        visit.say("bad", f"{error.message} ({error.code})")
    return Go(SETUP)


# --- changes --------------------------------------------------------------------------------------------


def sync_settings(visit: Visit) -> Answer:
    row, form = own(connector(visit)), visit.form
    pace = form.get("pace")
    if pace not in PACES_S:
        raise InvalidInput("WB-INPUT", "pace: choose one of the list", field="pace")
    changes = {
        "create_automatically": "create_automatically" in form,
        "pull_status": "pull_status" in form,
        "pace": pace,
    }
    accounts.change(visit.house, row, changes, actor=visit.actor)
    visit.say("good", "It is saved, and counts at once.")
    return Go(SETUP)


def settings_form(visit: Visit) -> Answer:
    row = own(connector(visit))
    parts = fields.fields_of(provider_class(row.provider).settings, "settings")
    return _settings(visit, row, fields.texts(parts, row.settings), {})


def settings_given(visit: Visit) -> Answer:
    row = own(connector(visit))
    parts = fields.fields_of(provider_class(row.provider).settings, "settings")
    try:
        settings = fields.read(parts, visit.form)
        with trying.named("settings"):
            app.read_settings(row.provider, settings)
        insist_on_same_hosts(row, settings)
    except InvalidInput as error:
        return _settings(visit, row, fields.typed(parts, visit.form), wrong_in(error))
    accounts.change(visit.house, row, {"settings": settings}, actor=visit.actor)
    visit.say("good", "It is saved, and counts for invoices that are not sent yet.")
    return Go(SETUP)


def _settings(visit: Visit, row: records.Integration, values: dict[str, Any], wrong: dict[str, str]) -> View:
    kind = provider_class(row.provider)
    shown = {
        "title": f"Settings of {kind.label}",
        "kind": kind,
        "settings": fields.fields_of(kind.settings, "settings"),
        "values": values,
        "wrong": wrong,
        "root": SETUP,
    }
    return View("portal/setup/settings.html", shown, UNPROCESSABLE if wrong else 200)


def pause(visit: Visit) -> Answer:
    accounts.pause(visit.house, own(connector(visit)), actor=visit.actor)
    visit.say("good", "It is paused: nothing is sent and nothing is read until you go on.")
    return Go(SETUP)


def resume(visit: Visit) -> Answer:
    accounts.resume(visit.house, own(connector(visit)), actor=visit.actor)
    visit.say("good", "It goes on.")
    return Go(SETUP)


def removing(visit: Visit) -> Answer:
    row = own(connector(visit))
    kind = provider_class(row.provider)
    shown = {"title": f"Remove {kind.label}", "kind": kind, "row": row, "root": SETUP}
    return View("portal/setup/remove.html", shown)


def remove(visit: Visit) -> Answer:
    row = accounts.remove(visit.house, own(connector(visit)), force=False, actor=visit.actor)
    gone = row.state == S.REMOVED
    visit.say(
        "good",
        "It is removed, and its keys are destroyed."
        if gone
        else "It takes no new invoices. What is open there is read until it is closed; then its keys go.",
    )
    return Go(SETUP)
