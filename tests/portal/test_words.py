"""Every state in words: none is left out, none says that somebody owes what they do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from daemon.model import PaymentStatus, SyncState
from daemon.model.dunning import ServiceStatus
from daemon.store import links, records
from daemon.web.pages.rendering import Reader
from daemon.web.portal.words import SERVICE, WORSE, told
from tests.api.asking import Office
from tests.portal.billed import an_invoice

TODAY = date(2026, 3, 16)
READER = Reader("en_US", ZoneInfo("UTC"))
P = PaymentStatus


@pytest.fixture
def pair(office: Office) -> tuple[records.Invoice, records.Link]:
    """An invoice over $50.00 that is live there, due today."""
    row = an_invoice(office, due_in=14)
    link = replace(links.of_invoice(row.id), state=SyncState.SYNCED.value, external_id="in_1")
    return row, link


@pytest.mark.parametrize("status", PaymentStatus)
@pytest.mark.parametrize("days", [-400, -1, 0, 1, 400])
def test_every_state_has_a_word_and_a_sentence(
    pair: tuple[records.Invoice, records.Link], status: PaymentStatus, days: int
) -> None:
    row, link = pair
    at = TODAY.toordinal() - days
    said = told(replace(row, payment_status=status.value), link, READER, date.fromordinal(at))

    assert said.word and said.sentence.endswith(".") and said.kind in ("good", "warn", "bad", "note", "")
    assert said.is_owed == (status in (P.OPEN, P.PARTIALLY_PAID))


@pytest.mark.parametrize(
    ("status", "values", "word", "sentence"),
    [
        (P.OPEN, {}, "Due today", "$50.00, due today."),
        (P.OPEN, {"due_on": date(2026, 3, 15)}, "Overdue", "$50.00, due since March 15, 2026, 1 day ago."),
        (P.OPEN, {"due_on": date(2026, 3, 17)}, "To pay", "$50.00, due March 17, 2026."),
        (
            P.PARTIALLY_PAID,
            {"paid_minor": 2000, "due_minor": 3000, "due_on": date(2027, 1, 15)},
            "Part paid",
            "Part paid: $20.00 of $50.00, due January 15, 2027.",
        ),
        (
            P.PAID,
            {"paid_minor": 5000, "paid_at": datetime(2026, 3, 3, tzinfo=UTC), "payment_method": "card"},
            "Paid",
            "$50.00 was paid on March 3, 2026, by card.",
        ),
        (P.OVERPAID, {"paid_minor": 5500}, "Paid", "$55.00 was paid. That is $5.00 more than it asks."),
        (P.REFUNDED, {"refunded_minor": 5000}, "Refunded", "$50.00 was paid back. Nothing is owed."),
        (P.VOID, {}, "Cancelled", "It was withdrawn. Nothing is owed."),
        (
            P.IN_FLIGHT,
            {},
            "Payment on its way",
            "$50.00 is on its way from the bank; that can take some days.",
        ),
    ],
)
def test_what_is_said_is_plain(
    pair: tuple[records.Invoice, records.Link],
    status: PaymentStatus,
    values: dict[str, object],
    word: str,
    sentence: str,
) -> None:
    row, link = pair
    said = told(replace(row, payment_status=status.value, **values), link, READER, TODAY)

    assert (said.word, said.sentence) == (word, sentence)


@pytest.mark.parametrize("state", [one for one in SyncState if one is not SyncState.SYNCED])
def test_what_is_not_there_yet_cannot_be_paid_yet(
    pair: tuple[records.Invoice, records.Link], state: SyncState
) -> None:
    row, link = pair
    said = told(row, replace(link, state=state.value, external_id=None), READER, TODAY)

    assert said.word == "Being prepared" and not said.is_owed


def test_every_state_of_the_service_is_told() -> None:
    assert set(SERVICE) == set(ServiceStatus)
    assert set(WORSE) == {ServiceStatus.WARNED, ServiceStatus.THROTTLED, ServiceStatus.SUSPENDED}
