"""The demo's main story, at Stripe: invoices are sent, the daemon is killed on the way, subscribers pay, and
a stranger lies."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from daemon.cli.story.stage import Stage
from daemon.cli.story.wisps import Turn, Wisp
from daemon.model import DocStatus


def _by_debit(account: Any, ref: str) -> object:
    return account.pay(ref, method="us_bank_account", processing=True)


TURNS = (
    Turn("pays it by card", lambda a, ref: a.pay(ref), "paid"),
    Turn("pays 20.00 of it", lambda a, ref: a.pay(ref, 2000), "partially_paid"),
    Turn("pays in cash at the counter", lambda a, ref: a.pay_out_of_band(ref), "paid"),
    Turn("pays, and gets everything back", lambda a, ref: (a.pay(ref), a.refund(ref)), "refunded"),
    Turn("pays, and disputes the charge", lambda a, ref: (a.pay(ref), a.dispute(ref)), "disputed"),
    Turn("pays by bank debit, not settled yet", _by_debit, "in_flight"),
    Turn("is let off: the office voids it there", lambda a, ref: a.void(ref), "void"),
    Turn("never pays: the office gives it up", lambda a, ref: a.mark_uncollectible(ref), "uncollectible"),
)


class First:
    def __init__(self, stage: Stage, wisp: Wisp) -> None:
        self._stage = stage
        self._wisp = wisp
        self._hook = ""

    def tell(self) -> None:
        self._connect()
        self._wisp.bill(self._stage, shown=True)
        self._kill_and_restart()
        self._wait_until_sent()
        self._live_a_little()
        self._forge()

    def _connect(self) -> None:
        stage, wisp = self._stage, self._wisp
        wisp.found(stage, shown=True)
        told = stage.run(
            "integrations",
            "add",
            "stripe",
            "--credentials",
            "-",
            given=wisp.stand.seat.credentials,
            called="key.json",
        )
        told = stage.run("integrations", "webhook", the_id("wbn", told))
        self._hook = told.split()[-1]

    def _kill_and_restart(self) -> None:
        stage, there = self._stage, self._wisp.standing
        some = max(3, self._wisp.count // 3)
        stage.until("the first invoices arrive there", lambda: len(there()) >= some)
        stage.kill()
        half = sum(1 for one in there() if one.status is DocStatus.DRAFT)
        stage.voice.say(
            f"The daemon was killed (kill -9) in the middle: {len(there())} invoices are at the sandbox, "
            f"{half} of them half made. It is started again."
        )
        stage.start()

    def _wait_until_sent(self) -> None:
        stage = self._stage
        stage.until("every invoice is sent", lambda: self._wisp.is_sent(stage))
        there = [one.number for one in self._wisp.standing() if one.status is DocStatus.OPEN]
        once = sorted(there) == self._wisp.numbers
        stage.voice.say(
            f"{len(there)} invoices are live at the sandbox, {len(set(there))} numbers: "
            + ("each exactly once." if once else "NOT each exactly once!")
        )

    def _live_a_little(self) -> None:
        stage = self._stage
        for happened in self._wisp.live(TURNS):
            stage.voice.aside(f"the subscriber of {happened}")
        started = stage.clock.monotonic()
        stage.until("wispbill knows all of it", lambda: self._wisp.is_known(stage))
        seconds = stage.clock.monotonic() - started
        stage.voice.say(
            f"wispbill knew all of it {seconds:.1f} seconds later, told by webhooks, read by itself."
        )

    def _forge(self) -> None:
        """A stranger claims that an invoice was paid."""
        body = json.dumps({"id": "evt_forged", "type": "invoice.paid", "data": {"object": {}}}).encode()
        headers = {"Stripe-Signature": "t=1,v1=00", "Content-Type": "application/json"}
        target = self._stage.proxy(self._hook)
        request = Request(target, data=body, headers=headers, method="POST")  # noqa: S310
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                status = answer.status
        except HTTPError as error:
            status = error.code
        self._stage.voice.say(f"A forged webhook was answered with {status}, and changed nothing.")


def the_id(prefix: str, told: str) -> str:
    """The id that a command told, by its prefix."""
    found: Sequence[str] = re.findall(rf"\b{prefix}_\w+", told)
    return found[0]
