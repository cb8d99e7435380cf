"""`wispbill sandbox`: a provider that behaves as Stripe does, on this machine, to try things against."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("sandbox")(sandbox)


def sandbox(
    key: Annotated[list[str] | None, typer.Option(help="A test key to accept; may be repeated.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the provider; 0 picks a free one.")] = 12111,
    control_port: Annotated[int, typer.Option(min=0, max=65535, help="Where payers act.")] = 12112,
    latency_ms: Annotated[float, typer.Option(min=0, help="Added to every answer.")] = 0,
) -> None:
    """Serve the sandbox until Ctrl-C. It prints its addresses as one line of JSON."""
    from daemon.sandbox.__main__ import main

    words = [f"--port={port}", f"--control-port={control_port}", f"--latency-ms={latency_ms}"]
    keys = key or ["sk_test_sandbox0000000000"]
    typer.echo(f'Point [providers.stripe] base_url at its "url"; it accepts {", ".join(keys)}.', err=True)
    raise typer.Exit(main([*words, *(f"--key={one}" for one in keys)]))
