"""Who may sign in here, and which tokens the API takes: looked at here, changed at the command line."""

from __future__ import annotations

from daemon.store import staff, tokens
from daemon.web.dashboard.roles import ADMINS
from daemon.web.dashboard.within import Desk, Spot
from daemon.web.dashboard.words import ROLES
from daemon.web.pages import Answer

MOST = 500


def listed(desk: Desk) -> Answer:
    return desk.view(
        "access",
        "Staff and tokens",
        people=staff.listing(desk.tenant.id, limit=MOST),
        tokens=tokens.listing(desk.tenant.id, limit=MOST),
        roles=ROLES,
    )


SPOTS = (Spot("GET", "access", listed, ADMINS),)
