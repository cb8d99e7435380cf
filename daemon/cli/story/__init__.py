"""The demo's story: real commands, a real daemon that is killed on the way, six sandboxes that are paid into.

Everything lives in a temporary folder. What is shown at the end is read from the database and held against
what is in each sandbox's books; a difference makes the demo fail.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from daemon.cli.story.books import table
from daemon.cli.story.first import First
from daemon.cli.story.month import Month
from daemon.cli.story.others import Others
from daemon.cli.story.pages import Pages
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

        self._pages = Pages(self._stage, self._wisps[0])

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
            f"Six sandboxes are up on this machine, each behaving as its provider does: {names}. "
            "The daemon is started, with an empty database."
        )
        self._stage.start()
        self._voice.say("The first WISP bills through Stripe:")
        first, *others = self._wisps
        First(self._stage, first).tell()
        Month(self._stage, first).tell()
        Others(self._stage, others).tell()
        self._pages.tell()
        return self._show()

    def _show(self) -> bool:
        voice, wisps = self._voice, self._wisps
        rows = dict(zip(wisps, self._stage.together(self._listed, wisps), strict=True))
        labels = {wisp.provider: wisp.label for wisp in wisps}
        voice.say("What became of each invoice, and why we believe it:")
        for line in table([row for listed in rows.values() for row in listed], labels, voice.console.width):
            voice.output(line, blank=True)
        found = [sentence for wisp, listed in rows.items() for sentence in wisp.differences(listed)]
        for sentence in found:
            voice.aside(sentence)
        voice.say(f"Our books and those of all six sandboxes {'DIFFER' if found else 'agree'}.")
        return not found

    def _listed(self, wisp: Wisp) -> list[dict[str, Any]]:
        return wisp.invoices(self._stage)

    # --- afterwards -----------------------------------------------------------------------------------

    def stay(self) -> None:
        """Until Ctrl-C."""
        self._point_around()
        stage, stop = self._stage, threading.Event()
        try:
            while not stage.clock.wait(1, stop):
                if not stage.runs():
                    self._voice.output(stage.tail(4000))
                    self._voice.say("The daemon has stopped; the end of its log is above.")
                    return
        except KeyboardInterrupt:
            self._voice.say("Stopping the daemon; it finishes what is in flight.")

    def _point_around(self) -> None:
        stage, voice = self._stage, self._voice
        voice.say("It goes on until you press Ctrl-C. Pay an open invoice yourself, in a browser or a shell:")
        for wisp in self._wisps:
            number, how = wisp.to_pay(stage)
            voice.row(wisp.label, f"{number:<13}{how}")
        self._pages.point_out()
        voice.say("And ask at the command line what wispbill knows:")
        command = f"{Path(sys.executable).parent / 'wispbill'} --config {stage.config}"
        first = self._wisps[0]
        for words in ("status", f"explain {first.numbers[1]} --tenant {first.tenant}", "integrations list"):
            voice.aside(f"{command} {words}")
        voice.aside(f"curl {stage.monitor}/readyz    curl {stage.monitor}/metrics")
        voice.aside(f"the daemon's log: {stage.log}")
