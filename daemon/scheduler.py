"""The scheduler: ticks that look for due rows, and a small pool of workers over integrations.

A tick only wakes; what is due is a function of rows and the time. One worker serves an integration at a
time, so that a throttled account delays nobody else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
)
from apscheduler.schedulers.background import BackgroundScheduler

from daemon.beats import Beats
from daemon.errors import StoreError, WispbillError
from daemon.house import House
from daemon.jobs import keepalive
from daemon.jobs.bill import bill
from daemon.jobs.enforce import enforce
from daemon.jobs.notify import TURN, Alarm, deliver, notify
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.sweep import due_for_sweep, sweep
from daemon.jobs.tidy import tidy
from daemon.jobs.visit import visit
from daemon.store import integrations, links

log = structlog.get_logger()

VISITS = {"push": push, "pull": pull, "keepalive": keepalive.check_connection, "sweep": sweep}
"""The jobs that go to integrations. An integration gets a run of one at a time, in turns."""

NOTIFY = "notify"
"""Goes to endpoints, which are served in turns as integrations are."""

DRIFT_S = 5.0
PAUSE_DRIFT_S = 86_400.0


class Scheduler:
    """Runs the jobs of one daemon until `stop`."""

    def __init__(self, house: House, beats: Beats) -> None:
        self._house = house
        self._beats = beats
        self._alarm = Alarm(house)
        self._lock = threading.Lock()
        self._wanted: dict[str, set[str]] = {}
        self._busy: set[str] = set()
        workers = house.settings.daemon.workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        self._tellers = ThreadPoolExecutor(house.settings.notify.workers, thread_name_prefix="teller")
        self._ticks = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._watch = threading.Thread(target=self._watch_clock, name="clock", daemon=True)

    def start(self) -> None:
        settings = self._house.settings
        if settings.push.enabled:
            self._every("push", settings.push.every, self._tick_push)
        if settings.pull.enabled:
            self._every("pull", settings.pull.every, self._tick_pull)
        if settings.keepalive.enabled:
            self._every("keepalive", settings.keepalive.every, self._tick_keepalive)
        if settings.sweep.enabled:
            self._every("sweep", 60.0, self._tick_sweep)
        if settings.bill.enabled:
            self._every("bill", 60.0, self._tick_bill)
        if settings.notify.enabled:
            self._every("notify", settings.notify.every, self._tick_notify)
        if settings.enforce.enabled:
            self._every("enforce", settings.enforce.every, self._tick_enforce)
        if settings.alerts.enabled:
            self._every("alerts", settings.alerts.every, self._tick_alerts)
        self._every("tidy", 60.0, self._tick_tidy)
        self._every("beat", 5.0, partial(self._beats.beat, name="scheduler"))
        self._ticks.add_listener(self._told, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._ticks.add_listener(self._went_well, EVENT_JOB_EXECUTED)
        self._ticks.start()
        self._watch.start()

    def wake(self, verb: str) -> None:
        """Let a verb look at its rows now; an unknown one is ignored."""
        if self._house.stop.is_set():
            return
        job = self._ticks.get_job(verb)
        if job is not None:
            job.modify(next_run_time=self._house.clock.now())

    def stop(self, within_s: float) -> bool:
        """No new work; wait for the calls in flight. False where some did not end in time."""
        self._house.stop.set()
        if self._ticks.running:
            self._ticks.shutdown(wait=False)
        waiter = threading.Thread(target=self._end_pools, name="waiter", daemon=True)
        waiter.start()
        waiter.join(within_s)
        return not waiter.is_alive()

    def _end_pools(self) -> None:
        self._tellers.shutdown(wait=True)
        self._pool.shutdown(wait=True)

    # --- ticks ----------------------------------------------------------------------------------------

    def _every(self, name: str, seconds: float, tick: Callable[[], object]) -> None:
        first = self._house.clock.now() + timedelta(milliseconds=50)
        self._ticks.add_job(tick, "interval", seconds=seconds, id=name, next_run_time=first)

    def _tick_push(self) -> None:
        if self._house.pushes_paused:
            return
        with self._house.store.session():
            now = self._house.clock.now()
            if links.unassigned():
                self._house.store.write("push.assign", lambda: links.assign(now))
            self._enlist("push", integrations.due_for_push(now, mine=self._house.name))

    def _tick_pull(self) -> None:
        with self._house.store.session():
            now = self._house.clock.now()
            self._enlist("pull", integrations.due_for_pull(now, mine=self._house.name))

    def _tick_keepalive(self) -> None:
        with self._house.store.session():
            keepalive.keepalive(self._house)
            every = timedelta(seconds=self._house.settings.keepalive.test_every)
            now = self._house.clock.now()
            self._enlist("keepalive", integrations.due_for_test(now, every, mine=self._house.name))

    def _tick_sweep(self) -> None:
        with self._house.store.session():
            self._enlist("sweep", due_for_sweep(self._house, mine=self._house.name))

    def _tick_bill(self) -> None:
        with self._house.store.session():
            bill(self._house)

    def _tick_notify(self) -> None:
        with self._house.store.session():
            self._enlist(NOTIFY, notify(self._house))

    def _tick_enforce(self) -> None:
        with self._house.store.session():
            enforce(self._house)

    def _tick_alerts(self) -> None:
        with self._house.store.session():
            self._alarm.run()

    def _tick_tidy(self) -> None:
        with self._house.store.session():
            tidy(self._house)

    def _told(self, event: Any) -> None:
        """A tick that finds itself still running has nothing to add: what is due stays due."""
        if event.code == EVENT_JOB_MAX_INSTANCES:
            log.debug("scheduler.tick_running", job=event.job_id)
            return
        error = getattr(event, "exception", None)
        sentence = error.message if isinstance(error, WispbillError) else repr(error) if error else "late"
        log.error("scheduler.tick_failed", job=event.job_id, error=sentence)
        self._house.failing[event.job_id] = sentence

    def _went_well(self, event: Any) -> None:
        self._house.failing.pop(event.job_id, None)

    # --- workers --------------------------------------------------------------------------------------

    def _enlist(self, verb: str, integration_ids: list[str]) -> None:
        with self._lock:
            for integration_id in integration_ids:
                self._wanted.setdefault(integration_id, set()).add(verb)
                if integration_id not in self._busy and not self._house.stop.is_set():
                    self._busy.add(integration_id)
                    self._pool_of(verb).submit(self._serve, integration_id)

    def _serve(self, integration_id: str, last: str = "") -> None:
        """One run of what this integration wants; for more it queues again, behind the other integrations."""
        verb = self._next_verb(integration_id, last)
        if verb is None:
            return
        try:
            self._beats.beat()
            self._run(integration_id, verb)
        finally:
            self._beats.rest()
            if not self._house.stop.is_set():
                self._pool_of(verb).submit(self._serve, integration_id, verb)

    def _pool_of(self, verb: str) -> ThreadPoolExecutor:
        """Endpoints have workers of their own: one that is slow delays no integration."""
        return self._tellers if verb == NOTIFY else self._pool

    def _next_verb(self, integration_id: str, last: str) -> str | None:
        """What was not done last comes first; None, and nobody is busy with it, where it wants nothing."""
        with self._lock:
            wanted = self._wanted.get(integration_id, set())
            for verb in sorted((*VISITS, NOTIFY), key=lambda one: one == last):
                if verb in wanted and not self._house.stop.is_set():
                    wanted.discard(verb)
                    return verb
            self._wanted.pop(integration_id, None)
            self._busy.discard(integration_id)
            return None

    def _run(self, integration_id: str, verb: str) -> None:
        try:
            if verb == NOTIFY:
                self._deliver(integration_id)
            else:
                visit(self._house, integration_id, verb, VISITS[verb])
        except StoreError as error:
            log.error(f"{verb}.store_failed", integration=integration_id, code=error.code, text=error.message)
        except Exception:
            log.exception(f"{verb}.failed", integration=integration_id)

    def _deliver(self, endpoint_id: str) -> None:
        """A turn; another one follows at once, behind the other endpoints, where it was too short."""
        with self._house.store.session():
            if deliver(self._house, endpoint_id) >= TURN:
                self._enlist(NOTIFY, [endpoint_id])

    # --- the clock ------------------------------------------------------------------------------------

    def _watch_clock(self) -> None:
        """The ticks are planned on the wall clock: re-plan them when it jumped. While it runs more than
        a day ahead of what has passed since the start, nothing is pushed."""
        clock = self._house.clock
        wall, mono = clock.now(), clock.monotonic()
        known_drift_s = 0.0
        while not clock.wait(5, self._house.stop):
            elapsed_s = clock.monotonic() - mono
            drift_s = (clock.now() - wall).total_seconds() - elapsed_s
            if abs(drift_s - known_drift_s) > DRIFT_S:
                log.warning("clock.jumped", seconds=round(drift_s - known_drift_s))
                known_drift_s = drift_s
                for job in self._ticks.get_jobs():
                    job.modify(next_run_time=clock.now())
            self._gate_pushes(ahead=drift_s > PAUSE_DRIFT_S)

    def _gate_pushes(self, *, ahead: bool) -> None:
        pauses = self._house.pauses
        if not ahead:
            pauses.pop("clock", None)
        elif "clock" not in pauses:
            pauses["clock"] = "the clock jumped ahead by more than a day"
            log.error("clock.ahead", code="WB-CLOCK", text=pauses["clock"])
