"""What Stripe does by itself: a draft with auto_advance is finalised after an hour, and mailed."""

from __future__ import annotations

from heapq import heappop

from daemon.sandbox.stripe import invoices
from daemon.sandbox.stripe.errors import StripeError
from daemon.sandbox.stripe.ledger import Ledger


def advance(ledger: Ledger) -> None:
    """Do what is due by now; called before every request, so that no thread is needed for it."""
    timers = ledger.timers
    while timers and timers[0][0] <= ledger.now:
        at, invoice_id = heappop(timers)
        draft = ledger.invoices.get(invoice_id)
        if draft is None or draft.status != "draft" or draft.finalizes_at != at:
            continue
        try:
            opened = invoices.finalize(ledger, draft)
            if opened.collection_method == "send_invoice" and opened.status == "open":
                invoices.send(ledger, opened)
        except StripeError:
            ledger.emit("invoice.finalization_failed", "invoice", draft)
