"""Promises of the verbs, of webhooks, and of the account."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.errors import (
    HintRejected,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unauthorised,
)
from daemon.model import (
    DocStatus,
)
from daemon.money import Money
from daemon.providers.contract.bench import Bench
from daemon.providers.contract.hands import Hands
from daemon.providers.contract.journal import PlainJournal


class VerbPromises(Hands):
    def test_an_invoice_can_be_voided_and_voiding_again_is_harmless(self, bench: Bench) -> None:
        self.needs(bench, "void")
        ref, journal = self.push(bench).ref, PlainJournal()

        for _ in range(2):
            assert bench.adapter().void(ref, journal).status is DocStatus.VOID

    def test_a_paid_invoice_is_not_voided(self, bench: Bench) -> None:
        self.needs(bench, "void")
        ref, _ = self.paid(bench)

        with pytest.raises(Rejected):
            bench.adapter().void(ref, PlainJournal())
        assert self.read(bench, ref).status is DocStatus.PAID

    @pytest.mark.parametrize("lost", [False, True])
    def test_a_payment_made_elsewhere_is_recorded_once(self, bench: Bench, lost: bool) -> None:
        self.needs(bench, "record_payment")
        ref, journal = self.push(bench).ref, PlainJournal()
        total = Money(4500, bench.currency)
        if lost:
            bench.lose_answer(after=0)
            with pytest.raises(OutcomeUnknown):
                bench.adapter().record_payment(ref, total, "cash", journal)

        seen = bench.adapter().record_payment(ref, total, "cash", journal)

        assert (seen.status, seen.paid_total) == (DocStatus.PAID, total)

    def test_the_pdf_is_a_pdf(self, bench: Bench) -> None:
        self.needs(bench, "pdf")

        assert bench.adapter().document(self.push(bench).ref).startswith(b"%PDF")


class HintPromises(Hands):
    def test_a_signed_delivery_gives_a_hint(self, bench: Bench) -> None:
        delivery, ref = self.a_delivery(bench)

        hints = bench.adapter().read_hints(delivery)

        assert {hint.ref for hint in hints} <= {ref, None} and hints
        assert hints == bench.adapter().read_hints(delivery)

    def test_one_changed_byte_is_rejected(self, bench: Bench) -> None:
        delivery, _ = self.a_delivery(bench)

        with pytest.raises(HintRejected):
            bench.adapter().read_hints(replace(delivery, body=delivery.body + b" "))

    def test_another_secret_is_rejected_and_an_older_one_still_fits(self, bench: Bench) -> None:
        delivery, _ = self.a_delivery(bench)

        with pytest.raises(HintRejected):
            bench.adapter().read_hints(replace(delivery, secrets=("whsec_another",)))
        assert bench.adapter().read_hints(replace(delivery, secrets=("whsec_newer", *delivery.secrets)))

    def test_without_a_signature_nothing_is_believed(self, bench: Bench) -> None:
        delivery, _ = self.a_delivery(bench)

        with pytest.raises(HintRejected):
            bench.adapter().read_hints(replace(delivery, headers={}))


class AccountPromises(Hands):
    def test_the_connection_test_names_the_account_and_changes_nothing(self, bench: Bench) -> None:
        adapter = bench.adapter()

        info = adapter.check()

        assert info.account_id and info.mode is adapter.mode and info.missing == ()
        assert bench.payers() == 0

    def test_refused_credentials_stop_everything(self, bench: Bench) -> None:
        ref = self.push(bench).ref
        bench.refuse_credentials()
        adapter = bench.adapter()

        for call in self.calls(adapter, ref, self.a_draft(bench)):
            with pytest.raises(Unauthorised) as caught:
                call()
            self.keeps_secrets(bench, str(caught.value) + repr(caught.value))

    def test_a_throttled_call_did_nothing(self, bench: Bench) -> None:
        draft = self.a_draft(bench)
        bench.throttle()

        with pytest.raises(Throttled):
            bench.adapter().push_one(draft, PlainJournal())
        assert bench.live(draft.reference) == 0

    def test_a_registered_webhook_tells_its_secret_and_can_be_removed_twice(self, bench: Bench) -> None:
        self.needs(bench, "registers_webhook")
        hook = bench.adapter().register_webhook("https://wisp.example/hook")

        assert hook.secret and hook.external_id
        for _ in range(2):
            bench.adapter().remove_webhook(hook.external_id)

    def test_no_secret_is_in_a_repr(self, bench: Bench) -> None:
        adapter = bench.adapter()

        self.keeps_secrets(bench, repr(adapter) + repr(vars(adapter)))
