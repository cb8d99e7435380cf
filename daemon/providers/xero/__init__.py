"""The Xero adapter."""

from daemon.providers.xero.adapter import Xero

__all__ = ["Xero"]
