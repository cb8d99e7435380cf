"""`python -m daemon.sandbox --key sk_test_…`: the double as a process of its own.

Prints one JSON line with its addresses once it is ready, and runs until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from daemon.clock import SystemClock, SystemEntropy
from daemon.sandbox.faults import Faults
from daemon.sandbox.server import THREADS, serve
from daemon.sandbox.stripe import StripeDouble


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    faults = Faults(latency_s=options.latency_ms / 1000)
    double = StripeDouble(SystemClock(), SystemEntropy(), faults=faults, rates=not options.no_rates)
    accounts = {key: double.add_account(key).id for key in options.key}
    running = serve(double, options.host, options.port, options.control_port, options.threads)
    ready = {"url": running.url, "control_url": running.control_url, "accounts": accounts}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    stopped.wait()
    running.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daemon.sandbox", description="A Stripe double on real ports.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--key", action="append", default=[], help="a key to accept; repeatable")
    parser.add_argument("--no-rates", action="store_true", help="no rate limits")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every request")
    parser.add_argument("--threads", type=int, default=THREADS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
