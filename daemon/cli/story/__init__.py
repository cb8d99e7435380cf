"""The demo's story: real commands, a real daemon that is killed on the way, six sandboxes that are paid into.

Everything lives in a temporary folder. What is shown at the end is read from the database and held against
what is in each sandbox's books; a difference makes the demo fail.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from daemon.cli.story.books import differences, show
from daemon.cli.story.first import First
from daemon.cli.story.others import Others
from daemon.cli.story.stage import Stage
from daemon.cli.story.voice import Voice
from daemon.cli.story.wisps import Wisp

PREFIXES = {
    "stripe": "INV",
    "paypal": "PAYPAL",
    "square": "SQUARE",
    "quickbooks": "QB",
    "xero": "XERO",
    "custom_webhook": "OWN",
}
OTHERS_COUNT = 4


class Story:
    """A context manager: what it starts, it stops, and its folder goes with it."""

    def __init__(self, invoices: int) -> None:
        self._voice = Voice()
        self._stage = Stage(self._voice)
        self._wisps = [
            Wisp(name, prefix, invoices if name == "stripe" else OTHERS_COUNT, self._stage.stands[name])
            for name, prefix in PREFIXES.items()
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stage.close()

    def tell(self) -> bool:
        """Returns whether everything that we know agrees with what is in the books of every sandbox."""
        names = ", ".join(wisp.label for wisp in self._wisps)
        self._voice.say(
            f"Six sandboxes are up on this machine, each behaves as its provider does: {names}. "
            "The daemon is started, with an empty database."
        )
        self._stage.start()
        self._voice.say("The first WISP bills through Stripe:")
        first, *others = self._wisps
        First(self._stage, first).tell()
        Others(self._stage, others).tell()
        return self._show()

    def _show(self) -> bool:
        rows = [row for wisp in self._wisps for row in wisp.invoices(self._stage)]
        show(self._voice.console, rows, {wisp.provider: wisp.label for wisp in self._wisps})
        found = differences(self._wisps, rows)
        for sentence in found:
            self._voice.aside(sentence)
        books = f"the books of all {len(self._wisps)} sandboxes"
        self._voice.say(f"Our books and {books} DIFFER." if found else f"Our books and {books} agree.")
        return not found
