"""The timeline: each entry says what happened, who did it, and which row proves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.store import audit, changes, invoices, tenants
from daemon.store.database import Store
from daemon.timeline import Entry, ProofKind, timeline
from tests.cli.conftest import Shell


@pytest.fixture
def store(shell: Shell) -> Iterator[Store]:
    """The store that the questions below go to."""
    desk = shell.desk()
    with desk.house.store.session():
        yield desk.house.store
    desk.close()


@pytest.fixture
def story(shell: Shell, store: Store) -> list[Entry]:
    """Of an invoice that was entered, sent and paid."""
    shell.all_set()
    shell.ran("push")
    (there,) = shell.account.invoices()
    shell.account.pay(there.id)
    shell.clock.move(minutes=2)
    shell.ran("pull")
    (owner,) = tenants.everyone()
    return timeline(invoices.get(owner.id, "1001"))


def test_entries_stand_in_time_order_and_each_has_its_proof(story: list[Entry]) -> None:
    assert [entry.at for entry in story] == sorted(entry.at for entry in story)
    assert {entry.proof.kind for entry in story} >= {ProofKind.AUDIT, ProofKind.STEP, ProofKind.READING}
    assert all(entry.proof.ref for entry in story)


def test_what_moved_the_status_is_proven_by_the_reading_that_it_rests_on(story: list[Entry]) -> None:
    (paid,) = [entry for entry in story if entry.kind == "invoice.paid"]

    kept = changes.evidence_of(int(paid.proof.ref))

    assert kept is not None
    assert (paid.proof.kind, paid.actor) == (ProofKind.READING, "stripe")
    assert paid.proof.fingerprint == changes.fingerprint(*kept)


def test_what_a_person_did_is_proven_by_a_row_of_the_audit_chain(story: list[Entry]) -> None:
    people = [entry for entry in story if entry.actor.startswith("cli:")]
    (owner,) = tenants.everyone()
    chain = {str(row.seq): row.hash for row in audit.latest(tenant_id=owner.id)}

    assert people
    for entry in people:
        assert chain[entry.proof.ref].startswith(entry.proof.fingerprint or "-")


def test_the_payer_may_read_of_money_and_not_of_sends_keys_and_people(story: list[Entry]) -> None:
    public = {entry.kind for entry in story if entry.public}

    assert public == {"invoice.added", "invoice.synced", "invoice.paid"}


def test_the_story_of_another_tenant_s_invoice_says_nothing_of_this_one(shell: Shell, store: Store) -> None:
    shell.all_set()
    mine = tenants.only()
    shell.ran("tenants", "add", "other", "--zone", "UTC", "--currency", "USD")
    shell.ran("customers", "add", "C-1", "--name", "Subscriber 0002", "--tenant", "other")
    shell.an_invoice(amount="9.00", tenant="other")
    other = tenants.get("other")

    told = timeline(invoices.get(other.id, "1001"))
    ours = timeline(invoices.get(mine.id, "1001"))

    assert len(told) == len(ours) > 0
    assert not any("45.00" in entry.sentence for entry in told)
    assert not any("9.00" in entry.sentence for entry in ours)
