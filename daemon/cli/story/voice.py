"""How the demo speaks: sentences, commands as somebody types them, and what they print."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from textwrap import wrap

from rich.console import Console

from daemon.errors import WispbillError

PIPE_WIDTH = 140
LABEL_WIDTH = 17


class StoryError(WispbillError):
    """The demo did not go as told."""


def a_console() -> Console:
    """As wide as the terminal; in a pipe as COLUMNS says, else wide enough for the table."""
    told = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if told else PIPE_WIDTH)


class Voice:
    def __init__(self, console: Console | None = None) -> None:
        self.console = console or a_console()

    def say(self, sentence: str) -> None:
        """A step of the story."""
        self.console.print(f"\n{sentence}", style="bold cyan", markup=False)

    def command(self, words: Sequence[str], *, given: str = "") -> None:
        """A command line that can be copied; `given` is what stands on its standard input."""
        tail = f" < {given}" if given else ""
        self.console.print(
            f"$ wispbill {shlex.join(words)}{tail}", style="bold", markup=False, soft_wrap=True
        )

    def output(self, text: str, *, blank: bool = False) -> None:
        """What a command printed, as it is; an empty text only where it is to be a `blank` line."""
        if text.strip() or blank:
            self.console.print(text.rstrip(), markup=False, soft_wrap=True)

    def row(self, label: str, text: str) -> None:
        """A label, and what can be copied beside it: only the terminal breaks it."""
        self.aside(f"{label:<{LABEL_WIDTH - 2}}{text}")

    def aside(self, text: str) -> None:
        """A line below a step."""
        self.console.print(f"  {text}", markup=False, soft_wrap=True)

    def fact(self, label: str, text: str) -> None:
        """A label, and what is to be said of it beside it; it goes on below itself, and no word is cut."""
        lines = wrap(text, self.console.width - LABEL_WIDTH, break_long_words=False, break_on_hyphens=False)
        for n, line in enumerate(lines):
            begin = "" if n else f"  {label}"
            self.console.print(f"{begin:<{LABEL_WIDTH}}{line}", markup=False, soft_wrap=True)
