"""Xero keeps the contract, against a double that takes the stricter reading of every open question; and
against one that takes the other."""

from __future__ import annotations

import pytest

from daemon.providers.contract import Bench, ProviderContract
from tests.providers.xero_bench import XeroBench


class TestXero(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return XeroBench()


class TestXeroOtherwise(ProviderContract):
    """Payments move an invoice's time, a number is free again, filters take an OR, tax amounts are ours."""

    @pytest.fixture
    def bench(self) -> Bench:
        return XeroBench(touched_by_payments=True, reuses_numbers=True, or_filters=True)
