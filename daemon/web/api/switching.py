"""Another account in the place of the one that serves: over the API."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from daemon.connect import switching
from daemon.errors import InvalidInput, NotFound
from daemon.providers import provider_class
from daemon.store import integrations, records
from daemon.store.tokens import Role
from daemon.web.api import connecting, given, roles, seen, shown
from daemon.web.api.integrations import ONE, OWN, there
from daemon.web.api.routing import Answer, Request, Route


class SwitchGiven(given.Given):
    """`to`: the id of one that stands by; or `setup`: an account that is connected in this step. `dryRun`:
    tell what would be, change nothing."""

    to: Annotated[str, Field(max_length=40, pattern=given.PRINTABLE)] | None = None
    setup: given.SetupGiven | None = None
    dry_run: bool = False


class DueShown(shown.Shown):
    currency: str
    amount: str


class PileShown(shown.Shown):
    """How many invoices, and what is owed on them."""

    count: int
    due: list[DueShown]


class RefusedShown(shown.Shown):
    """An invoice that moves and that the new provider would refuse."""

    invoice_id: str
    number: str
    total: str
    currency: str
    code: str
    sentence: str


class SwitchShown(shown.Shown):
    """`invoices` by what becomes of them: moves, stays, parked, stopped, drains, closed."""

    dry_run: bool
    old: shown.IntegrationShown
    new: shown.IntegrationShown | None
    waits: bool = Field(description="What moves is sent only when somebody syncs it.")
    invoices: dict[str, PileShown]
    refused_count: int
    refused: list[RefusedShown]


class UndoneShown(shown.Shown):
    """`old` serves again, `new` stands by; `moved` invoices came back."""

    old: shown.IntegrationShown
    new: shown.IntegrationShown
    moved: int


def switch(request: Request) -> Answer:
    body, old = request.given(SwitchGiven), there(request)
    if (body.to is None) == (body.setup is None):
        raise InvalidInput("WB-INPUT", "give either to, or setup", field="to")
    made = _to(request, old, body) if body.to is not None else _set_up(request, old, body)
    return Answer(_shown(request, made, body.dry_run))


def undo(request: Request) -> Answer:
    old = there(request)
    if "customerId" in request.path:  # the one that serves is named so, and it is the new one
        if old.follows_id is None:
            raise InvalidInput("WB-SWITCH", "nothing was switched there: there is nothing to undo")
        old = integrations.get(request.tenant.id, old.follows_id)
    back, waiting, moved = switching.undo(request.house, old, actor=request.actor)
    one, other = (seen.integration(request.house, row) for row in (back, waiting))
    return Answer(UndoneShown(old=one, new=other, moved=moved))


def _to(request: Request, old: records.Integration, body: SwitchGiven) -> switching.Plan:
    new = integrations.get(request.tenant.id, body.to or "")
    if request.role is Role.CUSTOMER_OWNER and new.customer_id != old.customer_id:
        raise NotFound("integration", new.id)  # what is not theirs is not there, not even by its name
    if body.dry_run:
        return switching.plan(request.house, old, new)
    check = connecting.unchanged(request)
    return switching.switch(request.house, old, new, actor=request.actor, check=check)


def _set_up(request: Request, old: records.Integration, body: SwitchGiven) -> switching.Plan:
    setup = body.setup or given.SetupGiven(provider="none")
    kind = provider_class(setup.provider)
    if setup.credentials is None or (kind.oauth is not None and not kind.mints):
        raise InvalidInput(
            "WB-INPUT",
            "setup: without credentials it is connected beside (standsBy), then switched to",
            field="setup",
        )
    new, adapter = connecting.new_account(request, old.customer_id, setup)
    if body.dry_run:
        return switching.plan_for(request.house, old, new, adapter)
    return switching.connect_and_switch(
        request.house,
        old,
        new,
        adapter,
        approves=request.role is not Role.CUSTOMER_OWNER,
        actor=request.actor,
        check=connecting.unchanged(request),
    )


def _shown(request: Request, made: switching.Plan, dry_run: bool) -> SwitchShown:
    house = request.house
    return SwitchShown(
        dry_run=dry_run,
        old=seen.integration(house, made.old),
        new=seen.integration(house, made.new) if made.new else None,
        waits=made.waits,
        invoices={
            pile.lot.value: PileShown(
                count=pile.count, due=[DueShown(currency=x.currency, amount=x.text) for x in pile.due]
            )
            for pile in made.piles
        },
        refused_count=made.refused_count,
        refused=[
            RefusedShown(
                invoice_id=one.invoice_id,
                number=one.number,
                total=one.total.text,
                currency=one.total.currency,
                code=one.code,
                sentence=one.sentence,
            )
            for one in made.refused
        ],
    )


def _routes(path: str, rule: roles.Rule) -> tuple[Route, Route]:
    return (
        Route(
            "POST",
            f"{path}/switch",
            switch,
            rule,
            "Put another account in its place; or tell what that would do",
            given=SwitchGiven,
            shown=SwitchShown,
        ),
        Route(
            "POST",
            f"{path}/switch/undo",
            undo,
            rule,
            "Take the switch back, until something was sent",
            given=given.Nothing,
            shown=UndoneShown,
        ),
    )


ROUTES = (*_routes(OWN, roles.CONNECTING), *_routes(ONE, roles.ONLY_ADMINS))
