"""A stateful double of PayPal: invoicing v2, disputes, webhooks and tokens, as the documentation says."""

from daemon.sandbox.paypal.account import PayPalAccount
from daemon.sandbox.paypal.app import PayPalDouble

__all__ = ["PayPalAccount", "PayPalDouble"]
