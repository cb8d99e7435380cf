"""The month's close: billed, pushed and the provider's ledger side by side, and what is still owed."""

from daemon.reports.close.recording import record, reopen
from daemon.reports.close.reporting import report

__all__ = ["record", "reopen", "report"]
