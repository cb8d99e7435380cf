"""Hints: a repeat is harmless, and none is lost before it was used."""

from __future__ import annotations

import pytest

from daemon.model import Hint
from daemon.store import hints, records
from daemon.store.database import Store
from tests.builders import Builders


@pytest.fixture
def integration(make: Builders) -> records.Integration:
    return make.an_integration()


def note(store: Store, integration: records.Integration, *found: Hint) -> int:
    now = store.clock.now()
    return store.write(
        "test", lambda: hints.note(integration.tenant_id, integration.id, found, source="webhook", now=now)
    )


def test_the_same_event_counts_once(store: Store, integration: records.Integration) -> None:
    assert note(store, integration, Hint("evt_1", "inv_1"), Hint("evt_2", "inv_1")) == 2
    assert note(store, integration, Hint("evt_2", "inv_1"), Hint("evt_3", None)) == 1

    assert [hint.event_id for hint in hints.waiting(integration.id, limit=10)] == ["evt_1", "evt_2", "evt_3"]


def test_the_same_event_id_at_another_account_is_another_event(store: Store, make: Builders) -> None:
    one, other = make.an_integration(), make.an_integration()

    assert note(store, one, Hint("evt_1", "inv_1")) == 1
    assert note(store, other, Hint("evt_1", "inv_1")) == 1
    assert hints.count_waiting(one.id) == 1
    assert hints.count_waiting() == 2


def test_a_used_hint_waits_no_more_and_its_repeat_does_not_wake_it(
    store: Store, integration: records.Integration
) -> None:
    note(store, integration, Hint("evt_1", "inv_1"))
    (waiting,) = hints.waiting(integration.id, limit=10)
    store.write("test", lambda: hints.used([waiting.id], store.clock.now()))

    assert note(store, integration, Hint("evt_1", "inv_1")) == 0
    assert hints.waiting(integration.id, limit=10) == []

    assert store.write("test", lambda: hints.reuse(waiting.id))
    assert hints.count_waiting(integration.id) == 1


def test_many_hints_are_stored_and_used_in_one_go(store: Store, integration: records.Integration) -> None:
    many = [Hint(f"evt_{n}", f"inv_{n}") for n in range(1200)]

    assert note(store, integration, *many) == 1200
    ids = [hint.id for hint in hints.waiting(integration.id, limit=5000)]
    store.write("test", lambda: hints.used(ids, store.clock.now()))

    assert hints.count_waiting(integration.id) == 0


def test_what_a_webhook_left_unnamed_waits_again_once_the_feed_names_it(
    store: Store, integration: records.Integration
) -> None:
    note(store, integration, Hint("evt_1", None))
    (unnamed,) = hints.waiting(integration.id, limit=10)
    store.write("test", lambda: hints.used([unnamed.id], store.clock.now()))

    assert note(store, integration, Hint("evt_1", "inv_1")) == 1
    assert [hint.ref for hint in hints.waiting(integration.id, limit=10)] == ["inv_1"]
    assert note(store, integration, Hint("evt_1", None)) == 0
