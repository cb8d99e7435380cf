"""`wispbill demo`: the daemon doing its job against six sandboxes, from a folder of its own."""

from __future__ import annotations

import signal
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="Tell the story, print the table, and end.")] = False,
    invoices: Annotated[int, typer.Option(min=9, max=500, help="How many invoices go to Stripe.")] = 12,
) -> None:
    """Tell a story in six sandboxes. Invoices are sent there, some are paid, and we see what we know."""
    from daemon.cli.story import Story

    signal.signal(signal.SIGTERM, _interrupt)
    with Story(invoices) as story:
        agreed = story.tell()
        if not leave:
            story.stay()
    raise typer.Exit(0 if agreed else 1)


def _interrupt(*_: object) -> None:
    """Ended from outside as by Ctrl-C: the daemon is stopped, and the folder goes."""
    raise KeyboardInterrupt
