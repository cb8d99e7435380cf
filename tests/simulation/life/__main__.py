"""`python -m tests.simulation.life`: one life, or several; exits 1 where a promise was broken."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from functools import partial

from tests.simulation.life.mishaps import POINTS
from tests.simulation.life.world import Outcome, Size, live
from tests.simulation.points import Blow


def main() -> int:
    options = _options()
    size = Size(options.customers, options.days, pace=options.pace)
    seeds = range(options.first, options.first + options.seeds)
    started = time.monotonic()
    outcomes = _lived(seeds, partial(live, size=size, keep_lines=options.trace), options.processes)
    for outcome in outcomes:
        if options.trace:
            print("\n".join(outcome.lines))
        print(f"seed {outcome.seed}: {outcome.broken or 'every promise kept'}")
        print(f"  {dict(sorted(outcome.counts.items()))}")
    print(f"{len(outcomes)} lives in {time.monotonic() - started:.0f} s")
    struck = {point for outcome in outcomes for point, blow in outcome.plan.struck if blow is Blow.CRASH}
    print(f"crashed at {len(struck)} points; never at: {', '.join(p for p in POINTS if p not in struck)}")
    return 1 if any(outcome.broken for outcome in outcomes) else 0


def _lived(seeds: range, lives: partial[Outcome], processes: int) -> list[Outcome]:
    if processes <= 1 or len(seeds) <= 1:
        return [lives(seed) for seed in seeds]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return list(pool.imap(lives, seeds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.simulation.life", description=__doc__)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--days", type=float, default=365)
    parser.add_argument("--pace", default="daily", choices=["realtime", "hourly", "daily"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="print every line of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
