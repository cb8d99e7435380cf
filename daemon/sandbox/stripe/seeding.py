"""Many open invoices at once, for benchmarks and demos."""

from __future__ import annotations

from daemon.sandbox.stripe import invoices, totals
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.records import Customer, Invoice, Line


def seed(
    ledger: Ledger, count: int, *, amount: int = 4500, days_until_due: int = 14, prefix: str = "SEED"
) -> list[str]:
    """Finalised invoices through the functions that requests use; their ids. The number is `prefix` and a
    position, which stands in the metadata too (`seed`). No events tell of them."""
    with ledger.long_ago():
        return _seed(ledger, count, amount, days_until_due, prefix)


def _seed(ledger: Ledger, count: int, amount: int, days: int, prefix: str) -> list[str]:
    who = ledger.customers.put(
        Customer(
            ledger.new_id("cus_"),
            ledger.next_seq(),
            ledger.now,
            ledger.secret(8).upper(),
            email="subscriber0001@example.com",
            name="Subscriber 0001",
            currency=ledger.default_currency,
        )
    )
    made = []
    for position in range(1, count + 1):
        draft = _draft(ledger, who, amount, days, (prefix, position))
        ledger.numbers[str(draft.number)] = draft.id
        invoices.finalize(ledger, ledger.invoices.put(totals.retotal(ledger, draft)))
        made.append(draft.id)
    return made


def _draft(ledger: Ledger, who: Customer, amount: int, days: int, label: tuple[str, int]) -> Invoice:
    now = ledger.now
    line = Line(ledger.new_id("il_"), ledger.new_id("ii_"), amount, "Internet access", now, now)
    return Invoice(
        ledger.new_id("in_"),
        ledger.next_seq(),
        now,
        who.id,
        ledger.default_currency,
        "send_invoice",
        who,
        number=f"{label[0]}-{label[1]:06d}",
        due_date=now + days * 86_400,
        days_until_due=days,
        lines=(line,),
        metadata={"seed": str(label[1])},
        secret=ledger.secret(16),
    )
