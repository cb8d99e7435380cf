"""Invoices on paper, for providers that print none. Knows what stands on a sheet, not where it comes from."""

from daemon.pdf.sheet import Item, Sheet, Side
from daemon.pdf.typesetting import typeset

__all__ = ["Item", "Sheet", "Side", "typeset"]
