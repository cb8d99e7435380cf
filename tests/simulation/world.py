"""One world: a platform, a daemon or two, a provider, and a seed that decides what becomes of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon.errors import InvalidInput, RemoteError, Stopping
from daemon.house import House
from daemon.jobs import intake
from daemon.settings import Settings
from daemon.store import backup, integrations, invoices, links, restore, tenants
from daemon.vault import MasterKeys
from tests.simulation.chance import Chance, HouseClock, TrueTime
from tests.simulation.daemons import Daemon
from tests.simulation.network import Network, Weather
from tests.simulation.points import Broken, Plan
from tests.simulation.promises import Promises
from tests.simulation.template import Template

LEAST_STEPS, MOST_STEPS = 6, 26
POLLS = 3
"""How often an integration is polled in peace before its books are looked at."""
CALM_ROUNDS = 400
CALM_S = 5 * 86400
DAY_S = 86400


@dataclass(slots=True)
class Outcome:
    """What a seed came to: `broken` says which promise, None where all were kept."""

    seed: int
    trace: str
    plan: Plan
    broken: str | None = None
    lines: list[str] = field(default_factory=list)


class World:
    """`run` lives the seed to its end; raises Broken where a promise is not kept."""

    def __init__(self, seed: int, template: Template, *, keep_lines: bool = False) -> None:
        self.seed = seed
        self.settings: Settings = template.settings
        self.keys: MasterKeys = template.keys
        self.path: Path = template.put_in_place()
        self.integration_id = template.integration_id
        self._backups = template.folder / "backups"
        shutil.rmtree(self._backups, ignore_errors=True)
        self.dice = Chance(seed, "world")
        self.entropy = Chance(seed, "house")
        self.time = TrueTime()
        self.clock = HouseClock(self.time)
        self.plan = Plan.of(seed, Chance(seed, "plan"), template.party.beyond)
        self.party = template.party(self.time, Chance(seed, "provider"), Chance(seed, "people"))
        weather = (
            Weather()
            if self.plan.needs("pull.hold")
            else Weather.bad(Chance(seed, "weather"), surely=self.plan.needs("push.fault", "push.fell_short"))
        )
        self.network = Network(self.party, self.time, Chance(seed, "network"), weather)
        self.promises = Promises(self)
        self._digest = hashlib.sha256()
        self._lines: list[str] | None = [] if keep_lines else None
        self._wheel: list[Daemon] = []
        self.calm = False
        self._slept = False
        self._trouble = 0.0 if self.plan.needs("pull.hold") else self.dice.choice((0.0, 0.0, 0.01))
        self.daemons = [Daemon(self, "one")]
        if self.dice.happens(0.4):
            self.daemons.append(Daemon(self, "two"))
        self.bills = self._write_bills()
        self.entered: set[str] = set()
        self.withdrawn: set[str] = set()
        self._copy: backup.Backup | None = None
        self.restored = False

    # --- the life of a world --------------------------------------------------------------------------

    def run(self) -> Outcome:
        outcome = Outcome(self.seed, "", self.plan)
        try:
            self._be_born()
            for step in range(MOST_STEPS):
                self._live()
                if step >= LEAST_STEPS and not self.plan.armed and len(self.entered) == len(self.bills):
                    break
            self._calm_down()
            self.promises.at_the_end()
        except Broken as broken:
            outcome.broken = str(broken)
        finally:
            for daemon in self.daemons:
                daemon.stop()
            self.promises.forget_connection()
        outcome.trace = self._digest.hexdigest()[:16]
        outcome.lines = self._lines or []
        return outcome

    def _be_born(self) -> None:
        self.party.misbehave(self.plan)
        for bill in self.bills[:1]:
            self.enter(bill)

    def _live(self) -> None:
        self._let_time_pass()
        withdraws = 0.4 if self.plan.needs("push.void") else 0.06
        for happening, share in (
            (self._enter_next, 0.5),
            (self._somebody_acts, 0.7),
            (self._withdraw_one, withdraws),
            (self._take_backup, 0.6 if self.plan.needs("backup:") else 0.12),
            (self._lose_the_disk, 0.06),
            (self._set_clock_wrong, 0.05),
            (self._restart, 0.08),
            (self._release_brake, 0.3),
            (self._reconnect, 0.3),
        ):
            if self.dice.happens(share):
                happening()
        self._deliver()
        # What the feed told for some minutes is told again: a crash there is about what is older.
        waits = (20.0, 900.0) if self.plan.needs("pull.feed") else (0.0, 3.0, 20.0, 20.0, 900.0)
        self._pass(self.dice.choice(waits))
        self.dice.choice(self.daemons).tick()
        self.promises.meanwhile()

    def _let_time_pass(self) -> None:
        lot = self.dice.fraction()
        if self.plan.needs("pull.start_over") and not self._slept and self.promises.has_cursor():
            self._slept = True
            self._pass(self.dice.between(26, 29) * DAY_S)
        elif lot < 0.7:
            self._pass(self.dice.between(5, 120))
        elif lot < 0.95:
            self._pass(self.dice.between(600, 6000))
        else:
            self._pass(self.dice.between(18, 30) * 3600)

    def _pass(self, seconds: float) -> None:
        self.network.wait(seconds)
        self.tell(f"{seconds:.1f} s pass")

    # --- the platform ---------------------------------------------------------------------------------

    def _write_bills(self) -> list[dict[str, Any]]:
        due_on = (self.time.now() + timedelta(days=self.dice.choice((0, 14, 40)))).date()
        count = 3 if self.plan.needs("pull.hold") else self.dice.choice((1, 2, 2, 3))
        return [self._bill(n, due_on.isoformat()) for n in range(1, count + 1)]

    def _bill(self, n: int, due_on: str) -> dict[str, Any]:
        cents = self.dice.whole(600, 99_999)
        return {
            "number": f"2026-{self.seed % 100_000:05d}-{n}",
            "customer": self.dice.choice(("sub-1", "sub-2")),
            "due_on": due_on,
            "currency": "EUR",
            "lines": [{"description": "Internet, March", "amount": f"{cents // 100}.{cents % 100:02d}"}],
        }

    def _enter_next(self) -> None:
        waiting = [bill for bill in self.bills if bill["number"] not in self.entered]
        if waiting:
            self.enter(waiting[0])

    def enter(self, bill: dict[str, Any]) -> None:
        """The platform hands over an invoice, and does so again until it hears that it was taken."""

        def work(house: House) -> bool:
            tenant = tenants.only()
            try:
                intake.enter(house, tenant, bill, actor="platform")
            except InvalidInput as error:
                if error.code != "WB-INVOICE-DUE":
                    raise
                bill["due_on"] = (self.clock.now() + timedelta(days=20)).date().isoformat()
                intake.enter(house, tenant, bill, actor="platform")
            return True

        if self.dice.choice(self.daemons).attempt(work):
            self.entered.add(bill["number"])
            self.tell(f"entered {bill['number']}")

    def _withdraw_one(self) -> None:
        """Somebody at the platform wants an invoice voided."""
        there = self.promises.synced_numbers() if self.plan.needs("push.void") else sorted(self.entered)
        if not there:
            return
        number = self.dice.choice(there)
        if self.plan.needs("push.void_refused"):
            for what in self.party.pay_by_number(number):
                self.tell(what)

        def work(house: House) -> bool:
            link = links.of_invoice(invoices.get(None, number).id)
            if link.void_requested_at is not None:
                return False
            now = house.clock.now()
            house.store.write("links.request_void", lambda: links.request_void(link, now=now))
            return True

        if self.dice.choice(self.daemons).attempt(work):
            self.withdrawn.add(number)
            self.tell(f"void wanted: {number}")

    def _release_brake(self) -> None:
        if not self.promises.brake_is_on():
            return

        def work(house: House) -> None:
            (integration,) = integrations.listing()
            released = (integration.brake or {}) | {"released": True}

            def release() -> None:
                integrations.update(integration.id, brake=released)
                links.read_all_open(integration.id, house.clock.now())

            house.store.write("brake.release", release)
            self.tell("brake released")

        self.daemons[0].attempt(work)

    def _reconnect(self) -> None:
        """Where access was lost for good (a restored token is an old one), its owner gives it again."""
        if not self.promises.waits_for_its_owner():
            return

        def work(house: House) -> None:
            try:
                self.party.reconnect(house)
            except (RemoteError, InvalidInput, Stopping) as error:
                self.tell(f"not connected again: {error.code}")
            else:
                self.tell("connected again")

        self.daemons[0].attempt(work)

    # --- the provider's side --------------------------------------------------------------------------

    def _somebody_acts(self) -> None:
        for what in self.party.act(self.plan):
            self.tell(what)

    def _deliver(self) -> None:
        """The provider's webhooks, as badly as webhooks come."""
        for environ, report in self.party.deliveries():
            daemon = self.dice.choice(self.daemons)
            status = daemon.attempt(lambda house, d=daemon, e=environ: d.receive(house, e))
            self.tell(f"webhook answered {status}")
            report(status is not None and status.startswith("2"))

    # --- mishaps --------------------------------------------------------------------------------------

    def database_fails(self) -> bool:
        return not self.calm and self._trouble > 0 and self.dice.happens(self._trouble)

    def _restart(self) -> None:
        self.dice.choice(self.daemons).stop()
        if self.dice.happens(0.3):
            self._pass(self.dice.between(60, 7200))

    def _set_clock_wrong(self) -> None:
        self.clock.off_s = self.dice.choice(self.party.clock_off_s)
        self.tell(f"our clock is off by {self.clock.off_s} s")

    def _take_backup(self) -> None:
        def is_stopping() -> bool:
            self.daemons[0].reach("backup:copying")
            return False

        def work(house: House) -> backup.Backup:
            made, _facts = backup.make(
                self.path, self._backups, kind=backup.MANUAL, now=house.clock.now(), is_stopping=is_stopping
            )
            return made

        made = self.daemons[0].attempt(work)
        if made is not None:
            self._copy = made
            self.tell("backup taken")

    def _lose_the_disk(self) -> None:
        """The disk is gone, and with it what was written since the backup. The platform notices, and
        hands over again what it handed over before."""
        if self._copy is None:
            return
        for daemon in self.daemons:
            daemon.stop()
        self.promises.after_a_restore()
        restored = restore.put_in_place(self._copy.path, self.path, now=self.clock.now())
        if restored.replaced is not None:
            restored.replaced.unlink()
        self.restored = True
        self.tell("restored from the backup")
        self._pass(self.dice.choice((60.0, 3600.0, 30 * 3600.0)))
        for bill in self.bills:
            if bill["number"] in self.entered:
                self.entered.discard(bill["number"])
                self.enter(bill)

    def rival_takes_over(self, working: Daemon) -> None:
        """The call hangs until the lease has run out; if there is another daemon, it sets to work."""
        self._pass(self.dice.between(60, 220))
        others = [daemon for daemon in self.daemons if daemon is not working]
        if others and len(self._wheel) < 2:
            self.tell(f"{others[0].name} takes over")
            others[0].tick()

    @contextmanager
    def at_the_wheel(self, daemon: Daemon) -> Iterator[None]:
        """Whose turn it is: one thread plays all the processes."""
        self._wheel.append(daemon)
        daemon.take_the_wheel()
        try:
            yield
        finally:
            self._wheel.pop()
            if self._wheel:
                self._wheel[-1].take_the_wheel()

    # --- calm -----------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """From now on nothing goes wrong; everything must come to its end by itself, or by the release of
        a brake. No webhook comes any more: the scheduled pull misses nothing."""
        self.calm = True
        self.plan.armed.clear()
        self.network.weather = Weather()
        self.party.behave()
        self.clock.off_s = 0.0
        self.tell("calm")
        for bill in self.bills:
            while bill["number"] not in self.entered:
                self.enter(bill)
        until_s = self.time.elapsed_s + CALM_S
        polls: set[int | None] = set()
        for _ in range(CALM_ROUNDS):
            self.daemons[0].tick()
            self._release_brake()
            self._reconnect()
            wake = self.promises.next_due_s()
            if wake is None:
                polls.add(self.promises.polled_at())
                if len(polls) > POLLS and not self.network.late:
                    return
                wake = 400.0
            self._pass(max(5.0, wake))
            if self.time.elapsed_s > until_s:
                break
        raise Broken(f"it never came to rest: {self.promises.unrest()}")

    # --- the record -----------------------------------------------------------------------------------

    def tell(self, what: str) -> None:
        line = f"{self.time.elapsed_s:.3f} {what}"
        self._digest.update(line.encode())
        if self._lines is not None:
            self._lines.append(line)


def live(seed: int, template: Template, *, keep_lines: bool = False) -> Outcome:
    """Live one seed."""
    return World(seed, template, keep_lines=keep_lines).run()
