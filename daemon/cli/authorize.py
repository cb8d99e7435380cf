"""`wispbill integrations authorize`: connect an account by its owner's consent, or connect it anew."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.cli.integrations import group
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.connect import Choice, Connected

LONGEST = 8192


def register(app: typer.Typer) -> None:
    group.command("authorize")(authorize)


def authorize(
    ctx: typer.Context,
    provider: Annotated[str | None, typer.Argument(help="Such as quickbooks or xero.")] = None,
    *,
    customer: Annotated[
        str | None, typer.Option(help="The customer's own; else the tenant's default.")
    ] = None,
    app: Annotated[str | None, typer.Option(metavar="ID", help="Where there are several apps.")] = None,
    label: Annotated[str, typer.Option(help="A name for people.")] = "",
    settings: Annotated[
        str, typer.Option(metavar="JSON", help="The provider's settings, without secrets.")
    ] = "",
    beside: Annotated[
        str | None, typer.Option(metavar="INTEGRATION", help="Stand by for that one, until `switch`.")
    ] = None,
    paste: Annotated[
        str | None,
        typer.Option(metavar="URL or -", help="Where the browser was sent back to, if that is not us."),
    ] = None,
    finish: Annotated[
        str | None, typer.Option(metavar="STATE", help="Choose, where a consent covers several accounts.")
    ] = None,
    account: Annotated[str | None, typer.Option(metavar="ID", help="With --finish: which one.")] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Print the link that the account's owner opens. It works once, for ten minutes."""
    desk = desk_of(ctx)
    if paste is not None:
        _take(desk, _pasted(paste), as_json)
    elif finish is not None:
        _choose(desk, finish, account, as_json)
    elif provider is None:
        raise InvalidInput("WB-INPUT", "say which provider: wispbill integrations authorize quickbooks")
    else:
        asked = {"customer": customer, "app": app, "label": label, "settings": settings, "tenant": tenant}
        asked["beside"] = beside
        _begin(desk, provider, asked, as_json)


def _begin(desk: Desk, provider: str, asked: dict[str, Any], as_json: bool) -> None:
    from daemon import connect
    from daemon.app import read_settings
    from daemon.cli.given import as_document
    from daemon.connect import switching
    from daemon.providers import provider_class
    from daemon.store import apps, customers

    kind = provider_class(provider)
    if kind.oauth is None:
        raise InvalidInput("WB-INPUT", f"{kind.label} needs no consent: wispbill integrations add {provider}")
    settings = as_document(asked["settings"], "--settings") if asked["settings"] else {}
    if settings:
        read_settings(provider, settings)
    owner = desk.tenant(asked["tenant"])
    who, beside = asked["customer"], asked["beside"]
    customer_id = customers.get(owner.id, who).id if who else None
    link = connect.begin(
        desk.open(),
        apps.choose(kind.name, asked["app"]),
        tenant_id=owner.id,
        customer_id=customer_id,
        label=asked["label"] or kind.label,
        settings=settings,
        actor=desk.actor,
        beside=switching.beside(owner.id, beside, customer_id) if beside else None,
    )
    if as_json:
        output.document({"url": link.url, "state": link.state, "expires_at": link.expires_at})
        return
    output.say(link.url)
    output.note("The account's owner opens this once, within ten minutes. If the browser then shows nothing:")
    output.note("  wispbill integrations authorize --paste -")


def _pasted(text: str) -> dict[str, str]:
    """The query of the address that the browser was sent back to; `-` reads it, out of sight of `ps`."""
    if text == "-":
        if sys.stdin.isatty():
            text = typer.prompt("The whole address in the browser", err=True)
        else:
            text = sys.stdin.read(LONGEST)
    query = dict(parse_qsl(urlsplit(text.strip()).query)) if len(text) < LONGEST else {}
    if not query.get("state"):
        raise InvalidInput("WB-INPUT", "--paste: this is not an address with code= and state= in it")
    return query


def _take(desk: Desk, query: dict[str, str], as_json: bool) -> None:
    from daemon import connect
    from daemon.connect import Choice

    outcome = connect.answer(desk.open(), None, query)
    if isinstance(outcome, Choice):
        _offer(outcome, as_json)
    else:
        _tell(outcome, as_json)


def _choose(desk: Desk, state: str, account: str | None, as_json: bool) -> None:
    from daemon import connect

    if account is None:
        raise InvalidInput("WB-CONSENT-CHOICE", "say which one with --account", field="account")
    _tell(connect.finish(desk.open(), state, account), as_json)


def _offer(choice: Choice, as_json: bool) -> None:
    shown = [{"id": one.account_id, "name": one.name} for one in choice.accounts]
    if as_json:
        output.document({"state": choice.state, "accounts": shown})
    else:
        output.listing("accounts", shown, {"id": "ID", "name": "NAME"}, as_json=False, empty="")
        output.say("The consent covers several. Choose one:")
        output.say(f"  wispbill integrations authorize --finish {choice.state} --account ID")
    raise typer.Exit(1)


def _tell(outcome: Connected, as_json: bool) -> None:
    from daemon.cli import shapes

    row = outcome.integration
    if as_json:
        output.document(shapes.integration(row))
    else:
        how = "connected" if outcome.is_new else "connected anew"
        output.say(f"{row.account_name} is {how}: {row.id} is {row.state}.")
    for missing in outcome.missing:
        output.note(f"WB-PERMISSION-MISSING: {missing}")
    if outcome.missing:
        raise typer.Exit(1)
