"""Promises about the account's customers: each is told once, as it stands, and what became of one that is
gone is said."""

# ruff: noqa: S101 - these are tests

from __future__ import annotations

import pytest

from daemon.errors import Unsupported
from daemon.model import PayerSeen, PayerState
from daemon.providers.base import Provider
from daemon.providers.contract.bench import Bench
from daemon.providers.contract.hands import Hands

MANY = 205
"""More than two of the smallest pages."""


class PayerPromises(Hands):
    def test_who_cannot_list_customers_says_so(self, bench: Bench) -> None:
        adapter = bench.adapter()
        if adapter.can.lists_payers:
            pytest.skip("this provider lists its customers")

        with pytest.raises(Unsupported):
            adapter.payers(None)
        with pytest.raises(Unsupported):
            adapter.payer("somebody")

    def test_an_account_without_customers_lists_none(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")

        assert self.roster(bench) == []

    def test_a_customer_that_we_made_is_listed_under_our_reference(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")
        draft, ref = self.a_draft(bench), self.push(bench).payer.external_id

        (seen,) = self.roster(bench)

        assert (seen.ref, seen.state, seen.email) == (ref, PayerState.ACTIVE, draft.payer.email)
        assert draft.payer.reference in seen.references
        assert seen.name.startswith(draft.payer.name)
        assert bench.adapter().payer(ref) == seen

    def test_a_strangers_customer_is_listed_with_what_people_wrote(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")
        told = {"email": "subscriber0009@example.com", "phone": "+13035550109", "reference": "S-9"}
        ref = bench.enrol("Subscriber 0009", **told)
        bare = bench.enrol("Subscriber 0010")

        seen = {one.ref: one for one in self.roster(bench)}

        assert set(seen) == {ref, bare}
        assert (seen[ref].name, seen[ref].email) == ("Subscriber 0009", told["email"])
        assert seen[ref].phone == told["phone"] and "S-9" in seen[ref].references
        assert (seen[bare].email, seen[bare].phone, seen[bare].references) == (None, None, ())

    def test_many_customers_come_once_each_page_by_page(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")
        made = [bench.enrol(f"Subscriber {place:04}") for place in range(MANY)]

        listed = [one.ref for one in self.roster(bench)]

        assert len(listed) == len(set(listed)) == MANY
        assert set(listed) == set(made)

    def test_a_page_that_is_asked_for_again_tells_the_same(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")
        for place in range(MANY):
            bench.enrol(f"Subscriber {place:04}")
        cursor = bench.adapter().payers(None).cursor

        assert bench.adapter().payers(cursor) == bench.adapter().payers(cursor)

    def test_a_customer_that_was_deleted_or_archived_is_not_active(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")
        ref = bench.enrol("Subscriber 0009")
        bench.retire(ref)

        assert bench.adapter().payer(ref).state in (PayerState.GONE, PayerState.INACTIVE)
        assert all(one.state is not PayerState.ACTIVE for one in self.roster(bench))

    def test_a_customer_that_never_was_is_gone(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")

        assert bench.adapter().payer("999999") == PayerSeen.gone("999999")

    def test_a_merged_customer_leads_to_the_other_by_itself_or_by_its_invoice(self, bench: Bench) -> None:
        self.needs(bench, "lists_payers")
        pushed = self.push(bench)
        old = pushed.payer.external_id
        other = bench.enrol("Subscriber 0009", email="subscriber0009@example.com")
        try:
            bench.merge(old, other)
        except Unsupported:
            pytest.skip("this provider merges no customers")

        seen = bench.adapter().payer(old)
        now = seen.merged_into or self.read(bench, pushed.ref).payer_ref

        assert seen.state is not PayerState.ACTIVE
        assert now not in (None, old)
        assert bench.adapter().payer(str(now)).state is PayerState.ACTIVE

    def roster(self, bench: Bench) -> list[PayerSeen]:
        """All pages, each by an adapter of its own."""
        found: list[PayerSeen] = []
        cursor = None
        for _ in range(MANY):
            adapter: Provider = bench.adapter()
            page = adapter.payers(cursor)
            found += page.payers
            cursor = page.cursor
            if cursor is None:
                return found
        raise AssertionError("the list of customers does not end")
