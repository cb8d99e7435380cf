"""A double on real ports: the provider's on one, its control on another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from waitress.channel import ClientDisconnected
from waitress.server import create_server
from waitress.wasyncore import close_all

from daemon.clock import Clock, SystemClock
from daemon.sandbox.control import ControlApp, Hook, Populated
from daemon.sandbox.deliverer import Deliverer, Forward
from daemon.sandbox.faults import LostAnswer
from daemon.sandbox.stripe import StripeDouble
from daemon.sandbox.stripe.control import StripeControl
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


class _Port:
    """One WSGI app on one port, in a thread."""

    def __init__(self, app: Wsgi, host: str, port: int, threads: int) -> None:
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._sockets,
            host=host,
            port=port,
            threads=threads,
            connection_limit=1000,
            channel_timeout=120,
            ident="nginx",
        )
        self.url = f"http://{host}:{self._server.effective_port}"
        self._thread = threading.Thread(target=self._server.run, name="sandbox-port", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        # Sockets are closed by the thread that selects on them; with none left its loop ends.
        self._server.trigger.pull_trigger(lambda: close_all(self._sockets))
        self._thread.join(timeout=5)


D = TypeVar("D", bound=Populated)


class Served(Generic[D]):
    """A double that is being served; `url` is the provider's, `control_url` the control's."""

    def __init__(
        self, double: D, ports: tuple[_Port, _Port], stop: threading.Event, forward: Forward | None
    ) -> None:
        self.double = double
        self.url, self.control_url = (port.url for port in ports)
        self._ports = ports
        self._stop = stop
        self._deliverer = Deliverer(double, double.clock, forward=forward)
        self._deliverer.start()

    def close(self) -> None:
        self._stop.set()
        self._deliverer.close()
        for port in self._ports:
            port.close()


def serve(
    double: D,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int = 0,
    threads: int = THREADS,
    *,
    hook: Hook | None = None,
    forward: Forward | None = None,
) -> Served[D]:
    """Serve until `close`; port 0 picks a free one. Hosted pages get this address. `hook` enters by hand
    where webhooks go, `forward` is the proxy on their way. Raises OSError where a port is taken."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    stop = threading.Event()
    provider = _Port(Losing(double, SystemClock(), stop), host, port, threads)
    try:
        control = _Port(_control(double, hook), host, control_port, threads=4)
    except OSError:
        provider.close()
        raise
    double.set_public_url(provider.url)
    return Served(double, (provider, control), stop, forward)


def _control(double: Populated, hook: Hook | None) -> ControlApp:
    if isinstance(double, StripeDouble):
        return StripeControl(double, hook)
    return ControlApp(double, hook)
