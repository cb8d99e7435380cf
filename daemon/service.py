"""The daemon's life: lock, open, check, serve, and on SIGTERM finish what is in flight.

Exit codes: 0 after a clean stop, 1 when it could not start (or stop in time), 75 when another daemon has
the database (EX_TEMPFAIL, so that systemd tries again).
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from daemon import __version__, app
from daemon.alerts import Sender
from daemon.beats import Beats
from daemon.clock import SystemClock, to_micros
from daemon.errors import StoreError, WispbillError
from daemon.house import House
from daemon.log import configure
from daemon.scheduler import Scheduler
from daemon.settings import Settings, needs_restart, with_live_keys
from daemon.store import endpoints, grants, leases, meta
from daemon.store.database import said_plainly
from daemon.store.locks import FileLock
from daemon.store.writer import GroupWriter
from daemon.systemd import Notifier
from daemon.wakeup import Listener
from daemon.web.listeners import build_web
from daemon.web.server import WebServer

EX_TEMPFAIL = 75
GUARD_EVERY_S = 30.0

log = structlog.get_logger()


class Service:
    """One daemon. `run` blocks until a signal, or `stop`, ends it."""

    def __init__(
        self, settings: Settings, *, environ: Mapping[str, str], reload: Callable[[], Settings]
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._reload = reload
        self._clock = SystemClock()
        self._notifier = Notifier(environ)
        self._beats = Beats(self._clock)
        self._wish = threading.Event()
        self._hup = threading.Event()
        self.web: list[WebServer] = []
        self.ready = threading.Event()

    def run(self) -> int:
        folder = self._settings.daemon.state_dir
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / "daemon.lock")
        if not lock.acquire():
            log.error("daemon.already_running", code="WB-DAEMON-RUNNING", holder=lock.read())
            return EX_TEMPFAIL
        lock.note(f"pid {os.getpid()}, wispbill {__version__}")
        try:
            return self._serve(folder)
        except WispbillError as error:
            log.error("daemon.cannot_start", code=error.code, text=error.message)
            return 1
        finally:
            lock.release()

    def stop(self) -> None:
        """Ask the daemon to end, as SIGTERM does; safe in a signal handler and in any thread."""
        self._wish.set()

    # --- up and down ----------------------------------------------------------------------------------

    def _serve(self, folder: Path) -> int:
        self._check_disk(folder)
        house = app.build(self._settings, environ=self._environ, clock=self._clock, migrating=True)
        house.beat = self._beats.keep
        leases.drop_dead(house.store, _is_alive)
        grants.drop_dead_owners(house.store, _is_alive)
        endpoints.drop_dead(house.store, _is_alive)
        writer = GroupWriter(house.store, self._beats.beat) if house.store.is_sqlite else None
        if writer:
            writer.start()
        scheduler = Scheduler(house, self._beats)
        house.wake = scheduler.wake
        listener = Listener(self._settings.runtime_dir(), scheduler.wake)
        threads = self._helpers(house)
        try:
            self.web = build_web(house, self._beats)
            for server in self.web:
                server.start()
            listener.start()
            scheduler.start()
            self._signals()
            self._announce(house)
            self._wait(house)
        finally:
            clean = self._down(house, scheduler, listener, writer, threads)
        return 0 if clean else 1

    def _down(
        self,
        house: House,
        scheduler: Scheduler,
        listener: Listener,
        writer: GroupWriter | None,
        threads: list[threading.Thread],
    ) -> bool:
        self._notifier.stopping()
        log.info("daemon.stopping")
        house.stop.set()
        listener.stop()
        for server in self.web:
            server.stop(within_s=5)
        clean = scheduler.stop(self._settings.daemon.stop_within)
        for thread in threads:
            thread.join(timeout=5)
        if writer:
            writer.stop()
        if not clean:
            log.error("daemon.stopped_late", within_s=self._settings.daemon.stop_within)
        house.close()
        log.info("daemon.stopped")
        return clean

    def _announce(self, house: House) -> None:
        addresses = [f"{server.host}:{server.port}" for server in self.web]
        log.info("daemon.ready", version=__version__, listening=addresses)
        self._notifier.ready("running")
        self.ready.set()

    def _wait(self, house: House) -> None:
        while not self._wish.wait(0.5):
            if self._hup.is_set():
                self._hup.clear()
                self._reread(house)

    def _reread(self, house: House) -> None:
        """SIGHUP: take over what can change; say what needs a restart, or what is wrong."""
        self._notifier.reloading(self._clock.monotonic())
        try:
            fresh = self._reload()
        except WispbillError as error:
            log.error("settings.not_reloaded", code=error.code, text=error.message)
        else:
            stay = needs_restart(self._settings, fresh)
            if stay:
                log.warning("settings.restart_needed", settings=stay)
            self._settings = house.settings = with_live_keys(self._settings, fresh)
            configure(self._settings.daemon.log_level, self._settings.daemon.log_format)
            house.safe.refresh(fresh, self._environ)
            house.alerts = Sender.load(self._settings, self._environ)
            log.info("settings.reloaded")
        self._notifier.ready("running")

    def _signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_args: self._wish.set())
        signal.signal(signal.SIGHUP, lambda *_args: self._hup.set())

    def _check_disk(self, folder: Path) -> None:
        free, least = shutil.disk_usage(folder).free, self._settings.daemon.min_free_disk
        if free < least:
            raise StoreError(
                "WB-DB-FULL", f"{free >> 20} MiB are free in {folder}; at least {least >> 20} MiB are needed"
            )

    # --- standing guard -------------------------------------------------------------------------------

    def _helpers(self, house: House) -> list[threading.Thread]:
        house.pauses["check"] = "the database is being checked"
        jobs = {"check": self._quick_check, "guard": self._guard_store, "watchdog": self._feed_watchdog}
        threads = [
            threading.Thread(target=job, args=(house,), name=name, daemon=True) for name, job in jobs.items()
        ]
        for thread in threads:
            thread.start()
        return threads

    def _quick_check(self, house: House) -> None:
        """In the background, with pushes gated: it takes minutes on a large database."""
        try:
            if house.store.is_sqlite:
                with said_plainly():
                    words = [row[0] for row in house.store.db.execute_sql("PRAGMA quick_check(5)")]
                if words != ["ok"]:
                    raise StoreError("WB-DB-CORRUPT", f"the database is damaged: {words[0]}")
        except StoreError as error:
            house.pauses["check"] = error.message
            log.error("store.damaged", code=error.code, text=error.message)
        else:
            house.pauses.pop("check", None)
            house.wake("push")
        finally:
            house.store.db.close()

    def _guard_store(self, house: House) -> None:
        """Prove every 30 s that the database can be written; while it cannot, nothing is pushed. What is
        written is the time, by which a clock that was set back is known at the next start."""
        while True:
            try:
                house.store.write("guard", lambda: meta.put(meta.CLOCK, to_micros(self._clock.now())))
                house.pauses.pop("store", None)
            except StoreError as error:
                house.pauses["store"] = error.message
                log.error("store.not_writable", code=error.code, text=error.message)
            except WispbillError:
                return
            if self._clock.wait(GUARD_EVERY_S, house.stop):
                return

    def _feed_watchdog(self, house: House) -> None:
        every_s = (self._notifier.watchdog_s or 60.0) / 4
        while not self._clock.wait(every_s, house.stop):
            late = self._beats.late()
            if late:
                log.error("watchdog.late", threads=late)
            else:
                self._notifier.alive()


def _is_alive(owner: str) -> bool:
    """Whether the process that a lease names (host:pid) still runs; on another host it may."""
    host, _, pid = owner.rpartition(":")
    if host != os.uname().nodename or not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return int(pid) != os.getpid()
