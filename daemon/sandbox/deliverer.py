"""A thread that sends a double's webhooks over the network, for the demo."""

from __future__ import annotations

import threading
from typing import NamedTuple

from daemon.clock import Clock
from daemon.sandbox.double import Double
from daemon.sandbox.transport import Poster


class Forward(NamedTuple):
    """Stands for the TLS proxy in front of a receiver: what is addressed to `public` goes to `local`, both
    without a path."""

    public: str
    local: str

    def __call__(self, url: str) -> str:
        """The address where this one is reached from here."""
        return self.local + url.removeprefix(self.public) if url.startswith(f"{self.public}/") else url


class Deliverer:
    """One delivery after the other, in order; what is not answered 2xx comes back later."""

    def __init__(
        self, double: Double, clock: Clock, *, pause_s: float = 0.05, forward: Forward | None = None
    ) -> None:
        self._double = double
        self._forward = forward
        self._clock = clock
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._poster = Poster()
        self._thread = threading.Thread(target=self._run, name="sandbox-deliverer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._poster.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            delivery = self._double.next_delivery()
            if delivery is None:
                self._clock.wait(self._pause_s, self._stop)
            elif self._poster(self._reached(delivery.url), delivery.headers, delivery.body):
                self._double.delivered(delivery)
            else:
                self._double.failed(delivery)

    def _reached(self, url: str) -> str:
        return self._forward(url) if self._forward else url
