"""Square keeps the contract, against a double that knows nothing of the adapter; each request and each
answer is checked against Square's own API document."""

from __future__ import annotations

import pytest

from daemon.providers.contract import Bench, ProviderContract
from tests.providers.square_bench import SquareBench


class TestSquare(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return SquareBench()
