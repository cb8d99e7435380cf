"""Where the portal's pages stand."""

from __future__ import annotations

from daemon.house import House

ROOT = "/customer-portal"
ENTER = f"{ROOT}/enter"
SESSIONS = f"{ROOT}/sessions"
INVOICES = f"{ROOT}/billing/invoices"
SETUP = f"{ROOT}/billing/setup"
SERVICE = f"{ROOT}/service"
TICKETS = f"{ROOT}/tickets"

PAGES = {"invoices": INVOICES, "setup": SETUP, "service": SERVICE, "tickets": TICKETS}


def link(house: House, token: str) -> str:
    """What is sent to the customer. It stands in the query, which no log line of ours holds."""
    settings = house.settings.receiver
    listen = settings.listen
    base = settings.public_url or f"http://{listen.host}:{listen.port}"
    return f"{base}{ENTER}?link={token}"
