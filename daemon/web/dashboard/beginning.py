"""Where somebody begins: at their tenant; or, whose platform it is, at the list of all, the worst first."""

from __future__ import annotations

from daemon.office.state import words
from daemon.store import alerts
from daemon.store.audit import PLATFORM as PLATFORM_TENANT
from daemon.store.tenants import everyone
from daemon.web.dashboard.addresses import ROOT, TENANTS
from daemon.web.dashboard.roles import PLATFORM, READERS
from daemon.web.dashboard.within import home_of
from daemon.web.pages import Answer, Go, Page, View, Visit

MOST_SHOWN = 500
MOST_ALERTS = 20


def home(visit: Visit) -> Answer:
    return Go(home_of(visit))


def tenants(visit: Visit) -> Answer:
    """Of these names, where a name is asked for; and what is wrong with the machine itself."""
    wanted = visit.query.get("q").lower()
    found = [
        one
        for one in words(visit.house)
        if wanted in one.tenant.name.lower() or wanted in one.tenant.reference.lower()
    ]
    well = sum(1 for one in found if one.rank == 0)
    shown = {
        "title": "Tenants",
        "rows": found[:MOST_SHOWN],
        "q": visit.query.get("q"),
        "ill": len(found) - well,
        "count": len(found),
        "any": bool(found) or bool(everyone()),
        "alerts": alerts.of_tenant(PLATFORM_TENANT, over=False, limit=MOST_ALERTS),
        "paused": visit.house.pushes_paused,
        "failing": visit.house.failing,
    }
    return View("dashboard/tenants.html", shown)


PAGES = (
    Page("GET", ROOT, home, READERS),
    Page("GET", TENANTS, tenants, PLATFORM),
)
