"""Doubles on real ports, each with one account in it: what `wispbill sandbox` and the demo put up."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from daemon.errors import InvalidInput
from daemon.sandbox.deliverer import Forward
from daemon.sandbox.seats import SEATED, Document, Ground, Seat, seat
from daemon.sandbox.server import THREADS, Served, serve

CALLBACK = "/oauth/callback/"
ALIASES = {"custom": "custom_webhook"}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the first double listens; each further one two ports above. 0: whatever is free."""

    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    threads: int = THREADS

    def of(self, place: int) -> tuple[int, int]:
        """Raises InvalidInput beyond the last port there is."""
        ports = tuple(port and port + 2 * place for port in (self.port, self.control_port))
        if max(ports) > 65535:
            raise InvalidInput("WB-INPUT", "there are not so many ports above that one", field="port")
        return ports[0], ports[1]


@dataclass(frozen=True, slots=True)
class Stand:
    seat: Seat
    served: Served[Any]

    def facts(self) -> Document:
        """What somebody needs to connect it, as JSON; `account` is what the control calls it."""
        app = asdict(self.seat.app) if self.seat.app else None
        if app is not None:
            del app["tokens"]
        return {
            "url": self.served.url,
            "control_url": self.served.control_url,
            "account": self.seat.hands.id,
            "mode": self.seat.mode,
            "credentials": self.seat.credentials,
            "settings": self.seat.settings,
            "app": app,
            "webhooks": "by hand" if self.seat.hook else "by the API",
        }


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The providers of these names, each once. Raises InvalidInput for one that there is not."""
    found = tuple(dict.fromkeys(ALIASES.get(name, name) for name in names))
    for name in found:
        if name not in SEATED:
            raise InvalidInput("WB-INPUT", f"{name} is none of {', '.join(SEATED)}", field="provider")
    return found


def put_up(
    providers: Sequence[str],
    ground: Ground,
    ports: Ports,
    *,
    public_url: str,
    forward: Forward | None = None,
) -> list[Stand]:
    """Serve them, side by side; `public_url` is where wispbill is reached. Raises InvalidInput (ports),
    ValueError (a Stripe key) or OSError (a port is taken), and then none is left."""
    with ExitStack() as stack:
        stands = []
        for place, name in enumerate(providers):
            port, control_port = ports.of(place)
            taken = seat(name, replace(ground, redirect_uri=f"{public_url}{CALLBACK}{name}"))
            double: Any = taken.double
            served = serve(
                double,
                ports.host,
                port,
                control_port,
                ports.threads,
                hook=taken.hook,
                forward=forward,
            )
            stack.callback(served.close)
            stands.append(Stand(taken, served))
        stack.pop_all()
    return stands


def close(stands: Sequence[Stand]) -> None:
    for stand in stands:
        stand.served.close()
