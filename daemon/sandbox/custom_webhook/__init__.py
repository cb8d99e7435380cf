"""A customer's own billing system, as docs/providers/custom_webhook.md asks one to be."""

from daemon.sandbox.custom_webhook.account import CustomAccount
from daemon.sandbox.custom_webhook.app import CustomDouble

__all__ = ["CustomAccount", "CustomDouble"]
