"""A double on real ports: the provider's on one, its control on another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from waitress.channel import ClientDisconnected
from waitress.server import create_server

from daemon.clock import Clock, SystemClock
from daemon.sandbox.control import ControlApp
from daemon.sandbox.deliverer import Deliverer
from daemon.sandbox.faults import LostAnswer
from daemon.sandbox.stripe import StripeDouble
from daemon.sandbox.transport import Wsgi

THREADS = 80
"""Each request that waits holds one; 64 at once must be able to."""


class Losing:
    """Carries a WSGI double over a socket: where no answer is to arrive, silence for a while, then the
    connection is closed without a byte (waitress does so on ClientDisconnected)."""

    def __init__(self, app: Wsgi, clock: Clock, stop: threading.Event) -> None:
        self._app = app
        self._clock = clock
        self._stop = stop

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return self._app(environ, start_response)
        except LostAnswer as lost:
            if lost.silent:
                self._clock.wait(lost.fault.lasts_s, self._stop)
            raise ClientDisconnected from lost


class Running:
    """A double that is being served; `url` is the provider's, `control_url` the control's."""

    def __init__(self, double: StripeDouble, provider: Any, control: Any, stop: threading.Event) -> None:
        self.double = double
        self.url = f"http://{provider.effective_host}:{provider.effective_port}"
        self.control_url = f"http://{control.effective_host}:{control.effective_port}"
        self._servers = (provider, control)
        self._stop = stop
        self._deliverer = Deliverer(double, double.clock)
        self._threads = [
            threading.Thread(target=server.run, name="sandbox-server", daemon=True)
            for server in self._servers
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self._deliverer.start()

    def close(self) -> None:
        self._stop.set()
        self._deliverer.close()
        for server in self._servers:
            server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
            server.close()
            server.trigger.pull_trigger()
        for thread in self._threads:
            thread.join(timeout=5)


def serve(
    double: StripeDouble,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int = 0,
    threads: int = THREADS,
) -> Running:
    """Serve until `close`; port 0 picks a free one. Hosted pages get this address."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    stop = threading.Event()
    options = {"host": host, "connection_limit": 1000, "channel_timeout": 120, "ident": "nginx"}
    app = Losing(double, SystemClock(), stop)
    provider = create_server(app, port=port, threads=threads, **options)
    control = create_server(ControlApp(double), port=control_port, threads=4, **options)
    running = Running(double, provider, control, stop)
    double.set_public_url(running.url)
    running.start()
    return running
