"""A customer's own system keeps the contract, as JSON and as XML, against a double that knows nothing of the
adapter."""

from __future__ import annotations

import pytest

from daemon.providers.contract import Bench, ProviderContract
from tests.providers.custom_webhook_bench import CustomBench, xml_settings


class TestJson(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return CustomBench()


class TestXml(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return CustomBench(xml_settings(), format="xml")
