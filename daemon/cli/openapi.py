"""`wispbill openapi`: the API's description, for tools that make clients of it."""

from __future__ import annotations

import json

import typer


def register(app: typer.Typer) -> None:
    app.command("openapi")(openapi)


def openapi() -> None:
    """Print the API's description as OpenAPI 3.1."""
    from daemon.web.api.openapi import description

    typer.echo(json.dumps(description(), indent=2))
