"""What the test found, and saving it: the account is connected, its webhook registered where we can do so."""

from __future__ import annotations

from daemon.connect import accounts, hooks
from daemon.connect.accounts import NewAccount
from daemon.errors import InvalidInput, NotFound, WispbillError
from daemon.jobs import presetting
from daemon.providers import provider_class
from daemon.store import records
from daemon.web.api.connecting import one_of_few
from daemon.web.pages import Answer, Go, View, Visit
from daemon.web.portal.addresses import SETUP
from daemon.web.portal.roles import connector
from daemon.web.portal.setup import drafts
from daemon.web.portal.setup.choosing import STEPS, own
from daemon.web.portal.setup.drafts import Draft


def check(visit: Visit) -> Answer:
    connector(visit)
    draft = drafts.kept(visit.house, visit.me)
    kind = provider_class(draft.provider)
    back = f"{SETUP}/keys" if draft.replaces else f"{SETUP}/new/{draft.provider}"
    shown = {
        "title": "Connection test",
        "kind": kind,
        "draft": draft,
        "steps": STEPS,
        "back": back,
        "root": SETUP,
    }
    return View("portal/setup/check.html", shown)


def save(visit: Visit) -> Answer:
    person = connector(visit)
    house, draft = visit.house, drafts.kept(visit.house, visit.me)
    if draft.replaces:
        row = own(person)
        if row.id != draft.replaces:
            raise NotFound("billing system", draft.replaces)
        account, settings = draft.account, draft.settings
        accounts.rotate(house, row, draft.credentials, account, settings, actor=visit.actor)
        visit.say("good", "The new keys are in use.")
    else:
        row = _connected(visit, person, draft)
        visit.say("good", f"{provider_class(row.provider).label} is connected.")
        _register(visit, row)
    drafts.forget(house, visit.me)
    return Go(SETUP)


def _connected(visit: Visit, person: records.Customer, draft: Draft) -> records.Integration:
    kind = provider_class(draft.provider)
    account, settings = draft.account, draft.settings
    new = NewAccount(person.tenant_id, person.id, kind, draft.credentials, account, settings)

    def taken(there: records.Integration) -> None:
        raise InvalidInput("WB-INTEGRATION-TAKEN", f"{there.provider} is connected already")

    row = accounts.connect(visit.house, new, actor=visit.actor, check=taken)
    if draft.payer:
        note_payer(visit, row, person, draft.payer[0])
    return row


def note_payer(visit: Visit, row: records.Integration, person: records.Customer, ref: str) -> None:
    house = visit.house
    house.store.write(
        "portal.payer",
        lambda: presetting.note(house, person, row, ref, actor=visit.actor),
    )


def _register(visit: Visit, row: records.Integration) -> None:
    """Our webhook, where we can register it ourselves; the connection is good without it."""
    receiver = visit.house.settings.receiver
    if not (provider_class(row.provider).can.registers_webhook and receiver.enabled and receiver.public_url):
        return
    try:
        with one_of_few():
            hooks.set_up(visit.house, row, actor=visit.actor)
    except WispbillError as error:
        visit.say("note", f"The webhook is not registered yet: {error.message} ({error.code})")
