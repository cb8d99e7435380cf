"""PayPal keeps the contract, against a double that knows nothing of the adapter."""

from __future__ import annotations

import pytest

from daemon.providers.contract import Bench, ProviderContract
from tests.providers.paypal_bench import PayPalBench


class TestPayPal(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return PayPalBench()
