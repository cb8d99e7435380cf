"""Columns: a moment, a day and a document read the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from daemon.store import meta
from daemon.store.database import Store
from daemon.store.fields import canonical
from daemon.store.tables import Invoice, Meta
from tests.builders import Builders

MOMENTS = [
    datetime(2026, 3, 2, 9, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 2, 10, 30, tzinfo=timezone(timedelta(hours=1))),
    datetime(2026, 3, 2, 9, 30, 0, 1, tzinfo=UTC),
]


@pytest.fixture
def rows(store: Store, make: Builders) -> Iterator[dict[datetime, str]]:
    found = {moment: make.an_invoice().id for moment in MOMENTS}
    for moment, invoice_id in reversed(found.items()):
        Invoice.update(paid_at=moment).where(Invoice.id == invoice_id).execute()
    yield found


def test_moments_are_kept_to_the_microsecond_aware_and_in_utc(rows: dict[datetime, str]) -> None:
    for moment, invoice_id in rows.items():
        there = Invoice.get_by_id(invoice_id).paid_at
        assert there == moment
        assert there.tzinfo is UTC


def test_moments_sort_as_they_happened(rows: dict[datetime, str]) -> None:
    ordered = [row.paid_at for row in Invoice.select(Invoice.paid_at).order_by(Invoice.paid_at)]

    assert ordered == sorted(MOMENTS)
    assert Invoice.select().where(Invoice.paid_at <= MOMENTS[1]).count() == 2


def test_a_naive_moment_is_refused(make: Builders) -> None:
    invoice = make.an_invoice()

    with pytest.raises(ValueError, match="naive"):
        Invoice.update(paid_at=datetime(2026, 3, 2, 9)).where(Invoice.id == invoice.id).execute()


def test_a_day_is_a_day(make: Builders) -> None:
    invoice = make.an_invoice(due_on=date(2026, 12, 31))

    assert invoice.due_on == date(2026, 12, 31)


def test_documents_are_stored_as_one_text_for_one_value(store: Store) -> None:
    store.write("test", lambda: meta.put("a", {"b": [1, None, "ü"], "a": {"d": True, "c": 1.5}}))

    assert meta.get("a") == {"a": {"c": 1.5, "d": True}, "b": [1, None, "ü"]}
    (text,) = store.db.execute_sql("SELECT value FROM meta WHERE key = 'a'").fetchone()
    assert text == '{"a":{"c":1.5,"d":true},"b":[1,null,"ü"]}' == canonical(meta.get("a"))


def test_a_fact_about_the_database_can_be_replaced_and_dropped(store: Store) -> None:
    store.write("test", lambda: meta.put("a", 1))
    store.write("test", lambda: meta.put("a", 2))

    assert (meta.get("a"), meta.get("b", 7), Meta.select().count()) == (2, 7, 1)
    assert store.write("test", lambda: meta.drop("a"))
    assert not store.write("test", lambda: meta.drop("a"))
