"""The adapter to a customer's own system: mapped invoices out, signed; the status read back."""

from daemon.providers.custom_webhook.adapter import CustomWebhook

__all__ = ["CustomWebhook"]
