"""`python -m daemon.sandbox --provider NAME …`: doubles as a process of their own.

Prints one JSON line with their addresses and what to connect them with once they are ready, and runs until
SIGTERM or SIGINT. Where Stripe is among them its addresses stand at the top as well.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from daemon.clock import SystemClock, SystemEntropy
from daemon.errors import InvalidInput
from daemon.sandbox.deliverer import Forward
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import SEATED, Document, Ground
from daemon.sandbox.server import THREADS
from daemon.sandbox.stands import Ports, Stand, chosen, close, put_up
from daemon.sandbox.stripe import StripeDouble
from daemon.settings import units

KEY = "sk_test_sandbox0000000000"
PUBLIC_URL = "http://localhost:8470"
"""Where a receiver listens that was told nothing else."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """`keys` are Stripe's, the first account's first. `forward` is where webhooks to `public_url` go
    instead."""

    providers: Sequence[str] = ("stripe",)
    ports: Ports = field(default_factory=Ports)
    keys: Sequence[str] = ()
    rates: bool = True
    latency_ms: float = 0.0
    public_url: str = PUBLIC_URL
    forward: str = ""

    @property
    def all_keys(self) -> Sequence[str]:
        return self.keys or (KEY,)


def run(wishes: Wishes, tell: Callable[[Document], None]) -> None:
    """Serve until a signal; `tell` is called once, with everything up. Raises InvalidInput or OSError."""
    if wishes.keys and "stripe" not in wishes.providers:
        raise InvalidInput("WB-INPUT", "a key is Stripe's, which is not served", field="key")
    stands = _put_up(wishes)
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    try:
        tell(_facts(stands, wishes.all_keys))
        stopped.wait()
    finally:
        close(stands)


def _put_up(wishes: Wishes) -> list[Stand]:
    ground = Ground(
        SystemClock(),
        SystemEntropy(),
        Faults(latency_s=wishes.latency_ms / 1000),
        rates=wishes.rates,
        stripe_key=wishes.all_keys[0],
        demo=True,
    )
    public_url = _address("public-url", units.public_url, wishes.public_url)
    local = _address("forward", units.base_url, wishes.forward)
    forward = Forward(public_url, local) if local else None
    try:
        stands = put_up(wishes.providers, ground, wishes.ports, public_url=public_url, forward=forward)
    except ValueError as error:
        raise InvalidInput("WB-INPUT", str(error)) from error
    try:
        for stand in stands:
            if isinstance(stand.seat.double, StripeDouble):
                for key in wishes.all_keys[1:]:
                    stand.seat.double.add_account(key)
    except ValueError as error:
        close(stands)
        raise InvalidInput("WB-INPUT", str(error), field="key") from error
    return stands


def _address(name: str, read: Callable[[object], str], value: str) -> str:
    try:
        return read(value)
    except ValueError as error:
        raise InvalidInput("WB-INPUT", f"--{name}: {error}", field=name) from error


def _facts(stands: Sequence[Stand], keys: Sequence[str]) -> Document:
    providers = {stand.seat.provider: stand.facts() for stand in stands}
    document: Document = {"providers": providers}
    for stand in stands:
        if isinstance(double := stand.seat.double, StripeDouble):
            document["url"], document["control_url"] = stand.served.url, stand.served.control_url
            document["accounts"] = {key: double.account_of(key).id for key in keys}
    return document


def main(argv: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        names = SEATED if options.all else chosen(options.provider or ["stripe"])
        run(
            Wishes(
                names,
                Ports(options.host, options.port, options.control_port, options.threads),
                options.key,
                rates=not options.no_rates,
                latency_ms=options.latency_ms,
                public_url=options.public_url,
                forward=options.forward,
            ),
            _print,
        )
    except InvalidInput as error:
        parser.error(error.message)
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        return 1
    return 0


def _print(document: Document) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daemon.sandbox", description="Providers' doubles on real ports.")
    parser.add_argument("--provider", action="append", help=f"one of {', '.join(SEATED)}; repeatable")
    parser.add_argument("--all", action="store_true", help="every provider")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="of the first; the others two above each")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--key", action="append", default=[], help="a Stripe key to accept; repeatable")
    parser.add_argument("--no-rates", action="store_true", help="no rate limits")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every request")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--public-url", default=PUBLIC_URL, help="where wispbill is reached")
    parser.add_argument("--forward", default="", help="where what is sent to the public URL goes instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
