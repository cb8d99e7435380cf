"""Promises of a bad day: each fault, at each request of each verb, is said rightly and heals."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from contextlib import suppress

import pytest

from daemon.errors import (
    Garbled,
    NotYet,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Throttled,
    Unreachable,
    Unsupported,
)
from daemon.model import Asked, DocStatus, FactKind, InvoiceDraft
from daemon.money import Money
from daemon.providers.contract.bench import Bench
from daemon.providers.contract.hands import Hands
from daemon.providers.contract.journal import PlainJournals

UNREADABLE = (Garbled, OutcomeUnknown)
FAULTS: dict[str, tuple[type[RemoteError], ...]] = {
    "refused": (Unreachable,),
    "lost_request": (OutcomeUnknown,),
    "lost_answer": (OutcomeUnknown,),
    "reset_before": (OutcomeUnknown,),
    "reset_after": (OutcomeUnknown,),
    "error_before": (OutcomeUnknown,),
    "error_after": (OutcomeUnknown,),
    "throttled": (Throttled,),
    "throttled_silently": (Throttled,),
    "html": UNREADABLE,
    "redirect": UNREADABLE,
    "empty": UNREADABLE,
    "truncated": UNREADABLE,
}
"""What may befall a request (`Bench.spoil`), and what it must be called."""

BODY_FAULTS = ("empty", "truncated")
"""These do no harm where the body says nothing that is needed."""

MOST_REQUESTS = 10
TRIES = 6


class FaultPromises(Hands):
    @pytest.mark.parametrize("after", range(MOST_REQUESTS))
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_push_says_what_befell_it_and_ends_in_one_sent_invoice(
        self, bench: Bench, fault: str, after: int
    ) -> None:
        draft, journals = self.a_draft(bench), PlainJournals()
        self._spoil(bench, fault, after)

        (result,) = bench.adapter().push([draft], journals)

        if result.error is None:
            assert not bench.spoilt or fault in BODY_FAULTS or bench.heals
        else:
            assert isinstance(result.error, (*FAULTS[fault], NotYet)), repr(result.error)
            self.keeps_secrets(bench, str(result.error))
        ref = self._pushed(bench, draft, journals)
        assert (bench.live(draft.reference), bench.sent(ref), bench.payers()) == (1, 1, 1)

    @pytest.mark.parametrize("after", range(3))
    @pytest.mark.parametrize("verb", ["check", "pull", "changed", "document", "payers", "payer"])
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_read_says_what_befell_it_and_the_next_one_works(
        self, bench: Bench, fault: str, verb: str, after: int
    ) -> None:
        ref, total = self.paid(bench)
        payer = self.read(bench, ref).payer_ref or ""
        cursor = bench.adapter().changed(None).cursor if bench.adapter().can.change_feed else None

        def call() -> object:
            adapter = bench.adapter()
            match verb:
                case "check":
                    return adapter.check()
                case "pull":
                    return list(adapter.pull([Asked(ref)]))
                case "changed":
                    return adapter.changed(cursor)
                case "payers":
                    return adapter.payers(None)
                case "payer":
                    return adapter.payer(payer)
            return adapter.document(ref)

        with suppress(Unsupported):
            call()
            self._spoil(bench, fault, after)
            try:
                call()
            except RemoteError as error:
                assert isinstance(error, FAULTS[fault]), repr(error)
                self.keeps_secrets(bench, str(error))
            else:
                assert not bench.spoilt or fault in BODY_FAULTS
            bench.unspoil()
            call()
        seen = self.read(bench, ref)
        assert (seen.status, sum(m.minor for m in self.amounts(seen, FactKind.PAYMENT))) == (
            DocStatus.PAID,
            total.minor,
        )

    @pytest.mark.parametrize("after", range(4))
    @pytest.mark.parametrize("verb", ["void", "record_payment"])
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_verb_says_what_befell_it_and_is_done_once(
        self, bench: Bench, fault: str, verb: str, after: int
    ) -> None:
        self.needs(bench, verb)
        draft, journals = self.a_draft(bench), PlainJournals()
        ref = self._pushed(bench, draft, journals)
        self._spoil(bench, fault, after)

        for attempt in range(TRIES):
            try:
                if verb == "void":
                    seen = bench.adapter().void(ref, journals(draft))
                else:
                    seen = bench.adapter().record_payment(ref, draft.total, "cash", journals(draft))
            except (RemoteError, NotYet) as error:
                assert attempt or isinstance(error, (*FAULTS[fault], NotYet)), repr(error)
                bench.unspoil()
                bench.pass_time(3600)
            else:
                break
        assert seen.status is (DocStatus.VOID if verb == "void" else DocStatus.PAID)
        assert verb == "void" or seen.paid_total == Money(4500, bench.currency)

    # --- hands ----------------------------------------------------------------------------------------

    def _spoil(self, bench: Bench, fault: str, after: int) -> None:
        try:
            bench.spoil(fault, after=after)
        except Unsupported:
            pytest.skip("this bench spoils nothing")

    def _pushed(self, bench: Bench, draft: InvoiceDraft, journals: PlainJournals) -> str:
        """Push until it is through, with time passing in between."""
        bench.unspoil()
        for _ in range(TRIES):
            (result,) = bench.adapter().push([draft], journals)
            if result.pushed is not None:
                return result.pushed.ref
            assert not isinstance(result.error, Rejected | StepStuck), repr(result.error)
            bench.pass_time(3600)
        raise AssertionError(f"it does not converge: {result.error!r}")
