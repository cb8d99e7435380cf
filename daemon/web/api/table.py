"""All routes of the API that need a token."""

from __future__ import annotations

from daemon.web.api import (
    access,
    auditing,
    billing,
    cash,
    customers,
    dunning,
    endpoints,
    entering,
    inbox,
    integrations,
    invoices,
    matches,
    office,
    papers,
    payers,
    plans,
    portal,
    reports,
    switching,
    tickets,
)
from daemon.web.api.routing import Route

ROUTES: tuple[Route, ...] = (
    *integrations.ROUTES,
    *switching.ROUTES,
    *matches.ROUTES,
    *invoices.ROUTES,
    *papers.ROUTES,
    *cash.ROUTES,
    *billing.ROUTES,
    *customers.ROUTES,
    *plans.ROUTES,
    *tickets.ROUTES,
    *portal.ROUTES,
    *reports.ROUTES,
    *dunning.ROUTES,
    *endpoints.ROUTES,
    *entering.ROUTES,
    *inbox.ROUTES,
    *office.ROUTES,
    *auditing.ROUTES,
    *payers.ROUTES,
    *access.ROUTES,
)
