"""Settings: TOML with the environment above it; frozen once read."""

from daemon.settings.load import load
from daemon.settings.model import ProviderSection, Settings, needs_restart, with_live_keys
from daemon.settings.units import Address

__all__ = ["Address", "ProviderSection", "Settings", "load", "needs_restart", "with_live_keys"]
