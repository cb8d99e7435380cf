"""The close at each provider's sandbox: what is pushed ties to the cent, and one planted cent is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.errors import InvalidInput, Unsupported
from daemon.money import Money
from daemon.reports import close
from daemon.reports.asking import Asked, Wish
from daemon.reports.shape import Report, Row
from daemon.sandbox.seats import SEATED
from daemon.store import audit, closes, differences, invoices, links, records
from daemon.store.tables import Invoice, Link
from tests.jobs.sweeping import Office, ref

MakeOffice = Callable[..., Office]


@pytest.fixture
def office_at(tmp_path: Path, empty_database: Path) -> Iterator[MakeOffice]:
    made: list[Office] = []

    def make(provider: str, zone: str = "UTC") -> Office:
        made.append(Office(provider, tmp_path, empty_database, zone))
        return made[-1]

    yield make
    for office in made:
        office.house.close()


def asked(office: Office, month: str = "2026-03") -> Asked:
    return Asked(office.tenant, Wish(month=month), office.clock.now())


def closing(office: Office) -> Report:
    """Of March, a month later, after another comparison."""
    if office.clock.now().month == 3:
        office.clock.move(days=31)
    office.sweep()
    return close.report(asked(office))


def part(made: Report, name: str) -> tuple[Row, ...]:
    return next(one.rows for one in made.parts if one.name == name)


@pytest.mark.parametrize("provider", SEATED)
def test_what_was_pushed_and_paid_ties_to_the_cent(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    paid, _open = office.pushed(2)
    office.hands.pay(ref(paid))

    made = closing(office)

    assert (made.verdict, made.well) == ("March 2026 ties to the cent.", True)
    (row,) = made.rows
    for figure in ("billed", "pushed", "ledger"):
        assert row[figure] == Money(9000, "USD"), figure
    assert (row["payments"], row["closing"]) == (Money(4500, "USD"), Money(4500, "USD"))


@pytest.mark.parametrize("provider", SEATED)
def test_one_planted_cent_is_found_with_its_invoice_and_one_command(
    office_at: MakeOffice, provider: str
) -> None:
    office = office_at(provider)
    link, _untouched = office.pushed(2)
    try:
        office.hands.edit(ref(link), 4501)
    except (Unsupported, ValueError):
        pytest.skip(f"{provider} lets nobody edit what was sent")

    made = closing(office)

    assert (made.verdict, made.well) == ("March 2026 does not tie: 0.01 USD on 1 invoice.", False)
    (row,) = part(made, "differences")
    (known,) = differences.waiting()
    assert row["number"] == invoices.get(None, link.invoice_id).number
    assert (row["amount"], row["sentence"]) == (Money(1, "USD"), known.sentence)
    assert row["command"] == known.command.replace("{id}", known.id)
    assert row["read_at"] == links.get(link.id).last_pulled_at


@pytest.mark.parametrize("provider", SEATED)
def test_what_is_gone_there_is_missing_in_the_ledger(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    link, _untouched = office.pushed(2)
    try:
        office.hands.delete(ref(link))
    except (Unsupported, ValueError):
        pytest.skip(f"{provider} lets nobody delete what was sent")

    made = closing(office)

    assert made.verdict == "March 2026 does not tie: 45.00 USD on 1 invoice."
    assert part(made, "differences")[0]["amount"] == Money(-4500, "USD")


@pytest.mark.parametrize("provider", SEATED)
def test_what_both_sides_call_void_ties(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    link, _untouched = office.pushed(2)
    office.hands.void(ref(link))
    office.sweep()

    made = closing(office)

    assert made.verdict == "March 2026 ties to the cent."
    (row,) = made.rows
    assert (row["closing"], row["ahead"]) == (Money(4500, "USD"), Money(0, "USD"))


def strayed(office: Office, link: records.Link, **values: object) -> None:
    """Our row about it is no longer as it was."""
    office.house.store.write("test", lambda: Link.update(values).where(Link.id == link.id).execute())


GONE = {"external_id": None, "reference": None, "integration_id": None, "state": "pending"}


def test_a_document_of_ours_that_nothing_here_has_is_beyond_the_books(office_at: MakeOffice) -> None:
    """As after a restore from a backup that is older than the push."""
    office = office_at("stripe")
    link, untouched = office.pushed(2)
    strayed(office, link, **GONE)
    office.house.store.write(
        "test", lambda: Invoice.update(reference="other").where(Invoice.id == link.invoice_id).execute()
    )
    office.sweep()

    made = closing(office)

    amounts = [row["amount"] for row in part(made, "differences")]
    assert amounts == [Money(-4500, "USD"), Money(4500, "USD")]
    ledgers = {str(row["account"]): row["ledger"] for row in made.rows}
    assert ledgers["stripe WISP 1"] == Money(9000, "USD")
    assert not made.well and untouched.external_id


def test_our_document_that_our_row_forgot_is_one_difference_with_the_way_to_take_it_over(
    office_at: MakeOffice,
) -> None:
    office = office_at("stripe")
    link, _untouched = office.pushed(2)
    gone = {"external_id": None, "reference": None, "state": "failed", "next_push_at": None}
    strayed(office, link, **gone)
    office.sweep()

    made = closing(office)

    (row,) = part(made, "differences")
    assert row["command"] == f"wispbill invoices sync {link.invoice_id}"
    assert made.verdict == "March 2026 does not tie: 45.00 USD on 1 invoice."


def test_what_was_not_read_is_told_as_not_known(office_at: MakeOffice) -> None:
    office = office_at("stripe")
    (link,) = office.pushed(1)
    strayed(office, link, provider_total_minor=None)
    office.clock.move(days=31)

    made = close.report(asked(office))

    assert made.verdict == "March 2026 does not tie: 1 invoice whose amount at the provider is not known."
    assert closing(office).verdict == "March 2026 ties to the cent."


def test_what_was_never_sent_keeps_the_month_open(office_at: MakeOffice) -> None:
    office = office_at("stripe")
    office.pushed(1)
    waiting = office.make.an_invoice(office.make.a_customer(office.tenant), total="12.00 USD")

    made = closing(office)

    assert made.verdict == "March 2026 does not tie: 12.00 USD on 1 invoice."
    (row,) = part(made, "differences")
    assert row["number"] == waiting.number
    assert row["command"] == "wispbill integrations add stripe"


def test_a_month_that_runs_is_told_so_far_and_cannot_be_closed(office_at: MakeOffice) -> None:
    office = office_at("stripe")
    office.pushed(1)
    made = close.report(asked(office))
    assert made.verdict == "March 2026 is not over; so far it ties to the cent."
    with pytest.raises(InvalidInput, match="2026-03 is not over yet"):
        close.record(office.house, asked(office), note=None, actor="test")


def closed(office: Office) -> closes.Closed:
    closing(office)
    return close.record(office.house, asked(office), note="as agreed", actor="cli:office")


def test_a_closed_month_says_by_whom_and_that_nothing_changed(office_at: MakeOffice) -> None:
    office = office_at("stripe")
    office.pushed(1)
    closed(office)
    made = close.report(asked(office))
    assert made.verdict == (
        "March 2026 ties to the cent. Closed by cli:office on 2026-04-02 10:02 UTC; nothing changed since."
    )
    (row,) = [one for one in audit.latest(tenant_id=office.tenant.id) if one.action == "month.closed"]
    assert (row.actor, row.object, row.data["note"]) == ("cli:office", "2026-03", "as agreed")


def test_what_changes_in_a_closed_month_is_shown_and_never_taken_in(office_at: MakeOffice) -> None:
    office = office_at("stripe")
    office.pushed(1)
    row = closed(office)
    late = office.make.a_customer(office.tenant)
    new = office.make.new_invoice(late, total="10.00 USD")
    office.clock.move(minutes=5)
    office.make.add(replace(new, issued_on=row.closed_at.date().replace(month=3, day=31)))

    made = close.report(asked(office))

    assert not made.well
    changed = {str(one["figure"]): one["apart"] for one in part(made, "changed")}
    assert changed == {"billed": Money(1000, "USD"), "closing": Money(1000, "USD")}
    (learned,) = part(made, "learned")
    assert (learned["number"], learned["what"]) == (new.number, "invoice")
    assert closes.of(office.tenant.id, "2026-03") == row


def test_a_payment_of_a_closed_month_that_is_seen_later_is_told(office_at: MakeOffice) -> None:
    office = office_at("stripe")
    (link,) = office.pushed(1)
    office.clock.move(days=29)  # the last of March
    office.hands.pay(ref(link))
    office.clock.move(days=2)
    close.record(office.house, asked(office), note=None, actor="cli:office")

    made = closing(office)

    assert {str(one["figure"]) for one in part(made, "changed")} == {"payments", "closing"}
    (learned,) = part(made, "learned")
    assert (learned["what"], learned["amount"]) == ("payment", Money(4500, "USD"))


def test_a_month_is_closed_once_and_reopened_with_a_reason_that_the_audit_keeps(
    office_at: MakeOffice,
) -> None:
    office = office_at("stripe")
    office.pushed(1)
    first = closed(office)
    with pytest.raises(InvalidInput, match="2026-03 was closed already, by cli:office"):
        close.record(office.house, asked(office), note=None, actor="cli:other")

    office.clock.move(minutes=5)
    close.reopen(office.house, asked(office), reason="a late invoice", actor="cli:office")
    second = close.record(office.house, asked(office), note=None, actor="cli:office")

    kept = closes.history(office.tenant.id, "2026-03")
    assert [row.id for row in kept] == [first.id, second.id]
    assert (kept[0].reopened_by, kept[0].reason) == ("cli:office", "a late invoice")
    assert "month.reopened" in [row.action for row in audit.latest(tenant_id=office.tenant.id)]
    assert audit.verify()[1] == []
    with pytest.raises(InvalidInput, match="2026-02 is not closed"):
        close.reopen(office.house, asked(office, "2026-02"), reason="x", actor="test")


def test_reads_from_before_the_end_of_the_month_are_told(office_at: MakeOffice) -> None:
    office = office_at("stripe")
    office.pushed(1)
    office.sweep()
    office.clock.move(seconds=timedelta(days=31).total_seconds())

    made = close.report(asked(office))

    assert any("1 invoice before the month was over" in note for note in made.notes)
    assert not any("before the month was over" in note for note in closing(office).notes)
