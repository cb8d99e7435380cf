"""The PayPal adapter."""

from daemon.providers.paypal.adapter import PayPal

__all__ = ["PayPal"]
