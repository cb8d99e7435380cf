"""The registry: what can be connected, loaded only when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

import daemon.providers as registry
from daemon.errors import InvalidInput
from daemon.providers import names, provider_class
from daemon.providers.base import Provider


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages besides ours: a provider, and something that is none."""
    entries = {
        "memory": EntryPoint("memory", "daemon.providers.memory:Memory", registry.GROUP),
        "broken": EntryPoint("broken", "json:dumps", registry.GROUP),
    }
    monkeypatch.setattr(registry, "_others", lambda: entries)
    provider_class.cache_clear()


def test_a_built_in_provider_is_found_by_name() -> None:
    assert provider_class("stripe").label == "Stripe"
    assert issubclass(provider_class("stripe"), Provider)


def test_an_installed_package_adds_its_provider(installed: None) -> None:
    assert names()[0] == "stripe" and names()[-2:] == ("broken", "memory")
    assert provider_class("memory").label == "Memory"


def test_what_is_no_provider_is_refused(installed: None) -> None:
    with pytest.raises(InvalidInput) as caught:
        provider_class("broken")
    assert caught.value.code == "WB-CONFIG"


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(InvalidInput, match="there is: stripe") as caught:
        provider_class("strype")
    assert caught.value.code == "WB-NOT-FOUND"


def test_neither_an_sdk_nor_a_client_is_loaded_before_it_is_needed() -> None:
    code = "import daemon.providers.base, sys; print(*(name in sys.modules for name in ('stripe', 'httpx')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
