"""Runs a job at one integration, as a worker of the scheduler does."""

from __future__ import annotations

from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.visit import Tally, visit
from daemon.store import integrations, records


def run_push(house: House, integration: records.Integration) -> Tally:
    return _ran(visit(house, integration.id, "push", push))


def run_pull(house: House, integration: records.Integration) -> Tally:
    return _ran(visit(house, integration.id, "pull", pull))


def push_all_due(house: House) -> list[str]:
    """What a tick does: every integration that has something to send is visited."""
    due = integrations.due_for_push(house.clock.now())
    for integration_id in due:
        visit(house, integration_id, "push", push)
    return due


def state_of(integration: records.Integration) -> str:
    return integrations.get(None, integration.id).state


def _ran(tally: Tally | None) -> Tally:
    assert tally is not None, "nobody worked: the integration is leased, or does not run"
    return tally
