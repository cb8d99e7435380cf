"""A stateful double of Stripe's billing API, version 2026-10-28.endive; never kinder than Stripe."""

from daemon.sandbox.stripe.app import StripeDouble
from daemon.sandbox.stripe.ledger import VERSION
from daemon.sandbox.stripe.webhooks import Delivery, sign
from daemon.sandbox.stripe.world import Account

__all__ = ["VERSION", "Account", "Delivery", "StripeDouble", "sign"]
