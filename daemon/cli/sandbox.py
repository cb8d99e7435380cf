"""`wispbill sandbox`: providers that behave as the real ones do, on this machine, to try things against."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from daemon.errors import InvalidInput

HTTPS_ONLY = ("paypal", "square")
"""Take no other address for webhooks."""


def register(app: typer.Typer) -> None:
    app.command("sandbox")(sandbox)


def sandbox(
    *,
    provider: Annotated[
        list[str] | None, typer.Option(help="Which one; may be repeated. Else Stripe.", metavar="NAME")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every provider.")] = False,
    key: Annotated[list[str] | None, typer.Option(help="A Stripe key to accept; may be repeated.")] = None,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Of the first provider, the others two above each; 0: free ones."
        ),
    ] = 12111,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Where payers act.")] = 12112,
    latency_ms: Annotated[float, typer.Option(min=0, help="Added to every answer.")] = 0,
    public_url: Annotated[
        str, typer.Option(help="Where wispbill is reached ([receiver] public_url): browsers are sent there.")
    ] = "http://localhost:8470",
    forward: Annotated[
        str, typer.Option(help="Where webhooks to the public URL go instead, as a proxy would send them.")
    ] = "",
) -> None:
    """Serve it until Ctrl-C. One line of JSON tells addresses and credentials; how to use them follows."""
    from daemon.sandbox.__main__ import Wishes, run
    from daemon.sandbox.seats import SEATED
    from daemon.sandbox.stands import Ports, chosen

    names = SEATED if everyone else chosen(provider or ["stripe"])
    ports = Ports(port=port, control_port=control_port)
    wishes = Wishes(names, ports, key or (), latency_ms=latency_ms, public_url=public_url, forward=forward)
    try:
        run(wishes, _tell)
    except OSError as error:
        raise InvalidInput(
            "WB-INPUT", f"port: {(error.strerror or str(error)).lower()}; give another --port", field="port"
        ) from error


def _tell(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document))
    for line in instructions(document["providers"]):
        typer.echo(line, err=True)


def instructions(providers: dict[str, Any]) -> list[str]:
    """How each is connected, to be copied."""
    lines = ["", "In wispbill.toml:", ""]
    for name, facts in providers.items():
        lines += [f"[providers.{name}]", f'base_url = "{facts["url"]}"', ""]
    for name, facts in providers.items():
        control = f"{facts['control_url']}/control"
        lines += [f"Connect {name}:", *(f"  {line}" for line in _connecting(name, facts))]
        lines += [f"  {line}" for line in _hooking(name, control, facts)]
        lines += [f"  curl {control}/standing   # what is in its books", ""]
    return [*lines, "Ctrl-C ends it."]


def _hooking(name: str, control: str, facts: dict[str, Any]) -> list[str]:
    """How it learns where its webhooks go."""
    registered = "wispbill integrations webhook INTEGRATION"
    if facts["webhooks"] == "by the API":
        return [registered + ("   # only https: see --forward" if name in HTTPS_ONLY else "")]
    telling = "wispbill apps show APP" if facts["app"] else registered
    return [f"{telling}   # tells the address", f'curl {control}/hook -d \'{{"url": "ADDRESS"}}\'']


def _connecting(name: str, facts: dict[str, Any]) -> list[str]:
    settings = f" --settings '{json.dumps(facts['settings'])}'" if facts["settings"] else ""
    mode = f"--mode {facts['mode']}"
    app = facts["app"]
    if app is None:
        given = json.dumps(facts["credentials"])
        return [f"echo '{given}' | wispbill integrations add {name} {mode}{settings} --credentials -"]
    secret, webhook = ({key: app[key]} for key in ("client_secret", "webhook_secret"))
    client, redirect = f"--client-id {app['client_id']}", f"--redirect-uri {app['redirect_uri']}"
    return [
        f"echo '{json.dumps(secret)}' | wispbill apps add {name} {client} {mode} {redirect} --credentials -",
        f"echo '{json.dumps(webhook)}' | wispbill apps secret APP --webhook --credentials -",
        f"wispbill integrations authorize {name}{settings}     # open the link that it prints",
    ]
