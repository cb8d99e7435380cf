"""All routes of the API that need a token."""

from __future__ import annotations

from daemon.web.api import access, billing, customers, dunning, integrations, invoices, plans, tickets
from daemon.web.api.routing import Route

ROUTES: tuple[Route, ...] = (
    *integrations.ROUTES,
    *invoices.ROUTES,
    *billing.ROUTES,
    *customers.ROUTES,
    *plans.ROUTES,
    *tickets.ROUTES,
    *dunning.ROUTES,
    *access.ROUTES,
)
