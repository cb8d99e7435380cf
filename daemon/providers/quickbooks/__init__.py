"""The QuickBooks Online adapter."""

from daemon.providers.quickbooks.adapter import QuickBooks

__all__ = ["QuickBooks"]
