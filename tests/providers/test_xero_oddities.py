"""Xero: what one odd object must not do to the others; what a document does not say takes nothing away."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from daemon.clock import SystemClock
from daemon.errors import Garbled, Throttled
from daemon.model import Asked, FactKind, Mode
from daemon.providers.base import Context
from daemon.providers.contract import PlainJournals
from daemon.providers.xero import Xero
from daemon.providers.xero import pull as pulling
from daemon.providers.xero.api import Api
from daemon.providers.xero.documents import Documents
from daemon.providers.xero.read import observe
from daemon.providers.xero.setup import XeroCredentials, XeroSettings
from daemon.wire import HttpWire
from daemon.wire.departure import leaving_by
from tests.providers.test_xero_feed import follow, start
from tests.providers.test_xero_reading import a_document, facts, pushed, usd
from tests.providers.xero_bench import URL, XeroBench, a_draft

NOTE = "aa8d0b5c-6ff4-4f21-9f8c-1f9d5c5a6b7c"


def narrow(bench: XeroBench) -> Xero:
    """An adapter whose wire takes in no large answer."""
    wire = HttpWire("Xero", gate=bench.gate, clock=SystemClock(), transport=bench.network, max_bytes=150_000)
    credentials = XeroCredentials(tenant_id=bench.account.id)
    given = XeroSettings(account_code="200")
    return Xero(Context(credentials, given, wire, Mode.LIVE, URL, bench.keeper, bench.clock))


def test_a_feed_whose_first_page_is_too_large_moves_on_all_the_same() -> None:
    """Else each run would begin where the one before began, and grow for ever."""
    bench = XeroBench()
    refs, _ = start(bench, 300)

    seen, _, cursor = follow(narrow(bench), {"since": 0, "run": 1})
    bench.network.requests.clear()
    again, _, _ = follow(narrow(bench), cursor)

    assert {one.ref for one in seen} == set(refs)
    assert cursor["since"] > 0 and again == []
    assert len(bench.network.requests) <= 3


@pytest.mark.parametrize("odd", [0, 4])
def test_an_invoice_that_cannot_be_read_keeps_no_other_of_a_long_list_from_being_told(
    monkeypatch: pytest.MonkeyPatch, odd: int
) -> None:
    monkeypatch.setattr(pulling, "LIST_FROM", 3)
    bench = XeroBench()
    refs = pushed(bench, 5)
    bench.account.invoice(refs[odd]).lines[0].net = Decimal("4500.5")  # type: ignore[assignment]
    seen = []

    with pytest.raises(Garbled):
        for one in bench.adapter().pull([Asked(ref) for ref in refs]):
            seen.append(one.ref)

    assert set(seen) == set(refs) - {refs[odd]}


def test_a_document_that_does_not_tell_what_is_paid_takes_no_payment_away() -> None:
    document = a_document()
    del document["AmountPaid"]

    seen = observe(document)

    assert (seen.paid_total, seen.facts, seen.covers) == (None, (), frozenset())


def test_a_credit_note_that_was_allocated_twice_is_one_fact_over_both() -> None:
    notes = [{"CreditNoteID": NOTE, "AppliedAmount": Decimal(n)} for n in ("10.00", "5.00")]
    seen = observe(
        a_document(
            CreditNotes=notes, Payments=[], AmountCredited=Decimal("15.00"), AmountDue=Decimal("30.00")
        )
    )

    assert facts(seen) == [(FactKind.CREDIT, 1500, "credit note")]
    assert FactKind.CREDIT in seen.covers and seen.paid_total == usd(0)


def test_a_live_invoice_that_the_office_booked_elsewhere_is_found_after_a_restore() -> None:
    """It is out and may be paid: with our reference, contact and total it is ours, whatever its account."""
    bench = XeroBench()
    (ref,) = pushed(bench)
    bench.account.invoice(ref).lines[0].account_code = "260"
    bench.pass_time(3600)

    (result,) = bench.adapter(send_email=False).push([a_draft(1)], PlainJournals())

    assert result.pushed is not None and result.pushed.ref == ref


def test_a_copy_with_a_number_of_its_own_is_not_taken_for_ours() -> None:
    bench = XeroBench()
    body = {"invoice": {"InvoiceNumber": 'A"1', "Reference": "R", "Contact": {"ContactID": NOTE}}}
    body |= {"total": "45.00"}
    row = {"Type": "ACCREC", "Reference": "R", "Contact": {"ContactID": NOTE}, "LineItems": []}
    copy = row | {"InvoiceNumber": "INV-7", "Status": "AUTHORISED", "Total": Decimal("45.00")}
    ours = row | {"InvoiceNumber": 'A"1', "Status": "VOIDED"}
    documents = Documents(bench.adapter()._api)

    for there in ([copy, ours], [ours, copy]):
        found = documents._own(body, there)
        assert isinstance(found, Exception) and "voided" in str(found)


def test_a_write_whose_token_took_too_long_to_renew_is_not_repeated_under_its_old_mark() -> None:
    """How long it may still land is counted from the mark."""
    bench = XeroBench()

    class Slow:
        def access(self) -> SecretStr:
            return SecretStr("stale")

        def renewed(self, refused: SecretStr) -> SecretStr:
            bench.pass_time(60)
            return bench.keeper.access()

    api = Api(bench.wire(), URL, Slow(), bench.account.id)
    body = {"Contacts": [{"Name": "Subscriber 0001", "ContactNumber": "WB-1"}]}

    with leaving_by(bench.clock.monotonic() + 30), pytest.raises(Throttled):
        api.write("PUT", "Contacts", body=body, key="key-1")
    assert bench.payers() == 0


ODD = [None, True, -1, 10**30, Decimal("1E+999999"), Decimal("0.001"), "x", "/Date(999999999999999)/", [], {}]
ODD += [["a"], {"a": 1}, [{"a": 1}], "1e999999", "2026-99-99"]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        found += places(one, (*path, name))
    return found


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:30])
def test_anything_in_any_place_is_garbled_or_can_be_stored(odd: Any) -> None:
    """What cannot be stored would undo the transaction of a whole page, each time again."""
    payment = {"PaymentID": NOTE, "Date": "/Date(1773619200000+0000)/", "Amount": Decimal("45.00")}
    note = {"CreditNoteID": NOTE, "AppliedAmount": Decimal("1.00"), "Date": "/Date(1773619200000+0000)/"}
    document = a_document(
        Payments=[payment | {"BatchPaymentID": NOTE}], CreditNotes=[note], AmountPaid=Decimal("45.00")
    )
    for *way, last in places(document):
        changed = copy.deepcopy(document)
        at = changed
        for name in way:
            at = at[name]
        at[last] = odd
        try:
            seen = observe(changed)
        except Garbled:
            continue
        texts = [seen.number, seen.our_reference, seen.payer_ref, *(one.transaction_id for one in seen.facts)]
        assert json.dumps(seen.raw) and all(one is None or isinstance(one, str) for one in texts)
        assert all(abs(one.amount.minor) < 2**63 for one in seen.facts)
