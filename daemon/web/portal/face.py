"""The portal as a face: its pages, its navigation, its sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.errors import NotFound
from daemon.house import House
from daemon.store import customers, sessions
from daemon.store.sessions import WebSession
from daemon.web.access import WSGI
from daemon.web.pages import Face, NavItem, Page, Visit, pages_app
from daemon.web.portal import entering, invoices, service, setup, tickets
from daemon.web.portal.addresses import INVOICES, ROOT, SERVICE, SESSIONS, SETUP, TICKETS
from daemon.web.portal.roles import person

PAGES: tuple[Page, ...] = (
    *entering.PAGES_HERE,
    *invoices.PAGES,
    *service.PAGES,
    *tickets.PAGES,
    *setup.PAGES,
)


def portal_app(house: House) -> WSGI:
    """What stands under /customer-portal/."""
    return pages_app(house, PORTAL)


def _nav(visit: Visit) -> Sequence[NavItem]:
    may_connect = person(visit).may_connect
    return [
        NavItem("Invoices", INVOICES),
        NavItem("Service", SERVICE),
        NavItem("Questions", TICKETS, tickets.waiting(visit)),
        *([NavItem("Billing system", SETUP)] if may_connect else []),
    ]


def _admits(_house: House, session: WebSession) -> bool:
    """A customer who is not there any more sees nothing."""
    try:
        customers.get(session.tenant_id, session.customer_id or "")
    except NotFound:
        return False
    return True


def _more(visit: Visit) -> Mapping[str, Any]:
    tenant = visit.tenant_row
    if tenant is None:
        return {"footer": "Invoices and service, as your internet provider's books have them."}
    return {
        "brand": tenant.name,
        "footer": f"{tenant.name}. Payments are made where your invoice leads you, never on these pages.",
        "footer_links": (NavItem("Signed-in browsers", SESSIONS),),
    }


PORTAL = Face(
    name=sessions.PORTAL,
    root=ROOT,
    home=INVOICES,
    pages=PAGES,
    nav=_nav,
    stranger=entering.stranger,
    idle_s=lambda settings: settings.portal.idle,
    life_s=lambda settings: settings.portal.session,
    per_minute=lambda settings: settings.portal.per_minute,
    admits=_admits,
    more=_more,
)
