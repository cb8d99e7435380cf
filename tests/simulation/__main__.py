"""`python -m tests.simulation`: many seeds over processes; exits 1 where a promise was broken, or a crash
point visited too seldom."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.simulation.parties import PARTIES, Party, named
from tests.simulation.points import POINTS, Blow
from tests.simulation.runner import LEAST_CRASHES, Tally, replay, run_over


def main() -> int:
    options = _options()
    among = tuple(map(named, options.provider)) or PARTIES
    if options.replay is not None:
        *lines, verdict = replay(options.replay, among)
        print("\n".join([*lines, verdict] if options.trace else [verdict]))
        return 0 if verdict.endswith("kept") else 1
    seeds = range(options.first, options.first + options.seeds)
    started = time.monotonic()
    tally = run_over(seeds, options.processes, _told, among)
    seconds = time.monotonic() - started
    _report(tally, seconds, among)
    enough = options.seeds < 300 or not tally.neglected(among)
    return 0 if enough and not tally.broken else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=int, metavar="SEED", help="live one seed again")
    parser.add_argument("--trace", action="store_true", help="with --replay: print every step of it")
    parser.add_argument("--provider", action="append", default=[], help="only this one; repeatable")
    return parser.parse_args()


def _told(tally: Tally) -> None:
    if sys.stderr.isatty():
        print(f"\r{tally.seeds} seeds, {len(tally.broken)} broken", end="", file=sys.stderr, flush=True)


def _report(tally: Tally, seconds: float, among: tuple[type[Party], ...]) -> None:
    print(f"\n{'crashes':>8} {'stops':>6}  at")
    for point in POINTS:
        print(f"{tally.crashes(point):>8} {tally.struck[point, Blow.SIGTERM]:>6}  {point}")
    print(f"{tally.seeds} seeds in {seconds:.0f} s, {tally.seeds / seconds:.1f} a second")
    for seed, sentence in sorted(tally.broken.items()):
        print(f"BROKEN  seed {seed}: {sentence}  (again: --replay {seed} --trace)")
    for point in tally.neglected(among):
        print(f"TOO FEW crashes at {point}: {tally.crashes(point)} of at least {LEAST_CRASHES}")


if __name__ == "__main__":
    sys.exit(main())
