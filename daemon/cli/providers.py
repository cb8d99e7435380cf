"""`wispbill providers`: what can be connected, and what each of them can do."""

from __future__ import annotations

import typer

from daemon.cli import output

COLUMNS = {
    "name": "PROVIDER",
    "signs_in": "SIGNS IN BY",
    "change_feed": "CHANGE FEED",
    "webhook_registration": "WEBHOOKS",
    "partial_payments": "PARTIAL PAYMENTS",
    "refunds": "REFUNDS",
    "disputes": "DISPUTES",
    "void": "VOID",
    "pdf": "PDF",
    "push_batch": "IN ONE CALL",
    "calls_per_day": "CALLS A DAY",
    "min_poll_s": "POLLED EVERY (S)",
}


def register(app: typer.Typer) -> None:
    app.command("providers")(providers)


def providers(as_json: output.Json = False) -> None:
    """List the providers, with what each can do."""
    from daemon.providers import names, provider_class
    from daemon.providers.described import described

    shown = [described(provider_class(name)) for name in names()]
    output.listing("providers", shown, COLUMNS, as_json=as_json, empty="None is installed.")
