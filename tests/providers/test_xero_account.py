"""Xero: the connection test names what is missing; tokens come and go; limits are told and kept."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from daemon.errors import (
    Garbled,
    GrantDead,
    InvalidInput,
    OutcomeUnknown,
    Rationed,
    Rejected,
    Throttled,
    Unauthorised,
    Unsupported,
)
from daemon.gate import IntegrationGate
from daemon.model import Asked, DocStatus, Mode
from daemon.money import Money
from daemon.providers.contract import PlainJournal, PlainJournals
from daemon.providers.xero import Xero
from daemon.providers.xero.setup import CAPABILITIES, XeroCredentials, XeroSettings
from daemon.providers.xero.words import LIMITS, SCOPES
from tests.providers.xero_bench import CLIENT_SECRET, XeroBench, a_draft

TENANT = "e629a03c-7ec5-4913-a431-ba4dd4a4ef4c"
CLIENT = "0123456789ABCDEF0123456789ABCDEF"


# --- credentials --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"tenant_id": "Wisp One"},
        {"client_id": CLIENT},
        {"tenant_id": TENANT, "client_secret": "x"},
        {"client_id": "too short", "client_secret": "x"},
        {"tenant_id": TENANT, "key": "x"},
    ],
)
def test_credentials_of_another_form_are_refused_without_showing_them(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        XeroCredentials(**given)
    assert "too short" not in str(caught.value) and "Wisp One" not in str(caught.value)


def test_a_tenant_or_a_client_is_enough() -> None:
    assert XeroCredentials(tenant_id=TENANT.upper()).tenant_id == TENANT
    custom = XeroCredentials(client_id=CLIENT, client_secret=SecretStr(CLIENT_SECRET))
    assert custom.is_custom and CLIENT_SECRET not in repr(custom)


def test_every_field_is_explained() -> None:
    for model in (XeroCredentials, XeroSettings):
        for name, field in model.model_fields.items():
            assert field.title and field.description, name


# --- the connection test ------------------------------------------------------------------------------


def test_the_organisation_is_named_with_its_currencies_and_short_code() -> None:
    bench = XeroBench()

    info = bench.adapter().check()

    assert (info.account_id, info.name, info.mode) == (bench.account.id, "Wisp One", Mode.LIVE)
    assert info.currencies == ("USD", "EUR") and info.missing == ()
    assert any("!23eYt" in note for note in info.notes)
    assert all(one.method == "GET" for one in bench.network.requests)


MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "no account yet": ({"account_code": ""}, "revenue accounts there: 200"),
    "an account that is not there": ({"account_code": "999"}, "account 999"),
    "an expense account": ({"account_code": "400"}, "account 400 as a revenue account"),
    "a tax type that is not there": ({"tax_types": {"vat": "OUTPUT9"}}, "tax type OUTPUT9 (for vat)"),
    "a tax type for purchases": ({"tax_types": {"vat": "INPUT2"}}, "tax type INPUT2 (for vat)"),
    "an account without payments": ({"payment_account": "400"}, "payments enabled for account 400"),
    "a theme that is not there": ({"branding_theme": TENANT}, f"branding theme {TENANT}"),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_the_settings_name_and_xero_lacks_is_missing(what: str) -> None:
    settings, named = MISSING[what]

    missing = XeroBench().adapter(**settings).check().missing

    assert [text for text in missing if named in text], missing


def test_a_right_that_the_user_lacks_is_missing() -> None:
    bench = XeroBench(forbidden_actions={"CreateApprovedInvoice"})

    assert bench.adapter().check().missing == ("right CreateApprovedInvoice",)


@pytest.mark.parametrize("scope", ["accounting.invoices", "accounting.contacts", "accounting.payments"])
def test_a_scope_that_was_not_consented_to_is_missing_and_costs_one_renewal(scope: str) -> None:
    bench = XeroBench(scopes=" ".join(one for one in SCOPES if one != scope))

    assert bench.adapter().check().missing == (f"scope {scope}",)
    assert bench.keeper.refreshes == 1


def test_without_the_settings_scope_the_rest_is_told() -> None:
    bench = XeroBench(scopes=" ".join(one for one in SCOPES if "settings" not in one))

    info = bench.adapter().check()

    assert info.missing == ("scope accounting.settings.read",) and info.account_id == bench.account.id


def test_a_real_organisation_is_no_sandbox_and_the_demo_company_sends_no_e_mail() -> None:
    bench = XeroBench()
    with pytest.raises(InvalidInput) as caught:
        bench.adapter(mode=Mode.SANDBOX).check()
    assert caught.value.code == "WB-CREDENTIALS-MODE"
    bench.account.books.demo = True

    info = bench.adapter(mode=Mode.SANDBOX).check()

    assert info.mode is Mode.SANDBOX and "Demo Company" in info.missing[0]


def test_closed_books_are_a_note() -> None:
    bench = XeroBench()
    bench.account.close_books(a_draft().issued_on)

    assert any("2026-03-02" in note for note in bench.adapter().check().notes)


# --- who may not --------------------------------------------------------------------------------------


def test_an_organisation_that_disconnected_us_is_unauthorised() -> None:
    bench = XeroBench()
    bench.account.disconnect()

    for call in (bench.adapter().check, lambda: list(bench.adapter().pull([Asked(TENANT)]))):
        with pytest.raises(Unauthorised) as caught:
            call()
        assert caught.value.status_code == 403


def test_a_revoked_consent_is_a_dead_grant() -> None:
    bench = XeroBench()
    bench.refuse_credentials()

    with pytest.raises(GrantDead):
        bench.adapter().check()


def test_an_expired_token_is_renewed_once_in_the_middle_of_a_push() -> None:
    bench = XeroBench()
    bench.clock.move(1430)
    bench.keeper.ends = 1e9  # a keeper that does not see it coming
    adapter = bench.adapter(send_email=False)
    drafts = [a_draft(1), a_draft(2)]
    journals = PlainJournals()
    assert next(iter(adapter.push(drafts[:1], journals))).pushed
    bench.clock.move(400)

    (result,) = adapter.push(drafts[1:], journals)

    assert result.pushed is not None and bench.keeper.refreshes == 1
    assert len(bench.account.standing()) == 2


def test_a_token_that_was_renewed_once_is_renewed_again_when_it_has_run_out() -> None:
    bench = XeroBench()
    bench.keeper.ends = 1e9
    adapter = bench.adapter()
    for _ in range(3):
        bench.clock.move(1900)
        bench.keeper.ends = 1e9
        adapter.changed(None)

    assert bench.keeper.refreshes == 3


def test_without_tokens_there_is_nothing_to_call_with() -> None:
    bench = XeroBench()
    adapter = bench.adapter()
    adapter._api._tokens = None

    with pytest.raises(Unauthorised):
        adapter.check()


# --- consent ------------------------------------------------------------------------------------------

VERIFIER = "dBjftJeZ4CVP-mBu1R4hOiR9vk0Ck8lW3W3Zc9w6TIs"
CHALLENGE = "y0oTCZ2v_IaUKYXwQYfCqQpdSHlnAZzGJlJ7vPBHSPA"


def consent(bench: XeroBench, state: str = "s1") -> dict[str, str]:
    """The browser's way: what comes back to the redirect address."""
    import base64
    import hashlib

    digest = hashlib.sha256(VERIFIER.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    answer = bench.network.handle_request(httpx.Request("GET", bench.oauth().authorize_url(state, challenge)))
    assert answer.status_code == 302
    return dict(httpx.URL(answer.headers["location"]).params)


def test_a_consent_gives_tokens_and_its_own_organisations_only() -> None:
    bench = XeroBench()
    second = bench.double.add_account("Wisp Two")
    bench.double.identity.choosing = [second.id]

    back = consent(bench)
    tokens = bench.oauth().exchange(back["code"], VERIFIER)
    (account,) = bench.oauth().accounts(tokens.access, back)

    assert back["state"] == "s1"
    assert (account.account_id, account.name) == (second.id, "Wisp Two")
    assert bench.oauth().credentials(account) == {"tenant_id": second.id}
    assert tokens.expires_in_s == 1800 and tokens.refresh is not None
    assert set(tokens.scopes) == set(SCOPES)


@pytest.mark.parametrize("spoilt", ["used", "late", "verifier", "code"])
def test_a_code_that_is_used_late_or_not_ours_is_rejected(spoilt: str) -> None:
    bench = XeroBench()
    code = consent(bench)["code"]
    verifier = VERIFIER
    match spoilt:
        case "used":
            bench.oauth().exchange(code, VERIFIER)
        case "late":
            bench.clock.move(301)
        case "verifier":
            verifier = VERIFIER[::-1]
        case "code":
            code = "another"

    with pytest.raises(Rejected):
        bench.oauth().exchange(code, verifier)


def test_a_lost_refresh_is_asked_for_again_within_half_an_hour() -> None:
    bench = XeroBench()
    old = bench.keeper.refresh
    bench.lose_answer(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.oauth().refresh(old)

    bench.clock.move(1700)
    first = bench.oauth().refresh(old)
    bench.clock.move(200)

    with pytest.raises(GrantDead):
        bench.oauth().refresh(old)
    assert first.refresh is not None and bench.oauth().refresh(first.refresh).refresh != first.refresh


def test_another_apps_secret_is_not_a_dead_grant() -> None:
    bench = XeroBench()
    bench.double.identity.apps[bench.app.client_id].client_secret = "rotated"

    with pytest.raises(Unauthorised) as caught:
        bench.oauth().refresh(bench.keeper.refresh)
    assert not isinstance(caught.value, GrantDead) and CLIENT_SECRET not in str(caught.value)


def test_a_consent_can_be_given_back() -> None:
    bench = XeroBench()

    bench.oauth().revoke(bench.keeper.refresh)

    with pytest.raises(GrantDead):
        bench.oauth().refresh(bench.keeper.refresh)


@pytest.mark.parametrize("fault", ["html", "empty", "truncated"])
def test_tokens_that_cannot_be_read_are_garbled(fault: str) -> None:
    bench = XeroBench()
    bench.spoil(fault, after=0)

    with pytest.raises(Garbled):
        bench.oauth().refresh(bench.keeper.refresh)


# --- a custom connection ------------------------------------------------------------------------------


def test_a_custom_connection_makes_its_own_tokens_and_knows_its_organisation() -> None:
    bench = XeroBench()

    adapter = bench.custom()

    assert adapter.check().account_id == bench.account.id
    (result,) = adapter.push([a_draft()], PlainJournals())
    assert result.pushed is not None
    assert all("xero-tenant-id" not in one.headers for one in bench.network.requests)


def test_a_custom_connection_with_a_wrong_secret_is_unauthorised() -> None:
    with pytest.raises(Unauthorised) as caught:
        XeroBench().custom(secret="wrong-secret").check()
    assert "wrong-secret" not in str(caught.value)


def test_its_token_is_made_anew_when_it_is_refused() -> None:
    bench = XeroBench()
    adapter = bench.custom(tenant=bench.account.id)
    adapter.check()
    bench.clock.move(1900)

    assert adapter.check().missing == ()


def test_credentials_under_a_consent_mint_nothing() -> None:
    bench = XeroBench()
    adapter = bench.adapter()

    with pytest.raises(Unsupported):
        type(adapter).mint(_context(bench))


def _context(bench: XeroBench) -> Any:
    from daemon.providers.base import Context

    return Context(XeroCredentials(tenant_id=TENANT), XeroSettings(), bench.wire(), Mode.LIVE)


# --- limits -------------------------------------------------------------------------------------------


def test_what_is_left_of_the_day_and_the_minute_is_told_to_the_house() -> None:
    bench = XeroBench()

    bench.adapter().changed(None)

    told = {name: left for name, left, _ in bench.gate.heard}
    assert told == {"day": 4999, "minute": 59, "appminute": 9999}
    assert {"day", "minute"} == {limit.name for limit in LIMITS}


def test_reads_and_writes_are_told_apart_and_reads_spare_a_reserve() -> None:
    bench = XeroBench()

    list(bench.adapter(send_email=False).push([a_draft()], PlainJournals()))

    assert bench.gate.scopes == {"write": 3}
    (day,) = [limit for limit in CAPABILITIES.limits if limit.name == "day"]
    assert (day.reserve * day.calls, day.spares) == (200, ("read",))


def test_polls_leave_a_fifth_of_a_starter_day_to_invoices() -> None:
    bench = XeroBench()
    bench.double.rates, bench.double.limits.per_day = True, 1000  # the Starter tier
    gate = IntegrationGate(party="xero", limits=LIMITS, clock=bench.clock, stop=threading.Event())
    bench.gate = gate  # type: ignore[assignment]
    bench.keeper.ends = 1e9
    bench.double.identity.access[bench.keeper.access().get_secret_value()].expires = 1e9
    adapter = bench.adapter(send_email=False)
    with pytest.raises(Rationed):
        for _ in range(1000):
            adapter.changed(None)
            bench.clock.move(10)
    polls = len(bench.network.requests)

    with gate.urgent():
        (result,) = adapter.push([a_draft()], PlainJournals())

    assert polls == 800 and result.pushed is not None


def test_a_day_that_is_used_up_is_told_with_its_end() -> None:
    bench = XeroBench()
    bench.double.rates = True
    bench.double.limits.per_day = 0

    with pytest.raises(Throttled) as caught:
        bench.adapter().changed(None)

    assert caught.value.provider_code == "day" and caught.value.retry_after == 3600
    assert ("day", 0, 86_400.0) in bench.gate.heard


def test_a_minute_that_is_used_up_waits_for_its_end() -> None:
    bench = XeroBench()
    bench.double.rates = True
    bench.double.limits.per_minute = 1
    bench.adapter().changed(None)
    bench.clock.move(20)

    with pytest.raises(Throttled) as caught:
        bench.adapter().changed(None)
    assert (caught.value.provider_code, caught.value.retry_after) == ("minute", 40)


# --- verbs --------------------------------------------------------------------------------------------


def live(bench: XeroBench) -> str:
    (result,) = bench.adapter(send_email=False).push([a_draft()], PlainJournals())
    assert result.pushed is not None
    return result.pushed.ref


def test_an_invoice_with_credit_on_it_is_not_voided() -> None:
    bench = XeroBench()
    ref = live(bench)
    bench.account.credit(ref, 100)

    with pytest.raises(Rejected):
        bench.adapter().void(ref, PlainJournal())
    assert bench.account.invoice(ref).status == "AUTHORISED"


def test_voiding_a_draft_deletes_it() -> None:
    bench = XeroBench()
    bench.lose_request(after=2)
    list(bench.adapter().push([a_draft()], PlainJournals()))
    (draft,) = bench.account.standing()

    assert bench.adapter().void(draft.ref, PlainJournal()).status is DocStatus.VOID
    assert bench.account.invoice(draft.ref).status == "DELETED"


def test_voiding_and_recording_take_three_calls_each() -> None:
    bench = XeroBench()
    ref = live(bench)
    bench.network.requests.clear()

    bench.adapter().record_payment(ref, Money(1500, "USD"), "cash", PlainJournal())
    recorded = len(bench.network.requests)
    bench.account.reverse(ref)
    bench.adapter().void(ref, PlainJournal())

    assert (recorded, len(bench.network.requests)) == (3, 6)


def test_a_part_payment_is_recorded_on_the_named_account() -> None:
    bench = XeroBench()
    ref = live(bench)

    seen = bench.adapter().record_payment(ref, Money(1500, "USD"), "cash", PlainJournal())

    assert (seen.status, seen.paid_total) == (DocStatus.OPEN, Money(1500, "USD"))
    (payment,) = bench.account.books.payments.values()
    assert (payment.account_code, payment.amount) == ("090", 1500)


def test_two_payments_of_one_amount_are_told_apart_by_their_notes() -> None:
    bench = XeroBench()
    ref = live(bench)

    for note in ("receipt 1", "receipt 2"):
        seen = bench.adapter().record_payment(ref, Money(1500, "USD"), note, PlainJournal())

    assert seen.paid_total == Money(3000, "USD") and len(seen.facts) == 2


def test_without_a_payment_account_none_is_recorded() -> None:
    bench = XeroBench()

    with pytest.raises(Unsupported):
        bench.adapter(payment_account="").record_payment(
            live(bench), Money(1500, "USD"), "cash", PlainJournal()
        )


def test_more_than_is_owed_is_xeros_refusal() -> None:
    bench = XeroBench()

    with pytest.raises(Rejected) as caught:
        bench.adapter().record_payment(live(bench), Money(9900, "USD"), "cash", PlainJournal())
    assert "exceeds" in caught.value.message


@pytest.mark.parametrize("inline", [False, True])
def test_a_recorded_payment_is_recognised_though_lists_leave_its_reference_out(inline: bool) -> None:
    bench = XeroBench()
    ref, journal = live(bench), PlainJournal()
    inner = bench.network.inner.handle_request

    def without(request: httpx.Request) -> httpx.Response:
        answer = inner(request)
        if not inline and request.method == "GET" and request.url.path.endswith("/Invoices"):
            answer.read()
            text = answer.text.replace(f'"Reference": "wispbill {ref[:8]} cash"', '"CurrencyRate": 1.0')
            return httpx.Response(answer.status_code, text=text)
        return answer

    bench.network.inner.handle_request = without  # type: ignore[method-assign]
    bench.lose_answer(after=0)
    with pytest.raises(OutcomeUnknown):
        bench.adapter().record_payment(ref, Money(1500, "USD"), "cash", journal)
    bench.clock.move(600)

    bench.adapter().record_payment(ref, Money(1500, "USD"), "cash", journal)

    assert len(bench.account.books.payments) == 1


def test_a_preview_shows_what_would_be_sent_and_sends_nothing() -> None:
    bench = XeroBench()

    shown = bench.adapter(send_email=False).preview(a_draft())
    assert bench.adapter().preview(None)["body"].count("INV-0001") == 1
    assert bench.network.requests == []

    list(bench.adapter(send_email=False).push([a_draft()], PlainJournals()))

    contact, create, _approve = bench.network.requests
    assert shown["contact_first"].encode() == contact.content
    assert (shown["method"], shown["url"]) == (create.method, str(create.url))
    placeholder, known = "(the contact's id)", next(iter(bench.account.books.contacts))
    assert shown["body"].replace(placeholder, known).encode() == create.content


def test_the_page_explains_every_setting_and_every_scope() -> None:
    page = Path(__file__).parents[2] / Xero.docs
    text = page.read_text(encoding="utf-8")

    assert [name for name in XeroSettings.model_fields if f"`{name}`" not in text] == []
    assert [scope for scope in SCOPES if f"`{scope}`" not in text] == []
    assert f"at most {CAPABILITIES.max_number_length} characters" in text
    (given,) = re.findall(r"--settings '(\{.*?\})'", text, re.DOTALL)
    assert XeroSettings.model_validate_json(given).tax_types == {"sales": "OUTPUT2"}
