"""The daemon of a life: every job, in one thread, whenever something is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import httpx

from daemon.clock import from_micros
from daemon.errors import StoreError
from daemon.house import House
from daemon.jobs import keepalive
from daemon.jobs.bill import bill
from daemon.jobs.enforce import enforce, look_at_woken
from daemon.jobs.notify import deliver, notify
from daemon.jobs.sweep import due_for_sweep
from daemon.jobs.tidy import tidy
from daemon.jobs.visit import visit
from daemon.scheduler import VISITS
from daemon.store import integrations, links
from daemon.web.receiver import ROOT, receiver_app
from daemon.wire import Gate, HttpWire
from tests.simulation.daemons import Daemon
from tests.simulation.life.places import Place
from tests.simulation.points import Broken

if TYPE_CHECKING:
    from tests.simulation.life.world import World

ROUNDS = 200
"""More would be a daemon that never rests."""


class Machine(Daemon):
    """As the scheduler, but for its ticks: a job runs when its rows are due, or the calendar says so."""

    world: World  # type: ignore[assignment]

    def __init__(self, world: World) -> None:
        self._rest: dict[str, datetime] = {}
        super().__init__(world, "one")  # type: ignore[arg-type]

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> HttpWire:  # type: ignore[override]
        road: httpx.BaseTransport = self.world.road_to(party)
        return HttpWire(party, transport=road, clock=self.clock, gate=gate, deadline_s=deadline_s)

    # --- rounds ---------------------------------------------------------------------------------------

    def turn(self, *chores: str) -> None:
        """These chores, and whatever has rows that are due, until nothing is."""
        for chore in chores:
            self.attempt(getattr(self, f"_{chore}"))
        for _ in range(ROUNDS):
            due = self.due()
            if not due or min(due.values()) > self.clock.now():
                return
            for job, at in due.items():
                if at <= self.clock.now():
                    self._do(job)
        raise Broken(f"the jobs never rest: {self.world.eye.due()}")

    def _do(self, job: str) -> None:
        """One run of a job. One that leaves everything as it was is not asked again for a minute."""
        before = self.world.eye.due().get(job)
        self.attempt(getattr(self, f"_{job}"))
        if before is not None and self.world.eye.due().get(job) == before:
            self._rest[job] = self.clock.now() + timedelta(minutes=1)

    def due(self) -> dict[str, datetime]:
        """When each job has something to do."""
        found = {job: from_micros(at) for job, at in self.world.eye.due().items()}
        return {job: max(at, self._rest.get(job, at)) for job, at in found.items()}

    def _bill(self, house: House) -> None:
        bill(house)

    def _hour(self, house: House) -> None:
        enforce(house)

    def _enforce(self, house: House) -> None:
        look_at_woken(house)

    def _push(self, house: House) -> None:
        if links.unassigned():
            house.store.write("push.assign", lambda: links.assign(house.clock.now()))
        self._visit_all(house, "push", integrations.due_for_push(house.clock.now()))

    def _pull(self, house: House) -> None:
        self._visit_all(house, "pull", integrations.due_for_pull(house.clock.now()))

    def _sweep(self, house: House) -> None:
        self._visit_all(house, "sweep", due_for_sweep(house))

    def _keepalive(self, house: House) -> None:
        keepalive.keepalive(house)
        every = house.settings.keepalive.test_every
        due = integrations.due_for_test(house.clock.now(), self.world.seconds(every))
        self._visit_all(house, "keepalive", due)

    def _tidy(self, house: House) -> None:
        tidy(house)

    def _notify(self, house: House) -> None:
        for endpoint_id in notify(house):
            deliver(house, endpoint_id)

    def _visit_all(self, house: House, job: str, due: list[str]) -> None:
        for integration_id in due:
            if house.stop.is_set():
                return
            try:
                visit(house, integration_id, job, VISITS[job])
            except StoreError as error:
                self.tell(f"{job} could not write: {error.code}")
            except Exception as error:
                raise Broken(f"{job} fell over {error!r}") from error

    def tell(self, what: str) -> None:
        """Nothing is wrong with the database of a life."""
        if "could not write" in what:
            raise Broken(what)
        super().tell(what)

    # --- webhooks -------------------------------------------------------------------------------------

    def take(self, place: Place, environ: dict[str, Any]) -> bool:
        """A webhook of this provider; whether it was answered 2xx."""

        def work(house: House) -> str:
            app = self._receiver or receiver_app(house)
            self._receiver = app
            setup_testing_defaults(environ)
            environ["PATH_INFO"] = ROOT + place.hook_path()
            said: list[str] = []
            body = app(environ, lambda status, *_rest: said.append(status))
            close: Callable[[], None] = getattr(body, "close", lambda: None)
            close()
            return said[0]

        status = self.attempt(work)
        self.tell(f"webhook of {place.provider} answered {status}")
        return status is not None and status.startswith("2")
