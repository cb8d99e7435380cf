"""`wispbill integrations`: accounts at providers, their credentials, settings and state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import credentials, output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput
from daemon.model.states import IntegrationState, Mode

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store import records

group = typer.Typer(help="Accounts at providers.", no_args_is_help=True)

COLUMNS = {
    "id": "ID",
    "provider": "PROVIDER",
    "mode": "MODE",
    "state": "STATE",
    "account_name": "ACCOUNT",
    "queue": "QUEUE",
    "customer_id": "CUSTOMER",
}

Name = Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its id, wbn_….")]
S = IntegrationState


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="integrations")


@group.command("add")
def add(
    ctx: typer.Context,
    provider: Annotated[str, typer.Argument(help="What there is: wispbill providers.")],
    *,
    source: credentials.Source = None,
    mode: Annotated[Mode | None, typer.Option(help="Refuse credentials of the other mode.")] = None,
    customer: Annotated[
        str | None, typer.Option(help="The customer's own; else the tenant's default.")
    ] = None,
    label: Annotated[str, typer.Option(help="A name for people.")] = "",
    settings: Annotated[
        str, typer.Option(metavar="JSON", help="The provider's settings, without secrets.")
    ] = "",
    beside: Annotated[
        str | None, typer.Option(metavar="INTEGRATION", help="Stand by for that one, until `switch`.")
    ] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Connect an account: read its credentials, test them, seal them."""
    from daemon.cli.given import as_document
    from daemon.connect import accounts, switching
    from daemon.providers import provider_class
    from daemon.store import customers

    kind = provider_class(provider)
    if kind.oauth is not None and not kind.mints:
        raise InvalidInput(
            "WB-INPUT", f"{kind.label} is connected by consent: wispbill integrations authorize {kind.name}"
        )
    own = as_document(settings, "--settings") if settings else {}
    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    customer_id = customers.get(owner.id, customer).id if customer else None
    stands_by = switching.beside(owner.id, beside, customer_id) if beside else None
    new, _adapter = credentials.new_account(
        desk, kind, credentials.given(source), mode, tenant_id=owner.id, customer_id=customer_id, settings=own
    )
    row = accounts.connect(desk.house, replace(new, label=label), actor=desk.actor, beside=stands_by)
    said = f"stands by for {row.follows_id}" if stands_by else f"is {row.state}"
    _tell(row, as_json, f"{kind.label} ({row.mode}) {said}: {row.id}")
    _advise(row)


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    removed: Annotated[bool, typer.Option("--removed", help="Removed ones too.")] = False,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """List the integrations, with their queues."""
    from daemon.cli import shapes
    from daemon.store import integrations

    desk = desk_of(ctx)
    desk.open()
    rows = integrations.listing(desk.tenant_id(tenant), removed=removed)
    queues = integrations.count_by_state([row.id for row in rows])
    shown = [shapes.integration(row, queues[row.id]) for row in rows]
    output.listing(
        "integrations", shown, COLUMNS, as_json=as_json, empty="None yet: wispbill integrations add stripe"
    )


@group.command("show")
def show(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Show an integration: state, queue, fault, last reads. Never its credentials."""
    from daemon.cli import shapes
    from daemon.store import integrations

    row = named(desk_of(ctx), name)
    shape = shapes.integration(row, integrations.count_by_state([row.id])[row.id])
    if as_json:
        output.document(shape)
    else:
        output.facts({key.replace("_", " "): value for key, value in shape.items()})


@group.command("test")
def test(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Test the connection. An integration that waited for that becomes active."""
    from daemon.connect import accounts

    desk = desk_of(ctx)
    row = named(desk, name)
    account = credentials.tested(desk.house.providers(row))
    row = accounts.tested(desk.house, row, account, actor=desk.actor)
    _tell(row, as_json, f"It is {row.state}.")
    _advise(row)


@group.command("rotate")
def rotate(
    ctx: typer.Context, name: Name, *, source: credentials.Source = None, as_json: output.Json = False
) -> None:
    """Replace the credentials by others of the same account. What waited for that goes out."""
    from daemon.connect import accounts
    from daemon.providers import provider_class

    document = credentials.given(source)
    desk = desk_of(ctx)
    row = named(desk, name)
    accounts.insist_on_keys(row)
    if document is None:
        document = credentials.prompted(provider_class(row.provider).credentials)
    adapter = credentials.adapter_of(
        desk, row.provider, document, Mode(row.mode), row.settings, base_url=row.base_url
    )
    account = credentials.tested(adapter)
    row = accounts.rotate(desk.house, row, document, account, row.settings, actor=desk.actor)
    _tell(row, as_json, f"The credentials are replaced; it is {row.state}.")
    _advise(row)


@group.command("pause")
def pause(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Stop pushing and pulling until `resume`."""
    from daemon.connect import accounts

    desk = desk_of(ctx)
    row = accounts.pause(desk.house, named(desk, name), actor=desk.actor)
    _tell(row, as_json, f"It is {row.state}.")


@group.command("resume")
def resume(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Go on after `pause`."""
    from daemon.connect import accounts

    desk = desk_of(ctx)
    row = accounts.resume(desk.house, named(desk, name), actor=desk.actor)
    _tell(row, as_json, f"It is {row.state}.")


@group.command("remove")
def remove(
    ctx: typer.Context,
    name: Name,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Destroy its secrets now; nothing more is read.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Drain it, then forget its secrets. Nothing new goes there; its open invoices are followed to their
    end."""
    from daemon.connect import accounts

    desk = desk_of(ctx)
    row = accounts.remove(desk.house, named(desk, name), force=force, actor=desk.actor)
    sentence = "It is removed, and its secrets are destroyed."
    if row.state == S.DRAINING:
        sentence = "It drains: its open invoices are read until they close; then its secrets are destroyed."
    _tell(row, as_json, sentence)


@group.command("approve")
def approve(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Let a customer's own integration serve their invoices."""
    _set(ctx, name, {"approved": True}, as_json)


@group.command("set")
def set_(
    ctx: typer.Context,
    name: Name,
    *,
    create_automatically: Annotated[
        bool | None, typer.Option(help="Off: invoices wait until somebody syncs them.")
    ] = None,
    pull_status: Annotated[bool | None, typer.Option(help="Off: payments are not read.")] = None,
    pace: Annotated[str | None, typer.Option(help="realtime, hourly or daily.")] = None,
    label: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    settings: Annotated[
        str | None, typer.Option(metavar="JSON", help="The provider's settings, all of them anew.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Change an integration's settings."""
    from daemon.cli.given import as_document, printable
    from daemon.policy import PACES_S

    if pace is not None and pace not in PACES_S:
        raise InvalidInput("WB-INPUT", f"--pace is one of {', '.join(PACES_S)}", field="pace")
    changes: dict[str, Any] = {
        "create_automatically": create_automatically,
        "pull_status": pull_status,
        "pace": pace,
        "label": printable("label", label) if label is not None else None,
        "settings": as_document(settings, "--settings") if settings is not None else None,
    }
    changes = {key: value for key, value in changes.items() if value is not None}
    if not changes:
        raise InvalidInput("WB-INPUT", "say what to change; wispbill integrations set --help lists it")
    _set(ctx, name, changes, as_json)


@group.command("webhook")
def webhook(
    ctx: typer.Context,
    name: Name,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away at the provider.")] = False,
    as_json: output.Json = False,
) -> None:
    """Register our webhook at the provider. It then tells us at once what changes."""
    from daemon.connect import hooks

    desk = desk_of(ctx)
    row = named(desk, name)
    act = hooks.take_away if remove else hooks.set_up
    row = act(desk.house, row, actor=desk.actor)
    sentence = f"The provider tells {row.webhook_url}" if row.webhook_url else "No webhook is registered."
    _tell(row, as_json, sentence)


# --- shared -------------------------------------------------------------------------------------------


def named(desk: Desk, name: str) -> records.Integration:
    from daemon.store import integrations

    desk.open()
    return integrations.get(None, name)


def _advise(row: records.Integration) -> None:
    """Where the last test found something missing: what to do, and exit code 1."""
    if row.test_missing:
        output.note(f"Grant what is missing at the provider, then: wispbill integrations test {row.id}")
        raise typer.Exit(1)


def _set(ctx: typer.Context, name: str, changes: dict[str, Any], as_json: bool) -> None:
    from daemon.app import read_settings
    from daemon.connect import accounts

    desk = desk_of(ctx)
    row = named(desk, name)
    if "settings" in changes:
        read_settings(row.provider, changes["settings"])
    row = accounts.change(desk.house, row, changes, actor=desk.actor)
    _tell(row, as_json, f"Changed: {', '.join(sorted(changes))}.")


def _tell(row: records.Integration, as_json: bool, sentence: str) -> None:
    from daemon.cli import shapes

    if as_json:
        output.document(shapes.integration(row))
    else:
        output.say(sentence)
