"""Reading a customer's system: word and amounts must agree, and what cannot be read changes nothing."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import CursorLost, Garbled, Unauthorised
from daemon.model import Asked, DocStatus, Document, FactKind, Observation
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.custom_webhook.answers import found, read_bytes
from daemon.providers.custom_webhook.setup import CustomSettings
from daemon.providers.custom_webhook.status import CREDITED, REFUNDED, Reader
from daemon.providers.custom_webhook.values import Values
from tests.providers.custom_webhook_bench import PATHS, CustomBench, json_settings, xml_settings
from tests.providers.test_custom_webhook_push import numbered

JSON = "application/json"
SETTINGS = CustomSettings.model_validate(json_settings())
assert SETTINGS.status is not None
STATUS = SETTINGS.status


@pytest.fixture
def bench() -> CustomBench:
    return CustomBench()


def a_status(**changed: Any) -> dict[str, Any]:
    document = {
        "id": "inv_1",
        "reference": "WB-ABCDEFGHIJKLMNOP",
        "number": "A-1",
        "customer": "c",
        "currency": "USD",
        "status": "open",
        "total": "45.00",
        "amount_paid": "0.00",
        "amount_due": "45.00",
        "updated_at": "2026-03-02T09:00:00Z",
    }
    return {name: value for name, value in (document | changed).items() if value is not ...}


def seen(bench: CustomBench, answer: Any, ref: str = "inv_1", **settings: Any) -> Observation:
    """What we observe where the system answers this."""
    is_reply = isinstance(answer, httpx.Response)
    bench.network.instead = [answer if is_reply else httpx.Response(200, json=answer)]
    (observation,) = bench.adapter(**settings).pull([Asked(ref)])
    return observation


def told(bench: CustomBench, **changed: Any) -> Observation:
    return seen(bench, a_status(**changed))


# --- the word, and the amounts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "paid", "due", "status", "total_paid"),
    [
        ("open", "0.00", "45.00", DocStatus.OPEN, "0.00"),
        (" OPEN ", "0.00", "45.00", DocStatus.OPEN, "0.00"),
        ("Overdue", "0.00", "45.00", DocStatus.OPEN, "0.00"),
        ("partial", "15.00", "30.00", DocStatus.OPEN, "15.00"),
        ("open", "15.00", "30.00", DocStatus.OPEN, "15.00"),
        ("paid", "45.00", "0.00", DocStatus.PAID, "45.00"),
        ("SETTLED", "45.00", "0", DocStatus.PAID, "45.00"),
        ("paid", "50.00", "0.00", DocStatus.PAID, "50.00"),
        ("paid", ..., ..., DocStatus.PAID, "45.00"),
        ("paid", "45.00", ..., DocStatus.PAID, "45.00"),
        ("refunded", "45.00", "0.00", DocStatus.PAID, "45.00"),
        ("refunded", "0.00", "0.00", DocStatus.PAID, "45.00"),
        ("voided", "0.00", "0.00", DocStatus.VOID, "0.00"),
        ("voided", "0.00", "45.00", DocStatus.VOID, "0.00"),
        ("written_off", "0.00", "45.00", DocStatus.UNCOLLECTIBLE, "0.00"),
        ("draft", "0.00", "45.00", DocStatus.DRAFT, "0.00"),
    ],
)
def test_word_and_amounts_that_agree_are_believed(
    bench: CustomBench, word: str, paid: Any, due: Any, status: DocStatus, total_paid: str
) -> None:
    observation = told(bench, status=word, amount_paid=paid, amount_due=due)

    assert (observation.status, observation.paid_total) == (status, Money.parse(total_paid, "USD"))


@pytest.mark.parametrize(
    ("word", "paid", "due"),
    [
        ("paid", "0.00", "45.00"),
        ("paid", "45.00", "0.01"),
        ("paid", "44.99", ...),
        ("open", "45.00", "0.00"),
        ("open", "45.00", ...),
        ("pending", "50.00", "0.00"),
        ("partial", "45.00", "0.00"),
        ("partial", "0.00", "45.00"),
        ("void", "15.00", "30.00"),
    ],
)
def test_word_and_amounts_that_disagree_change_nothing_and_leave_a_note(
    bench: CustomBench, word: str, paid: Any, due: Any
) -> None:
    observation = told(bench, status=word, amount_paid=paid, amount_due=due)

    assert (observation.status, observation.paid_total, observation.facts) == (DocStatus.UNKNOWN, None, ())
    assert observation.covers == frozenset()
    assert "it is called" in observation.raw["conflict"]


def test_a_word_that_nobody_mapped_changes_nothing(bench: CustomBench) -> None:
    observation = told(bench, status="bezahlt", amount_paid="45.00", amount_due="0.00")

    assert (observation.status, observation.covers) == (DocStatus.UNKNOWN, frozenset())
    assert observation.raw["status"] == "bezahlt"


def test_the_owners_own_words_take_the_place_of_ours(bench: CustomBench) -> None:
    status = json_settings()["status"] | {"words": {"Bezahlt": "paid", "GEPRÜFT": "open"}}
    paid = a_status(status="BEZAHLT ", amount_paid="45.00", amount_due="0.00")

    assert seen(bench, paid, status=status).status is DocStatus.PAID
    assert seen(bench, a_status(status="geprüft"), status=status).status is DocStatus.OPEN
    assert seen(bench, a_status(status="open"), status=status).status is DocStatus.UNKNOWN


def test_a_refund_that_only_the_word_tells_is_a_fact_while_it_tells_it(bench: CustomBench) -> None:
    """With a list of refunds the list counts; without one the word does, in both directions."""
    status = paths_without("refunds")
    refunded = a_status(status="refunded", amount_paid="45.00", amount_due="0.00")
    first = seen(bench, refunded, status=status)
    later = seen(bench, refunded | {"status": "paid"}, status=status)
    listed = seen(bench, refunded | {"refunds": [{"id": "r1", "amount": "5.00"}]})

    (fact,) = first.facts
    assert (fact.kind, fact.external_id, fact.amount.minor) == (FactKind.REFUND, REFUNDED, 4500)
    assert later.facts == () and FactKind.REFUND in later.covers
    assert [(fact.external_id, fact.amount.minor) for fact in listed.facts] == [("r1", 500)]


def paths_without(name: str) -> dict[str, Any]:
    status: dict[str, Any] = json_settings()["status"]
    return status | {"paths": {key: path for key, path in PATHS.items() if key != name}}


def test_what_is_neither_paid_nor_due_was_credited(bench: CustomBench) -> None:
    observation = told(bench, status="open", amount_paid="0.00", amount_due="35.00")

    (fact,) = observation.facts
    assert (fact.kind, fact.external_id, fact.amount.minor) == (FactKind.CREDIT, CREDITED, 1000)
    assert FactKind.CREDIT in observation.covers


def test_a_list_of_payments_covers_payments_and_its_absence_covers_nothing(bench: CustomBench) -> None:
    payments = [{"id": "p1", "amount": "15.00", "at": "2026-03-02T10:00:00+01:00"}]
    with_list = told(bench, status="partial", amount_paid="15.00", amount_due="30.00", payments=payments)
    without = told(bench, status="partial", amount_paid="15.00", amount_due="30.00")

    (fact,) = with_list.facts
    assert (fact.external_id, str(fact.at)) == ("p1", "2026-03-02 09:00:00+00:00")
    assert FactKind.PAYMENT in with_list.covers and FactKind.PAYMENT not in without.covers


def test_a_payment_over_several_invoices_and_a_reversal_are_followed(bench: CustomBench) -> None:
    refs = [bench.adapter().push_one(numbered(n), PlainJournal()).ref for n in range(2)]
    name = bench.account.pay_several(dict.fromkeys(refs, 4500))
    for one in bench.adapter().pull([Asked(ref) for ref in refs]):
        assert (one.status, one.facts[0].transaction_id) == (DocStatus.PAID, name)
    bench.account.reverse(refs[0])

    (after,) = bench.adapter().pull([Asked(refs[0])])

    assert (after.status, after.paid_total, after.facts) == (DocStatus.OPEN, Money(0, "USD"), ())
    assert FactKind.PAYMENT in after.covers


def test_in_xml_one_payment_is_a_payment_and_none_is_none() -> None:
    bench = CustomBench(xml_settings(), format="xml")
    ref = bench.adapter().push_one(numbered(1), PlainJournal()).ref
    bench.account.pay(ref, 1500)
    (one,) = bench.adapter().pull([Asked(ref)])
    bench.account.reverse(ref)
    (none,) = bench.adapter().pull([Asked(ref)])

    assert [fact.amount.minor for fact in one.facts] == [1500]
    assert none.facts == () and FactKind.PAYMENT in none.covers


# --- whose it is, and whether it is there -------------------------------------------------------------


def test_another_invoice_in_answer_to_ours_is_not_believed(bench: CustomBench) -> None:
    with pytest.raises(Garbled, match="another invoice"):
        told(bench, id="inv_2")


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_is_missing(bench: CustomBench, status: int) -> None:
    reply = httpx.Response(status, json={"error": "none"})
    assert seen(bench, reply).status is DocStatus.MISSING


def test_a_web_servers_own_404_page_says_nothing_about_an_invoice(bench: CustomBench) -> None:
    with pytest.raises(Garbled):
        seen(bench, httpx.Response(404, html="<html>Not Found</html>"))


def test_an_invoice_deleted_edited_or_voided_there_is_seen_so(bench: CustomBench) -> None:
    gone, edited, void = (bench.adapter().push_one(numbered(n), PlainJournal()).ref for n in range(3))
    bench.account.delete(gone)
    bench.account.edit(edited, 4600)
    bench.account.void(void)

    by_ref = {one.ref: one for one in bench.adapter().pull([Asked(r) for r in (gone, edited, void)])}

    assert by_ref[gone].status is DocStatus.MISSING
    assert by_ref[edited].total == Money(4600, "USD")
    assert by_ref[void].status is DocStatus.VOID


def test_a_key_that_was_withdrawn_stops_the_reading(bench: CustomBench) -> None:
    bench.account.revoked = True
    with pytest.raises(Unauthorised):
        list(bench.adapter().pull([Asked("inv_1")]))


def test_a_ref_is_one_segment_of_the_address_whatever_it_holds(bench: CustomBench) -> None:
    list(bench.adapter().pull([Asked("../x?y=1#z/é")]))

    (request,) = bench.network.requests
    assert request.url.raw_path == b"/api/invoices/..%2Fx%3Fy%3D1%23z%2F%C3%A9"
    assert request.url.host == "sandbox.test"


# --- junk ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"status": ...},
        {"status": 1.5},
        {"status": ["open"]},
        {"status": "x" * 3000},
        {"total": "45,00"},
        {"total": "1e3"},
        {"total": "NaN"},
        {"total": True},
        {"total": "45.001"},
        {"total": "-45.00"},
        {"total": ["45.00"]},
        {"currency": "XX"},
        {"currency": ...},
        {"updated_at": "yesterday"},
        {"due_date": "soon"},
        {"payments": "none"},
        {"payments": [{"id": "p1"}]},
        {"payments": [{"amount": "1.00"}]},
        {"payments": [{"id": "p1", "amount": "-1.00"}]},
        {"payments": [{"id": "p1", "amount": "1.00"}, {"id": "p1", "amount": "1.00"}]},
        {"payments": [{"id": f"p{n}", "amount": "0.01"} for n in range(1001)]},
    ],
)
def test_a_field_of_another_form_changes_nothing(bench: CustomBench, changed: Document) -> None:
    with pytest.raises(Garbled):
        told(bench, **changed)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b'"open"', JSON),
        (b'{"status": "op', JSON),
        (b'{"a": NaN}', JSON),
        (b'{"a": Infinity}', JSON),
        (b'{"a": 1, "a": 2}', JSON),
        (b'{"a": 1e999999999}', JSON),
        (b"\xff\xfe{}", JSON),
        (b"[" * 100_000, JSON),
        (b"<!DOCTYPE html><html>Sign in</html>", "text/html"),
        (b"<html><body>Sign in</body></html>", JSON),
        (b"<invoice>", "application/xml"),
        (b"<a>" * 100 + b"</a>" * 100, "application/xml"),
        (b"<a>" + b"<b/>" * 200_001 + b"</a>", "application/xml"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "application/xml"),
        (b'<!DOCTYPE a SYSTEM "http://169.254.169.254/"><a/>', "application/xml"),
        (b"x" * (1024 * 1024 + 1), JSON),
    ],
)
def test_an_answer_that_cannot_be_read_changes_nothing(bench: CustomBench, body: bytes, kind: str) -> None:
    with pytest.raises(Garbled):
        seen(bench, httpx.Response(200, content=body, headers={"content-type": kind}))


@given(st.binary(max_size=200), st.sampled_from(["", JSON, "text/xml", "application/problem+json"]))
def test_whatever_bytes_come_they_are_a_document_or_garbled(body: bytes, kind: str) -> None:
    with contextlib.suppress(Garbled):
        read_bytes(body, kind)


def test_without_a_content_type_the_first_byte_decides() -> None:
    assert read_bytes(b' {"a": 1.10}', "") == {"a": Decimal("1.10")}
    assert read_bytes(b"<a><b>1</b></a>", "text/plain") == {"a": {"b": "1"}}


def test_xml_keeps_its_prefixes_and_attributes() -> None:
    document = read_bytes(b'<n:a xmlns:n="urn:x"><n:b c="1">2</n:b><n:b>3</n:b></n:a>', "text/xml")

    assert found(document, '"n:a"."n:b"[0]."@c"') == "1"
    assert found(document, '"n:a"."n:b"[0]."#text"') == "2"
    assert found(document, '"n:a"."n:b"[1]') == "3"


def test_a_path_keeps_every_decimal() -> None:
    document = read_bytes(b'{"lines": [{"a": 125.50}, {"a": 0.1}]}', JSON)

    assert found(document, "lines[?a > `1`].a | [0]") == Decimal("125.50")
    assert found(document, "nothing.there") is None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS | st.sampled_from(["45.00", "0.00", "paid", "USD", "2026-03-02"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "amount", "at"]), inner)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*a_status(), "due_date", "view_url", "payments", "refunds"]), VALUES))
def test_whatever_stands_in_a_status_it_is_an_observation_or_garbled(changed: Document) -> None:
    document = a_status() | changed
    with contextlib.suppress(Garbled):
        observation = Reader(SETTINGS, STATUS).observe(
            read_bytes(json.dumps(document).encode(), JSON), "inv_1"
        )
        assert observation.ref == "inv_1"
        assert all(fact.amount.minor > 0 for fact in observation.facts)
        assert {fact.kind for fact in observation.facts} <= observation.covers | {
            FactKind.REFUND,
            FactKind.CREDIT,
        }


@pytest.mark.parametrize("known", [[], ["USD", "EUR"]])
def test_a_currency_that_is_not_told_is_not_guessed(bench: CustomBench, known: list[str]) -> None:
    with pytest.raises(Garbled):
        seen(bench, a_status(currency=...), currencies=known)


def test_a_currency_that_is_not_told_is_the_only_one_there_is(bench: CustomBench) -> None:
    assert seen(bench, a_status(currency=...), currencies=["EUR"]).total == Money(4500, "EUR")


# --- amounts and times --------------------------------------------------------------------------------


def values(**changed: Any) -> Values:
    return Values(CustomSettings.model_validate(json_settings(**changed)))


@pytest.mark.parametrize(
    ("form", "separator", "value", "minor"),
    [
        ("decimal_string", ".", "45.00", 4500),
        ("decimal_string", ".", "45.5", 4550),
        ("decimal_string", ".", "45.50000", 4550),
        ("decimal_string", ",", "45,50", 4550),
        ("decimal_number", ".", Decimal("45.5"), 4550),
        ("decimal_number", ".", 45, 4500),
        ("minor_units", ".", 4550, 4550),
        ("minor_units", ".", "4550", 4550),
        ("decimal_string", ".", None, None),
        ("decimal_string", ".", {"@cur": "USD", "#text": "45.00"}, 4500),
    ],
)
def test_an_amount_is_read_as_the_settings_say(
    form: str, separator: str, value: Any, minor: int | None
) -> None:
    money = values(amount_format=form, decimal_separator=separator).money(value, "USD")

    assert (None if money is None else money.minor) == minor


@pytest.mark.parametrize(
    ("form", "separator", "value"),
    [
        ("minor_units", ".", "45.00"),
        ("minor_units", ".", Decimal("45.5")),
        ("decimal_string", ",", "1.045,00"),
        ("decimal_string", ".", "1,045.00"),
        ("decimal_string", ".", ""),
        ("decimal_string", ".", "٤٥"),
        ("decimal_string", ".", "9" * 20),
    ],
)
def test_an_amount_of_another_form_is_not_guessed(form: str, separator: str, value: Any) -> None:
    with pytest.raises(Garbled):
        values(amount_format=form, decimal_separator=separator).money(value, "USD")


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("iso", "2026-03-02T09:00:00Z", "2026-03-02 09:00:00+00:00"),
        ("iso", "2026-03-02T10:00:00+01:00", "2026-03-02 09:00:00+00:00"),
        ("iso", "2026-03-02", "2026-03-02 00:00:00+00:00"),
        ("epoch_s", 1772442000, "2026-03-02 09:00:00+00:00"),
        ("epoch_ms", "1772442000123", "2026-03-02 09:00:00+00:00"),
        ("%d.%m.%Y %H:%M", "02.03.2026 09:00", "2026-03-02 09:00:00+00:00"),
    ],
)
def test_a_time_is_read_as_the_settings_say(form: str, value: Any, text: str) -> None:
    assert str(values(date_format=form).moment(value)) == text


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("iso", "2026-03-02", "2026-03-02 12:00:00+00:00"),
        ("iso", "2026-03-02T00:00:00Z", "2026-03-02 00:00:00+00:00"),
        ("%d.%m.%Y", "02.03.2026", "2026-03-02 12:00:00+00:00"),
        ("%d.%m.%Y %H:%M", "02.03.2026 00:00", "2026-03-02 00:00:00+00:00"),
        ("epoch_s", 1772409600, "2026-03-02 00:00:00+00:00"),
    ],
)
def test_money_of_a_bare_day_moved_on_that_day_in_every_zone(form: str, value: Any, text: str) -> None:
    """Noon in UTC stands for a day without a time (`model.days`)."""
    assert str(values(date_format=form).happened(value)) == text


# --- the list of changes ------------------------------------------------------------------------------


def walked(bench: CustomBench, cursor: Document) -> tuple[list[str | None], Document, int]:
    refs: list[str | None] = []
    for pages in range(1, 50):
        page = bench.adapter().changed(json.loads(json.dumps(cursor)))
        refs += [hint.ref for hint in page.hints]
        cursor = page.cursor
        if not page.more:
            return refs, cursor, pages
    raise AssertionError("the list does not end")


def test_a_long_list_of_changes_is_walked_page_by_page(bench: CustomBench) -> None:
    cursor = bench.adapter().changed(None).cursor
    pushed = [bench.adapter().push_one(numbered(n), PlainJournal()).ref for n in range(120)]
    before = len(bench.network.requests)

    refs, cursor, pages = walked(bench, cursor)

    assert sorted(map(str, refs)) == sorted(pushed)
    assert len(bench.network.requests) - before == pages == 4
    assert walked(bench, cursor)[0] == []


def test_a_list_that_knows_no_pages_ends_where_it_repeats_itself(bench: CustomBench) -> None:
    rows = {"invoice": [a_status()]}
    cursor = bench.adapter().changed(None).cursor
    bench.network.always = httpx.Response(200, json=rows)

    refs, _cursor, pages = walked(bench, cursor)

    assert (refs, pages) == (["inv_1"], 2)


def test_a_change_within_the_same_second_is_told_again(bench: CustomBench) -> None:
    ref = bench.adapter().push_one(numbered(1), PlainJournal()).ref
    _refs, cursor, _pages = walked(bench, bench.adapter().changed(None).cursor)
    bench.account.pay(ref, 100)

    assert walked(bench, cursor)[0] == [ref]


def test_a_clock_of_theirs_that_is_behind_misses_nothing(bench: CustomBench) -> None:
    """`since` follows the newest change that they told, not our clock."""
    ref = bench.adapter().push_one(numbered(1), PlainJournal()).ref
    _refs, cursor, _pages = walked(bench, bench.adapter().changed(None).cursor)
    bench.pass_time(30 * 86_400)
    bench.account.pay(ref, 100)
    bench.account.invoices[ref].updated_at = bench.clock.now().replace(day=2, month=3, hour=9, minute=1)

    assert walked(bench, cursor)[0] == [ref]


@pytest.mark.parametrize(
    "cursor", [{}, {"since": "x"}, {"since": 1, "page": 1, "newest": "x", "told": {}, "last": ""}]
)
def test_a_cursor_that_is_none_is_lost(bench: CustomBench, cursor: Document) -> None:
    with pytest.raises(CursorLost):
        bench.adapter().changed(cursor)


@pytest.mark.parametrize("rows", [{"invoice": "x"}, {"invoice": [1]}, {"invoice": [{"id": "a"}]}, [], {}])
def test_a_list_of_another_form_moves_no_cursor(bench: CustomBench, rows: Any) -> None:
    cursor = bench.adapter().changed(None).cursor
    bench.network.instead = [httpx.Response(200, json=rows)]

    with pytest.raises(Garbled):
        bench.adapter().changed(cursor)


def test_without_a_list_there_is_no_feed(bench: CustomBench) -> None:
    status = {name: value for name, value in json_settings()["status"].items() if name != "changes"}

    assert bench.adapter().can.change_feed
    assert not bench.adapter(status=status).can.change_feed
