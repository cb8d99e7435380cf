"""A month's calls under an app are added up, whoever adds them."""

from __future__ import annotations

from daemon.store import apps, usage
from daemon.store.database import Store


def an_app(store: Store) -> str:
    return store.write(
        "test",
        lambda: apps.add(
            provider="memory",
            mode="sandbox",
            client_id="client-1",
            redirect_uri="https://billing.example.com/oauth",
            label="",
            actor="test",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    ).id


def test_calls_of_a_month_add_up_and_the_totals_come_back(store: Store) -> None:
    app_id = an_app(store)
    march, april = ("reads", "2026-03"), ("reads", "2026-04")

    store.write("test", lambda: usage.add(app_id, {march: 3}))
    totals = store.write("test", lambda: usage.add(app_id, {march: 4, april: 1}))

    assert totals == {march: 7, april: 1}
    assert usage.of(app_id, "2026-03") == {march: 7}
    assert store.write("test", lambda: usage.add(app_id, {})) == {}
