"""Signatures: the published vectors, another implementation as judge, and junk that never breaks us."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from daemon.clock import from_unix
from daemon.errors import HintRejected
from daemon.providers.custom_webhook.signing import Signature, standard_key, verify_standard
from tests.providers.custom_webhook_bench import CURRENT, PREVIOUS, CustomBench
from tests.specs import NO_SPECS, SPECS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = b'{"type":"invoice.status","data":{"invoice":"inv_1"}}'


def vectors() -> dict[str, Any]:
    if SPECS is None:
        pytest.skip(NO_SPECS)
    text = (SPECS / "webhook_signature_vectors.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)["standard_webhooks"]
    return document


def signed(body: bytes = BODY, at: datetime = NOW, *secrets: str, **profile: Any) -> dict[str, str]:
    return Signature(**profile).headers("msg_1", at, body, secrets or (CURRENT,))


def test_the_published_vectors_are_what_we_sign() -> None:
    found = vectors()
    both = (found["secret_current"], found["secret_previous"])
    for row in found["vectors"]:
        at, body = from_unix(int(row["webhook-timestamp"])), row["body"].encode()
        assert len(body) == row["body_bytes"]
        one = Signature().headers(row["webhook-id"], at, body, both[:1])
        two = Signature().headers(row["webhook-id"], at, body, both)
        assert one["webhook-signature"] == row["signature_current"]
        assert two["webhook-signature"] == row["webhook-signature_during_rotation"]
        assert verify_standard(body, two, both[1:], at) == row["webhook-id"]


def test_the_example_of_the_specification_is_what_we_sign() -> None:
    row = vectors()["spec_example"]
    at = from_unix(int(row["webhook-timestamp"]))
    made = Signature().headers(row["webhook-id"], at, row["body"].encode(), (row["secret"],))
    assert made["webhook-signature"] == row["signature"]


def test_what_must_fail_fails() -> None:
    found = vectors()
    for row in found["must_fail"]:
        with pytest.raises(HintRejected):
            verify_standard(
                row["body"].encode(),
                row,
                (found["secret_current"],),
                from_unix(int(row["webhook-timestamp"])),
            )


@given(st.binary(max_size=300), st.binary(min_size=24, max_size=64))
def test_another_implementation_signs_as_we_do(body: bytes, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    text = body.decode("latin-1")
    made = Signature().headers("msg_1", NOW, text.encode(), (secret,))
    assert made["webhook-signature"] == Webhook(secret).sign("msg_1", NOW, text)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_junk_is_rejected_and_nothing_else_is_raised(headers: dict[str, str]) -> None:
    with pytest.raises(HintRejected):
        verify_standard(b"\xff\x00", headers, (CURRENT,), NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": " 1795348800"},
        {"webhook-timestamp": "١٧٩٥٣٤٨٨٠٠"},
        {"webhook-id": "msg.1"},
        {"webhook-id": ""},
        {"webhook-id": "a" * 129},
        {"webhook-signature": ""},
        {"webhook-signature": "v1a,AAAA"},
        {"webhook-signature": "v1,ä"},
    ],
)
def test_one_header_of_another_form_is_rejected(changed: dict[str, str]) -> None:
    with pytest.raises(HintRejected):
        verify_standard(BODY, signed() | changed, (CURRENT,), NOW)


@pytest.mark.parametrize(("off_s", "fits"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_five_minutes_are_allowed_either_way(off_s: int, fits: bool) -> None:
    headers = signed(BODY, NOW + timedelta(seconds=off_s))
    if fits:
        assert verify_standard(BODY, headers, (CURRENT,), NOW) == "msg_1"
    else:
        with pytest.raises(HintRejected, match="301"):
            verify_standard(BODY, headers, (CURRENT,), NOW)


def test_a_time_of_another_zone_signs_the_same_moment() -> None:
    from zoneinfo import ZoneInfo

    assert signed(BODY, NOW.astimezone(ZoneInfo("Asia/Tokyo"))) == signed(BODY, NOW)


def test_only_eight_entries_are_looked_at() -> None:
    headers = signed()
    right = headers["webhook-signature"]
    verify_standard(BODY, headers | {"webhook-signature": "v1,x " * 7 + right}, (CURRENT,), NOW)
    with pytest.raises(HintRejected):
        verify_standard(BODY, headers | {"webhook-signature": "v1,x " * 8 + right}, (CURRENT,), NOW)


def test_during_a_rotation_both_secrets_sign_and_either_is_enough() -> None:
    headers = signed(BODY, NOW, CURRENT, PREVIOUS)
    for secret in (CURRENT, PREVIOUS):
        assert verify_standard(BODY, headers, (secret,), NOW) == "msg_1"


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_!!!", "whsec_" + "A" * 20, "whsec_" + "A" * 100, "no", CURRENT[6:]]
)
def test_a_secret_of_another_form_is_told_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and base64") as caught:
        standard_key(secret)
    assert len(secret) < 7 or secret not in str(caught.value)


# --- plain hmac ---------------------------------------------------------------------------------------

PLAIN = "a-plain-secret-0001"


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_plain_hmac_is_over_the_body_in_the_header_of_their_choice(encoding: str, prefix: str) -> None:
    profile = {"profile": "hmac", "header": "X-Hub-Signature", "encoding": encoding, "prefix": prefix}
    digest = hmac.new(PLAIN.encode(), BODY, hashlib.sha256).digest()
    expected = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()

    headers = signed(BODY, NOW, PLAIN, **profile)

    assert headers["x-hub-signature"] == prefix + expected
    assert Signature(**profile).verify(BODY, headers, ("another-secret-01", PLAIN), NOW)
    for body, secrets in ((BODY + b" ", (PLAIN,)), (BODY, ("another-secret-01",)), (BODY, ("",)), (BODY, ())):
        with pytest.raises(HintRejected):
            Signature(**profile).verify(body, headers, secrets, NOW)


def test_a_replay_of_a_plain_hmac_is_the_same_event_for_an_hour() -> None:
    """Later the same words may be about another change, which must not pass for a repeat."""
    profile = Signature(profile="hmac")
    headers = profile.headers("msg_1", NOW, BODY, (PLAIN,))

    first = profile.verify(BODY, headers, (PLAIN,), NOW)

    assert first == profile.verify(BODY, headers, (PLAIN,), NOW + timedelta(minutes=59))
    assert first != profile.verify(BODY, headers, (PLAIN,), NOW + timedelta(minutes=60))
    other = BODY + b" "
    assert first != profile.verify(other, profile.headers("m", NOW, other, (PLAIN,)), (PLAIN,), NOW)


def test_where_hints_are_not_signed_none_is_taken() -> None:
    with pytest.raises(HintRejected):
        Signature(profile="none").verify(BODY, {}, (CURRENT,), NOW)


# --- hints --------------------------------------------------------------------------------------------


def test_a_hint_names_an_invoice_and_carries_no_money() -> None:
    bench = CustomBench()
    ref = bench.account.add(
        reference="WB-X", number="1", customer="c", currency="USD", total=4500, due="2026-04-01"
    ).id
    bench.account.pay(ref, 1500)
    delivery = bench.delivery(ref)
    assert b"999999.99" in delivery.body

    (hint,) = bench.adapter().read_hints(delivery)

    assert (hint.ref, hint.event_id) == (ref, delivery.headers["webhook-id"])
    assert "999999" not in repr(hint)


@pytest.mark.parametrize("path", [None, "data.nothing", "data"])
def test_a_hint_that_names_nothing_readable_means_everything(path: str | None) -> None:
    bench = CustomBench()
    ref = bench.account.add(
        reference="WB-X", number="1", customer="c", currency="USD", total=4500, due="2026-04-01"
    ).id
    bench.account.pay(ref)

    (hint,) = bench.adapter(hint_path=path).read_hints(bench.delivery(ref))

    assert hint.ref is None
