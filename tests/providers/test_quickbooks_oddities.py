"""QuickBooks: what one odd object, or one bad moment after a write, must not do to all the others."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from daemon.errors import Garbled, NotYet, OutcomeUnknown, StepStuck, Throttled
from daemon.model import Asked, DocStatus, FactKind, Mode
from daemon.providers.contract import PlainJournal, PlainJournals
from daemon.providers.quickbooks import QuickBooks, feed
from daemon.providers.quickbooks.api import Api
from daemon.providers.quickbooks.drafts import read_note
from daemon.providers.quickbooks.read import View, moment, observe, version_of
from daemon.sandbox.quickbooks import service
from daemon.wire import HttpWire
from daemon.wire.departure import leaving_by
from tests.providers.quickbooks_bench import URL, QuickBooksBench
from tests.providers.stripe_script import OpenGate
from tests.providers.test_quickbooks_feed import refs, start, walk
from tests.providers.test_quickbooks_hints import delivery, event
from tests.providers.test_quickbooks_push import taxed
from tests.providers.test_quickbooks_reading import a_line, a_payment, an_invoice

YEN = View("9130000000000001", Mode.LIVE, "JPY")


@pytest.fixture
def bench() -> QuickBooksBench:
    return QuickBooksBench()


def edit(bench: QuickBooksBench, ref: str, **values: Any) -> None:
    """The office changes fields of an invoice."""
    record = bench.account.books.get("Invoice", ref)
    assert record.row is not None
    bench.account.books.put(record, record.row | values)


class Spoils(httpx.BaseTransport):
    """Answers in which the total of one invoice is no number."""

    def __init__(self, bench: QuickBooksBench, ref: str) -> None:
        self.inner, self.ref = bench.network.inner, ref
        bench.network.inner = self

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.inner.handle_request(request)
        body = answer.read()
        if f'"Id":"{self.ref}"'.encode() not in body.replace(b'": "', b'":"'):
            return answer
        document = json.loads(body)
        self._spoil(document)
        return httpx.Response(answer.status_code, json=document)

    def _spoil(self, value: Any) -> None:
        if isinstance(value, dict):
            if value.get("Id") == self.ref and "Balance" in value:
                value["TotalAmt"] = 45.005
            for one in value.values():
                self._spoil(one)
        elif isinstance(value, list):
            for one in value:
                self._spoil(one)


# --- one odd object -----------------------------------------------------------------------------------


@pytest.mark.parametrize("note", ["{} 45.00 PAID in cash", "{} 45.005 USD", "{} 45.50 JPY"])
def test_a_note_whose_total_was_written_over_stops_nothing(bench: QuickBooksBench, note: str) -> None:
    first, second = bench.pushed("A-1"), bench.pushed("A-2")
    cursor = start(bench)
    reference = bench.a_draft("A-1").reference
    edit(bench, first, PrivateNote=note.format(reference))
    bench.account.pay(second)

    pages, _ = walk(bench, cursor)
    seen = {one.ref: one for one in bench.adapter().pull([Asked(first), Asked(second)])}

    assert refs(pages) == {first, second}
    assert (seen[first].status, seen[second].status) == (DocStatus.OPEN, DocStatus.PAID)
    assert seen[first].our_reference == read_note(note.format(reference))[0] == reference


def test_an_invoice_that_cannot_be_read_keeps_no_other_from_being_pulled(bench: QuickBooksBench) -> None:
    first, second = bench.pushed("A-1"), bench.pushed("A-2")
    bench.account.pay(second)
    Spoils(bench, first)
    seen = []

    with pytest.raises(Garbled):
        for one in bench.adapter().pull([Asked(first), Asked(second)]):
            seen.append(one)

    assert [(one.ref, one.status) for one in seen] == [(second, DocStatus.PAID)]


def test_an_invoice_that_cannot_be_read_holds_up_no_feed(bench: QuickBooksBench) -> None:
    first, second = bench.pushed("A-1"), bench.pushed("A-2")
    cursor = start(bench)
    bench.account.pay(first)
    bench.account.pay(second)
    Spoils(bench, first)

    ((page,), after) = walk(bench, cursor)

    assert [one.ref for one in page.observations] == [second]
    assert [hint.ref for hint in page.hints] == [first]
    assert after != cursor


def test_credit_over_several_invoices_in_yen_is_divided_in_whole_yen() -> None:
    payment = a_payment({"1": "1000", "2": "2001"}, total="2000", lines=[a_line("1001", "77", "CreditMemo")])
    payment["CurrencyRef"] = {"value": "JPY"}
    parts = [
        observe(
            an_invoice(ref, amount, "0", linked=["180"]) | {"CurrencyRef": {"value": "JPY"}},
            YEN,
            {"180": payment},
        )
        for ref, amount in (("1", "1000"), ("2", "2001"))
    ]

    credited = [fact.amount.minor for seen in parts for fact in seen.facts if fact.kind is FactKind.CREDIT]
    assert sum(credited) == 1001 and len(credited) == 2


def test_a_payment_with_two_lines_to_one_invoice_is_one_fact() -> None:
    payment = a_payment({"1": "30.00"}, total="45.00", lines=[a_line("15.00", "1", "Invoice")])
    invoice = an_invoice("1", "45.00", "0", linked=["180", "180"])

    seen = observe(invoice, View("9130000000000001", Mode.LIVE, "USD"), {"180": payment})

    assert [(fact.external_id, fact.amount.minor) for fact in seen.facts] == [("180", 4500)]
    assert FactKind.PAYMENT in seen.covers


def test_a_change_that_moves_the_time_and_not_the_version_is_a_hint_of_its_own(
    bench: QuickBooksBench,
) -> None:
    """A hint that was used is not taken twice under its id; a payment need not change the version."""
    ref = bench.pushed()
    edit(bench, ref, PrivateNote="written over")
    inner, at = bench.network.inner, ["2026-03-02T09:00:00-08:00"]

    class SameVersion(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = inner.handle_request(request)
            document = json.loads(answer.read())
            for some in document["CDCResponse"][0]["QueryResponse"]:
                for row in some.get("Invoice", ()):
                    row["MetaData"]["LastUpdatedTime"] = at[0]
            return httpx.Response(200, json=document)

    cursor = start(bench)
    edit(bench, ref, PrivateNote="written over again")
    bench.network.inner = SameVersion()
    found = []
    for at[0] in ("2026-03-02T09:00:00-08:00", "2026-03-02T09:00:00-08:00", "2026-03-02T09:00:01-08:00"):
        found += [hint.event_id for hint in bench.adapter().changed(cursor).hints]

    assert len(found) == 3 and len(set(found)) == 2


def test_pages_too_heavy_for_an_answer_are_asked_for_in_smaller_ones(
    bench: QuickBooksBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = start(bench)
    pushed = [bench.pushed(f"A-{n}") for n in range(12)]
    monkeypatch.setattr(service, "CDC_MOST", 10)
    monkeypatch.setattr(feed, "ROWS", 10)
    adapter = bench.adapter()
    adapter.wire._max_bytes = 6000  # type: ignore[attr-defined]
    pages = []
    for _ in range(100):
        pages.append(adapter.changed(cursor))
        cursor = pages[-1].cursor
        if not pages[-1].more:
            break

    assert refs(pages) == set(pushed) and not pages[-1].more


# --- a bad moment after a write -----------------------------------------------------------------------


@pytest.mark.parametrize("refused", [429, 400, 503])
def test_a_look_that_fails_takes_nothing_from_those_that_went_well(
    bench: QuickBooksBench, refused: int
) -> None:
    own = bench.a_draft("A-1", payer=bench.a_payer("9"))
    assert next(iter(bench.adapter().push([own], PlainJournals()))).pushed
    inner = bench.network.inner
    created: list[bool] = []

    class FailsToLook(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if created and b"DocNumber" in request.url.query:
                error = {"Fault": {"Error": [{"Message": "no", "code": "4000"}], "type": "ValidationFault"}}
                return httpx.Response(refused, json=error)
            if request.url.path.endswith("/batch") and b"DocNumber" in request.content:
                created.append(True)
            return inner.handle_request(request)

    bench.network.inner = FailsToLook()
    taken = bench.a_draft("A-1", payer=bench.a_payer("1"), reference="WB-AAAAAAAAAAAAAAAA")
    fresh = bench.a_draft("A-2", payer=bench.a_payer("2"))

    first, second = bench.adapter().push([taken, fresh], PlainJournals())

    assert second.pushed is not None
    assert isinstance(first.error, Throttled | OutcomeUnknown | NotYet)


def test_two_spaces_in_a_number_are_looked_for_as_they_are(bench: QuickBooksBench) -> None:
    draft = bench.a_draft("A  1")
    bench.lose_answer(after=1)
    journals = PlainJournals()
    for _ in range(3):
        (result,) = bench.adapter().push([draft], journals)
        bench.pass_time(600)
    asked = [one.url.params.get("query", "") for one in bench.network.requests]

    assert result.pushed is not None and bench.live(draft.reference) == 1
    assert any("'A  1'" in query for query in asked)


def test_a_write_whose_token_took_too_long_to_renew_is_not_repeated_under_its_old_mark(
    bench: QuickBooksBench,
) -> None:
    """How long it may still land is counted from the mark."""
    wire = HttpWire("QuickBooks", gate=OpenGate(), clock=bench.clock, transport=bench.network)
    stale = SecretStr("stale")

    class Slow:
        def access(self) -> SecretStr:
            return stale

        def renewed(self, refused: SecretStr) -> SecretStr:
            bench.pass_time(60)
            return bench.keeper.access()

    api = Api(wire, URL, bench.account.id, Slow())
    body = {"DisplayName": "Subscriber 0001"}

    with leaving_by(bench.clock.monotonic() + 30), pytest.raises(Throttled):
        api.write("customer", body, "key-1")
    assert bench.payers() == 0

    with leaving_by(bench.clock.monotonic() + 90):
        api.write("customer", body, "key-1")
    assert bench.payers() == 1


# --- what people changed is theirs --------------------------------------------------------------------


def test_after_a_restore_an_invoice_that_the_office_gave_a_discount_on_is_not_voided() -> None:
    bench = QuickBooksBench(send_email=False)
    ref = bench.pushed()
    bench.account.edit(ref, 4000)

    (result,) = bench.adapter().push([bench.a_draft()], PlainJournals())

    assert isinstance(result.error, StepStuck) and result.error.code == "WB-PUSH-MISMATCH"
    assert "40.00" in result.error.message
    assert bench.live(bench.a_draft().reference) == 1


def test_an_invoice_that_was_voided_and_is_used_again_is_not_deleted() -> None:
    bench, journal = taxed(), PlainJournal()
    draft = bench.a_draft("A-1", bench.a_line("45.00", "3.60", tax_rate="local"))
    with pytest.raises(StepStuck):
        bench.adapter().push_one(draft, journal)
    (voided,) = bench.account.standing()
    edit(bench, voided.ref, TotalAmt=Decimal("48.60"), Balance=Decimal("48.60"))
    journal.keys_expired = True

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(draft, journal)

    assert caught.value.code == "WB-PUSH-MISMATCH"
    assert bench.account.books.get("Invoice", voided.ref).row is not None


@pytest.mark.parametrize("note", ["{}, pays in cash", "see {}; moved"])
def test_a_customer_is_found_whatever_people_write_around_our_reference(
    bench: QuickBooksBench, note: str
) -> None:
    bench.pushed("A-1")
    ((record, row),) = bench.account.books.live("Customer")
    bench.account.books.put(record, row | {"Notes": note.format(bench.a_payer().reference)})
    bench.pass_time(30 * 86_400)

    bench.pushed("A-2")

    assert bench.payers() == 1


def test_an_active_customer_counts_before_an_inactive_one_of_the_same_reference(
    bench: QuickBooksBench,
) -> None:
    bench.pushed("A-1")
    ((record, row),) = bench.account.books.live("Customer")
    notes = f"merged into another, was {bench.a_payer().reference}"
    name = f"{row['DisplayName']} (deleted)"
    bench.account.books.add("Customer", row | {"DisplayName": name, "Active": False, "Notes": notes})

    pushed = bench.adapter().push_one(bench.a_draft("A-2"), PlainJournal())

    assert pushed.payer.external_id == record.id


def test_a_version_or_a_time_beyond_all_numbers_is_none() -> None:
    """What no database takes would undo the transaction of a whole page, each time again."""
    assert [version_of({"SyncToken": text}) for text in ("7", "9" * 19, "9" * 5000, "", "x")] == [
        7,
        *[None] * 4,
    ]
    assert moment("0001-01-01T00:00:00+14:00") is None


def test_money_that_a_voided_invoice_frees_is_told_on_the_other_that_its_payment_settles(
    bench: QuickBooksBench,
) -> None:
    """Nobody loses sight of it: what is left over of a payment is paid too much on the one it settles."""
    first, second = bench.pushed("A-1"), bench.pushed("A-2")
    payment = bench.account.pay_several({first: 4500, second: 4500})
    bench.account.void(first)

    gone, kept = bench.adapter().pull([Asked(first), Asked(second)])

    assert (gone.status, gone.facts) == (DocStatus.VOID, ())
    assert [(fact.external_id, fact.amount.minor) for fact in kept.facts] == [(payment, 9000)]
    assert [one.paid for one in bench.account.standing()] == [0, 9000]


def test_an_event_that_cannot_be_used_keeps_no_other_from_being_told() -> None:
    body = json.dumps([{"no": "id"}, "text", event("invoice.updated")]).encode()

    assert [hint.ref for hint in QuickBooks.read_app_hints(delivery(body))] == ["145"]


def test_answers_of_a_batch_that_were_mixed_up_are_looked_for(bench: QuickBooksBench) -> None:
    """Else each subscriber's money would settle the other's invoice."""
    inner, mixed = bench.network.inner, []

    class MixesUp(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = inner.handle_request(request)
            if mixed or not request.url.path.endswith("/batch") or b'"Invoice"' not in request.content:
                return answer
            document = json.loads(answer.read())
            first, second = mixed[:] = document["BatchItemResponse"]
            first["bId"], second["bId"] = second["bId"], first["bId"]
            return httpx.Response(200, json=document)

    bench.network.inner = MixesUp()
    drafts = [bench.a_draft(f"A-{n}", payer=bench.a_payer(str(n))) for n in range(2)]
    journals = PlainJournals()

    first = list(bench.adapter().push(drafts, journals))
    second = list(bench.adapter().push(drafts, journals))

    assert [type(result.error) for result in first] == [Garbled, Garbled]
    assert [one.pushed.observation.number for one in second if one.pushed] == ["A-0", "A-1"]
    assert [bench.live(draft.reference) for draft in drafts] == [1, 1]
