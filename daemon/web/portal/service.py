"""The service of a customer: how it stands, what is owed for it, and what happens next and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from daemon.jobs.intake import today_of
from daemon.jobs.standing import ServiceNow, service_of
from daemon.model.dunning import ServiceStatus, StandingKind
from daemon.money import Money
from daemon.store import finding, integrations, links, records
from daemon.web.pages import Answer, Page, View, Visit
from daemon.web.portal.addresses import INVOICES, SERVICE
from daemon.web.portal.roles import CUSTOMERS, person
from daemon.web.portal.words import SERVICE as WORDS
from daemon.web.portal.words import WORSE, told

MOST = 50
"""Unpaid invoices that are listed here."""


def shown(visit: Visit) -> Answer:
    who = person(visit)
    now = service_of(visit.house, visit.tenant, who.id)
    heading, kind, word = WORDS[now.status]
    today = today_of(visit.tenant, visit.now)
    owed = _owed(visit, who, today)
    return View(
        "portal/service.html",
        {
            "title": "Service",
            "heading": heading,
            "kind": kind,
            "word": word,
            "now": now,
            "owed": owed,
            "overdue": _overdue(owed),
            "is_overdue": any(one["late"] for one in owed),
            "is_off": now.status in (ServiceStatus.SUSPENDED, ServiceStatus.THROTTLED),
            "next": _next(visit, now),
            "promises": [_said(visit, one.kind, one.until_on, one.reason) for one in now.said],
            "invoices_href": INVOICES,
        },
    )


def _owed(visit: Visit, who: records.Customer, today: date) -> Sequence[dict[str, object]]:
    """What can be paid now, the oldest first, with the address where that is done."""
    rows = finding.invoices_of(who, show="open", limit=MOST)
    at = links.of_invoices([row.id for row in rows])
    found = [(row, told(row, at[row.id], visit.reader, today)) for row in rows]
    owing = sorted((one for one in found if one[1].is_owed), key=lambda one: one[0].due_on)
    return [
        {
            "row": row,
            "told": said,
            "due": Money(row.due_minor, row.currency),
            "late": row.due_on < today,
            "href": f"{INVOICES}/{row.id}",
            "pay": _pay(who, at[row.id], f"{INVOICES}/{row.id}/view"),
        }
        for row, said in owing
    ]


def _overdue(owed: Sequence[dict[str, object]]) -> list[Money]:
    """In each currency."""
    late = [one["due"] for one in owed if one["late"] and isinstance(one["due"], Money)]
    currencies = dict.fromkeys(amount.currency for amount in late)
    return [Money.total((x for x in late if x.currency == code), code) for code in currencies]


def _pay(who: records.Customer, link: records.Link, href: str) -> str | None:
    if link.pay_url is None or link.integration_id is None:
        return None
    at = integrations.get(who.tenant_id, link.integration_id)
    return None if at.customer_id == who.id else href


def _next(visit: Visit, now: ServiceNow) -> str:
    """In the reader's own dates where the calendar says it, else in the words that the office reads."""
    if now.next_status in WORSE and now.next_at is not None and now.next_at > visit.now:
        when = visit.reader.moment(now.next_at)
        return f"On {when} {WORSE[now.next_status]}, unless what is overdue is paid before."
    return now.next


def _said(visit: Visit, kind: str, until: date | None, reason: str) -> str:
    """What the office noted: a promise, a hold, an exemption."""
    by = f" until {visit.reader.day(until)}" if until else ""
    match StandingKind(kind):
        case StandingKind.PROMISE:
            return f"You promised to pay{by}. Your service goes on so long."
        case StandingKind.HOLD:
            return f"Nothing gets worse{by}: {reason}."
        case StandingKind.EXEMPT:
            return f"Your service goes on{by}: {reason}."
    return f"The connection is closed: {reason}."


PAGES = (Page("GET", SERVICE, shown, CUSTOMERS),)
