"""Apply: status, payments, evidence, event and audit of a change stand together or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.model import DocStatus, Fact, FactKind, Observation, PaymentStatus
from daemon.reconcile import decide
from daemon.store import audit, changes, events, integrations, invoices, links, records, tenants
from daemon.store import tables as t
from daemon.store.changes import Applied
from daemon.store.database import Store
from tests.builders import Builders, eur
from tests.fakes import NOW


@pytest.fixture
def link(store: Store, make: Builders) -> records.Link:
    made = make.a_link(make.an_integration())
    store.write(
        "test",
        lambda: links.synced(
            made.id,
            reference="WB-AAAAAAAAAAAAAAAA",
            external_id="inv_1",
            number="1001",
            now=store.clock.now(),
            next_pull_at=None,
        ),
    )
    return links.get(made.id)


def seen(doc: DocStatus = DocStatus.OPEN, *paid: int, **more: object) -> Observation:
    facts = tuple(
        Fact(FactKind.PAYMENT, f"pay_{n}", eur(f"{minor / 100:.2f}"), NOW, "card", f"txn_{n}")
        for n, minor in enumerate(paid)
    )
    total = eur(f"{sum(paid) / 100:.2f}")
    return Observation("inv_1", doc, paid_total=total, facts=facts, raw={"status": doc.value}, **more)  # type: ignore[arg-type]


def apply(store: Store, link: records.Link, observation: Observation) -> int:
    """Against what is known now."""
    subject = changes.subjects([links.get(link.id)])[link.id]
    item = Applied(subject, observation, decide(subject.known, observation))
    return store.write("test", lambda: changes.apply([item], now=store.clock.now()))


def counts() -> dict[str, int]:
    return {m.__name__: m.select().count() for m in (t.Observation, t.Payment, t.Event, t.Audit)}


def test_a_payment_is_written_with_all_that_belongs_to_it(store: Store, link: records.Link) -> None:
    before = counts()

    assert apply(store, link, seen(DocStatus.PAID, 4500)) == 1

    invoice = invoices.get(None, link.invoice_id)
    assert (invoice.payment_status, invoice.paid_minor, invoice.due_minor) == (PaymentStatus.PAID, 4500, 0)
    assert (invoice.paid_at, invoice.payment_method, invoice.transaction_id) == (NOW, "card", "txn_0")
    assert {name: n - before[name] for name, n in counts().items()} == dict.fromkeys(before, 1)
    event = events.of_invoice(invoice.id)[-1]
    assert (event.type, event.data["from"], event.data["to"]) == ("invoice.paid", "open", "paid")
    assert changes.evidence_of(event.data["evidence"]) == (store.clock.now(), {"status": "paid"})
    assert audit.verify()[1] == []


def test_what_says_nothing_new_writes_nothing(store: Store, link: records.Link) -> None:
    apply(store, link, seen(DocStatus.PAID, 4500))
    before, there = counts(), links.get(link.id)

    assert apply(store, link, seen(DocStatus.PAID, 4500)) == 0

    assert counts() == before
    assert links.get(link.id) == there


def test_a_crash_before_the_commit_leaves_nothing(store: Store, link: records.Link) -> None:
    before, there = counts(), links.get(link.id)

    def crash(_point: str) -> None:
        raise KeyboardInterrupt

    store.probe = crash
    with pytest.raises(KeyboardInterrupt):
        apply(store, link, seen(DocStatus.PAID, 4500))
    store.probe = lambda _point: None

    assert counts() == before
    assert links.get(link.id) == there
    assert invoices.get(None, link.invoice_id).payment_status == PaymentStatus.OPEN


def test_an_older_observation_leaves_the_link_as_it_was(store: Store, link: records.Link) -> None:
    apply(store, link, seen(DocStatus.PAID, 4500, as_of=NOW, version=7))
    before, there = counts(), links.get(link.id)

    assert apply(store, link, seen(DocStatus.OPEN, as_of=NOW - timedelta(hours=1), version=6)) == 0

    assert counts() == before
    assert links.get(link.id) == there


def test_the_same_words_said_later_put_what_lay_between_out_of_date(store: Store, link: records.Link) -> None:
    apply(store, link, seen(DocStatus.PAID, 4500, as_of=NOW))
    apply(store, link, seen(DocStatus.PAID, 4500, as_of=NOW + timedelta(hours=2)))

    assert apply(store, link, seen(DocStatus.OPEN, as_of=NOW + timedelta(hours=1))) == 0

    assert invoices.get(None, link.invoice_id).payment_status == PaymentStatus.PAID


def test_a_word_that_nobody_knows_is_kept_as_evidence_and_changes_nothing(
    store: Store, link: records.Link
) -> None:
    apply(store, link, seen(DocStatus.PAID, 4500))
    before = counts()

    assert apply(store, link, seen(DocStatus.UNKNOWN)) == 0

    assert links.get(link.id).doc_status == "paid"
    assert {name: n - before[name] for name, n in counts().items() if n != before[name]} == {"Observation": 1}


def test_a_payment_is_never_deleted(store: Store, link: records.Link) -> None:
    for observation in (
        seen(DocStatus.PAID, 4500),
        seen(DocStatus.OPEN),
        seen(DocStatus.OPEN, 2000),
        Observation.missing("inv_1"),
        seen(DocStatus.PAID, 4500),
    ):
        apply(store, link, observation)

    rows = changes.payments_of(link.invoice_id)
    assert [(row.kind, row.revision, row.amount_minor) for row in rows] == [
        ("payment", 0, 4500),
        ("reversal", 0, 4500),
        ("payment", 1, 2000),
        ("payment", 2, 4500),
    ]
    assert invoices.get(None, link.invoice_id).payment_status == PaymentStatus.PAID


def test_an_event_says_what_happened(store: Store, link: records.Link) -> None:
    for observation in (
        seen(DocStatus.OPEN, 2000),
        seen(DocStatus.PAID, 2000, 2500),
        seen(DocStatus.OPEN, 2000),
        Observation.missing("inv_1"),
    ):
        apply(store, link, observation)

    types = [event.type for event in events.of_invoice(link.invoice_id)][-4:]
    assert types == ["invoice.partially_paid", "invoice.paid", "payment.reversed", "invoice.missing"]


def test_one_payment_may_settle_two_invoices(store: Store, link: records.Link, make: Builders) -> None:
    tenant = tenants.get(link.tenant_id)
    other = make.an_invoice(make.a_customer(tenant))
    store.write("test", lambda: links.assign(store.clock.now()))
    second = links.of_invoice(other.id)
    assert second.integration_id == integrations.listing(tenant.id)[0].id

    apply(store, link, seen(DocStatus.PAID, 4500))
    apply(store, second, replace(seen(DocStatus.PAID, 4500), ref="inv_2"))

    assert len(changes.facts_of([link.invoice_id, other.id])) == 2
