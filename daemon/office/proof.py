"""Why we believe what we say about an invoice: what the provider said, and when."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.money import Money
from daemon.reconcile import effective
from daemon.store import changes, records


def proof(link: records.Link, money: Sequence[records.Payment], provider: str | None) -> str | None:
    """Why we believe the payment status: the last money fact that counts, else what was read when; None where
    nothing was read yet."""
    fact = last_fact(money)
    if fact is not None:
        return told(fact)
    seen = link.last_pulled_at or link.observed_at
    if link.doc_status and seen:
        return f"{provider} said {link.doc_status} at {seen:%Y-%m-%d %H:%M:%S} UTC"
    return None


def last_fact(money: Sequence[records.Payment]) -> records.Payment | None:
    """The newest payment fact that counts."""
    counted = {
        (fact.kind, fact.external_id) for fact in effective([changes.known_fact(row) for row in money])
    }
    facts = [row for row in money if (row.kind, row.external_id) in counted]
    return facts[-1] if facts else None


def told(row: records.Payment) -> str:
    """`payment, 12.50 EUR by card (pay_1, transaction ch_1), read …, evidence 7`"""
    names = [row.external_id] + ([f"transaction {row.transaction_id}"] if row.transaction_id else [])
    how = f" by {row.method}" if row.method else ""
    evidence = f", evidence {row.observation_id}" if row.observation_id else ""
    amount = Money(row.amount_minor, row.currency)
    kind = row.kind.replace("_", " ")
    if row.reverses:
        kind += f" of a {row.reverses.replace('_', ' ')}"
    return f"{kind}, {amount}{how} ({', '.join(names)}), read {row.seen_at:%Y-%m-%d %H:%M:%S} UTC{evidence}"
