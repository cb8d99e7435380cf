"""Push to a customer's own system: one event has one id, whatever happens on its way."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from daemon.errors import (
    Garbled,
    NotYet,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Throttled,
    Unauthorised,
    Unreachable,
    Unsupported,
)
from daemon.model import Asked, DocStatus, InvoiceDraft
from daemon.model.ids import our_reference
from daemon.money import Money
from daemon.providers.contract import PlainJournal
from daemon.providers.custom_webhook.push import message_id
from tests.providers.custom_webhook_bench import CURRENT, PATHS, PREVIOUS, CustomBench, json_settings
from tests.providers.stripe_script import a_draft, a_line, a_payer


@pytest.fixture
def bench() -> CustomBench:
    return CustomBench()


def status_by(template: str, **changed: Any) -> dict[str, Any]:
    return {"url_template": f"https://billing.example.com{template}", "paths": PATHS, **changed}


def numbered(number: int) -> InvoiceDraft:
    reference = our_reference(tenant="t", reference=str(number), account="a", operation="create")
    return a_draft(number=f"N-{number}", reference=reference)


def an_answer(status: int, document: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=document if document is not None else {}, headers=headers)


# --- what is sent -------------------------------------------------------------------------------------


def test_each_try_bears_the_same_id_and_the_same_bytes_and_the_time_of_the_try(bench: CustomBench) -> None:
    draft, journal = a_draft(), PlainJournal()
    bench.lose_request(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(draft, journal)
    bench.pass_time(3600)

    bench.adapter().push_one(draft, journal)

    first, second = bench.network.posts()
    assert (
        first.headers["webhook-id"] == second.headers["webhook-id"] == message_id(draft.reference, "create")
    )
    assert first.headers["idempotency-key"] == first.headers["webhook-id"]
    assert first.content == second.content
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 3600


def test_a_new_send_after_the_key_ran_out_is_the_same_event(bench: CustomBench) -> None:
    """The journal takes a new key where a look found nothing; the receiver must still know the event."""
    draft, journal = a_draft(), PlainJournal(keys_expired=True)
    bench.lose_request(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(draft, journal)

    bench.adapter().push_one(draft, journal)

    assert len({post.headers["webhook-id"] for post in bench.network.posts()}) == 1


def test_two_invoices_are_two_events() -> None:
    ids = {message_id(numbered(number).reference, "create") for number in range(1000)}

    assert len(ids) == 1000
    assert all(len(one) == 30 and one.startswith("msg_") and "." not in one for one in ids)


def test_another_implementation_takes_what_we_sign(bench: CustomBench) -> None:
    bench.account.secrets = [CURRENT, PREVIOUS]
    given = {"signing_secret": CURRENT, "previous_signing_secret": PREVIOUS}
    adapter = bench.adapter(given)
    adapter.push_one(a_draft(), PlainJournal())

    (post,) = bench.network.posts()

    entries = post.headers["webhook-signature"].split(" ")
    at = bench.clock.now()
    for secret, entry in zip((CURRENT, PREVIOUS), entries, strict=True):
        assert Webhook(secret).sign(post.headers["webhook-id"], at, post.content.decode()) == entry


def test_the_owner_can_rotate_the_secret_at_either_end_first(bench: CustomBench) -> None:
    bench.account.secrets = [PREVIOUS]
    given = {"signing_secret": CURRENT, "previous_signing_secret": PREVIOUS}

    assert bench.adapter(given).push_one(numbered(1), PlainJournal())
    bench.account.secrets = [CURRENT]
    assert bench.adapter(given).push_one(numbered(2), PlainJournal())
    with pytest.raises(Unauthorised):
        bench.adapter({"signing_secret": PREVIOUS}).push_one(numbered(3), PlainJournal())


def test_what_was_frozen_is_sent_whatever_the_mapping_became(bench: CustomBench) -> None:
    draft, journal = a_draft(), PlainJournal()
    bench.lose_request(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter(mapping_version=1).push_one(draft, journal)

    newer = {"type": "invoice.created", "changed": {"$path": "/number"}}
    bench.adapter(mapping=newer, mapping_version=2, json_schema=None).push_one(draft, journal)

    first, second = bench.network.posts()
    assert first.content == second.content and b"changed" not in second.content
    assert journal.steps[("invoice", "create")].body["mapping_version"] == 1


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        ({"auth": "bearer"}, "authorization", "Bearer test-api-key-0001"),
        ({"auth": "header", "header_name": "X-Api-Key"}, "x-api-key", "test-api-key-0001"),
        ({"auth": "basic", "user": "wisp"}, "authorization", "Basic d2lzcDp0ZXN0LWFwaS1rZXktMDAwMQ=="),
    ],
)
def test_the_api_key_goes_where_the_owner_wants_it(
    bench: CustomBench, given: dict[str, Any], header: str, value: str
) -> None:
    with pytest.raises(RemoteError) if given["auth"] != "bearer" else nullcontext():
        bench.adapter(given).push_one(a_draft(), PlainJournal())

    assert bench.network.posts()[0].headers[header] == value


def test_the_address_may_hold_our_reference_and_be_put_to(bench: CustomBench) -> None:
    create = {
        "url": "https://billing.example.com/in/{reference}?from=wispbill",
        "method": "PUT",
        "response": {"external_id": "id"},
    }
    with pytest.raises(Unreachable):
        bench.adapter(create=create).push_one(a_draft(), PlainJournal())

    (request,) = bench.network.posts()
    assert (request.method, str(request.url)) == (
        "PUT",
        f"https://sandbox.test/in/{a_draft().reference}?from=wispbill",
    )


# --- refused before anything is sent ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda draft: replace(draft, number="N" * 101), "WB-INPUT"),
        (lambda draft: replace(draft, number=""), "WB-INPUT"),
        (lambda draft: replace(draft, lines=()), "WB-INPUT"),
        (lambda draft: replace(draft, total=Money(1, "USD")), "WB-PUSH-TOTAL"),
        (lambda draft: a_draft(a_line("45.00", currency="EUR"), currency="EUR"), "WB-PUSH-CURRENCY"),
        (lambda draft: replace(draft, payer=a_payer(email=None)), "WB-INPUT"),
    ],
)
def test_what_cannot_be_billed_there_is_refused_before_anything_is_sent(
    bench: CustomBench, change: Callable[[InvoiceDraft], InvoiceDraft], code: str
) -> None:
    adapter = bench.adapter(currencies=["USD"])

    with pytest.raises(Rejected) as caught:
        adapter.push_one(change(a_draft(currency="USD")), PlainJournal())

    assert caught.value.code == code
    assert bench.network.requests == []


def test_an_invoice_that_the_schema_refuses_says_where(bench: CustomBench) -> None:
    with pytest.raises(Rejected, match=r'schema refuses it at /data/customer: "email" is a required'):
        bench.adapter().accepts(a_draft(payer=a_payer(email=None)))


def test_three_homes_with_one_email_stay_three(bench: CustomBench) -> None:
    for home in range(3):
        draft = replace(numbered(home), payer=a_payer(reference=f"WB-HOME{home}AAAAAAAAAA"))
        bench.adapter().push_one(draft, PlainJournal())

    assert bench.payers() == 3


# --- what is answered ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Garbled),
        (302, Garbled),
        (400, Rejected),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, Unreachable),
        (405, Unreachable),
        (408, OutcomeUnknown),
        (410, Unauthorised),
        (413, Rejected),
        (422, Rejected),
        (425, OutcomeUnknown),
        (429, Throttled),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
def test_each_status_code_says_what_to_do_next(
    bench: CustomBench, status: int, kind: type[RemoteError]
) -> None:
    bench.network.instead = [an_answer(status, {"error": {"message": "no, test-api-key-0001"}})]

    with pytest.raises(kind) as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())

    assert caught.value.status_code == status
    assert "test-api-key-0001" not in str(caught.value)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_read_in_both_forms(bench: CustomBench, form: str) -> None:
    now = bench.clock.now()
    later = format_datetime(now.replace(minute=2), usegmt=True)
    text = "120" if form == "seconds" else later
    bench.network.instead = [
        an_answer(429, **{"retry-after": text, "date": format_datetime(now, usegmt=True)})
    ]

    with pytest.raises(Throttled) as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())

    assert caught.value.retry_after == 120


def test_a_redirect_names_where_it_leads_and_is_not_followed(bench: CustomBench) -> None:
    bench.network.instead = [an_answer(302, location="https://new.example.com/hooks?x=1")]

    with pytest.raises(Garbled, match=r"redirects to new\.example\.com, which"):
        bench.adapter().push_one(a_draft(), PlainJournal())
    assert len(bench.network.requests) == 1


def test_accepted_without_an_id_is_found_by_our_reference() -> None:
    bench = CustomBench(silent_ids=True)

    pushed = bench.adapter().push_one(a_draft(), PlainJournal())

    assert pushed.ref == bench.account.standing()[0].ref
    assert pushed.observation.status is DocStatus.OPEN


def test_accepted_without_an_id_and_not_found_is_unconfirmed(bench: CustomBench) -> None:
    bench.network.instead = [an_answer(202, {"queued": True})]

    with pytest.raises(OutcomeUnknown, match="without telling its id"):
        bench.adapter().push_one(a_draft(), PlainJournal())


@pytest.mark.parametrize("told", [["x"], True, "..", "x" * 201, 1.5, {}])
def test_an_id_that_is_none_is_no_id(bench: CustomBench, told: Any) -> None:
    bench.network.instead = [an_answer(201, {"id": told})]

    with pytest.raises(Garbled):
        bench.adapter().push_one(a_draft(), PlainJournal())


def test_an_answer_that_says_error_with_200_is_no_success(bench: CustomBench) -> None:
    create = {
        "url": "https://billing.example.com/hooks/invoices",
        "response": {"external_id": "id", "success": "error == null && ok"},
    }
    bench.network.instead = [an_answer(200, {"error": "no credit", "ok": False})]

    with pytest.raises(Rejected, match="no success"):
        bench.adapter(create=create).push_one(a_draft(), PlainJournal())


def test_an_invoice_that_is_not_shown_yet_is_asked_for_again(bench: CustomBench) -> None:
    draft, journal = a_draft(), PlainJournal()
    adapter = bench.adapter()
    bench.network.instead = [an_answer(201, {"id": "inv_later"}), an_answer(404)]

    with pytest.raises(NotYet):
        adapter.push_one(draft, journal)
    with pytest.raises(NotYet):
        adapter.push_one(draft, journal)
    assert len(bench.network.posts()) == 1


# --- 409, and what is there already -------------------------------------------------------------------


def test_one_that_exists_with_our_reference_and_total_is_ours(bench: CustomBench) -> None:
    draft = a_draft()
    ref = bench.account.add(
        reference=draft.reference,
        number=draft.number,
        customer=draft.payer.reference,
        currency="USD",
        total=4500,
        due="2026-03-16",
    ).id

    assert bench.adapter().push_one(draft, PlainJournal()).ref == ref
    assert bench.live(draft.reference) == 1


def test_one_of_the_owners_own_under_our_number_is_not_taken_for_ours(bench: CustomBench) -> None:
    draft = a_draft()
    bench.account.strangers(draft.number, draft.total.minor)

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(draft, PlainJournal())
    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"


@pytest.mark.parametrize("what", ["total", "currency", "void"])
def test_our_reference_on_another_invoice_needs_a_person(bench: CustomBench, what: str) -> None:
    draft = a_draft()
    ref = bench.account.add(
        reference=draft.reference,
        number=draft.number,
        customer="c",
        currency="EUR" if what == "currency" else "USD",
        total=4400 if what == "total" else 4500,
        due="2026-03-16",
    ).id
    if what == "void":
        bench.account.void(ref)

    with pytest.raises(StepStuck) as caught:
        bench.adapter().push_one(draft, PlainJournal())
    assert caught.value.code == "WB-PUSH-MISMATCH"


def test_where_the_number_is_the_name_another_reference_under_it_is_not_ours(bench: CustomBench) -> None:
    bench.network.instead = [an_answer(409), an_answer(200, _doc(reference="WB-OTHER"))]
    settings = {"status": status_by("/n/{number}"), "void": None}

    with pytest.raises(StepStuck) as caught:
        bench.adapter(**settings).push_one(a_draft(), PlainJournal())
    assert caught.value.code == "WB-PUSH-NUMBER-TAKEN"


def _doc(**changed: Any) -> dict[str, Any]:
    document = {
        "id": "inv_1",
        "reference": a_draft().reference,
        "number": "A-1",
        "currency": "USD",
        "status": "open",
        "total": "45.00",
        "amount_paid": "0.00",
        "amount_due": "45.00",
    }
    return document | changed


def test_a_total_that_they_reckon_otherwise_stops_the_invoice(bench: CustomBench) -> None:
    bench.network.instead = [an_answer(201, {"id": "inv_1"}), an_answer(200, _doc(total="45.01"))]

    with pytest.raises(StepStuck, match=r"45\.00 USD here and 45\.01 USD there") as caught:
        bench.adapter().push_one(a_draft(), PlainJournal())
    assert caught.value.code == "WB-PUSH-TOTAL"


# --- a crash after each write, and each look ----------------------------------------------------------


def test_after_a_crash_a_landed_invoice_is_found_and_not_sent_again(bench: CustomBench) -> None:
    draft, journal = a_draft(), PlainJournal(keys_expired=True)
    bench.lose_answer(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(draft, journal)

    bench.adapter().push_one(draft, journal)

    assert len(bench.network.posts()) == 1 and bench.live(draft.reference) == 1


def test_without_an_address_to_look_at_the_same_event_is_sent_again_and_known_there() -> None:
    settings = json_settings()
    del settings["status"]["lookup_url_template"]
    bench = CustomBench(settings)
    draft, journal = a_draft(), PlainJournal(keys_expired=True)
    bench.lose_answer(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().push_one(draft, journal)

    bench.adapter().push_one(draft, journal)

    assert len(bench.network.posts()) == 2 and bench.live(draft.reference) == 1


def test_a_thousand_invoices_cost_two_calls_each(bench: CustomBench) -> None:
    adapter = bench.adapter()
    for number in range(1000):
        adapter.push_one(numbered(number), PlainJournal())

    assert len(bench.network.requests) == 2000 and len(bench.account.standing()) == 1000


# --- withdrawn ----------------------------------------------------------------------------------------


def test_a_withdrawal_bears_one_id_at_each_try_and_is_read_back(bench: CustomBench) -> None:
    ref, journal = bench.adapter().push_one(a_draft(), PlainJournal()).ref, PlainJournal()
    bench.lose_request(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().void(ref, journal)
    bench.pass_time(600)

    assert bench.adapter().void(ref, journal).status is DocStatus.VOID
    _made, first, second = bench.network.posts()
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message_id(ref, "void")
    assert first.content == second.content


def test_a_withdrawal_that_changed_nothing_is_not_believed(bench: CustomBench) -> None:
    ref = bench.adapter().push_one(a_draft(), PlainJournal()).ref
    shown = httpx.Response(200, json=bench.account.invoices[ref].document())
    bench.network.instead = [shown, an_answer(200, {"ok": True}), shown]

    with pytest.raises(Garbled, match="is not void"):
        bench.adapter().void(ref, PlainJournal())


def test_without_an_address_for_it_nothing_is_withdrawn(bench: CustomBench) -> None:
    adapter = bench.adapter(void=None)

    assert not adapter.can.void
    with pytest.raises(Unsupported):
        adapter.void("inv_1", PlainJournal())


# --- without a way to read back -----------------------------------------------------------------------


def manual() -> dict[str, Any]:
    return {
        "create": {"url": "https://billing.example.com/hooks/invoices", "response": {"external_id": "id"}},
        "manual": True,
    }


def test_where_nothing_can_be_read_nothing_is_believed() -> None:
    bench = CustomBench(manual())
    pushed = bench.adapter().push_one(a_draft(), PlainJournal())
    bench.account.pay(pushed.ref)

    (seen,) = bench.adapter().pull([Asked(pushed.ref)])

    assert (seen.status, seen.paid_total, seen.facts, seen.covers) == (
        DocStatus.UNKNOWN,
        None,
        (),
        frozenset(),
    )
    assert len(bench.network.requests) == 1


def test_where_no_id_is_told_our_reference_is_the_name() -> None:
    settings = manual() | {"create": {"url": "https://billing.example.com/hooks/invoices"}}
    bench = CustomBench(settings, silent_ids=True)

    assert bench.adapter().push_one(a_draft(), PlainJournal()).ref == a_draft().reference


# --- the connection test ------------------------------------------------------------------------------


def test_the_connection_test_is_signed_named_and_creates_nothing(bench: CustomBench) -> None:
    info = bench.adapter().check()

    (post,) = bench.network.posts()
    assert post.headers["webhook-id"].startswith("msg_test_")
    assert json.loads(post.content)["type"] == "connection.test"
    assert info.account_id == "billing.example.com/hooks/invoices"
    assert bench.account.standing() == []
    assert bench.network.seen["GET /api/invoices/wispbill-test"] == 1


def test_the_test_event_can_be_left_out(bench: CustomBench) -> None:
    info = bench.adapter(test_event="skip").check()

    assert bench.network.posts() == [] and any("skip" in note for note in info.notes)


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ([an_answer(422, {"error": "unknown type"})], "test event was refused"),
        ([an_answer(404)], "not there"),
        ([an_answer(200), an_answer(200, {"status": "grün"})], "no word of the table"),
    ],
)
def test_what_is_wrong_there_is_named(bench: CustomBench, answers: list[httpx.Response], word: str) -> None:
    bench.network.instead = list(answers)

    (missing,) = bench.adapter().check().missing

    assert word in missing


def test_a_sample_that_the_schema_refuses_is_named(bench: CustomBench) -> None:
    (missing,) = bench.adapter(json_schema={"required": ["invoiceNo"]}).check().missing

    assert "invoiceNo" in missing


def test_an_account_behind_a_shared_address_is_told_apart(bench: CustomBench) -> None:
    first = bench.adapter(account="north").check().account_id
    second = bench.adapter(account="south").check().account_id

    assert first != second and first.startswith("billing.example.com/hooks/invoices")


def test_a_preview_is_what_is_sent_and_sends_nothing(bench: CustomBench) -> None:
    shown = bench.adapter().preview(a_draft())
    assert bench.network.requests == []

    bench.adapter().push_one(a_draft(), PlainJournal())

    (post,) = bench.network.posts()
    assert (shown["body"].encode(), shown["url"]) == (post.content, str(post.url))
    assert shown["webhook_id"] == post.headers["webhook-id"]


def test_a_due_day_is_told_as_it_was_sent(bench: CustomBench) -> None:
    pushed = bench.adapter().push_one(a_draft(due_on=date(2026, 12, 31)), PlainJournal())

    assert pushed.observation.due_on == date(2026, 12, 31)


def test_lines_with_tax_add_up_there(bench: CustomBench) -> None:
    draft = a_draft(a_line("10.01", "0.83", tax_rate="local"), a_line("3.33", "0.27"))

    assert bench.adapter().push_one(draft, PlainJournal()).observation.total == Money(1444, "USD")
