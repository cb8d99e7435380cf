"""Switching and receipts, in the words of both databases."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from daemon.errors import InvalidInput, LeaseLost
from daemon.model import AccountInfo, Mode, PaymentStatus, SyncState
from daemon.model.states import Duty
from daemon.money import Money
from daemon.store import integrations, invariants, invoices, links, receipts, records, switching, tenants
from daemon.store.database import Store
from daemon.store.receipts import ReceiptState
from daemon.store.switching import Lot
from daemon.store.tables import Invoice, Link, Receipt, Step
from tests.builders import ACTOR, Builders


def put(store: Store, link: records.Link, **values: object) -> None:
    store.write("test", lambda: Link.update(values).where(Link.id == link.id).execute())


def a_step(store: Store, link: records.Link, state: str) -> None:
    invoice = invoices.get(None, link.invoice_id)

    def work() -> None:
        Step.insert(
            tenant_id=link.tenant_id,
            integration_id=link.integration_id,
            subject=f"invoice:{invoice.reference}",
            operation="create",
            revision=0,
            state=state,
            key="K",
            send_no=0,
            body={},
            attempts=1,
            replayed=False,
            ambiguous=False,
        ).execute()

    store.write("test", work)


def beside(store: Store, old: records.Integration, name: str = "mem_9") -> records.Integration:
    return store.write(
        "test",
        lambda: integrations.add(
            tenant_id=old.tenant_id,
            customer_id=old.customer_id,
            provider="memory",
            mode="sandbox",
            label="",
            settings={},
            account=AccountInfo(name, name, Mode.SANDBOX),
            base_url=None,
            pace="realtime",
            actor=ACTOR,
            now=store.clock.now(),
            entropy=store.entropy,
            beside=old,
        ),
    )


@pytest.fixture
def old(make: Builders) -> records.Integration:
    return make.an_integration(make.a_tenant())


def of_each_lot(store: Store, make: Builders, old: records.Integration) -> dict[Lot, records.Link]:
    found = {lot: make.a_link(old) for lot in Lot}
    now = store.clock.now()
    for lot in (Lot.STAYS, Lot.PARKED, Lot.STOPPED):
        a_step(store, found[lot], "done")
    a_step(store, found[Lot.MOVES], "new")  # throttled: nothing ran
    put(store, found[Lot.STAYS], state=SyncState.UNCONFIRMED.value)
    put(store, found[Lot.PARKED], state=SyncState.PARKED.value, next_push_at=None)
    put(store, found[Lot.STOPPED], state=SyncState.FAILED.value, next_push_at=None)
    for lot in (Lot.DRAINS, Lot.CLOSED):
        put(store, found[lot], state="synced", external_id=lot.value, pushed_at=now, next_push_at=None)
    paid = found[Lot.CLOSED].invoice_id
    values = {"payment_status": PaymentStatus.PAID.value, "paid_minor": 4500, "due_minor": 0}
    store.write("test", lambda: Invoice.update(values).where(Invoice.id == paid).execute())
    return found


def test_each_invoice_is_in_one_lot(store: Store, make: Builders, old: records.Integration) -> None:
    found = of_each_lot(store, make, old)
    make.an_invoice(make.a_customer(tenants.get(old.tenant_id)))  # which has no integration yet
    make.an_invoice()  # of another tenant

    counts = {pile.lot: (pile.count, [str(x) for x in pile.due]) for pile in switching.piles(old)}

    assert counts == {
        Lot.MOVES: (2, ["90.00 EUR"]),
        Lot.STAYS: (1, ["45.00 EUR"]),
        Lot.PARKED: (1, ["45.00 EUR"]),
        Lot.STOPPED: (1, ["45.00 EUR"]),
        Lot.DRAINS: (1, ["45.00 EUR"]),
        Lot.CLOSED: (1, []),
    }
    assert found[Lot.MOVES].id in {link.id for link in switching.moving(old)}


def test_what_moves_is_what_was_told(store: Store, make: Builders, old: records.Integration) -> None:
    found = of_each_lot(store, make, old)
    new, now = beside(store, old), store.clock.now()

    moved = store.write("test", lambda: switching.move(old, new, waits=False, now=now))

    assert moved == [found[Lot.MOVES].id]
    link = links.get(moved[0])
    assert (link.integration_id, link.state, link.next_push_at) == (new.id, SyncState.PENDING, now)
    assert switching.marks(old.id)
    assert not switching.marks(new.id)


def test_one_that_waits_for_somebody_still_waits(
    store: Store, make: Builders, old: records.Integration
) -> None:
    link, new = make.a_link(old), beside(store, old)
    store.write("test", lambda: switching.move(old, new, waits=True, now=store.clock.now()))
    assert links.get(link.id).next_push_at is None


def test_the_first_mark_of_what_went_elsewhere_is_refused(
    store: Store, make: Builders, old: records.Integration
) -> None:
    link, new, now = make.a_link(old), beside(store, old), store.clock.now()
    store.write("test", lambda: switching.move(old, new, waits=False, now=now))

    with pytest.raises(LeaseLost):
        store.write("test", lambda: links.sending(link.id, old.id, now))
    assert links.get(link.id).state == SyncState.PENDING
    store.write("test", lambda: links.sending(link.id, new.id, now))
    assert links.get(link.id).state == SyncState.SENDING


def test_a_mark_and_a_switch_at_the_same_moment_do_not_both_win(
    store: Store, make: Builders, old: records.Integration
) -> None:
    """On PostgreSQL two write at once: the row decides."""
    link, new, now = make.a_link(old), beside(store, old), store.clock.now()
    marked, chosen = threading.Event(), threading.Event()

    def mark() -> None:
        def work() -> None:
            links.sending(link.id, old.id, now)
            marked.set()
            chosen.wait(0.3 if not store.is_sqlite else 0)

        try:
            store.write("mark", work)
        finally:
            store.db.close()

    thread = threading.Thread(target=mark)
    thread.start()
    marked.wait(5)
    moved = store.write("switch", lambda: switching.move(old, new, waits=False, now=now))
    chosen.set()
    thread.join()

    assert moved == []
    assert (links.get(link.id).integration_id, links.get(link.id).state) == (old.id, SyncState.SENDING)


def test_one_serves_and_one_stands_by(store: Store, old: records.Integration) -> None:
    new = beside(store, old)
    assert (new.duty, integrations.standing_by(old)) == (Duty.STANDS_BY, new)
    assert integrations.at_place(old.tenant_id, None) == old
    with pytest.raises(InvalidInput, match="makes room"):
        beside(store, old, "mem_10")
    store.write("test", lambda: integrations.update(new.id, duty=Duty.SERVES.value))
    assert [x.name for x in invariants.check()] == ["one integration serves a place"]


# --- receipts -----------------------------------------------------------------------------------------


def a_receipt(store: Store, link: records.Link, state: ReceiptState, **more: str) -> receipts.Receipt:
    invoice, now = invoices.get(None, link.invoice_id), store.clock.now()
    return store.write(
        "test",
        lambda: receipts.add(
            invoice,
            Money(500, "EUR"),
            method="cash",
            paid_on=now.date(),
            note="",
            reference=more.get("reference"),
            state=state,
            actor=ACTOR,
            now=now,
            entropy=store.entropy,
        ),
    )


def test_one_is_due_once_its_invoice_is_there(store: Store, make: Builders, old: records.Integration) -> None:
    link, now = make.a_link(old), store.clock.now()
    put(store, link, next_push_at=None)
    made = a_receipt(store, link, ReceiptState.WAITING)
    assert receipts.due(old.id, now, limit=5) == []
    assert integrations.due_for_push(now) == []

    put(store, link, state="synced", external_id="inv_1", pushed_at=now)

    assert [row.id for row, _link in receipts.due(old.id, now, limit=5)] == [made.id]
    assert integrations.due_for_push(now) == [old.id]
    assert receipts.due(old.id, now - timedelta(seconds=1), limit=5) == []
    assert receipts.is_awaited(old.id)
    assert not links.all_closed(old.id)
    assert receipts.unsettled([link.invoice_id]) == {link.invoice_id}


def test_those_due_are_found_without_a_walk_over_all_links(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Builders(sqlite_store).an_integration()
    asked, real = [], sqlite_store.db.execute_sql

    def seen(sql: str, params: Any = None, *more: Any) -> Any:
        asked.extend(row[3] for row in real(f"EXPLAIN QUERY PLAN {sql}", params or ()))
        return real(sql, params, *more)

    monkeypatch.setattr(sqlite_store.db, "execute_sql", seen)
    receipts.due(old.id, sqlite_store.clock.now(), limit=5)
    receipts.is_awaited(old.id)

    assert any("link_invoice_id" in step for step in asked)
    assert not [step for step in asked if "link_integration" in step or step.startswith("LIST")]


def test_each_has_its_place_and_a_person_settles_what_stays(
    store: Store, make: Builders, old: records.Integration
) -> None:
    link = make.a_link(old)
    one, two = (a_receipt(store, link, ReceiptState.HERE) for _ in range(2))
    assert [row.place for row in receipts.of_invoice(link.invoice_id)] == [1, 2]
    assert [row.id for row in receipts.for_a_person(old.tenant_id)] == [one.id, two.id]

    now = store.clock.now()
    store.write("test", lambda: receipts.settle(one, note="closed", actor=ACTOR, now=now))

    assert [row.id for row in receipts.for_a_person(old.tenant_id)] == [two.id]
    with pytest.raises(InvalidInput):
        store.write(
            "test", lambda: receipts.settle(receipts.get(None, one.id), note="", actor=ACTOR, now=now)
        )
    assert receipts.get(None, two.external_id).id == two.id


def test_a_reference_is_of_one_payment_of_an_invoice(
    store: Store, make: Builders, old: records.Integration
) -> None:
    link = make.a_link(old)
    made = a_receipt(store, link, ReceiptState.HERE, reference="T-1")
    assert receipts.by_reference(link.invoice_id, "T-1") == made
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        a_receipt(store, link, ReceiptState.HERE, reference="T-1")
    assert Receipt.select().count() == 1
