"""The pages: the office signs in at the dashboard, and a subscriber opens a link to pages of their own."""

from __future__ import annotations

from urllib.request import urlopen

from daemon.cli.story.stage import Stage
from daemon.cli.story.voice import StoryError
from daemon.cli.story.wisps import Wisp
from daemon.clock import SystemEntropy

EMAIL = "office@example.com"
SUBSCRIBER = "C-0002"


class Pages:
    def __init__(self, stage: Stage, wisp: Wisp) -> None:
        self._stage = stage
        self._wisp = wisp
        self._password = SystemEntropy().bytes(9).hex()

    def tell(self) -> None:
        self._stage.voice.say(
            "People meet it in a browser: the office at the dashboard, subscribers by a link."
        )
        words = ("platform_admin", "--name", "The office", "--password-stdin")
        self._stage.run("staff", "add", EMAIL, *words, typed=self._password, called="password.txt")
        for name, url in (("dashboard", self._dashboard), ("portal", self._link(shown=True))):
            with urlopen(url, timeout=10) as answer:  # noqa: S310
                if answer.status != 200:
                    raise StoryError(f"the {name} answered {answer.status}")

    @property
    def _dashboard(self) -> str:
        return f"{self._stage.proxy.local}/dashboard"

    def _link(self, *, shown: bool) -> str:
        """As a browser on this machine reaches it; it works once."""
        words = ("--tenant", self._wisp.tenant)
        told = self._stage.run("portal", "link", SUBSCRIBER, *words, shown=shown)
        return self._stage.proxy(told.split()[0])

    def point_out(self) -> None:
        """Where somebody may look around."""
        voice = self._stage.voice
        voice.say("Look around in a browser:")
        voice.row("Dashboard", f"{self._dashboard}    {EMAIL}, password {self._password}")
        voice.row("Subscriber", self._link(shown=False))
