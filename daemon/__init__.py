"""wispbill: invoices out, payment status back, service that follows the money."""

__version__ = "0.1.0"
