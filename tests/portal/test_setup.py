"""A customer connects a billing system of their own: only who may, with keys that are tested first, and never
shown again."""

from __future__ import annotations

import pytest

from daemon.model import AccountInfo, Mode
from daemon.providers import names
from daemon.sandbox.faults import Fault, FaultKind
from daemon.store import audit, integrations, payers, records, secrets, sessions
from daemon.store.secrets import CREDENTIALS
from daemon.store.sessions import WebSession
from daemon.web.portal.setup import drafts
from tests.api.asking import KEY, OTHER_KEY, Office
from tests.browsing import Browser, Seen
from tests.portal.billed import connected, grant, own_account
from tests.portal.entering import entered

ROOT = "/customer-portal/billing/setup"
STRIPE = f"{ROOT}/new/stripe"
OWN = "sk_test_canaryown0123456789ij"
FRESH = "sk_test_canaryfresh3456789kl"


@pytest.fixture
def owner(office: Office) -> Browser:
    """A customer whom the tenant lets connect."""
    office.double.add_account(key=OWN)
    grant(office)
    return entered(office, office.customer)


def own(office: Office) -> records.Integration:
    found = integrations.at_place(office.tenant.id, office.customer.id)
    assert found is not None
    return found


def tried(browser: Browser, key: str = OWN, **fields: str) -> Seen:
    browser.see(STRIPE)
    return browser.send(STRIPE, {"credentials.secret_key": key, **fields})


def set_up(browser: Browser, key: str = OWN) -> Seen:
    tried(browser, key)
    return browser.send(f"{ROOT}/save")


# --- who may --------------------------------------------------------------------------------------------

PATHS = [
    ("GET", ROOT),
    ("GET", STRIPE),
    ("POST", STRIPE),
    ("POST", f"{ROOT}/consent/xero"),
    ("GET", f"{ROOT}/check"),
    ("POST", f"{ROOT}/save"),
    ("GET", f"{ROOT}/keys"),
    ("POST", f"{ROOT}/keys"),
    *(
        ("POST", f"{ROOT}/{verb}")
        for verb in ("test", "webhook", "webhook/test", "payer", "sync", "settings")
    ),
    *(("POST", f"{ROOT}/{verb}") for verb in ("pause", "resume", "remove")),
    ("GET", f"{ROOT}/settings"),
    ("GET", f"{ROOT}/remove"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_of_it_is_there_before_the_tenant_grants_it(
    office: Office, browser: Browser, method: str, path: str
) -> None:
    connected(office)
    browser.see("/customer-portal/service")

    seen = browser.get(path) if method == "GET" else browser.post(path)

    assert seen.status == 404
    assert "Billing system" not in browser.see("/customer-portal/service").text


@pytest.mark.parametrize(("method", "path"), [one for one in PATHS if one[0] == "POST"])
def test_a_form_of_another_site_changes_no_account(
    office: Office, owner: Browser, method: str, path: str
) -> None:
    set_up(owner)
    before = own(office)

    seen = owner.post(path, {"token": "", "credentials.secret_key": KEY}, origin="https://evil.example")

    assert seen.status == 403
    assert own(office) == before


def test_the_tenant_s_own_account_is_nobody_s_to_change(office: Office, owner: Browser) -> None:
    connected(office)

    text = owner.see(ROOT).text

    assert "Which billing system do you use?" in text
    assert owner.get(f"{ROOT}/keys").status == 404
    assert owner.post(f"{ROOT}/remove").status == 404


# --- connecting -----------------------------------------------------------------------------------------


def test_every_provider_is_offered_with_a_form_of_its_own(office: Office, owner: Browser) -> None:
    page = owner.see(ROOT)
    for name in names():
        seen = owner.see(f"{ROOT}/new/{name}")
        assert f"{ROOT}/new/{name}" in page.hrefs or "not set this up yet" in page.text
        assert "Client secret" not in seen.text or 'type="password"' in seen.html


def test_right_keys_get_green_ticks_and_are_saved(office: Office, owner: Browser) -> None:
    checked = tried(owner)
    assert "The keys are accepted." in checked.text and "Nothing is missing." in checked.text
    assert integrations.at_place(office.tenant.id, office.customer.id) is None

    saved = owner.send(f"{ROOT}/save")

    assert "Stripe is connected." in saved.text and "ending in" in saved.text
    row = own(office)
    assert (row.provider, row.state, row.approved) == ("stripe", "active", False)
    assert office.house.safe.open(row, CREDENTIALS) == {"secret_key": OWN}
    assert "looks at this account first" in saved.text


def test_the_webhook_is_registered_by_us_where_that_can_be_done(office: Office, owner: Browser) -> None:
    text = set_up(owner).text
    row = own(office)

    assert row.webhook_id and row.webhook_url and row.webhook_url in text
    assert "Last verified delivery none yet" in text


def test_a_wrong_key_says_so_at_the_form_and_nothing_is_kept(office: Office, owner: Browser) -> None:
    seen = tried(owner, "sk_test_canarywrong0123456789")

    assert seen.status == 422 and "It did not work yet" in seen.text
    assert "canarywrong" not in seen.html
    assert owner.get(f"{ROOT}/check").status == 422
    assert office.house.store.write("test", lambda: secrets.forget_drafts(office.clock.move(days=9))) == 0


@pytest.mark.parametrize("key", ["", "pk_test_x", "hello", "sk_test_" + "é" * 30, "x" * 5000, "<script>"])
def test_a_key_of_another_form_is_told_before_anybody_is_asked(owner: Browser, key: str) -> None:
    seen = tried(owner, key)

    assert seen.status == 422 and 'id="credentials.secret_key-wrong"' in seen.html


def test_the_exact_permission_that_is_missing_is_named(office: Office, owner: Browser) -> None:
    session = owner_session(office)
    account = AccountInfo("acct_1", "Account", Mode.SANDBOX, missing=("rak_invoice_write",))
    drafts.keep(
        office.house,
        session,
        drafts.Draft("stripe", {"secret_key": OWN}, {}, account, office.clock.now()),
    )

    assert "Missing: rak_invoice_write" in owner.see(f"{ROOT}/check").text


def owner_session(office: Office) -> WebSession:
    [row] = sessions.listing(
        office.tenant.id, "portal", customer_id=office.customer.id, now=office.clock.now()
    )
    return row


def test_what_was_tested_is_sealed_and_good_for_a_quarter_of_an_hour(office: Office, owner: Browser) -> None:
    tried(owner)
    dump = "\n".join(office.house.store.db.connection().iterdump())
    assert OWN not in dump
    office.clock.move(minutes=16)

    seen = owner.post(f"{ROOT}/save")

    assert seen.status == 422 and "too old" in seen.text
    office.clock.move(hours=1)
    assert office.house.store.write("test", lambda: secrets.forget_drafts(office.clock.now())) == 1


def test_what_is_put_right_is_tested_again_without_typing_the_key_again(
    office: Office, owner: Browser
) -> None:
    tried(owner, **{"settings.footer": "Thank you"})
    again = owner.see(STRIPE)
    assert "as it was tested a moment ago" in again.text and ">Thank you</textarea>" in again.html
    assert OWN not in again.html

    owner.send(STRIPE, {"credentials.secret_key": "", "settings.footer": "Thanks"})
    owner.send(f"{ROOT}/save")

    assert own(office).settings["footer"] == "Thanks"
    assert office.house.safe.open(own(office), CREDENTIALS) == {"secret_key": OWN}


def test_signing_out_forgets_what_was_tested(office: Office, owner: Browser) -> None:
    tried(owner)
    owner.post("/customer-portal/sign-out")

    assert office.house.store.write("test", lambda: secrets.forget_drafts(office.clock.move(days=9))) == 0


def test_what_was_tested_in_one_session_is_not_saved_by_another(office: Office, owner: Browser) -> None:
    tried(owner)
    other = entered(office, office.customer)
    other.see(ROOT)

    assert other.post(f"{ROOT}/save").status == 422


def test_one_account_serves_once(office: Office, owner: Browser) -> None:
    connected(office)
    tried(owner, KEY)

    seen = owner.post(f"{ROOT}/save")

    assert seen.status == 409 and integrations.at_place(office.tenant.id, office.customer.id) is None


def test_a_second_system_is_not_connected_over_the_first(office: Office, owner: Browser) -> None:
    set_up(owner)

    assert owner.get(STRIPE).status == 409
    assert owner.post(STRIPE, {"credentials.secret_key": OTHER_KEY}).status == 409


def test_an_existing_customer_is_looked_up_before_it_is_used(office: Office) -> None:
    grant(office)
    account = office.double.add_account(key=FRESH)
    there = account.enrol({"name": "Subscriber 0001", "email": None})
    owner = entered(office, office.customer)

    wrong = tried(owner, FRESH, payer="cus_nobody")
    right = tried(owner, FRESH, payer=there)

    assert wrong.status == 422 and "there is no such customer" in wrong.text
    assert 'value="cus_nobody"' in wrong.html
    assert "Customer there: Subscriber 0001" in right.text
    owner.send(f"{ROOT}/save")
    assert payers.known(own(office).id, {office.customer.id}) == {office.customer.id: there}


def test_consent_is_asked_only_where_the_operator_has_an_app(office: Office, owner: Browser) -> None:
    assert "has not set this up yet" in owner.see(ROOT).text
    seen = owner.post(f"{ROOT}/consent/quickbooks")
    assert seen.status == 422 and "there is no app" in seen.text
    assert owner.post(f"{ROOT}/consent/stripe").status == 404


# --- afterwards -----------------------------------------------------------------------------------------


def test_keys_are_replaced_by_others_of_the_same_account_alone(office: Office, owner: Browser) -> None:
    set_up(owner)
    owner.see(f"{ROOT}/keys")
    same = owner.send(f"{ROOT}/keys", {"credentials.secret_key": OWN})
    assert "The keys are accepted." in same.text
    assert "The new keys are in use." in owner.send(f"{ROOT}/save").text

    owner.send(f"{ROOT}/keys", {"credentials.secret_key": OTHER_KEY})
    refused = owner.post(f"{ROOT}/save")

    assert refused.status == 409
    assert office.house.safe.open(own(office), CREDENTIALS) == {"secret_key": OWN}


def test_a_test_says_what_it_found_and_what_stopped_it(office: Office, owner: Browser) -> None:
    set_up(owner)
    assert "nothing is missing" in owner.send(f"{ROOT}/test").text

    office.double.faults.add(*(Fault(FaultKind.REFUSED) for _ in range(9)))
    text = owner.send(f"{ROOT}/test").text

    assert "WB-REMOTE" in text


def test_how_it_syncs_is_changed_at_once(office: Office, owner: Browser) -> None:
    set_up(owner)

    assert "It is saved" in owner.send(f"{ROOT}/sync", {"pace": "daily", "pull_status": "on"}).text

    row = own(office)
    assert (row.create_automatically, row.pull_status, row.pace) == (False, True, "daily")
    assert owner.post(f"{ROOT}/sync", {"pace": "each second"}).status == 422


def test_settings_are_changed_and_what_is_wrong_stands_at_its_field(office: Office, owner: Browser) -> None:
    set_up(owner)
    owner.see(f"{ROOT}/settings")
    fields = {"settings.footer": "Thank you", "settings.time_zone": "UTC"}
    rates = {"settings.tax_rates": "VAT = 20, VAT on internet"}

    good = owner.send(f"{ROOT}/settings", fields | rates)

    assert "It is saved" in good.text
    assert own(office).settings["footer"] == "Thank you"
    assert own(office).settings["tax_rates"] == {
        "VAT": {"percentage": "20", "display_name": "VAT on internet"}
    }
    assert "VAT = 20, VAT on internet" in owner.see(f"{ROOT}/settings").html
    wrong = owner.post(f"{ROOT}/settings", fields | {"settings.tax_rates": "VAT: 20"})
    assert wrong.status == 422 and 'id="settings.tax_rates-wrong"' in wrong.html
    assert owner.post(f"{ROOT}/settings", {"settings.nonsense": "1"}).status in (303, 422)


def test_it_is_paused_and_goes_on(office: Office, owner: Browser) -> None:
    set_up(owner)

    assert "It is paused" in owner.send(f"{ROOT}/pause").text
    assert own(office).state == "paused"
    assert "It goes on." in owner.send(f"{ROOT}/resume").text
    assert own(office).state == "active"


def test_it_is_removed_after_a_question_and_its_keys_are_destroyed(office: Office, owner: Browser) -> None:
    set_up(owner)
    row = own(office)
    assert "Nothing is deleted in Stripe" in owner.see(f"{ROOT}/remove").text

    assert "its keys are destroyed" in owner.send(f"{ROOT}/remove").text

    assert integrations.get(None, row.id).state == "removed"
    assert office.house.safe.open(row, CREDENTIALS) is None
    assert "Which billing system" in owner.see(ROOT).text


def test_all_of_it_stands_in_the_audit_with_the_customer_s_name(office: Office, owner: Browser) -> None:
    set_up(owner)
    owner.send(f"{ROOT}/pause")

    mine = [
        row
        for row in audit.latest(tenant_id=office.tenant.id)
        if row.actor == f"customer:{office.customer.id}"
    ]

    assert {"session.begun", "integration.added"} <= {row.action for row in mine}


def test_no_key_is_on_any_page_or_in_any_header(office: Office, owner: Browser) -> None:
    set_up(owner)
    owner.see(f"{ROOT}/keys")
    owner.send(f"{ROOT}/keys", {"credentials.secret_key": OTHER_KEY})
    for path in (ROOT, f"{ROOT}/keys", f"{ROOT}/settings", f"{ROOT}/remove"):
        owner.get(path)

    said = bytes(owner.everything)

    assert OWN.encode() not in said and OTHER_KEY.encode() not in said and KEY.encode() not in said


def test_who_tests_too_often_is_told_to_wait(owner: Browser) -> None:
    answers = [tried(owner, "sk_test_canarywrong0123456789").status for _ in range(9)]

    assert answers[0] == 422 and answers[-1] == 429


def test_an_account_of_before_shows_how_it_stands(office: Office) -> None:
    own_account(office)
    text = entered(office, office.customer).see(ROOT).text

    assert "Working" in text and "Pause" in text and "looks at this account first" not in text
