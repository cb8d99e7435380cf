"""`wispbill providers`: what can be connected, and what each of them can do."""

from __future__ import annotations

import typer

from daemon.cli import output

COLUMNS = {
    "name": "PROVIDER",
    "change_feed": "CHANGE FEED",
    "webhooks": "WEBHOOKS",
    "partial_payments": "PARTIAL PAYMENTS",
    "refunds": "REFUNDS",
    "disputes": "DISPUTES",
    "void": "VOID",
    "pdf": "PDF",
    "min_poll_s": "POLLED EVERY (S)",
}


def register(app: typer.Typer) -> None:
    app.command("providers")(providers)


def providers(as_json: output.Json = False) -> None:
    """List the providers, with what each can do."""
    from dataclasses import asdict

    from daemon.providers import names, provider_class

    shown = []
    for kind in (provider_class(name) for name in names()):
        fields = [
            {
                "name": name,
                "title": field.title or name,
                "help": field.description,
                "required": field.is_required(),
            }
            for name, field in kind.credentials.model_fields.items()
        ]
        head = {"name": kind.name, "label": kind.label, "docs": kind.docs, "credentials": fields}
        shown.append(head | asdict(kind.can))
    output.listing("providers", shown, COLUMNS, as_json=as_json, empty="None is installed.")
