"""Ids are sortable and unguessable; keys and references are computed, so a restore repeats them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.clock import EPOCH, SystemEntropy
from daemon.model import ids

names = st.text(max_size=20)
sends = st.fixed_dictionaries(
    {
        "tenant": names,
        "reference": names,
        "account": names,
        "operation": names,
        "revision": st.integers(0, 9),
        "send_no": st.integers(0, 9),
    }
)
moments = st.integers(0, 2**47).map(lambda ms: EPOCH + timedelta(milliseconds=min(ms, 250_000_000_000_000)))


class Fixed:
    def __init__(self, byte: int) -> None:
        self._byte = byte

    def bytes(self, count: int) -> bytes:
        return bytes([self._byte]) * count

    def fraction(self) -> float:
        return 0.0


@given(prefix=st.sampled_from([ids.TENANT, ids.CUSTOMER, ids.INTEGRATION, ids.INVOICE]), now=moments)
def test_an_id_is_its_prefix_and_26_characters_without_lookalikes(prefix, now):
    assert re.fullmatch(prefix + "_[0-9a-hjkmnp-tv-z]{26}", ids.new_id(prefix, now, SystemEntropy()))


@given(earlier=moments, apart_ms=st.integers(1, 10**9))
def test_a_later_id_sorts_behind_an_earlier_one_whatever_chance_says(earlier, apart_ms):
    later = earlier + timedelta(milliseconds=apart_ms)

    assert ids.new_id("wbi", earlier, Fixed(255)) < ids.new_id("wbi", later, Fixed(0))


def test_ids_of_one_moment_differ_by_chance_alone():
    assert len({ids.new_id("wbi", EPOCH, SystemEntropy()) for _ in range(1000)}) == 1000
    assert ids.new_id("wbi", EPOCH, Fixed(7)) == ids.new_id("wbi", EPOCH, Fixed(7))


@given(send=sends)
def test_a_key_is_the_same_each_time_it_is_computed(send):
    key = ids.step_key(**send)

    assert key == ids.step_key(**send)
    assert ids.is_our_key(key)


@given(one=sends, other=sends)
def test_different_sends_have_different_keys(one, other):
    assume(one != other)
    assert ids.step_key(**one) != ids.step_key(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a|b", "c"), ("a", "b|c")), (("a\\", "b"), ("a", "\\b")), (("a\\|", "b"), ("a\\", "|b"))],
)
def test_no_name_can_pose_as_two(one, other):
    def key(names: tuple[str, str]) -> str:
        return ids.step_key(
            tenant=names[0], reference=names[1], account="x", operation="create", revision=0, send_no=0
        )

    assert key(one) != key(other)


def test_keys_and_references_never_change_between_versions():
    """They stand at the providers: another value would push every open invoice a second time."""
    send = {"tenant": "tenant", "reference": "INV-1", "account": "acct_1", "operation": "invoice"}

    assert ids.step_key(**send, revision=0, send_no=0) == "JQYTLJFZIMDPDXRYQWBQRX4VE6SFY6DD"
    assert ids.our_reference(**send) == "WB-JQYTLJFZIMDPDXRY"


@given(send=sends)
def test_a_reference_begins_with_wb_and_follows_from_the_first_key(send):
    first = {**send, "revision": 0, "send_no": 0}
    names = {name: send[name] for name in ("tenant", "reference", "account", "operation")}
    reference = ids.our_reference(**names)

    assert reference == "WB-" + ids.step_key(**first)[:16]
    assert ids.is_our_reference(reference)


@pytest.mark.parametrize(
    "text", ["", "WB-", "WB-ABCDEFGHIJKLMNO1", "wb-abcdefghijklmnop", None, 7, "xWB-" + "A" * 16]
)
def test_other_texts_are_not_taken_for_a_reference_of_ours(text):
    assert not ids.is_our_reference(text)


@pytest.mark.parametrize("text", ["", "A" * 31, "A" * 33, "a" * 32, "A" * 31 + "1", None])
def test_other_texts_are_not_taken_for_a_key_of_ours(text):
    assert not ids.is_our_key(text)
