"""Who a customer is at the provider: known, or said by the office."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from daemon.jobs import presetting
from daemon.jobs.intake import PRINTABLE
from daemon.store import integrations, payers
from daemon.web.api import roles
from daemon.web.api.connecting import one_of_few
from daemon.web.api.given import Given
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Shown

OWN = "/api/customers/{customerId}/payer"


class PayerGiven(Given):
    """`payer`: the provider's id of the customer who is there already, like cus_…"""

    payer: Annotated[str, Field(min_length=1, max_length=presetting.LONGEST, pattern=PRINTABLE)]


class PayerShown(Shown):
    integration_id: str
    provider: str
    payer: str


class PayerList(Shown):
    payers: list[PayerShown]


class PresetShown(PayerShown):
    """`name` is what the provider calls them; null: it cannot tell, and says so when it is first used."""

    name: str | None


def listed(request: Request) -> Answer:
    person = request.customer()
    known = payers.of_customer(person.id)
    found = [row for row in integrations.listing(request.tenant.id, removed=True) if row.id in known]
    shown = [PayerShown(integration_id=x.id, provider=x.provider, payer=known[x.id]) for x in found]
    return Answer(PayerList(payers=shown))


def preset(request: Request) -> Answer:
    person, body = request.customer(), request.given(PayerGiven)
    with one_of_few():
        done = presetting.preset(request.house, person, body.payer, actor=request.actor)
    return Answer(
        PresetShown(
            integration_id=done.integration.id,
            provider=done.integration.provider,
            payer=done.external_id,
            name=done.name,
        )
    )


ROUTES = (
    Route("GET", OWN, listed, roles.ONLY_READERS, "Show who this is at each provider", shown=PayerList),
    Route(
        "PUT",
        OWN,
        preset,
        roles.ONLY_OFFICE,
        "Say who this is at the provider already; it is looked at there",
        given=PayerGiven,
        shown=PresetShown,
    ),
)
