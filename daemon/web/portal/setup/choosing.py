"""The first way: which system, its keys, what the test found, save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon import app, connect
from daemon.connect import accounts
from daemon.errors import InvalidInput, NotFound, RemoteError
from daemon.model import Document
from daemon.providers import names, provider_class
from daemon.providers.base import Credentials, Provider
from daemon.store import apps, integrations, records
from daemon.web.pages import Answer, Go, View, Visit, fields
from daemon.web.portal.addresses import SETUP
from daemon.web.portal.roles import connector
from daemon.web.portal.setup import drafts, trying
from daemon.web.portal.setup.drafts import Draft
from daemon.web.portal.setup.trying import credentials_of, settings_of

TESTS_PER_MINUTE = 6
UNPROCESSABLE = 422
STEPS = ("Choose", "Connect", "Check", "Done")
ABOUT = {
    "stripe": "Cards, wallets and bank debits. You paste one secret key.",
    "paypal": "PayPal invoices. You paste the client id and the secret of your app.",
    "square": "Square invoices with cards and bank payments. You paste an access token.",
    "quickbooks": "QuickBooks Online. You agree on Intuit's own page; no key is needed.",
    "xero": "Xero accounting. You agree on Xero's own page, or use a custom connection.",
    "custom_webhook": "Your own system. You tell where it listens and how it answers.",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A provider on the page of choices; `ready` is false where the tenant registered no app for it."""

    name: str
    label: str
    about: str
    ready: bool
    href: str


def choices(visit: Visit) -> View:
    offers = [_offer(name) for name in names()]
    return View("portal/setup/choose.html", {"title": "Billing system", "offers": offers, "steps": STEPS})


def _offer(name: str) -> Offer:
    kind = provider_class(name)
    ready = kind.oauth is None or kind.mints or _has_app(name)
    return Offer(name, kind.label, ABOUT.get(name, ""), ready, f"{SETUP}/new/{name}")


def _has_app(name: str) -> bool:
    try:
        apps.choose(name)
    except (InvalidInput, NotFound):
        return False
    return True


# --- the form -------------------------------------------------------------------------------------------


def form(visit: Visit) -> Answer:
    person = connector(visit)
    _insist_on_room(person)
    kind = _kind(visit)
    held = drafts.at_hand(visit.house, visit.me, kind.name, None)
    return _form(visit, kind, _held_values(kind, held) if held else {}, held=held)


def given(visit: Visit) -> Answer:
    """Tested; what is right is kept for the next page, what is wrong is said here."""
    person = connector(visit)
    _insist_on_room(person)
    return _tested(visit, _kind(visit), person, None)


def keys_form(visit: Visit) -> Answer:
    """Other keys of the same account."""
    row = own(connector(visit))
    accounts.insist_on_keys(row)
    kind = provider_class(row.provider)
    held = drafts.at_hand(visit.house, visit.me, kind.name, row.id)
    values = _held_values(kind, held) if held else fields.texts(settings_of(kind), row.settings)
    return _form(visit, kind, values, row=row, held=held)


def keys_given(visit: Visit) -> Answer:
    person = connector(visit)
    row = own(person)
    accounts.insist_on_keys(row)
    return _tested(visit, provider_class(row.provider), person, row)


def own(person: records.Customer) -> records.Integration:
    """The customer's own account. Raises NotFound."""
    row = integrations.at_place(person.tenant_id, person.id)
    if row is None:
        raise NotFound("billing system", person.id)
    return row


def _insist_on_room(person: records.Customer) -> None:
    there = integrations.at_place(person.tenant_id, person.id)
    if there is not None:
        raise InvalidInput("WB-INTEGRATION-TAKEN", "a billing system is connected already; remove it first")


def _kind(visit: Visit) -> type[Provider]:
    name = visit.path["provider"]
    if name not in names():
        raise NotFound("billing system", name)
    return provider_class(name)


def _held_values(kind: type[Provider], held: Draft) -> dict[str, Any]:
    """What was typed before the last test, without its secrets."""
    values = fields.texts(settings_of(kind), held.settings) | fields.texts(
        credentials_of(kind), held.credentials
    )
    return values | {"mode": held.account.mode.value, "payer": held.payer[0] if held.payer else ""}


def _form(
    visit: Visit,
    kind: type[Provider],
    values: dict[str, Any],
    *,
    wrong: dict[str, str] | None = None,
    row: records.Integration | None = None,
    held: Draft | None = None,
) -> View:
    settings, credentials = settings_of(kind), credentials_of(kind)
    shown = {
        "title": f"{'New keys for' if row else 'Connect'} {kind.label}",
        "kind": kind,
        "row": row,
        "steps": STEPS,
        "docs": kind.docs,
        "action": f"{SETUP}/keys" if row else f"{SETUP}/new/{kind.name}",
        "consent": f"{SETUP}/consent/{kind.name}" if kind.oauth and _has_app(kind.name) else "",
        "by_keys": kind.oauth is None or kind.mints,
        "credentials": credentials,
        "held": {f"credentials.{name}" for name in held.credentials} if held else set(),
        "settings": settings,
        "values": fields.texts(settings, {}) | fields.texts(credentials, {}) | values,
        "wrong": wrong or {},
        "asks_mode": kind.credentials.mode is Credentials.mode,
        "takes_payer": row is None and kind.payer is not Provider.payer,
        "root": SETUP,
    }
    return View("portal/setup/form.html", shown, UNPROCESSABLE if wrong else 200)


def _tested(
    visit: Visit, kind: type[Provider], person: records.Customer, row: records.Integration | None
) -> Answer:
    visit.pace("setup", TESTS_PER_MINUTE)
    values = fields.typed(settings_of(kind), visit.form) | fields.typed(credentials_of(kind), visit.form)
    values |= {name: visit.form.get(name) for name in ("mode", "payer")}
    held = drafts.at_hand(visit.house, visit.me, kind.name, row.id if row else None)
    try:
        draft = trying.draft(visit, kind, row, held)
    except (InvalidInput, RemoteError) as error:
        return _form(visit, kind, values, wrong=trying.wrong_in(error), row=row, held=held)
    drafts.keep(visit.house, visit.me, draft)
    return Go(f"{SETUP}/check")


# --- by consent -----------------------------------------------------------------------------------------


def consent(visit: Visit) -> Answer:
    """A link to the provider's own page. It is followed from a page, since a form may lead to us alone."""
    person, kind = connector(visit), _kind(visit)
    if kind.oauth is None:
        raise NotFound("page", "")
    visit.pace("setup", TESTS_PER_MINUTE)
    there = integrations.at_place(person.tenant_id, person.id)
    try:
        settings: Document = fields.read(settings_of(kind), visit.form)
        with trying.named("settings"):
            app.read_settings(kind.name, settings)
        link = connect.begin(
            visit.house,
            apps.choose(kind.name),
            tenant_id=person.tenant_id,
            customer_id=person.id,
            label=kind.label,
            settings=settings or (there.settings if there else {}),
            actor=visit.actor,
        )
    except (InvalidInput, RemoteError) as error:
        return _form(visit, kind, fields.typed(settings_of(kind), visit.form), wrong=trying.wrong_in(error))
    shown = {
        "title": f"Go on at {kind.label}",
        "kind": kind,
        "url": link.url,
        "until": link.expires_at,
        "steps": STEPS,
        "root": SETUP,
    }
    return View("portal/setup/consent.html", shown)
