"""A stateful double of QuickBooks Online: the Accounting API v3, its OAuth, its webhooks."""

from daemon.sandbox.quickbooks.account import QuickBooksAccount
from daemon.sandbox.quickbooks.double import QuickBooksDouble

__all__ = ["QuickBooksAccount", "QuickBooksDouble"]
