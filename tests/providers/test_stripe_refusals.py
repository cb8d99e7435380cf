"""Stripe: what is refused before anything is sent, and what its answers mean."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from daemon.errors import (
    CATALOGUE,
    Garbled,
    Missing,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorised,
)
from daemon.model import Mode
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.stripe.money import from_minor, to_minor
from daemon.providers.stripe.setup import StripeCredentials
from tests.providers.stripe_script import (
    CREATE,
    Script,
    a_draft,
    a_line,
    a_payer,
    a_refusal,
    a_script,
    a_stripe,
)


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (a_draft(payer=a_payer(email=None)), "WB-CUSTOMER-EMAIL"),
        (a_draft(a_line("1000000.00")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.000", currency="IQD"), currency="IQD"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.001", currency="KWD"), currency="KWD"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.50", currency="MGA"), currency="MGA"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("-1.00")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("0.49")), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("0.29", currency="GBP"), currency="GBP"), "WB-PUSH-CURRENCY"),
        (a_draft(a_line("1.00", "0.10", tax_rate="odd")), "WB-INPUT"),
        (a_draft(*[a_line("1.00")] * 251), "WB-INPUT"),
        (a_draft(number="A" * 27), "WB-INPUT"),
        (a_draft(total=Money(1, "USD")), "WB-PUSH-TOTAL"),
    ],
)
def test_what_stripe_would_refuse_is_refused_before_anything_is_sent(draft: Any, code: str) -> None:
    script = Script()

    with pytest.raises(Rejected) as caught:
        a_stripe(script).push_one(draft, PlainJournal())

    assert caught.value.code == code and code in CATALOGUE
    assert script.calls == []


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "USD", 1250),
        ("500", "JPY", 500),
        ("500", "ISK", 50000),
        ("500", "UGX", 50000),
        ("12.00", "MGA", 12),
        ("1.230", "KWD", 1230),
        ("10.55", "HUF", 1055),
        ("10.55", "TWD", 1055),
    ],
)
def test_money_is_counted_as_stripe_counts_it(text: str, currency: str, minor: int) -> None:
    money = Money.parse(text, currency)

    assert to_minor(money) == minor
    assert from_minor(minor, currency.lower()) == money


@pytest.mark.parametrize(("amount", "currency"), [(1, "isk"), (150, "ugx"), (1, "nonsense")])
def test_an_amount_that_is_not_money_is_garbled(amount: int, currency: str) -> None:
    with pytest.raises(Garbled):
        from_minor(amount, currency)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("pk_live_abcdefghijkl", "publishable"),
        ("sk_org_live_abcdefghijkl", "organisation"),
        ("whsec_abcdefghijkl", "signing secret"),
        ("acct_1abcdefghijkl", "account's id"),
        ("sk_live_short", "looks like"),
        ("sk_test_abcdefghijk ", "looks like"),
    ],
)
def test_what_is_not_a_key_is_refused_in_words_and_not_repeated(key: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        StripeCredentials(secret_key=key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "mode"),
    [
        ("sk_live_abcdefghijk", Mode.LIVE),
        ("rk_live_abcdefghijk", Mode.LIVE),
        ("sk_test_abcdefghijk", Mode.SANDBOX),
        ("rk_test_abcdefghijk", Mode.SANDBOX),
    ],
)
def test_the_key_tells_the_mode(key: str, mode: Mode) -> None:
    credentials = StripeCredentials(secret_key=key)

    assert credentials.mode is mode
    assert key not in repr(credentials)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (a_refusal(429), Throttled),
        (a_refusal(400, code="rate_limit"), Throttled),
        (a_refusal(409, code="idempotency_key_in_use", type="idempotency_error"), Throttled),
        (a_refusal(429, code="lock_timeout"), Throttled),
        (a_refusal(401), Unauthorised),
        (a_refusal(400, code="api_key_expired"), Unauthorised),
        (a_refusal(403), Unauthorised),
        (a_refusal(404, code="resource_missing"), Missing),
        (a_refusal(400, code="parameter_unknown"), Rejected),
        (a_refusal(402, type="card_error"), Rejected),
        (a_refusal(424), OutcomeUnknown),
        (a_refusal(500), OutcomeUnknown),
        (httpx.Response(502, text="<html>"), OutcomeUnknown),
        (httpx.Response(200, text="<html>"), Garbled),
        (httpx.Response(200, text="[]"), Garbled),
        (httpx.Response(302), Garbled),
    ],
)
def test_an_answer_says_what_may_be_done_next(answer: httpx.Response, kind: type[RemoteError]) -> None:
    script = a_script(**{"POST customers": answer})

    with pytest.raises(RemoteError) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert type(caught.value) is kind
    assert caught.value.party == "Stripe"


def test_an_error_names_stripes_code_request_and_parameter() -> None:
    script = a_script(**{CREATE: a_refusal(400, "Unknown parameter", code="parameter_unknown", param="x")})

    with pytest.raises(Rejected) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    error = caught.value
    assert (error.provider_code, error.ref, error.param, error.status_code) == (
        "parameter_unknown",
        "req_9",
        "x",
        400,
    )


def test_a_key_in_stripes_words_is_not_repeated() -> None:
    script = a_script(**{CREATE: a_refusal(403, "The key rk_live_****abcd lacks rak_invoice_write")})

    with pytest.raises(Unauthorised) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert "abcd" not in str(caught.value) and "rak_invoice_write" in str(caught.value)


def test_a_key_that_stripe_saw_with_other_content_is_not_repeated_but_looked_for() -> None:
    """After a restore, the due date of the same invoice may have moved on."""
    script = a_script(**{CREATE: a_refusal(400, type="idempotency_error")})

    with pytest.raises(OutcomeUnknown) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert caught.value.replayed


def test_a_replayed_failure_is_recognised_by_its_header() -> None:
    script = a_script(**{CREATE: a_refusal(500, headers={"idempotent-replayed": "true"})})

    with pytest.raises(OutcomeUnknown) as caught:
        a_stripe(script).push_one(a_draft(), PlainJournal())

    assert caught.value.replayed


def test_a_replayed_failure_is_recognised_by_coming_twice() -> None:
    stripe, journal = a_stripe(a_script(**{CREATE: lambda call: a_refusal(500)})), PlainJournal()
    seen = []
    for _ in range(2):
        with pytest.raises(OutcomeUnknown) as caught:
            stripe.push_one(a_draft(), journal)
        seen.append(caught.value.replayed)

    assert seen == [False, True]


@pytest.mark.parametrize("body", [b'{"error": {"type": "inval', b"<html>Bad Request</html>", b"", b"[]"])
def test_a_refusal_that_is_not_in_stripes_words_refuses_nothing(body: bytes) -> None:
    script = a_script()
    script.routes[CREATE] = [httpx.Response(400, content=body)]

    with pytest.raises(Garbled):
        a_stripe(script).push_one(a_draft(), PlainJournal())
