"""Stripe, what changed: nothing is missed, and an idle poll costs one request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from daemon.clock import from_unix
from daemon.errors import CursorLost
from tests.providers.stripe_script import (
    DATE,
    OUR_KEY,
    T0,
    Script,
    a_list,
    a_refusal,
    a_stripe,
    an_event,
    an_invoice,
)

NOW = T0
SINCE = {"since": NOW - 300}


def feed(*pages: Any, **routes: Any) -> Script:
    return Script({"GET events": list(pages)} | routes)


def test_a_first_look_starts_from_now_on() -> None:
    script = feed(a_list(an_event("evt_1", "invoice.paid", an_invoice())))

    changes = a_stripe(script).changed(None)

    assert (changes.cursor, changes.hints, changes.more) == (SINCE, (), False)
    assert len(script.calls) == 1


def test_a_first_look_without_a_date_starts_at_the_newest_event() -> None:
    page = httpx.Response(200, json=a_list(an_event("evt_1", "invoice.paid", an_invoice(), at=T0 - 50)))

    assert a_stripe(feed(page)).changed(None).cursor == {"since": T0 - 350}


def test_what_happens_first_in_a_silent_account_is_not_missed() -> None:
    silent = httpx.Response(200, json=a_list())
    first = httpx.Response(200, json=a_list(an_event("evt_1", "invoice.paid", an_invoice())))
    stripe = a_stripe(feed(silent, first))

    changes = stripe.changed(stripe.changed(None).cursor)

    assert [hint.ref for hint in changes.hints] == ["in_1"]


def test_an_event_points_at_its_invoice() -> None:
    things = [
        an_event("evt_1", "invoice.paid", {"id": "in_1", "object": "invoice"}),
        an_event("evt_2", "invoice_payment.paid", {"object": "invoice_payment", "invoice": "in_2"}),
        an_event("evt_3", "credit_note.created", {"object": "credit_note", "invoice": {"id": "in_3"}}),
    ]
    changes = a_stripe(feed(a_list(*things))).changed(SINCE)

    assert [(hint.event_id, hint.ref) for hint in changes.hints] == [
        ("evt_1", "in_1"),
        ("evt_2", "in_2"),
        ("evt_3", "in_3"),
    ]
    assert (changes.hints[0].at, changes.hints[0].kind) == (from_unix(T0), "invoice.paid")


def test_a_payments_invoice_is_looked_up_once() -> None:
    things = [
        an_event("evt_1", "charge.dispute.created", {"object": "dispute", "payment_intent": "pi_1"}),
        an_event("evt_2", "refund.created", {"object": "refund", "payment_intent": "pi_1"}),
        an_event("evt_3", "payment_intent.processing", {"object": "payment_intent", "id": "pi_2"}),
    ]
    script = feed(
        a_list(*things),
        **{"GET invoice_payments": [a_list({"id": "inpay_1", "invoice": "in_1"}), a_list()]},
    )
    stripe = a_stripe(script)

    changes = stripe.changed(SINCE)
    # Not under the event's own id, which its webhook, a hint without a ref, may have taken.
    found = [("evt_1:in_1", "in_1"), ("evt_2:in_1", "in_1")]
    assert [(hint.event_id, hint.ref) for hint in changes.hints] == found
    assert len(script.calls) == 3

    stripe.changed(changes.cursor)
    assert len(script.calls) == 4


def test_our_own_echo_is_no_change_but_a_payment_is() -> None:
    things = [
        an_event("evt_1", "invoice.updated", an_invoice(), key=OUR_KEY),
        an_event("evt_2", "invoice.paid", an_invoice("in_2"), key=OUR_KEY),
        an_event("evt_3", "invoice.updated", an_invoice("in_3"), key="0aa1-somebody-else"),
    ]
    hints = a_stripe(feed(a_list(*things))).changed(SINCE).hints

    assert [hint.event_id for hint in hints] == ["evt_2", "evt_3"]


def test_the_mark_moves_only_when_every_page_was_read() -> None:
    later = {"date": "Mon, 02 Mar 2026 09:10:00 GMT"}
    first = a_list(an_event("evt_2", "invoice.paid", an_invoice("in_2")), more=True)
    second = httpx.Response(200, json=a_list(an_event("evt_1", "invoice.paid", an_invoice())), headers=later)
    script = feed(first, second)
    stripe = a_stripe(script)

    one = stripe.changed({"since": NOW - 900})
    assert (one.more, one.cursor["since"], one.cursor["after"]) == (True, NOW - 900, "evt_2")

    two = stripe.changed(one.cursor)
    assert script.calls[1].params["starting_after"] == "evt_2"
    assert script.calls[1].params["created"] == {"gte": str(NOW - 900)}
    assert (two.more, two.cursor) == (False, {"since": NOW - 300})


def test_an_idle_poll_costs_one_request_and_moves_with_stripes_clock() -> None:
    script = feed(a_list())

    changes = a_stripe(script).changed({"since": NOW - 4000})

    assert (len(script.calls), changes.cursor) == (1, SINCE)


def test_the_mark_never_goes_back() -> None:
    assert a_stripe(feed(a_list())).changed({"since": NOW + 60}).cursor == {"since": NOW + 60}


def test_without_a_date_the_mark_follows_the_newest_event() -> None:
    page = httpx.Response(200, json=a_list(an_event("evt_1", "invoice.paid", an_invoice(), at=T0)))

    assert a_stripe(feed(page)).changed({"since": T0 - 1000}).cursor == {"since": T0 - 300}


@pytest.mark.parametrize(
    ("cursor", "page"),
    [
        ({"since": NOW - 26 * 86400}, a_list()),
        ({"since": NOW - 60, "after": "evt_old"}, a_refusal(400, code="resource_missing")),
        ({"since": NOW - 60, "after": "evt_old"}, a_refusal(404, code="resource_missing")),
        ({"from": 1}, a_list()),
    ],
)
def test_events_that_are_gone_lose_the_cursor(cursor: dict[str, Any], page: Any) -> None:
    with pytest.raises(CursorLost):
        a_stripe(feed(page)).changed(cursor)


def test_a_poll_names_at_most_twenty_kinds() -> None:
    script = feed(a_list())
    a_stripe(script).changed(SINCE)

    assert len(script.calls[0].params["types"]) <= 20
    assert script.calls[0].params["limit"] == "100"


def test_the_scripts_clock_agrees_with_its_dates() -> None:
    assert from_unix(T0) == datetime(2026, 3, 2, 8, 0, tzinfo=UTC) + timedelta(hours=1)
    assert DATE["date"].endswith("09:00:00 GMT")
