"""Five more WISPs, each at another provider: connected as their operators would, paid, and known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial

from daemon.cli.story.browser import agree
from daemon.cli.story.first import the_id
from daemon.cli.story.stage import Stage
from daemon.cli.story.wisps import Turn, Wisp
from daemon.sandbox.stands import Stand

TURNS = (
    Turn("paid", lambda hands, ref: hands.pay(ref), "paid"),
    Turn("20.00 paid", lambda hands, ref: hands.pay(ref, 2000), "partially_paid"),
    Turn("voided there", lambda hands, ref: hands.void(ref), "void"),
)
IN_FULL = "quickbooks"
"""Whose commands are shown."""

MORE_SETTINGS = {"paypal": {"allow_partial_payments": True}}

HOW = {
    "paypal": "client id and secret; PayPal's API registered our webhook",
    "square": "access token; Square's API registered our webhook",
    "xero": "apps add, integrations authorize and the owner's yes, as above",
    "custom_webhook": "signing secrets and a mapping; it signs its hints to us",
}


class Others:
    def __init__(self, stage: Stage, wisps: Sequence[Wisp]) -> None:
        self._stage = stage
        self._wisps = wisps

    def tell(self) -> None:
        say = self._stage.voice.say
        say("Five more WISPs, each with four invoices, each at another provider. One in full:")
        self._connect(next(wisp for wisp in self._wisps if wisp.provider == IN_FULL))
        say("The four others in the same way, by what each asks for:")
        rest = [wisp for wisp in self._wisps if wisp.provider != IN_FULL]
        for wisp, _ in zip(rest, self._stage.together(self._connect, rest), strict=True):
            self._stage.voice.fact(wisp.label, HOW[wisp.provider])
        self._wait_until_sent()
        say("There, too, subscribers pay and offices let somebody off:")
        for wisp in self._wisps:
            self._stage.voice.fact(wisp.label, " · ".join(wisp.live(TURNS)))
        self._wait_until_known()

    # --- connecting -----------------------------------------------------------------------------------

    def _connect(self, wisp: Wisp) -> None:
        shown = wisp.provider == IN_FULL
        wisp.found(self._stage, shown=shown)
        (self._by_consent if wisp.stand.seat.app else self._by_credentials)(wisp, shown)
        wisp.bill(self._stage, shown=shown)

    def _by_credentials(self, wisp: Wisp, shown: bool) -> None:
        seat = wisp.stand.seat
        words = ("--mode", seat.mode, "--tenant", wisp.tenant, *_settings(wisp), "--credentials", "-")
        told = self._stage.run(
            "integrations",
            "add",
            seat.provider,
            *words,
            given=seat.credentials,
            called="key.json",
            shown=shown,
        )
        told = self._stage.run("integrations", "webhook", the_id("wbn", told), shown=shown)
        self._hook(wisp, told.split()[-1])

    def _by_consent(self, wisp: Wisp, shown: bool) -> None:
        """An app of ours, the webhook's secret, and then the account's owner in the browser."""
        seat, run = wisp.stand.seat, self._stage.run
        assert seat.app is not None  # noqa: S101 - it is connected by consent
        words = ("--client-id", seat.app.client_id, "--mode", seat.mode, "--credentials", "-")
        secret, verifier = (
            {"client_secret": seat.app.client_secret},
            {"webhook_secret": seat.app.webhook_secret},
        )
        told = run("apps", "add", seat.provider, *words, given=secret, called="secret.json", shown=shown)
        app = the_id("wba", told)
        told = run(
            "apps",
            "secret",
            app,
            "--webhook",
            "--credentials",
            "-",
            given=verifier,
            called="verifier.json",
            shown=shown,
        )
        self._hook(wisp, told.split()[2])
        if shown:
            self._stage.voice.aside("That address is entered at Intuit by hand: there is no API for it.")
        where = ("--tenant", wisp.tenant, *_settings(wisp))
        link = run("integrations", "authorize", seat.provider, *where, shown=shown).strip()
        back = agree(link, self._stage.proxy.__call__)
        if shown:
            self._stage.voice.aside(f"The owner opens that link and agrees. The browser comes back to {back}")

    def _hook(self, wisp: Wisp, url: str) -> None:
        """Where the provider's API does not register our webhook, somebody enters it there by hand."""
        seat = wisp.stand.seat
        if seat.hook is not None:
            with seat.double.lock:
                seat.hook(url)

    # --- waiting --------------------------------------------------------------------------------------

    def _wait_until_sent(self) -> None:
        stage = self._stage
        self._all("every invoice is sent to", lambda wisp: wisp.is_sent(stage))
        count = sum(len(wisp.standing()) for wisp in self._wisps)
        stage.voice.say(f"{count} invoices are live at the five, sent by the same daemon.")

    def _wait_until_known(self) -> None:
        stage = self._stage
        started = stage.clock.monotonic()
        self._all("wispbill knows what happened at", lambda wisp: wisp.is_known(stage))
        seconds = stage.clock.monotonic() - started
        stage.voice.say(f"wispbill knew all of it within {seconds:.0f} seconds.")
        if _asked_for_certificate(self._stage.stands["paypal"]):
            stage.voice.aside("PayPal signs with a certificate: its first webhook was answered 503 while the")
            stage.voice.aside("daemon fetched that from PayPal, and came again.")

    def _all(self, what: str, holds: Callable[[Wisp], bool]) -> None:
        """Wait until it holds of every WISP."""

        def wait(wisp: Wisp) -> None:
            self._stage.until(f"{what} {wisp.label}", partial(holds, wisp))

        list(self._stage.together(wait, self._wisps))


def _asked_for_certificate(paypal: Stand) -> bool:
    return any("certs" in operation for operation in paypal.seat.double.stats)


def _settings(wisp: Wisp) -> tuple[str, ...]:
    settings = wisp.stand.seat.settings | MORE_SETTINGS.get(wisp.provider, {})
    return ("--settings", json.dumps(settings)) if settings else ()
