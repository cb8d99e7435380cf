"""A daemon of the simulated world: the real House and the real jobs, mortal at every point."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from wsgiref.util import setup_testing_defaults

import peewee as pw

from daemon import app
from daemon.errors import StoreError
from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.visit import visit
from daemon.store import integrations, leases, links, tables
from daemon.web.access import WSGI
from daemon.web.receiver import ROOT, receiver_app
from daemon.wire import Gate
from tests.simulation.network import ProbedWire
from tests.simulation.points import Blow, Broken, Crash

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

TROUBLE = (
    "database is locked",
    "database or disk is full",
    "disk I/O error",
    "attempt to write a readonly database",
)
"""SQLite's own sentences, at a commit."""

JOBS = {"push": push, "pull": pull}


class Daemon:
    """One process, until it dies. Several of them may work on one database."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.clock = world.clock
        self.name = name
        self.life = 0
        self.job = ""
        self.dead = True
        self._house: House | None = None
        self._receiver: WSGI | None = None

    @property
    def house(self) -> House:
        if self._house is None:
            self.start()
        assert self._house is not None
        return self._house

    # --- life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        self.dead = False
        self.life += 1
        before = tables.database.obj
        try:
            self._house = self._built()
        except BaseException:
            if tables.database.obj is not before:  # a process that ends here would not keep it open
                tables.database.obj.close()
            raise
        alive = {daemon.full_name for daemon in self.world.daemons if not daemon.dead}
        leases.drop_dead(self._house.store, lambda owner: owner in alive and owner != self.full_name)

    def _built(self) -> House:
        return app.build(
            self.world.settings,
            clock=self.clock,
            entropy=self.world.entropy,
            keys=self.world.keys,
            make_wire=self._wire,
            probe=self.reach,
            fast=True,
            migrating=True,
            name=self.full_name,
        )

    @property
    def full_name(self) -> str:
        return f"{self.name}:{self.life}"

    def stop(self) -> None:
        """What is left of a process, swept up: its connection closes, its rows stay."""
        if self._house is not None:
            self._house.store.close()
            self._house = self._receiver = None
        self.dead = True

    def attempt(self, work: Callable[[House], T]) -> T | None:
        """Let this daemon do something; None where it died, or could not write."""
        with self.world.at_the_wheel(self):
            try:
                return work(self.house)
            except Crash:
                self.tell("died")
                self.stop()
                return None
            except StoreError as error:
                self.tell(f"could not write: {error.code}")
                return None
            finally:
                if self._house is not None and self._house.stop.is_set():
                    self.tell("stopped")
                    self.stop()

    def tick(self) -> None:
        """One round of the scheduler: push, then pull, at each integration that is due."""
        self.attempt(self._tick)

    def _tick(self, house: House) -> None:
        now = house.clock.now()
        if links.unassigned():
            house.store.write("push.assign", lambda: links.assign(now))
        for job, due in (("push", integrations.due_for_push), ("pull", integrations.due_for_pull)):
            for integration_id in due(house.clock.now()):
                self._visit(house, integration_id, job)

    def _visit(self, house: House, integration_id: str, job: str) -> None:
        """As the scheduler's workers do: a database in trouble ends one visit, not the round."""
        if house.stop.is_set():
            return
        self.job = job
        try:
            visit(house, integration_id, job, JOBS[job])
        except StoreError as error:
            self.tell(f"{job} could not write: {error.code}")
        except Exception as error:
            raise Broken(f"{job} fell over {error!r}") from error

    def receive(self, house: House, environ: dict[str, Any]) -> str:
        """A POST to this daemon's receiver; returns the status line."""
        if self._receiver is None:
            self._receiver = receiver_app(house)
        answered: list[str] = []
        setup_testing_defaults(environ)
        environ["PATH_INFO"] = ROOT + self.world.party.hook_path(self.world.integration_id)
        self.job = "hook"
        body = self._receiver(environ, lambda status, *_rest: answered.append(status))
        getattr(body, "close", lambda: None)()
        return answered[0]

    # --- mortality ------------------------------------------------------------------------------------

    def reach(self, point: str) -> None:
        """The probe of the store and of the network: here the daemon may be struck. A dead one stays
        dead: whatever its `finally` blocks still try has no effect."""
        self.insist_alive()
        self.tell(point)
        blow = self.world.plan.visit(point)
        if blow is Blow.CRASH:
            self.dead = True
            raise Crash(point)
        if blow is Blow.SIGTERM and self._house is not None:
            self._house.stop.set()
        if point.endswith(":before-commit") and self.world.database_fails():
            raise pw.OperationalError(self.world.dice.choice(TROUBLE))

    def insist_alive(self) -> None:
        if self.dead:
            raise Crash("dead already")

    def point_of(self, writes: bool, url: str) -> str:
        if writes:
            return "send:provider-committed"
        if self.job == "push":
            return "look:during"
        return self.world.party.feeds(url) or "read:during"

    def tell(self, what: str) -> None:
        self.world.tell(f"{self.full_name} {what}")

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> ProbedWire:
        return ProbedWire(self, self.world.network, party, gate=gate, deadline_s=deadline_s)

    def take_the_wheel(self) -> None:
        """peewee binds its models to one database at a time; processes of their own would not share it."""
        if self._house is not None:
            tables.database.initialize(self._house.store.db)
