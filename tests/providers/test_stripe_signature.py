"""Stripe's signature: nothing but Stripe, and nothing old, can point at an invoice."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import from_unix
from daemon.errors import HintRejected
from daemon.model import Delivery
from daemon.providers.stripe.hints import read_hints, verify
from tests.providers.stripe_script import OUR_KEY, T0, an_event, an_invoice

SECRET, OLD = "whsec_current0000000000", "whsec_previous000000000"
NOW = from_unix(T0)


def sign(body: bytes, secret: str = SECRET, at: int = T0) -> str:
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def a_delivery(thing: Any, header: str | None = None, *, secrets: tuple[str, ...] = (SECRET,)) -> Delivery:
    body = thing if isinstance(thing, bytes) else json.dumps(thing).encode()
    headers = {"stripe-signature": sign(body) if header is None else header}
    return Delivery(body, headers, "https://wisp.example/hook", secrets, NOW)


def test_a_signed_event_points_at_its_invoice() -> None:
    (hint,) = read_hints(a_delivery(an_event("evt_1", "invoice.paid", an_invoice())))

    assert (hint.event_id, hint.ref, hint.at, hint.kind) == ("evt_1", "in_1", NOW, "invoice.paid")


@pytest.mark.parametrize(
    "event",
    [
        an_event("evt_1", "charge.dispute.created", {"object": "dispute", "payment_intent": "pi_1"}),
        {"id": "evt_1", "object": "v2.core.event", "type": "v1.invoice.paid"},
    ],
)
def test_what_names_no_invoice_means_look_at_everything_that_changed(event: dict[str, Any]) -> None:
    (hint,) = read_hints(a_delivery(event))

    assert (hint.event_id, hint.ref) == ("evt_1", None)


@pytest.mark.parametrize(
    "event",
    [
        an_event("evt_1", "invoice.sent", an_invoice(), key=OUR_KEY),
        an_event("evt_1", "product.created", {"object": "product"}),
    ],
)
def test_our_echo_and_what_changes_no_debt_point_at_nothing(event: dict[str, Any]) -> None:
    assert read_hints(a_delivery(event)) == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        f"t={T0}",
        f"v1={'0' * 64}",
        f"t={T0},v1={'0' * 64}",
        f"t={T0},v0=" + sign(b"{}").partition("v1=")[2],
        f"t={T0},t={T0}," + sign(b"{}").partition(",")[2],
        f"t=\u0661,v1={'0' * 64}",
        sign(b"{}", at=T0 - 301),
        sign(b"{}", at=T0 + 301),
        sign(b"{}", OLD),
        sign(b"{ }"),
    ],
)
def test_a_signature_that_does_not_fit_is_rejected(header: str) -> None:
    with pytest.raises(HintRejected):
        verify(b"{}", header, [SECRET], NOW)


@pytest.mark.parametrize("at", [T0 - 300, T0, T0 + 300])
def test_five_minutes_either_way_are_tolerated(at: int) -> None:
    verify(b"{}", sign(b"{}", at=at), [SECRET], NOW)


def test_either_secret_fits_while_one_is_being_rolled() -> None:
    both = sign(b"{}", OLD) + "," + sign(b"{}").partition(",")[2]
    verify(b"{}", both, [SECRET], NOW)
    verify(b"{}", sign(b"{}", OLD), [SECRET, OLD], NOW)


def test_without_a_secret_nothing_is_accepted() -> None:
    with pytest.raises(HintRejected):
        verify(b"{}", sign(b"{}"), [], NOW)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"id": 1}', b'{"id": "evt_1"}', b"\xff"])
def test_a_signed_body_that_is_no_event_is_rejected(body: bytes) -> None:
    with pytest.raises(HintRejected):
        read_hints(a_delivery(body))


@given(body=st.binary(max_size=300), drift=st.integers(-300, 300))
def test_it_agrees_with_stripes_own_verifier(body: bytes, drift: int) -> None:
    header = sign(body, at=T0 - drift)
    verify(body, header, [SECRET], NOW)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    assert stripe.WebhookSignature.verify_header(text, header, SECRET)


@given(body=st.binary(min_size=1, max_size=300), place=st.integers(0, 299), bit=st.integers(0, 7))
def test_one_changed_bit_is_enough(body: bytes, place: int, bit: int) -> None:
    changed = bytearray(body)
    changed[place % len(body)] ^= 1 << bit
    with pytest.raises(HintRejected):
        verify(bytes(changed), sign(body), [SECRET], NOW)


@given(header=st.text(max_size=200))
def test_no_header_however_strange_does_more_than_be_rejected(header: str) -> None:
    with pytest.raises(HintRejected):
        verify(b"{}", header, [SECRET], NOW + timedelta(seconds=1))
