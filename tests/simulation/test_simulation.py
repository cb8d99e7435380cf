"""Whatever breaks, and wherever the daemon dies: no invoice twice, none lost, every payment seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.life.mishaps import LIVED
from tests.simulation.parties import StripeParty
from tests.simulation.planted import ABOUT, BUGS, planted, seeds_for
from tests.simulation.points import TRANSACTIONS
from tests.simulation.runner import find, run_over

ROOT = Path(__file__).parents[2]
SEEDS = 300
STRIPE = (StripeParty,)
NOT_OF_A_DAEMON_AT_WORK = (
    "brake.release",
    "guard",
    "lease.drop",
    "pull.nudged",
    "pull.release_brake",
    "links.request_void",
    "recovery.begin",
    "recovery.end",
    "restore",
    "vault.announce",
    "vault.note_keys",
)

ELSEWHERE = (
    "alerts.",
    "app.usage",
    "bill.failed",
    "bill.numbering",
    "certificates",
    "customers.payer",
    "endpoint.drop",
    "endpoints.",
    "enforce.failed",
    "enforce.postpone",
    "grant.drop",
    "grant.end",
    "grant.warn",
    "import.",
    "match.",
    "notify.rest",
    "notify.stop",
    "pull.rationed",
    "push.followed",
    "push.not_recorded",
    "push.payer_lost",
    "push.recorded",
    "receipts.",
    "standing.",
    "sweep.held",
    "sweep.nonsense",
    "sweep.rationed",
    "sweep.silent",
    "tidy.",
    "vault.",
)
"""What neither these worlds nor a life (`tests.simulation.life`) live through: what people do by hand, what
needs a fault of our own, and a night's chores. It crashes in the tests of its own job."""


def test_every_promise_is_kept_in_300_worlds_that_crash_at_every_point() -> None:
    tally = run_over(range(SEEDS), os.cpu_count() or 1, among=STRIPE)

    assert tally.broken == {}
    assert tally.neglected(STRIPE) == []


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str) -> None:
    found = find(seeds_for(bug, range(SEEDS)), planted(bug), among=ABOUT.get(bug, STRIPE))

    assert found is not None, f"{bug} lived through {SEEDS} worlds"


def test_a_seed_replays_to_the_same_trace_in_any_process() -> None:
    verdicts = {_replay(seed=11, hash_seed=hash_seed) for hash_seed in ("1", "2")}

    assert len(verdicts) == 1


def _replay(seed: int, hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--replay", str(seed)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_every_transaction_of_the_jobs_is_a_crash_point() -> None:
    labels = {f"{job}.finish" for job in ("push", "pull")}
    for folder in ("jobs", "store"):
        for path in (ROOT / "daemon" / folder).rglob("*.py"):
            labels |= set(re.findall(r"(?:write|_commit)\(\s*f?\"([a-z_.{}]+)\"", path.read_text()))

    unnamed = {label for label in labels if "{" not in label and not label.startswith(ELSEWHERE)}
    assert unnamed - {*TRANSACTIONS, *LIVED, *NOT_OF_A_DAEMON_AT_WORK} == set()
