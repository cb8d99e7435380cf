"""The provider in memory keeps the promises that the real ones keep."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.errors import OutcomeUnknown, Rejected, StepStuck, Unreachable
from daemon.model import Asked, Delivery, DocStatus, FactKind, Mode
from daemon.money import Money
from daemon.providers.base import Context, ProviderSettings
from daemon.providers.contract import Bench, PlainJournal, ProviderContract
from daemon.providers.memory import Memory, MemoryAccount, MemoryCredentials
from tests.providers.stripe_script import a_draft


class NoWire:
    """Nothing is sent."""

    def request(self, *args: object, **kwargs: object) -> object:
        raise AssertionError("there is no wire")

    def close(self) -> None: ...


def a_memory(account: MemoryAccount) -> Memory:
    return Memory(Context(MemoryCredentials(), ProviderSettings(), NoWire(), Mode.SANDBOX), account)  # type: ignore[arg-type]


class MemoryBench(Bench):
    secrets = ("memory-token",)

    def __init__(self) -> None:
        self.account = MemoryAccount()

    def adapter(self) -> Memory:
        return a_memory(self.account)

    def lose_answer(self, *, after: int) -> None:
        self.account.lands_but_times_out(after=after)

    def lose_request(self, *, after: int) -> None:
        self.account.times_out(after=after)

    def refuse_credentials(self) -> None:
        self.account.revokes_access()

    def throttle(self) -> None:
        self.account.throttles(9)

    def live(self, reference: str) -> int:
        papers = self.account.papers.values()
        return sum(one.reference == reference and one.status is not DocStatus.VOID for one in papers)

    def sent(self, ref: str) -> int:
        return self.account.papers[ref].sent

    def payers(self) -> int:
        return len(self.account.payers)

    def pay(self, ref: str, amount: Money) -> None:
        self.account.pays(ref, amount)

    def void(self, ref: str) -> None:
        self.account.voids(ref)

    def enrol(self, name: str, **told: str) -> str:
        return self.account.enrols(name, **told)

    def retire(self, payer: str) -> None:
        self.account.retires(payer)

    def merge(self, payer: str, into: str) -> None:
        self.account.merges(payer, into)

    def pass_time(self, seconds: float) -> None:
        self.account.passes(timedelta(seconds=seconds))

    def refund(self, ref: str, amount: Money) -> None:
        self.account.refunds(ref, amount)

    def dispute(self, ref: str) -> None:
        self.account.disputes(ref, self.account.papers[ref].total)

    def lose_dispute(self, ref: str) -> None:
        self.account.takes_back(ref)

    def delivery(self, ref: str) -> Delivery:
        return self.account.delivery(ref)


class TestMemory(ProviderContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return MemoryBench()


def test_a_total_that_differs_is_withdrawn() -> None:
    account = MemoryAccount(reckons_more=1)

    with pytest.raises(StepStuck) as caught:
        a_memory(account).push_one(a_draft(), PlainJournal())

    assert caught.value.code == "WB-PUSH-TOTAL"
    assert [paper.status for paper in account.papers.values()] == [DocStatus.VOID]


def test_an_account_that_is_down_recovers() -> None:
    account = MemoryAccount()
    account.is_unreachable()
    with pytest.raises(Unreachable):
        a_memory(account).check()
    account.recovers()

    assert a_memory(account).check().account_id == "mem_1"


def test_a_refusal_can_be_put_in_the_way() -> None:
    account = MemoryAccount()
    account.refuses("we do not like it", after=1)

    with pytest.raises(Rejected, match="do not like"):
        a_memory(account).push_one(a_draft(), PlainJournal())


def test_a_number_of_ours_is_found_again_when_its_key_is_forgotten() -> None:
    account, journal = MemoryAccount(), PlainJournal()
    account.lands_but_times_out(after=1)
    with pytest.raises(OutcomeUnknown):
        a_memory(account).push_one(a_draft(), journal)
    account.passes(timedelta(hours=2))

    a_memory(account).push_one(a_draft(), journal)

    assert len(account.papers) == 1


def test_a_deleted_or_given_up_invoice_says_so() -> None:
    account = MemoryAccount()
    memory = a_memory(account)
    ref = memory.push_one(a_draft(), PlainJournal()).ref
    account.pays(ref, Money(100, "USD"), kind=FactKind.IN_FLIGHT)
    account.writes_off(ref)
    (seen,) = memory.pull([Asked(ref)])
    assert (seen.status, seen.facts[0].kind) == (DocStatus.UNCOLLECTIBLE, FactKind.IN_FLIGHT)

    account.deletes(ref)
    (seen,) = memory.pull([Asked(ref)])
    assert seen.status is DocStatus.MISSING
