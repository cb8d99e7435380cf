"""Promises of a push: an invoice lands once, whatever is lost."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from daemon.errors import (
    CATALOGUE,
    OutcomeUnknown,
    Rejected,
)
from daemon.model import (
    DocStatus,
)
from daemon.providers.contract.bench import Bench
from daemon.providers.contract.hands import Hands
from daemon.providers.contract.journal import PlainJournal, PlainJournals

MOST_WRITES = 12


class PushPromises(Hands):
    def test_a_pushed_invoice_is_live_sent_and_ours(self, bench: Bench) -> None:
        draft = self.a_draft(bench)

        pushed = bench.adapter().push_one(draft, PlainJournal())

        seen = pushed.observation
        assert seen.status is DocStatus.OPEN
        assert (seen.ref, seen.total, seen.our_reference) == (pushed.ref, draft.total, draft.reference)
        assert (seen.number, seen.payer_ref) == (draft.number, pushed.payer.external_id)
        assert seen.due_on == draft.due_on
        assert (bench.live(draft.reference), bench.sent(pushed.ref)) == (1, 1)

    def test_what_a_push_tells_is_what_a_read_tells(self, bench: Bench) -> None:
        pushed = self.push(bench)

        seen = self.read(bench, pushed.ref)

        told = pushed.observation
        assert (seen.status, seen.total, seen.number) == (told.status, told.total, told.number)
        assert (seen.our_reference, seen.payer_ref) == (told.our_reference, told.payer_ref)

    def test_pushing_again_answers_from_the_journal(self, bench: Bench) -> None:
        draft, journal = self.a_draft(bench), PlainJournal()

        refs = {bench.adapter().push_one(draft, journal).ref for _ in range(3)}

        assert len(refs) == 1
        assert (bench.live(draft.reference), bench.sent(refs.pop())) == (1, 1)

    @pytest.mark.parametrize("lost", ["answer", "request"])
    @pytest.mark.parametrize("keys_expired", [False, True])
    @pytest.mark.parametrize("after", range(MOST_WRITES))
    def test_whatever_is_lost_the_invoice_lands_once(
        self, bench: Bench, after: int, keys_expired: bool, lost: str
    ) -> None:
        draft, journal = self.a_draft(bench), PlainJournal()
        (bench.lose_answer if lost == "answer" else bench.lose_request)(after=after)
        with suppress(OutcomeUnknown):
            bench.adapter().push_one(draft, journal)
        journal.keys_expired = keys_expired or not bench.adapter().can.key_window_s

        pushed = bench.adapter().push_one(draft, journal)

        assert pushed.observation.status is DocStatus.OPEN
        assert (bench.live(draft.reference), bench.sent(pushed.ref), bench.payers()) == (1, 1, 1)

    def test_a_lost_journal_finds_the_payer_by_our_reference(self, bench: Bench) -> None:
        first = self.push(bench).payer

        second = self.push(bench).payer

        assert (second.external_id, second.origin) == (first.external_id, "found")

    def test_a_known_payer_is_used_as_it_is(self, bench: Bench) -> None:
        known = self.push(bench).payer.external_id
        draft = self.a_draft(bench)
        draft = replace(draft, payer=replace(draft.payer, external_id=known))

        assert bench.adapter().push_one(draft, PlainJournal()).payer.external_id == known
        assert bench.payers() == 1

    def test_two_customers_are_two_payers(self, bench: Bench) -> None:
        self.push(bench)
        self.push(bench, payer="2")

        assert bench.payers() == 2

    def test_a_draft_that_cannot_be_billed_is_refused_before_anything_is_sent(self, bench: Bench) -> None:
        adapter, draft = bench.adapter(), self.a_draft(bench)
        if not adapter.can.needs_email:
            pytest.skip("this provider needs no e-mail")
        draft = replace(draft, payer=replace(draft.payer, email=None))

        with pytest.raises(Rejected) as caught:
            adapter.push_one(draft, PlainJournal())

        assert caught.value.code in CATALOGUE
        assert (bench.live(draft.reference), bench.payers()) == (0, 0)

    def test_one_refused_invoice_stops_no_other(self, bench: Bench) -> None:
        adapter = bench.adapter()
        good, bad = self.a_draft(bench), self.a_draft(bench)
        too_long = "N" * (adapter.can.max_number_length + 1)
        bad = replace(bad, number=too_long, payer=replace(bad.payer, email=None))

        results = list(adapter.push([bad, good], PlainJournals()))

        assert [result.draft.reference for result in results] == [bad.reference, good.reference]
        assert isinstance(results[0].error, Rejected) and results[1].pushed is not None

    def test_a_taken_number_is_no_adoption(self, bench: Bench) -> None:
        first = self.a_draft(bench)
        bench.adapter().push_one(first, PlainJournal())
        second = replace(self.a_draft(bench), number=first.number)

        with suppress(Exception):
            pushed = bench.adapter().push_one(second, PlainJournal())
            assert pushed.observation.our_reference == second.reference
        assert bench.live(first.reference) == 1
