"""What the promises are told with."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from itertools import count
from typing import Any

import pytest

from daemon.model import (
    Asked,
    Changes,
    Delivery,
    Document,
    FactKind,
    Hint,
    InvoiceDraft,
    LineDraft,
    Observation,
    PayerDraft,
    Pushed,
)
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.base import Provider
from daemon.providers.contract.bench import Bench
from daemon.providers.contract.journal import PlainJournal

_NUMBERS = count(1)


class Hands:
    """Drafts, pushes and reads, shared by all promises."""

    def a_draft(self, bench: Bench, *, payer: str = "1") -> InvoiceDraft:
        """45.00, under a number and a reference of its own."""
        name = f"C-{next(_NUMBERS)}"
        total = Money(4500, bench.currency)
        who = our_reference(tenant="t", reference=payer, account="a", operation="payer")
        return InvoiceDraft(
            reference=our_reference(tenant="t", reference=name, account="a", operation="create"),
            platform_reference=name,
            number=name,
            payer=PayerDraft(who, payer, f"Subscriber 000{payer}", f"subscriber000{payer}@example.com"),
            currency=bench.currency,
            total=total,
            issued_on=date(2026, 3, 2),
            due_on=date(2099, 3, 16),
            lines=(LineDraft("Internet", total, Money(0, bench.currency)),),
        )

    def push(self, bench: Bench, *, payer: str = "1") -> Pushed:
        return bench.adapter().push_one(self.a_draft(bench, payer=payer), PlainJournal())

    def paid(self, bench: Bench) -> tuple[str, Money]:
        pushed = self.push(bench)
        total = Money(4500, bench.currency)
        bench.pay(pushed.ref, total)
        return pushed.ref, total

    def read(self, bench: Bench, ref: str) -> Observation:
        (seen,) = bench.adapter().pull([Asked(ref)])
        return seen

    def amounts(self, seen: Observation, kind: FactKind) -> list[Money]:
        return [fact.amount for fact in seen.facts if fact.kind is kind]

    def start_of_feed(self, bench: Bench) -> Document:
        self.needs(bench, "change_feed")
        return bench.adapter().changed(None).cursor

    def changed(self, bench: Bench, cursor: Document) -> tuple[list[Hint], Document]:
        """All pages from here, each by an adapter of its own, with the cursor stored between; a truth that a
        page tells counts as the hint that it makes needless."""
        hints: list[Hint] = []
        for _ in range(100):
            page: Changes = bench.adapter().changed(json.loads(json.dumps(cursor)))
            hints += page.hints
            hints += [Hint(f"{seen.ref}:{seen.version}:{seen.as_of}", seen.ref) for seen in page.observations]
            cursor = page.cursor
            if not page.more:
                return hints, cursor
        raise AssertionError("the feed does not end")

    def a_delivery(self, bench: Bench) -> tuple[Delivery, str]:
        self.needs(bench, "webhooks")
        ref, _ = self.paid(bench)
        return bench.delivery(ref), ref

    def calls(self, adapter: Provider, ref: str, draft: InvoiceDraft) -> Iterable[Any]:
        yield adapter.check
        yield lambda: adapter.push_one(draft, PlainJournal())
        yield lambda: list(adapter.pull([Asked(ref)]))
        if adapter.can.change_feed:
            yield lambda: adapter.changed(None)

    def needs(self, bench: Bench, what: str) -> None:
        if not getattr(bench.adapter().can, what):
            pytest.skip(f"this provider cannot: {what}")

    def keeps_secrets(self, bench: Bench, text: str) -> None:
        assert not any(secret in text for secret in bench.secrets)
