"""Addresses of customers: of IPv6 only what is globally routed today."""

from __future__ import annotations

import pytest

from daemon.wire.public import is_public


@pytest.mark.parametrize(
    "address",
    [
        "fec0::1",  # site-local, withdrawn and still used
        "3fff::1",  # documentation (RFC 9637)
        "5f00::1",  # segment routing (RFC 9602)
        "1000::1",
        "::ffff:0:10.0.0.1",  # IPv4-translated (RFC 2765)
    ],
)
def test_what_lies_outside_of_global_unicast_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808"])
def test_what_is_routed_globally_is_taken(address: str) -> None:
    assert is_public(address)
