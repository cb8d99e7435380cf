"""QuickBooks keeps the contract, against a double that knows nothing of the adapter."""

from __future__ import annotations

import pytest

from daemon.providers.contract import Bench, ProviderContract
from tests.providers.quickbooks_bench import QuickBooksBench


class TestQuickBooks(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return QuickBooksBench()
