"""Customers: the list, and one with what they owe, their service, and what was said about it."""

from __future__ import annotations

from daemon.connect import accounts
from daemon.errors import InvalidInput, NotFound
from daemon.jobs import standing
from daemon.model.dunning import StandingKind
from daemon.office.health import name_of
from daemon.office.search import account_of
from daemon.store import customers, integrations, invoices, records, service, tickets, views
from daemon.web.dashboard.roles import ADMINS, OFFICE, READERS
from daemon.web.dashboard.rows import rows_of
from daemon.web.dashboard.within import LIMIT, Desk, Spot, day_of
from daemon.web.dashboard.words import SERVICE
from daemon.web.pages import Answer, Go

LATEST = 20
SAID = {"promise": "The promise is noted.", "hold": "Dunning is held.", "exempt": "They are exempt."}


def listed(desk: Desk) -> Answer:
    after = desk.visit.query.get("after")
    rows = customers.listing(desk.tenant.id, limit=LIMIT + 1, after=after)
    more = rows[LIMIT - 1].reference if len(rows) > LIMIT else None
    return desk.view("customers", "Customers", rows=rows[:LIMIT], after=after, more=more, service=SERVICE)


def one(desk: Desk) -> Answer:
    row = _named(desk)
    own = integrations.at_place(desk.tenant.id, row.id)
    return desk.view(
        "customer",
        row.name,
        row=row,
        words=SERVICE,
        account=account_of(row),
        service=standing.service_of(desk.house, desk.tenant, row.id),
        moves=service.moves_of(row.id, limit=LATEST),
        held=service.held_of([row.id]).get(row.id),
        invoices=rows_of(desk, invoices.listing(desk.tenant.id, limit=LATEST, customer_id=row.id)),
        tickets=tickets.listing(desk.tenant.id, limit=5, customer_id=row.id),
        own=own,
        own_name=name_of(own) if own else "",
        audit=list(reversed(views.audit_of(desk.tenant.id, row.id)))[:LATEST],
    )


def say(desk: Desk) -> Answer:
    """A promise, a hold or an exemption; it counts at once. Raises InvalidInput."""
    row, form = _named(desk), desk.visit.form
    kind = form.get("kind")
    if kind not in SAID:
        raise InvalidInput("WB-INPUT", "kind: promise, hold or exempt", field="kind")
    reason = form.get("reason") or ("promised" if kind == "promise" else "")
    standing.say(
        desk.house,
        desk.tenant,
        row,
        StandingKind(kind),
        reason,
        until_on=day_of(form.get("until"), "until"),
        actor=desk.actor,
    )
    desk.visit.say("good", SAID[kind])
    return _back(desk, row)


def release(desk: Desk) -> Answer:
    row = _named(desk)
    standing.release(desk.house, desk.tenant, row, actor=desk.actor)
    desk.visit.say("good", "What was said is taken back; dunning goes on where it was.")
    return _back(desk, row)


def grant(desk: Desk) -> Answer:
    """Whether they may connect an account of their own."""
    row, on = _named(desk), desk.visit.form.get("may_connect") == "yes"
    changes = {"may_connect": on}
    desk.write(
        "customers.grant",
        lambda: customers.update(desk.tenant.id, row.id, changes, actor=desk.actor, now=desk.now),
    )
    done = "They may connect an account of their own." if on else "They may connect nothing any more."
    desk.visit.say("good", done)
    return _back(desk, row)


def approve(desk: Desk) -> Answer:
    """Let service follow the customer's own account."""
    row = _named(desk)
    own = integrations.at_place(desk.tenant.id, row.id)
    if own is None:
        raise NotFound("integration of customer", row.reference)
    accounts.change(desk.house, own, {"approved": True}, actor=desk.actor)
    desk.visit.say("good", "Service follows their own account from now on.")
    return _back(desk, row)


def _named(desk: Desk) -> records.Customer:
    """That of the path, by its id. Raises NotFound."""
    name = desk.visit.path["customerId"]
    row = customers.get(desk.tenant.id, name)
    if row.id != name:
        raise NotFound("customer", name)
    return row


def _back(desk: Desk, row: records.Customer) -> Go:
    return Go(desk.path(f"customers/{row.id}"))


ONE = "customers/{customerId}"
SPOTS = (
    Spot("GET", "customers", listed, READERS),
    Spot("GET", ONE, one, READERS),
    Spot("POST", f"{ONE}/say", say, OFFICE),
    Spot("POST", f"{ONE}/release", release, OFFICE),
    Spot("POST", f"{ONE}/grant", grant, ADMINS),
    Spot("POST", f"{ONE}/approve", approve, ADMINS),
)
