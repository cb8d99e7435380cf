"""The dashboard as a face: its pages, its navigation, its sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.house import House
from daemon.store import sessions, staff
from daemon.store.sessions import WebSession
from daemon.web.access import WSGI
from daemon.web.dashboard import (
    access,
    beginning,
    customers,
    entering,
    integrations,
    invoices,
    jobs,
    office,
    overview,
    reports,
    syncing,
    tickets,
)
from daemon.web.dashboard.addresses import ROOT, TENANTS, of_tenant
from daemon.web.dashboard.entering import Door
from daemon.web.dashboard.oidc import Oidc
from daemon.web.dashboard.throttle import Throttle
from daemon.web.dashboard.within import Crossings, Pictures, Spot, page_of
from daemon.web.pages import Face, NavItem, Page, Visit, pages_app

SPOTS: tuple[Spot, ...] = (
    *overview.SPOTS,
    *customers.SPOTS,
    *invoices.SPOTS,
    *integrations.SPOTS,
    *syncing.SPOTS,
    *tickets.SPOTS,
    *reports.SPOTS,
    *office.SPOTS,
    *jobs.SPOTS,
    *access.SPOTS,
)
"""All pages that belong to a tenant."""


def dashboard_app(house: House) -> WSGI:
    """What stands under /dashboard."""
    return pages_app(house, dashboard(house))


def dashboard(house: House) -> Face:
    settings = house.settings.dashboard
    door = Door(Throttle(settings.wrong_per_minute, house.clock), Oidc(house))
    crossings, pictures = Crossings(), Pictures(house.clock)
    pages: tuple[Page, ...] = (
        *door.pages(),
        *beginning.PAGES,
        *(page_of(spot, crossings, pictures) for spot in SPOTS),
    )
    return Face(
        name=sessions.DASHBOARD,
        root=ROOT,
        home=ROOT,
        pages=pages,
        nav=_nav,
        stranger=entering.stranger,
        idle_s=lambda settings: settings.dashboard.idle,
        life_s=lambda settings: settings.dashboard.session,
        per_minute=lambda settings: settings.dashboard.per_minute,
        admits=_admits,
        more=_more,
    )


def _nav(visit: Visit) -> Sequence[NavItem]:
    first = [NavItem("Tenants", TENANTS)] if visit.me.tenant_id == staff.PLATFORM else []
    if visit.tenant_row is None:
        return first
    names = {
        "Overview": "overview",
        "Customers": "customers",
        "Invoices": "invoices",
        "Tickets": "tickets",
        "Reports": "reports",
        "Integrations": "integrations",
        "More": "more",
    }
    tenant_id = visit.tenant_row.id
    return [*first, *(NavItem(label, of_tenant(tenant_id, page)) for label, page in names.items())]


def _admits(_house: House, session: WebSession) -> bool:
    """Whoever is disabled, gone, or has another role, tenant or password, is out."""
    row = staff.by_id(session.user_id or "")
    if row is None or row.disabled_at is not None:
        return False
    return (row.tenant_id, row.role, row.epoch) == (session.tenant_id, session.role, session.epoch)


def _more(visit: Visit) -> Mapping[str, Any]:
    tenant = visit.tenant_row
    return {
        "brand": tenant.name if tenant and visit.session else "wispbill",
        "footer": "wispbill keeps the books in agreement; payments are made at the billing systems.",
        "desk": None,
    }
