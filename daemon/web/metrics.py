"""The Prometheus page: counts by state, ages, outcomes. Ids of integrations, no names, no amounts."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from daemon import __version__
from daemon.house import House
from daemon.model import RUNNING, IntegrationState, PaymentStatus, SyncState
from daemon.model.differences import Kind
from daemon.store import differences, grants, hints, integrations, invoices, links, records, runs, sweeps
from daemon.web.outcomes import Outcomes

RUNS_WITHIN = timedelta(hours=1)


class HouseCollector(Collector):
    """Ten queries a scrape, whatever the number of tenants."""

    def __init__(self, house: House, outcomes: Outcomes) -> None:
        self._house = house
        self._outcomes = outcomes

    def collect(self) -> Iterator[Metric]:
        now = self._house.clock.now()
        yield _by("build_info", "The version that runs.", "version", {__version__: 1})
        yield from _memory()
        outcomes = CounterMetricFamily(
            "wispbill_webhooks", "Webhooks since the start, by outcome.", labels=["outcome"]
        )
        for outcome, count in sorted(self._outcomes.counts().items()):
            outcomes.add_metric([outcome], count)
        yield outcomes
        with self._house.store.session():
            yield from _states()
            yield from _waiting(now)
            yield from _runs(now)
            yield from _differences(now)


def page(house: House, outcomes: Outcomes) -> bytes:
    """The text format; raises StoreError where the database cannot be read."""
    registry = CollectorRegistry()
    registry.register(HouseCollector(house, outcomes))
    return generate_latest(registry)


def _states() -> Iterator[Metric]:
    yield _by("links", "Links by sync state.", "state", _all(SyncState) | links.count_by_state())
    statuses = _all(PaymentStatus) | invoices.count_by_status()
    yield _by("invoices", "Invoices by payment status.", "status", statuses)


def _waiting(now: datetime) -> Iterator[Metric]:
    waiting, oldest = hints.backlog()
    age_s = (now - oldest).total_seconds() if oldest else 0
    yield GaugeMetricFamily("wispbill_hints_waiting", "Hints not used yet.", value=waiting)
    yield GaugeMetricFamily("wispbill_hints_oldest_age_seconds", "Age of the oldest such hint.", value=age_s)
    there = integrations.listing()
    counts: dict[str, float] = _all(IntegrationState)
    for row in there:
        counts[row.state] += 1
    yield _by("integrations", "Integrations by state, without removed ones.", "state", counts)
    yield _poll_ages(there, now)
    yield _consent_ends(there, now)


def _poll_ages(there: list[records.Integration], now: datetime) -> Metric:
    ages = {
        row.id: (now - (row.polled_at or row.created_at)).total_seconds()
        for row in there
        if row.state in RUNNING
    }
    words = "Seconds since an integration was polled (or was added)."
    return _by("integration_poll_age_seconds", words, "integration", ages)


def _consent_ends(there: list[records.Integration], now: datetime) -> Metric:
    kept = grants.by_ids({row.grant_id for row in there if row.grant_id})
    ends = {row.id: grants.ends_at(kept[row.grant_id]) for row in there if row.grant_id in kept}
    left = {name: max(0.0, (at - now).total_seconds()) for name, at in ends.items() if at is not None}
    words = "Seconds until an integration's consent ends, unless its tokens are refreshed before."
    return _by("consent_ends_seconds", words, "integration", left)


def _runs(now: datetime) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "wispbill_job_runs", "Job runs that ended within the last hour, by fault.", labels=["job", "fault"]
    )
    for (job, fault), count in sorted(runs.count_since(now - RUNS_WITHIN).items()):
        family.add_metric([job, fault or "none"], count)
    yield family


def _differences(now: datetime) -> Iterator[Metric]:
    """Zero for each class, so that a series never vanishes."""
    totals = dict.fromkeys((kind.value for kind in Kind), (0, 0)) | differences.totals()
    found = CounterMetricFamily(
        "wispbill_differences", "Differences between both books ever found, by class.", labels=["class"]
    )
    for kind, (times, _waiting) in sorted(totals.items()):
        found.add_metric([kind], times)
    yield found
    waiting = {kind: float(left) for kind, (_times, left) in totals.items()}
    yield _by("differences_waiting", "Differences that wait for a person, by class.", "class", waiting)
    running = [row.id for row in integrations.listing() if row.state in RUNNING]
    proven = {name: row.proven_at for name, row in sweeps.of_all(running).items()}
    ages = {name: (now - at).total_seconds() for name, at in proven.items() if at is not None}
    words = "Seconds since an integration's books were proven equal to ours."
    yield _by("proven_equal_age_seconds", words, "integration", ages)


def _memory() -> Iterator[Metric]:
    """prometheus_client's own collector reads /proc/stat too, which a hardened unit hides, and then says
    nothing at all."""
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        yield GaugeMetricFamily(
            "process_resident_memory_bytes", "Resident memory.", value=pages * resource.getpagesize()
        )


def _by(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"wispbill_{name}", words, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family


def _all(states: type[SyncState] | type[PaymentStatus] | type[IntegrationState]) -> dict[str, float]:
    """Zero for each, so that a series never vanishes."""
    return dict.fromkeys((str(state.value) for state in states), 0.0)
