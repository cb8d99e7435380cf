"""The first page of a tenant: is everything in agreement, and if not, what needs whom. And the search."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.errors import InvalidInput
from daemon.jobs import acknowledging
from daemon.jobs.exceptions import Matter, names
from daemon.office.search import Found, account_of, search
from daemon.office.state import ago, state_of
from daemon.store import integrations, records
from daemon.web.dashboard.roles import OFFICE, READERS
from daemon.web.dashboard.rows import answer, rows_of
from daemon.web.dashboard.within import Desk, Spot
from daemon.web.dashboard.words import ACTORS
from daemon.web.pages import Answer, Go

FIRST = 5
"""Of what needs a person, on the overview."""

MOST_MATTERS = 200
FOUND = 20


def overview(desk: Desk) -> Answer:
    state = state_of(desk.house, desk.tenant.id)
    return desk.view(
        "overview",
        "Overview",
        state=state,
        matters=[_shown(desk, one) for one in state.matters[:FIRST]],
        people=names(state.matters[:FIRST]),
        actors=ACTORS,
        ago=ago,
    )


def needs(desk: Desk) -> Answer:
    """Everything that needs a person, the most money first."""
    state = state_of(desk.house, desk.tenant.id)
    shown = state.matters[:MOST_MATTERS]
    return desk.view(
        "needs",
        "Needs you",
        state=state,
        matters=[_shown(desk, one) for one in shown],
        more=len(state.matters) - len(shown),
        people=names(shown),
        actors=ACTORS,
    )


def settle(desk: Desk) -> Answer:
    """Acknowledge a difference. Raises InvalidInput without a note, NotFound for another tenant's."""
    name = desk.visit.path["differenceId"]
    note = desk.visit.form.get("note")
    if not note or len(note) > 500 or not note.isprintable():
        raise InvalidInput("WB-INPUT", "note: say in a line what you found, or did", field="note")
    desk.write(
        "exceptions.settle",
        lambda: acknowledging.settle(desk.tenant.id, name, note=note, actor=desk.actor, now=desk.now),
    )
    desk.visit.say("good", "It is settled; it comes back only where it becomes another.")
    return Go(desk.path("needs"))


def find(desk: Desk) -> Answer:
    """Has this customer paid? Of an empty search, the page says what may be asked for."""
    text = desk.visit.query.get("q")
    found = Found((), ()) if not text else _found(desk, text)
    rows = rows_of(desk, found.invoices, proven=True)
    return desk.view(
        "search",
        "Search",
        q=text,
        found=found,
        people=[(row, account_of(row)) for row in found.customers],
        rows=[(row, answer(desk, row)) for row in rows],
        sentence=_sentence(desk, {row.id: row for row in [*found.customers, *(x.person for x in rows)]}),
    )


def _found(desk: Desk, text: str) -> Found:
    try:
        return search(text, desk.tenant.id, limit=FOUND)
    except InvalidInput:  # what cannot be looked for is found nowhere
        return Found((), ())


def _sentence(desk: Desk, people: Mapping[str, records.Customer]) -> str | None:
    """Where it is clear who is meant: what they owe."""
    if len(people) != 1:
        return None
    [person] = people.values()
    account = account_of(person)
    owed = " and ".join(desk.visit.reader.money(amount) for amount in account.owed)
    if owed:
        return f"{person.name} owes {owed}."
    return f"{person.name} {account.sentence.partition(':')[0]}."


def _shown(desk: Desk, one: Matter) -> tuple[Matter, str]:
    """With the button that settles it here, as (matter, where to post); "" where there is none."""
    if not desk.may_act:
        return one, ""
    if one.group == "refused" and one.invoice_id:
        return one, desk.path(f"invoices/{one.invoice_id}/sync")
    at = _at(desk, one)
    verbs = {"test": "test", "resume": "resume", "--release-brake": "release-brake"}
    verb = next((to for word, to in verbs.items() if at and f" {word}" in f"{one.command} "), "")
    return one, desk.path(f"integrations/{one.integration_id}/{verb}") if verb else ""


def _at(desk: Desk, one: Matter) -> bool:
    """Whether it is about an integration, and not about an invoice there."""
    return one.integration_id is not None and one.invoice_id is None and _is_here(desk, one.integration_id)


def _is_here(desk: Desk, integration_id: str) -> bool:
    return integrations.get(None, integration_id).tenant_id == desk.tenant.id


SPOTS = (
    Spot("GET", "overview", overview, READERS),
    Spot("GET", "needs", needs, READERS),
    Spot("POST", "needs/{differenceId}/settle", settle, OFFICE),
    Spot("GET", "search", find, READERS),
)
