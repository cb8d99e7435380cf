"""A stateful double of the Xero Accounting API and of Xero's identity server, as far as an invoicing
integration goes. It takes the stricter reading wherever the documentation leaves one open."""

from daemon.sandbox.xero.account import XeroAccount
from daemon.sandbox.xero.app import XeroDouble
from daemon.sandbox.xero.identity import App

__all__ = ["App", "XeroAccount", "XeroDouble"]
