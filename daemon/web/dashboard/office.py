"""What the office looks at less often: held cut-offs and their brake, the inbox, alerts, the audit."""

from __future__ import annotations

from daemon.errors import InvalidInput, NotFound
from daemon.jobs import enforce, wishes
from daemon.money import Money
from daemon.office.health import name_of
from daemon.store import alerts, hints, integrations, invoices, links, overviews, records, service
from daemon.web.dashboard.roles import OFFICE, READERS
from daemon.web.dashboard.within import LIMIT, Desk, Spot
from daemon.web.dashboard.words import SERVICE
from daemon.web.pages import Answer, Go

MOST_HELD = 500
MOST_ALERTS = 100


def more(desk: Desk) -> Answer:
    return desk.view("more", "More")


# --- held cut-offs ------------------------------------------------------------------------------------


def held(desk: Desk) -> Answer:
    rows = list(enforce.held_cutoffs(desk.tenant.id))
    return desk.view(
        "held",
        "Held cut-offs",
        brake=_brake(desk),
        words=SERVICE,
        rows=[(one, Money(one.invoice.due_minor, one.invoice.currency)) for one in rows[:MOST_HELD]],
        more=max(0, len(rows) - MOST_HELD),
        settings=desk.house.settings.enforce,
    )


def release_brake(desk: Desk) -> Answer:
    """For a day. Raises InvalidInput where nobody says that they looked, or nothing is held."""
    if desk.visit.form.get("sure") != "yes":
        raise InvalidInput("WB-INPUT", "say that you looked at the list first", field="sure")
    if not enforce.release_brake(desk.house, desk.tenant, actor=desk.actor):
        raise InvalidInput("WB-INPUT", "the brake holds nothing")
    desk.visit.say("good", "The brake is released for a day: cut-offs that are safe go on.")
    return Go(desk.path("held"))


def _brake(desk: Desk) -> service.Brake | None:
    found = service.brake(desk.tenant.id)
    return found if found is not None and found.released_at is None else None


# --- the inbox ----------------------------------------------------------------------------------------


def inbox(desk: Desk) -> Answer:
    """What pointed at an invoice: webhooks, people, change feeds."""
    before = _number(desk.visit.query.get("before"))
    found = overviews.hints_of(desk.tenant.id, before=before, limit=LIMIT + 1)
    names = {row.id: row for row in integrations.listing(desk.tenant.id, removed=True)}
    return desk.view(
        "inbox",
        "Inbox",
        rows=[(row, names.get(row.integration_id)) for row in found[:LIMIT]],
        before=before,
        name_of=name_of,
        more=found[LIMIT - 1].id if len(found) > LIMIT else None,
    )


def delivery(desk: Desk) -> Answer:
    row = _hint(desk)
    link = links.by_refs(row.integration_id, [row.ref]).get(row.ref) if row.ref else None
    return desk.view(
        "delivery",
        f"Hint {row.id}",
        row=row,
        name_of=name_of,
        invoice=invoices.get(desk.tenant.id, link.invoice_id) if link else None,
        integration=integrations.get(desk.tenant.id, row.integration_id),
    )


def replay(desk: Desk) -> Answer:
    row = _hint(desk)
    desk.write("inbox.replay", lambda: wishes.replay(row, actor=desk.actor, now=desk.now), wake="pull")
    desk.visit.say("good", "It points again: what it is about is read at the next pull.")
    return Go(desk.path(f"inbox/{row.id}"))


def _hint(desk: Desk) -> records.Hint:
    """Raises NotFound."""
    name = desk.visit.path["hintId"]
    row = hints.get(_number(name))
    if row is None or row.tenant_id != desk.tenant.id:
        raise NotFound("hint", name)
    return row


def _number(text: str) -> int:
    """0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


# --- alerts, audit ------------------------------------------------------------------------------------


def alarms(desk: Desk) -> Answer:
    """What people were told of, about this tenant: what lasts, then what is over."""
    found = alerts.of_tenant(desk.tenant.id, over=True, limit=MOST_ALERTS)
    return desk.view(
        "alerts",
        "Alerts",
        lasting=[row for row in found if row.closed_at is None],
        over=[row for row in found if row.closed_at is not None],
    )


def audit(desk: Desk) -> Answer:
    before = _number(desk.visit.query.get("before"))
    rows = overviews.audit_of(desk.tenant.id, before=before, limit=LIMIT + 1)
    return desk.view(
        "audit",
        "Audit",
        rows=rows[:LIMIT],
        before=before,
        more=rows[LIMIT - 1].seq if len(rows) > LIMIT else None,
    )


SPOTS = (
    Spot("GET", "more", more, READERS),
    Spot("GET", "held", held, READERS),
    Spot("POST", "held/release-brake", release_brake, OFFICE),
    Spot("GET", "inbox", inbox, READERS),
    Spot("GET", "inbox/{hintId}", delivery, READERS),
    Spot("POST", "inbox/{hintId}/replay", replay, OFFICE),
    Spot("GET", "alerts", alarms, READERS),
    Spot("GET", "audit", audit, READERS),
)
