"""`wispbill apps`: our own registrations at providers that are connected by consent, and their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from daemon.cli import credentials, output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput
from daemon.model.states import Mode

if TYPE_CHECKING:
    from pydantic import SecretStr

    from daemon.cli.context import Desk
    from daemon.store import records

group = typer.Typer(help="Our registrations at providers: OAuth clients.", no_args_is_help=True)

COLUMNS = {
    "id": "ID",
    "provider": "PROVIDER",
    "mode": "MODE",
    "label": "LABEL",
    "client_id": "CLIENT ID",
    "integrations": "INTEGRATIONS",
    "webhook_secrets": "WEBHOOK SECRETS",
}
CALLBACK = "/oauth/callback/"
HOOK = "/api/webhooks/billing/apps/"
CLIENT_SECRET, WEBHOOK_SECRET = "client_secret", "webhook_secret"
LONGEST = 1000

Name = Annotated[str, typer.Argument(metavar="APP", help="Its id, wba_….")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="apps")


@group.command("add")
def add(
    ctx: typer.Context,
    provider: Annotated[str, typer.Argument(help="Such as quickbooks or xero.")],
    *,
    client_id: Annotated[str, typer.Option(help="As the provider's developer page shows it.")],
    mode: Annotated[Mode, typer.Option(help="Whether its keys are live or sandbox.")],
    source: credentials.Source = None,
    redirect_uri: Annotated[
        str, typer.Option(help="As it is registered there; else our own, below receiver.public_url.")
    ] = "",
    label: Annotated[str, typer.Option(help="A name for people.")] = "",
    as_json: output.Json = False,
) -> None:
    """Register an app that was made at the provider. Its client secret is asked for, and sealed."""
    from daemon.cli.given import printable
    from daemon.providers import provider_class
    from daemon.store import apps

    kind = provider_class(provider)
    if kind.oauth is None:
        raise InvalidInput("WB-INPUT", f"{kind.label} needs no app: wispbill integrations add {provider}")
    desk = desk_of(ctx)
    redirect = redirect_uri or _our_redirect(desk, kind.name)
    _insist_on_redirect(redirect)
    secret = _given_secret(source, CLIENT_SECRET, "Client secret")

    def work() -> records.App:
        row = apps.add(
            provider=kind.name,
            mode=mode.value,
            client_id=printable("client_id", client_id, most=200),
            redirect_uri=redirect,
            label=label or kind.label,
            actor=desk.actor,
            now=desk.now,
            entropy=desk.house.entropy,
        )
        apps.replace_secret(desk.house.safe, row, secret, now=desk.now, actor=desk.actor)
        return row

    row = desk.write("apps.add", work)
    if as_json:
        output.document(_shape(desk, row))
        return
    output.say(f"{kind.label} ({row.mode}): {row.id}")
    output.say(f"Redirect URI, to be registered there as it stands: {row.redirect_uri}")
    output.say(f"Next: wispbill integrations authorize {provider}")


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    removed: Annotated[bool, typer.Option("--removed", help="Removed ones too.")] = False,
    as_json: output.Json = False,
) -> None:
    """List the apps."""
    from daemon.store import apps

    desk = desk_of(ctx)
    desk.open()
    shown = [_shape(desk, row) for row in apps.listing(removed=removed)]
    output.listing("apps", shown, COLUMNS, as_json=as_json, empty="None yet: wispbill apps add quickbooks")


@group.command("show")
def show(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Show an app: redirect URI, webhook address, what works under it. Never its secrets."""
    desk = desk_of(ctx)
    shape = _shape(desk, _named(desk, name))
    if as_json:
        output.document(shape)
    else:
        output.facts({key.replace("_", " "): value for key, value in shape.items()})


@group.command("secret")
def secret(
    ctx: typer.Context,
    name: Name,
    *,
    webhook: Annotated[
        bool, typer.Option("--webhook", help="The secret of its webhooks; the one before it stays valid.")
    ] = False,
    settled: Annotated[
        bool, typer.Option("--settled", help="The webhook secret before the newest counts no more.")
    ] = False,
    source: credentials.Source = None,
    as_json: output.Json = False,
) -> None:
    """Replace the client secret, or give the webhook secret. What waited for the first goes on."""
    from daemon.store import apps

    desk = desk_of(ctx)
    row = _named(desk, name)
    if settled:
        _settle(desk, row)
        sentence = "Only the newest webhook secret is valid now."
    elif webhook:
        _keep_webhook(desk, row, _given_secret(source, WEBHOOK_SECRET, "Webhook secret"))
        sentence = f"Webhooks to {_hook_url(desk, row)} are verified with it."
    else:
        fresh = _given_secret(source, CLIENT_SECRET, "Client secret")
        desk.write(
            "apps.secret",
            lambda: apps.replace_secret(desk.house.safe, row, fresh, now=desk.now, actor=desk.actor),
            wake="push",
        )
        sentence = "The client secret is replaced."
    if as_json:
        output.document(_shape(desk, row))
    else:
        output.say(sentence)


@group.command("remove")
def remove(ctx: typer.Context, name: Name, *, as_json: output.Json = False) -> None:
    """Forget an app and its secrets. Nothing may work under it any more."""
    from daemon.store import apps

    desk = desk_of(ctx)
    row = _named(desk, name)
    desk.write("apps.remove", lambda: apps.remove(desk.house.safe, row, now=desk.now, actor=desk.actor))
    if as_json:
        output.document(_shape(desk, apps.get(row.id)))
    else:
        output.say("It is removed, and its secrets are destroyed.")


# --- shared -------------------------------------------------------------------------------------------


def _named(desk: Desk, name: str) -> records.App:
    from daemon.store import apps

    desk.open()
    row = apps.get(name)
    if row.removed_at is not None:
        raise InvalidInput("WB-INPUT", "this app is removed")
    return row


def _shape(desk: Desk, row: records.App) -> dict[str, Any]:
    from daemon.store import integrations, webhook

    return {
        "id": row.id,
        "provider": row.provider,
        "mode": row.mode,
        "label": row.label,
        "client_id": row.client_id,
        "redirect_uri": row.redirect_uri,
        "webhook_url": _hook_url(desk, row),
        "webhook_secrets": len(webhook.read(desk.house.safe, row).secrets),
        "integrations": len(integrations.of_app(row.id)),
        "created_at": row.created_at,
        "removed_at": row.removed_at,
    }


def _given_secret(source: str | None, field: str, title: str) -> SecretStr:
    """From --credentials (a JSON object with this field), or a prompt without echo. Raises InvalidInput."""
    import sys

    from pydantic import SecretStr

    document = credentials.given(source)
    if document is not None:
        value = document.get(field)
        if set(document) != {field} or not isinstance(value, str):
            raise InvalidInput("WB-CREDENTIALS-FORMAT", f'the document is {{"{field}": "…"}}', field=field)
    elif sys.stdin.isatty():
        value = typer.prompt(title, hide_input=True, err=True)
    else:
        raise InvalidInput("WB-INPUT", "nobody can be asked here: give --credentials - or --credentials FILE")
    if not value.strip() or len(value) > LONGEST or not value.strip().isprintable():
        raise InvalidInput("WB-CREDENTIALS-FORMAT", f"{field}: this is no secret", field=field)
    return SecretStr(value.strip())


def _keep_webhook(desk: Desk, row: records.App, fresh: SecretStr) -> None:
    from daemon.store import apps, webhook

    url, safe = _hook_url(desk, row), desk.house.safe

    def work() -> None:
        keys = webhook.read(safe, row).rotated(fresh.get_secret_value(), url=url)
        webhook.keep(safe, row, keys)
        apps.note(row.id, "app.webhook_secret", {"url": url}, actor=desk.actor, now=desk.now)

    desk.write("apps.webhook", work)


def _settle(desk: Desk, row: records.App) -> None:
    from daemon.store import webhook

    safe = desk.house.safe
    desk.write("apps.webhook", lambda: webhook.keep(safe, row, webhook.read(safe, row).settled()))


def _hook_url(desk: Desk, row: records.App) -> str:
    return f"{desk.settings.receiver.public_url}{HOOK}{row.provider}/{row.id}"


def _our_redirect(desk: Desk, provider: str) -> str:
    public = desk.settings.receiver.public_url
    if not public:
        raise InvalidInput(
            "WB-CONFIG",
            "set [receiver] public_url, or give the --redirect-uri that is registered at the provider",
        )
    return f"{public}{CALLBACK}{provider}"


def _insist_on_redirect(uri: str) -> None:
    """https, or http to this very machine; without query or fragment, as both providers want it."""
    parts = urlsplit(uri)
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.query or parts.fragment:
        raise InvalidInput(
            "WB-INPUT", "redirect_uri: an https address without a query is needed", field="redirect_uri"
        )
