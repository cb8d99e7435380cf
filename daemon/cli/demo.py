"""`wispbill demo`: the daemon doing its job against the provider sandbox, from a folder of its own."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Tell the story, print the table, and end.")] = False,
    invoices: Annotated[int, typer.Option(min=9, max=500, help="How many invoices to send.")] = 12,
) -> None:
    """Tell a story in the sandbox. Invoices are created there, some are paid, and we see what we know."""
    from daemon.cli.story import Story

    with Story(invoices) as story:
        agreed = story.tell()
        if not leave:
            story.stay()
    raise typer.Exit(0 if agreed else 1)
