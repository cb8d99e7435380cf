"""Promises of reading: the truth about each invoice, and no change missed."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import json

import pytest

from daemon.errors import (
    CursorLost,
)
from daemon.model import (
    Asked,
    DocStatus,
    FactKind,
)
from daemon.money import Money
from daemon.providers.contract.bench import Bench
from daemon.providers.contract.hands import Hands


class ReadPromises(Hands):
    def test_an_unpaid_invoice_owes_everything(self, bench: Bench) -> None:
        seen = self.read(bench, self.push(bench).ref)

        assert (seen.status, seen.paid_total, seen.facts) == (DocStatus.OPEN, Money(0, bench.currency), ())

    def test_a_payment_is_seen_with_its_amount(self, bench: Bench) -> None:
        ref, total = self.paid(bench)

        seen = self.read(bench, ref)

        assert (seen.status, seen.paid_total) == (DocStatus.PAID, total)
        assert self.amounts(seen, FactKind.PAYMENT) == [total]

    def test_a_part_payment_leaves_the_invoice_open(self, bench: Bench) -> None:
        if not bench.adapter().can.partial_payments:
            pytest.skip("this provider knows no part payments")
        ref, part = self.push(bench).ref, Money(1500, bench.currency)
        bench.pay(ref, part)

        seen = self.read(bench, ref)

        assert (seen.status, seen.paid_total) == (DocStatus.OPEN, part)

    def test_reading_twice_tells_the_same(self, bench: Bench) -> None:
        ref, _ = self.paid(bench)

        assert self.read(bench, ref).facts == self.read(bench, ref).facts

    def test_a_read_covers_what_it_tells(self, bench: Bench) -> None:
        ref, _ = self.paid(bench)

        seen = self.read(bench, ref)

        assert {fact.kind for fact in seen.facts} <= seen.covers
        assert all(fact.amount.minor > 0 for fact in seen.facts)

    def test_a_refund_leaves_the_payment_where_it_was(self, bench: Bench) -> None:
        if not bench.adapter().can.refunds:
            pytest.skip("this provider tells no refunds")
        ref, total = self.paid(bench)
        bench.refund(ref, Money(1000, bench.currency))

        seen = self.read(bench, ref)

        assert self.amounts(seen, FactKind.REFUND) == [Money(1000, bench.currency)]
        assert seen.paid_total == total

    def test_a_dispute_takes_the_money_back_only_when_it_is_lost(self, bench: Bench) -> None:
        if not bench.adapter().can.disputes:
            pytest.skip("this provider tells no disputes")
        ref, total = self.paid(bench)
        bench.dispute(ref)
        during = self.read(bench, ref)
        bench.lose_dispute(ref)
        after = self.read(bench, ref)

        assert self.amounts(during, FactKind.DISPUTE) == [total]
        assert self.amounts(during, FactKind.REVERSAL) == []
        assert self.amounts(after, FactKind.REVERSAL) == [total]
        assert self.amounts(after, FactKind.DISPUTE) == []

    def test_a_void_invoice_is_void(self, bench: Bench) -> None:
        ref = self.push(bench).ref
        bench.void(ref)

        assert self.read(bench, ref).status is DocStatus.VOID

    def test_every_ref_is_answered_once_and_a_lost_one_as_missing(self, bench: Bench) -> None:
        ref = self.push(bench).ref
        asked = [Asked(ref), Asked("in_nowhere"), Asked(ref)]

        seen = {one.ref: one.status for one in bench.adapter().pull(asked)}

        assert seen == {ref: DocStatus.OPEN, "in_nowhere": DocStatus.MISSING}
        assert len(list(bench.adapter().pull(asked))) == 2

    def test_the_evidence_is_json_and_names_no_one(self, bench: Bench) -> None:
        raw = json.dumps(self.read(bench, self.push(bench).ref).raw)

        assert "subscriber0001@example.com" not in raw


class FeedPromises(Hands):
    def test_a_payment_is_told_by_the_feed(self, bench: Bench) -> None:
        cursor = self.start_of_feed(bench)
        ref, _ = self.paid(bench)

        assert ref in {hint.ref for hint in self.changed(bench, cursor)[0]}

    def test_the_feed_tells_nothing_twice_for_long(self, bench: Bench) -> None:
        cursor = self.start_of_feed(bench)
        self.paid(bench)
        _, cursor = self.changed(bench, cursor)
        bench.pass_time(3600)
        _, cursor = self.changed(bench, cursor)

        assert self.changed(bench, cursor)[0] == []

    def test_a_repeated_page_tells_the_same_under_the_same_ids(self, bench: Bench) -> None:
        cursor = self.start_of_feed(bench)
        self.paid(bench)

        first, _ = self.changed(bench, cursor)
        second, _ = self.changed(bench, cursor)

        assert {hint.event_id for hint in first} == {hint.event_id for hint in second} != set()

    def test_a_cursor_is_json(self, bench: Bench) -> None:
        cursor = self.start_of_feed(bench)

        assert json.loads(json.dumps(cursor)) == cursor

    def test_a_cursor_that_is_not_one_is_lost(self, bench: Bench) -> None:
        self.start_of_feed(bench)

        with pytest.raises(CursorLost):
            bench.adapter().changed({"nonsense": True})
