"""The first WISP's month: a plan bills who subscribes to it, and what comes for who does not pay is told
before."""

from __future__ import annotations

import json

from daemon.cli.story.stage import Stage
from daemon.cli.story.wisps import Wisp

SUBSCRIBERS = ("C-0001", "C-0002", "C-0003")
PLAN = "home-100"


class Month:
    def __init__(self, stage: Stage, wisp: Wisp) -> None:
        self._stage = stage
        self._wisp = wisp

    def tell(self) -> None:
        say = self._stage.voice.say
        say("The same WISP's month. A plan, three who subscribe to it, and what that will bill:")
        self._subscribe()
        self._run("bill", "--dry-run")
        self._bill()
        self._pay_one()
        say("Suppose that nobody pays any more: the day on which somebody is warned can be seen today.")
        self._run("dunning", "preview", "--date", self._next_day())
        say("What is owed, and since when:")
        self._run("report", "ageing")

    def _run(self, *words: str, shown: bool = True) -> str:
        return self._stage.run(*words, "--tenant", self._wisp.tenant, shown=shown)

    def _subscribe(self) -> None:
        name, text = "Home 100/20", "Internet 100/20, one month"
        words = ("--name", name, "--description", text, "--amount", "35.00", "--due-days", "7")
        self._run("plans", "add", PLAN, *words)
        for n, customer in enumerate(SUBSCRIBERS):
            self._run("plans", "subscribe", customer, PLAN, shown=n == 0)

    def _bill(self) -> None:
        before = set(self._wisp.expected)
        self._run("bill")
        rows = self._wisp.invoices(self._stage)
        self._wisp.expected |= {row["number"]: "open" for row in rows if row["number"] not in before}
        self._stage.until("every bill is sent", lambda: self._wisp.is_sent(self._stage))

    def _next_day(self) -> str:
        """On which the calendar has something for a subscriber of the plan who has not paid."""
        service = json.loads(self._run("explain", min(self._made()), "--json", shown=False))["service"]
        return str(service["nextAt"]).partition("T")[0]

    def _made(self) -> set[str]:
        """The numbers that the plan gave."""
        return self._wisp.expected.keys() - set(self._wisp.numbers)

    def _pay_one(self) -> None:
        """By the last bill, with a card."""
        number = max(self._made())
        self._wisp.pay(number)
        self._stage.voice.aside(f"{number} is paid by card")
        self._stage.until("that is known", lambda: self._wisp.is_known(self._stage))
