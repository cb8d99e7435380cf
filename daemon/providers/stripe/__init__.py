"""The Stripe adapter."""

from daemon.providers.stripe.adapter import Stripe

__all__ = ["Stripe"]
