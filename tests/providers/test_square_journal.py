"""Square under the stored journal: searches that lag, crashes between any two steps, keys that nobody
promises to keep. An invoice lands once, is sent once, and its payer is made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon.errors import NotYet, OutcomeUnknown, Rejected
from daemon.model import InvoiceDraft, Pushed
from daemon.model.ids import our_reference
from daemon.providers.square.setup import CAPABILITIES
from daemon.sandbox.faults import FaultKind
from daemon.store import leases
from daemon.store.database import Store
from daemon.store.journal import Book, StoredJournal
from tests.builders import Builders
from tests.fakes import FrozenClock
from tests.providers.square_bench import SquareBench, a_draft

WRITES = 4
LAG_S = 150
"""Less than the adapter waits for, and far more than Square says."""


class Desk:
    """One invoice on its way, with a journal that outlives crashes."""

    def __init__(self, store: Store, make: Builders, clock: FrozenClock, *, look_first: bool = False) -> None:
        self.store, self.clock, self.look_first = store, clock, look_first
        self.integration = make.an_integration()
        self.bench = SquareBench(lag_s=LAG_S, clock=clock)

    def journal(self) -> StoredJournal:
        lease = leases.claim(self.store, self.integration.id, "test:1")
        assert lease is not None
        book = Book(
            store=self.store,
            lease=lease,
            tenant_id=self.integration.tenant_id,
            tenant_reference="tenant-1",
            integration_id=self.integration.id,
            account="ML1",
            can=CAPABILITIES,
            look_first=self.look_first,
        )
        return book.invoice("wbi_1", "A-1", lambda: None)

    def push(self, draft: InvoiceDraft) -> Pushed:
        journal = self.journal()
        try:
            return self.bench.adapter().push_one(draft, journal)
        finally:
            journal.flush()
            self.clock.move(leases.LEASE_S + 1)

    def through(self, draft: InvoiceDraft) -> tuple[Pushed, float]:
        """Push until it is through; and after how many seconds."""
        start = self.clock.monotonic()
        for _ in range(30):
            try:
                return self.push(draft), self.clock.monotonic() - start
            except NotYet as error:
                self.clock.move(error.retry_after)
            except OutcomeUnknown:
                pass
        raise AssertionError("it does not converge")

    def landed_once(self, pushed: Pushed) -> None:
        bench = self.bench
        draft = a_draft()
        assert (bench.live(draft.reference), bench.sent(pushed.ref), bench.payers()) == (1, 1, 1)


@pytest.fixture
def desk(make: Builders, sqlite_store: Store, clock: FrozenClock) -> Desk:
    return Desk(sqlite_store, make, clock)


@pytest.mark.parametrize("crashed", [False, True])
@pytest.mark.parametrize("lost", ["lose_answer", "lose_request"])
@pytest.mark.parametrize("write", range(WRITES))
def test_a_write_whose_answer_was_lost_lands_once(desk: Desk, write: int, lost: str, crashed: bool) -> None:
    spoil: Callable[..., None] = getattr(desk.bench, lost)
    spoil(after=write)
    with pytest.raises(OutcomeUnknown):
        desk.push(a_draft())
    if crashed:
        desk.store.last_sends.clear()

    pushed, seconds = desk.through(a_draft())

    desk.landed_once(pushed)
    assert seconds < 1000


def test_a_bad_day_at_every_write_ends_in_one_invoice(desk: Desk) -> None:
    for write in ("/v2/customers", "/v2/orders", "/v2/invoices", "/v2/invoices/{id}/publish"):
        for kind in (FaultKind.ERROR_AFTER, FaultKind.TIMEOUT_BEFORE, FaultKind.THROTTLED):
            desk.bench.fault(kind, f"POST {write}")
    pushed = None
    for _ in range(30):
        try:
            pushed = desk.push(a_draft())
            break
        except Exception as error:
            assert not isinstance(error, Rejected), repr(error)
            desk.clock.move(getattr(error, "retry_after", None) or 60)

    assert pushed is not None
    desk.landed_once(pushed)


def test_after_a_restore_everything_is_found_again(
    make: Builders, sqlite_store: Store, clock: FrozenClock
) -> None:
    before = Desk(sqlite_store, make, clock)
    first, _ = before.through(a_draft())
    clock.move(600)
    after = Desk(sqlite_store, make, clock, look_first=True)
    after.bench = before.bench

    again, _ = after.through(a_draft())

    assert (again.ref, again.payer.origin) == (first.ref, "found")
    before.landed_once(again)


def test_a_restore_that_forgot_its_keys_and_does_not_look_first_makes_no_second_invoice(
    make: Builders, sqlite_store: Store, clock: FrozenClock
) -> None:
    """Another integration's row of the same account: the same keys, and an empty journal."""
    before = Desk(sqlite_store, make, clock)
    before.through(a_draft())
    clock.move(600)
    after = Desk(sqlite_store, make, clock)
    after.bench = before.bench

    again, _ = after.through(a_draft())

    before.landed_once(again)


def test_a_number_that_somebody_else_uses_is_told_at_once(desk: Desk) -> None:
    desk.bench.account.strangers("A-1", 4500)

    with pytest.raises(Rejected) as caught:
        desk.push(a_draft())

    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"


def test_a_draft_that_another_search_hides_for_long_is_not_taken_for_a_stranger_s(desk: Desk) -> None:
    """The first send landed, and the search shows it only long after: the refused second send waits."""
    desk.bench.double.lag_s = 2000
    desk.bench.lose_answer(after=2)
    with pytest.raises(OutcomeUnknown):
        desk.push(a_draft())

    pushed, _ = desk.through(a_draft())

    desk.landed_once(pushed)


def test_the_second_invoice_of_a_payer_makes_no_second_payer(desk: Desk) -> None:
    desk.through(a_draft())
    other = our_reference(tenant="t", reference="A-2", account="a", operation="create")

    pushed, _ = desk.through(replace(a_draft(), reference=other, number="A-2"))

    assert pushed.payer.external_id and desk.bench.payers() == 1
