"""`wispbill portal`: the customers' pages."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

group = typer.Typer(help="The customers' pages.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="portal")


@group.command("link")
def link(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Reference or id of the customer.")],
    *,
    page: Annotated[
        str, typer.Option(help="Where it leads: invoices, service, tickets or setup.")
    ] = "invoices",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Make a link that opens a customer's pages, once."""
    from daemon.store import customers, portal_links
    from daemon.web.portal import linking

    if page not in portal_links.PAGES:
        raise InvalidInput("WB-INPUT", f"page: one of {', '.join(portal_links.PAGES)}", field="page")
    desk = desk_of(ctx)
    desk.open()
    person = customers.get(desk.tenant(tenant).id, name)
    made = linking.make(desk.house, person, page, actor=desk.actor)
    if as_json:
        told = {"url": made.url, "customer_id": person.id, "page": page, "expires_at": made.expires_at}
        output.document(told)
        return
    output.say(made.url)
    output.note(f"It works once, until {made.expires_at:%Y-%m-%d %H:%M} UTC.")
    if not desk.house.settings.portal.enabled:
        output.note("[portal] enabled is false: nobody answers there.")
    elif not desk.house.settings.receiver.public_url:
        output.note("[receiver] public_url is not set: this address works on this machine alone.")


@group.command("end")
def end(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Reference or id of the customer.")],
    *,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Sign a customer out of every browser, and take back links that wait."""
    from daemon.store import customers, portal_links, sessions

    desk = desk_of(ctx)
    desk.open()
    person = customers.get(desk.tenant(tenant).id, name)

    def work() -> tuple[int, int]:
        rows = sessions.listing(person.tenant_id, sessions.PORTAL, customer_id=person.id, now=desk.now)
        ended = sessions.end_all(rows, actor=desk.actor, now=desk.now)
        return ended, portal_links.take_back(person, actor=desk.actor, now=desk.now)

    ended, taken = desk.write("portal.end", work)
    if as_json:
        output.document({"sessions": ended, "links": taken})
    else:
        output.say(f"{ended} sessions ended, {taken} links taken back.")
