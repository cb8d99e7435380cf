"""Links into the portal."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from daemon.web.api import roles
from daemon.web.api.given import Given
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Shown
from daemon.web.portal import linking


class PortalSessionGiven(Given):
    page: Literal["invoices", "service", "tickets", "setup"] = Field(
        default="invoices", description="Where the link leads."
    )


class PortalSessionShown(Shown):
    """`url` opens the customer's pages once, until `expiresAt`; it is shown this once."""

    url: str
    customer_id: str
    page: str
    expires_at: datetime


def add(request: Request) -> Answer:
    person, page = request.customer(), request.given(PortalSessionGiven).page
    made = linking.make(request.house, person, page, actor=request.actor)
    shown = PortalSessionShown(url=made.url, customer_id=person.id, page=page, expires_at=made.expires_at)
    return Answer(shown, 201, kept=False)


ROUTES = (
    Route(
        "POST",
        "/api/customers/{customerId}/portal-sessions",
        add,
        roles.ONLY_OFFICE,
        "Make a link that opens the customer's pages, once",
        given=PortalSessionGiven,
        shown=PortalSessionShown,
        status=201,
    ),
)
