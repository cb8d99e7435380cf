"""Many seeds: over processes, with what was visited and what was broken."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.parties import PARTIES, Party, party_of
from tests.simulation.points import POINTS, Blow
from tests.simulation.template import Template
from tests.simulation.world import Outcome, live

LEAST_CRASHES = 20
"""How often a run of 300 seeds must crash at each point at least."""


@dataclass(slots=True)
class Tally:
    """What a run of seeds came to."""

    seeds: int = 0
    broken: dict[int, str] = field(default_factory=dict)
    struck: Counter[tuple[str, Blow]] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.struck.update(outcome.plan.struck)
        if outcome.broken is not None:
            self.broken[outcome.seed] = outcome.broken

    def merge(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.broken |= other.broken
        self.struck.update(other.struck)

    def crashes(self, point: str) -> int:
        return self.struck[point, Blow.CRASH]

    def neglected(self, among: tuple[type[Party], ...] = PARTIES, least: int = LEAST_CRASHES) -> list[str]:
        """The points at which fewer crashes happened than must."""
        reached = [p for p in POINTS if not all(p.startswith(party.beyond) for party in among)]
        return [point for point in reached if self.crashes(point) < least]


def run(
    seeds: Iterable[int], *, stop_at_first: bool = False, among: tuple[type[Party], ...] = PARTIES
) -> Tally:
    """Live these seeds in this process, ten in a row about each of the parties."""
    tally = Tally()
    with ExitStack() as stack:
        templates: dict[type[Party], Template] = {}
        for seed in seeds:
            party = party_of(seed, among)
            if party not in templates:
                templates[party] = Template(party)
                stack.callback(templates[party].remove)
            tally.add(live(seed, templates[party]))
            if stop_at_first and tally.broken:
                break
    return tally


def run_over(
    seeds: range,
    processes: int,
    told: Callable[[Tally], None] = lambda _tally: None,
    among: tuple[type[Party], ...] = PARTIES,
) -> Tally:
    """Live these seeds over several processes; `told` hears how far it is."""
    if processes <= 1:
        return run(seeds, among=among)
    total = Tally()
    chunks = [range(first, min(first + 25, seeds.stop)) for first in range(seeds.start, seeds.stop, 25)]
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for part in pool.imap_unordered(partial(run, among=among), chunks):
            total.merge(part)
            told(total)
    return total


def find(
    seeds: Iterable[int],
    planted: AbstractContextManager[None] | None = None,
    among: tuple[type[Party], ...] = PARTIES,
) -> tuple[int, str] | None:
    """The first seed that breaks a promise, with its sentence."""
    with planted or nullcontext():
        tally = run(seeds, stop_at_first=True, among=among)
    return next(iter(tally.broken.items()), None)


def replay(seed: int, among: tuple[type[Party], ...] = PARTIES) -> Iterator[str]:
    """Every line of a seed's trace, then what it came to."""
    template = Template(party_of(seed, among))
    try:
        outcome = live(seed, template, keep_lines=True)
    finally:
        template.remove()
    yield from outcome.lines
    yield f"seed {seed}, trace {outcome.trace}: {outcome.broken or 'every promise kept'}"
