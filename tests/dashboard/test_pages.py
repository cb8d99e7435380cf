"""The office's day on the pages: the answer with its proof, and every verb with who did it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from daemon.store import (
    alerts,
    audit,
    customers,
    differences,
    hints,
    integrations,
    invoices,
    links,
    receipts,
    service,
    standings,
    sweeps,
    tenants,
    tickets,
)
from daemon.store.secrets import CREDENTIALS
from daemon.store.tables import (
    Customer,
    Difference,
    Hint,
    Integration,
    Invoice,
    Line,
    Link,
    ServiceBrake,
    Tenant,
    Ticket,
    TicketMessage,
)
from daemon.store.tokens import Role
from daemon.web.dashboard.addresses import WITHIN
from daemon.web.dashboard.face import SPOTS
from tests.api.asking import KEY, OTHER_KEY, Office
from tests.browsing import Browser
from tests.dashboard.staffed import ROOT, World, a_member, filled, is_page, signed_in
from tests.portal.billed import an_invoice, connected, paid, sent

ACTOR = "staff:tenant-admin@example.com"


@pytest.fixture
def clerk(office: Office) -> Browser:
    return signed_in(office, a_member(office, Role.TENANT_ADMIN))


@pytest.fixture
def at(office: Office) -> str:
    return f"{ROOT}/{office.tenant.id}"


def done_by(office: Office, action: str) -> str:
    """Who did the last thing of this kind."""
    return next(row.actor for row in audit.latest(tenant_id=office.tenant.id) if row.action == action)


# --- is everything in agreement? ------------------------------------------------------------------------


def test_the_state_stands_in_one_sentence(office: Office, clerk: Browser, at: str) -> None:
    assert "No billing system is connected yet." in clerk.see(f"{at}/overview").text
    connected(office)
    row = an_invoice(office)
    seen = clerk.see(f"{at}/overview").text
    assert "Everything agrees: 1 open invoice, 1 on its way, to be proven equal tonight." in seen

    sent(office, row)
    assert (
        "Everything agrees: 1 open invoice, to be proven equal tonight." in clerk.see(f"{at}/overview").text
    )


def test_what_needs_somebody_stands_with_its_money_and_its_button(
    office: Office, clerk: Browser, at: str
) -> None:
    connected(office)
    row = an_invoice(office, "1001")
    values = {"state": "failed", "fault_code": "WB-REMOTE-REJECTED", "fault_text": "no such tax"}
    office.house.store.write("test", lambda: Link.update(values).where(Link.invoice_id == row.id).execute())

    seen = clerk.see(f"{at}/overview")
    assert "1 thing needs you." in seen.text and "$50.00" in seen.text
    assert "WB-REMOTE-REJECTED: no such tax" in seen.text
    clerk.send(f"{at}/invoices/{row.id}/sync")
    assert links.of_invoice(row.id).state == "pending"
    assert done_by(office, "invoice.sync_requested") == ACTOR


def test_a_stopped_integration_is_told_in_plain_words_with_what_to_do(
    office: Office, clerk: Browser, at: str
) -> None:
    connected(office)
    [row] = integrations.listing(office.tenant.id)
    fault = {"state": "needs_reconnect", "fault_code": "WB-REMOTE-UNAUTHORISED", "fault_text": "expired key"}
    office.house.store.write("test", lambda: integrations.update(row.id, **fault))

    seen = clerk.see(f"{at}/integrations/{row.id}").text
    assert "needs new credentials" in seen and "expired key" in seen
    assert f"wispbill integrations rotate {row.id}" in seen
    assert f"wispbill integrations rotate {row.id}" in clerk.see(f"{at}/overview").text


def test_tenants_stand_with_their_state_the_worst_first(world: World) -> None:
    office = world.office
    browser = world.browser(Role.PLATFORM_ADMIN)
    third = office.a_tenant("aaa-quiet")
    office.house.store.write(
        "test", lambda: integrations.update(world.other["integrationId"], state="error", fault_code="WB-X")
    )
    seen = browser.see(f"{ROOT}/tenants").text
    assert "2 of 3 need somebody; they stand first." in seen
    places = [seen.index(name) for name in ("stopped", "1 difference", "nothing connected")]
    assert places == sorted(places)
    assert third.reference in browser.see(f"{ROOT}/tenants?q=QUIET").text
    assert "No tenant is called so" in browser.see(f"{ROOT}/tenants?q=nobody").text


def test_what_is_wrong_with_the_machine_stands_above_the_tenants(world: World) -> None:
    office = world.office
    cause = alerts.Cause("disk", "*", "disk", "The disk is nearly full", "200 MiB are free.")
    office.house.store.write("test", lambda: alerts.note([cause], office.clock.now()))
    office.house.pauses["disk"] = "the disk is full"
    platform, own = world.browser(Role.PLATFORM_ADMIN), world.browser(Role.TENANT_ADMIN)
    seen = platform.see(f"{ROOT}/tenants").text
    assert "The disk is nearly full" in seen and "Nothing is sent now: the disk is full." in seen
    assert "nearly full" not in own.see(f"{ROOT}/{world.own['tenantId']}/alerts").text


# --- has this customer paid? ----------------------------------------------------------------------------


def test_the_answer_stands_with_what_the_provider_said_and_when(
    office: Office, clerk: Browser, at: str
) -> None:
    connected(office)
    row = an_invoice(office, "1001")
    sent(office, row)
    assert "owes $50.00." in clerk.see(f"{at}/search?q=1001").text
    paid(office, row)

    seen = clerk.see(f"{at}/search?q=1001").text
    assert "Subscriber 0001 has paid everything." in seen
    assert re.search(r"Yes: \$50\.00 was paid by card on March 2, 2026\. Because: payment, 50\.00 USD", seen)
    assert "evidence" in seen
    for text in ("subscriber 0001", "subscriber0001@example.com", "C-1", "00"):
        assert "Subscriber 0001" in clerk.see(f"{at}/search?q={text}").text


@pytest.mark.parametrize("text", ["zzz", "%25", "_", "%27", "x" * 300, "a%0ab"])
def test_what_is_nowhere_is_found_nowhere(office: Office, clerk: Browser, at: str, text: str) -> None:
    an_invoice(office, "1001")
    assert "Nothing here is called so" in clerk.see(f"{at}/search?q={text}").text


def test_an_invoice_tells_its_whole_story(office: Office, clerk: Browser, at: str) -> None:
    connected(office)
    row = an_invoice(office, "1001")
    sent(office, row)
    paid(office, row)
    seen = clerk.see(f"{at}/invoices/{row.id}")
    assert "Yes: $50.00 was paid" in seen.text
    assert "test: added." in seen.text and "evidence" in seen.text and "fingerprint" in seen.text
    assert [one for one in seen.hrefs if one.startswith("https://dashboard.stripe.com")]


def test_an_invoice_is_voided_only_by_who_types_its_number(office: Office, clerk: Browser, at: str) -> None:
    connected(office)
    row = an_invoice(office, "1001")
    sent(office, row)
    clerk.see(f"{at}/invoices/{row.id}")
    assert clerk.post(f"{at}/invoices/{row.id}/void", {"sure": "1002"}).status == 422
    assert links.of_invoice(row.id).void_requested_at is None
    clerk.send(f"{at}/invoices/{row.id}/void", {"sure": "1001"})
    assert links.of_invoice(row.id).void_requested_at is not None
    assert done_by(office, "invoice.void_requested") == ACTOR


def test_cash_is_entered_once_counts_at_once_and_is_taken_back(
    office: Office, clerk: Browser, at: str
) -> None:
    connected(office)
    row = an_invoice(office, "1001")
    page = f"{at}/invoices/{row.id}"
    form = clerk.see(page)
    [once] = re.findall(r'name="once" value="([^"]+)"', form.html)
    fields = {"amount": "20.00", "method": "cash", "note": "receipt 7", "once": once}
    assert "$20.00 is entered and counts." in clerk.send(f"{page}/payments", fields).text
    assert "It was entered already." in clerk.send(f"{page}/payments", fields).text

    [made] = receipts.of_invoice(row.id)
    assert (made.amount.text, made.entered_by) == ("20.00", ACTOR)
    assert "In part: $20.00 of $50.00" in clerk.see(page).text
    clerk.send(f"{page}/payments/{made.id}/take-back")
    assert invoices.get(None, row.id).due_minor == 5000
    assert done_by(office, "payment.taken_back") == ACTOR


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "60.00"},
        {"amount": "-1.00"},
        {"amount": "0"},
        {"amount": "1.005"},
        {"amount": "lots"},
        {"amount": "1.00", "method": "barter"},
        {"amount": "1.00", "paid_on": "2999-01-01"},
        {"amount": "1.00", "paid_on": "tomorrow"},
        {"amount": "1.00", "note": "a\nb"},
        {"amount": "1.00", "note": "x" * 201},
        {"amount": "1.00", "once": "x" * 41},
        {},
    ],
    ids=str,
)
def test_a_payment_that_cannot_be_is_not_entered(
    office: Office, clerk: Browser, at: str, fields: dict[str, str]
) -> None:
    connected(office)
    row = an_invoice(office, "1001")
    clerk.see(f"{at}/invoices/{row.id}")
    seen = clerk.post(f"{at}/invoices/{row.id}/payments", {"method": "cash"} | fields)
    assert 400 <= seen.status < 500
    assert receipts.of_invoice(row.id) == []


def test_an_invoice_is_printed(office: Office, clerk: Browser, at: str) -> None:
    row = an_invoice(office, "1001")
    seen = clerk.see(f"{at}/invoices/{row.id}/pdf")
    assert seen.body.startswith(b"%PDF") and seen.header("Content-Type") == "application/pdf"


def test_lists_are_paged_and_filtered(office: Office, clerk: Browser, at: str) -> None:
    for n in range(55):
        an_invoice(office, f"N-{n:03}")
    first = clerk.see(f"{at}/invoices")
    assert first.text.count("N-0") == 50
    [more] = [one for one in first.hrefs if "after=" in one]
    assert clerk.see(more).text.count("N-0") == 5
    assert clerk.see(f"{at}/invoices?status=open&sync=pending").text.count("N-0") == 50
    assert "None is like this" in clerk.see(f"{at}/invoices?status=paid").text
    assert clerk.get(f"{at}/invoices?status=stolen").status == 422
    assert "There are no more" in clerk.see(f"{at}/customers?after=zzzz").text


# --- customers ------------------------------------------------------------------------------------------


def test_a_promise_is_noted_counts_at_once_and_is_taken_back(office: Office, clerk: Browser, at: str) -> None:
    who = office.customer
    page = f"{at}/customers/{who.id}"
    day = (office.clock.now() + timedelta(days=5)).date()
    clerk.see(page)
    seen = clerk.send(f"{page}/say", {"kind": "promise", "until": str(day), "reason": "called us"})
    assert "The promise is noted." in seen.text and "called us" in seen.text
    assert standings.of([who.id])[who.id][0].actor == ACTOR

    clerk.send(f"{page}/release")
    assert standings.of([who.id]) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "promise", "reason": "r"},
        {"kind": "promise", "until": "tomorrow"},
        {"kind": "promise", "until": "2020-01-01"},
        {"kind": "promise", "until": "9999-12-31"},
        {"kind": "hold", "reason": ""},
        {"kind": "hold", "reason": "a\nb"},
        {"kind": "closed", "reason": "left"},
        {"kind": "", "reason": "r"},
        {},
    ],
    ids=str,
)
def test_what_makes_no_sense_about_a_customer_is_refused(
    office: Office, clerk: Browser, at: str, fields: dict[str, str]
) -> None:
    page = f"{at}/customers/{office.customer.id}"
    clerk.see(page)
    seen = clerk.post(f"{page}/say", fields)
    assert (seen.status, seen.header("X-Error-Code")) == (422, "WB-INPUT")
    assert standings.of([office.customer.id]) == {}


def test_only_an_administrator_lets_a_customer_connect_and_approves(
    office: Office, clerk: Browser, at: str
) -> None:
    page = f"{at}/customers/{office.customer.id}"
    staff = signed_in(office, a_member(office, Role.TENANT_STAFF))
    assert "Let them" not in staff.see(page).text
    assert staff.post(f"{page}/grant", {"may_connect": "yes"}).status == 403

    clerk.see(page)
    clerk.send(f"{page}/grant", {"may_connect": "yes"})
    assert customers.get(office.tenant.id, "C-1").may_connect
    clerk.send(f"{page}/grant", {"may_connect": "no"})
    assert not customers.get(office.tenant.id, "C-1").may_connect
    assert done_by(office, "customer.changed") == ACTOR


# --- integrations ---------------------------------------------------------------------------------------


def test_an_integration_is_tested_paused_resumed_and_set(office: Office, clerk: Browser, at: str) -> None:
    connected(office)
    [row] = integrations.listing(office.tenant.id)
    page = f"{at}/integrations/{row.id}"
    assert "working" in clerk.see(page).text
    assert "All is well." in clerk.send(f"{page}/test").text
    clerk.send(f"{page}/pause")
    assert integrations.get(None, row.id).state == "paused"
    clerk.send(f"{page}/resume")
    clerk.send(f"{page}/settings", {"pace": "daily", "create_automatically": "yes"})
    now_there = integrations.get(None, row.id)
    assert (now_there.state, now_there.pace) == ("active", "daily")
    assert (now_there.pull_status, now_there.create_automatically) == (False, True)
    assert done_by(office, "integration.changed") == ACTOR
    assert clerk.post(f"{page}/settings", {"pace": "hourly; DROP TABLE"}).status == 422


def test_a_test_that_fails_says_why_on_its_page(office: Office, clerk: Browser, at: str) -> None:
    connected(office)
    [row] = integrations.listing(office.tenant.id)
    other = {"secret_key": "sk_test_nobodyknows00000000"}
    office.house.store.write("test", lambda: office.house.safe.put(row, CREDENTIALS, other))
    clerk.see(f"{at}/integrations/{row.id}")
    seen = clerk.send(f"{at}/integrations/{row.id}/test")
    assert "The test failed." in seen.text and "WB-REMOTE-UNAUTHORISED" in seen.text
    assert "nobodyknows" not in seen.html


def test_both_books_are_compared_when_somebody_asks(office: Office, clerk: Browser, at: str) -> None:
    connected(office)
    [row] = integrations.listing(office.tenant.id)
    page = f"{at}/integrations/{row.id}"
    clerk.see(page)
    clerk.send(f"{page}/compare")
    asked = sweeps.of(row.id)
    assert asked is not None and asked.is_asked_for
    assert done_by(office, "sweep.requested") == ACTOR
    clerk.send(f"{page}/pause")
    assert clerk.post(f"{page}/compare").status == 409


def test_a_brake_is_released_only_by_who_says_that_they_looked(
    office: Office, clerk: Browser, at: str
) -> None:
    connected(office)
    [row] = integrations.listing(office.tenant.id)
    brake = {"count": 12, "asked": 20, "at": office.clock.now().isoformat()}
    office.house.store.write("test", lambda: integrations.update(row.id, brake=brake))
    page = f"{at}/integrations/{row.id}"
    seen = clerk.see(page).text
    assert "The brake holds 12 changes" in seen and "about 12 of 20 invoices" in seen
    assert clerk.post(f"{page}/release-brake").status == 422
    clerk.send(f"{page}/release-brake", {"sure": "yes"})
    assert (integrations.get(None, row.id).brake or {})["released"]
    assert done_by(office, "brake.released") == ACTOR


def test_sync_tells_how_far_it_is_and_works_without_a_script(office: Office, clerk: Browser, at: str) -> None:
    connected(office)
    an_invoice(office, "1001")
    clerk.see(f"{at}/overview")
    seen = clerk.post(f"{at}/sync")
    assert seen.status == 303
    page = clerk.see(seen.to)
    assert "0 of 1 done." in page.text and "1 to go" in page.text and "Look again" in page.text
    part = clerk.see(seen.to, hx_request="true")
    assert part.html.lstrip().startswith("<div") and "every 2s" in part.html

    office.push()
    office.clock.move(seconds=5)
    office.pull()
    page = clerk.see(seen.to)
    assert "Done." in page.text and "all sent" in page.text and "Look again" not in page.text
    assert done_by(office, "sync.requested") == ACTOR
    for wrong in ("", "?since=soon", "?since=-1", f"?since={'9' * 40}"):
        assert clerk.get(f"{at}/sync{wrong}").status == 422


def test_one_integration_is_synced_alone(office: Office, clerk: Browser, at: str) -> None:
    connected(office)
    [row] = integrations.listing(office.tenant.id)
    clerk.see(f"{at}/overview")
    assert f"integration={row.id}" in clerk.post(f"{at}/sync", {"integration": row.id}).to
    assert clerk.post(f"{at}/sync", {"integration": "wbn_none"}).status == 404
    office.house.store.write(
        "test", lambda: Integration.update(state="paused").where(Integration.id == row.id).execute()
    )
    assert clerk.post(f"{at}/sync", {"integration": row.id}).status == 409


# --- the rest -------------------------------------------------------------------------------------------


def test_a_difference_is_settled_with_a_word(world: World) -> None:
    browser = world.browser(Role.TENANT_STAFF)
    at = f"{ROOT}/{world.own['tenantId']}"
    assert "nobody knows here" in browser.see(f"{at}/needs").text
    name = world.own["differenceId"]
    assert browser.post(f"{at}/needs/{name}/settle", {"note": " "}).status == 422
    browser.send(f"{at}/needs/{name}/settle", {"note": "it is an old one"})
    assert differences.get(None, name).settled_by == "staff:tenant-staff@example.com"
    assert "nobody knows here" not in browser.see(f"{at}/needs").text


def test_a_ticket_is_answered_and_closed(world: World) -> None:
    browser = world.browser(Role.TENANT_STAFF)
    at, name = f"{ROOT}/{world.own['tenantId']}", world.own["ticketId"]
    assert "Was it paid?" in browser.see(f"{at}/tickets/{name}").text
    assert browser.post(f"{at}/tickets/{name}/say", {"text": ""}).status == 422
    browser.send(f"{at}/tickets/{name}/say", {"text": "It was.\r\nThank you."})
    said = tickets.messages(name)[-1]
    assert (said.author, said.text, said.actor) == (
        "staff",
        "It was.\nThank you.",
        "staff:tenant-staff@example.com",
    )
    browser.send(f"{at}/tickets/{name}/close")
    assert tickets.get(world.own["tenantId"], name).state == "closed"


def test_a_hint_points_again(world: World) -> None:
    browser = world.browser(Role.TENANT_STAFF)
    at, name = f"{ROOT}/{world.own['tenantId']}", int(world.own["hintId"])
    world.office.house.store.write("test", lambda: hints.used([name], world.office.clock.now()))
    browser.see(f"{at}/inbox/{name}")
    browser.send(f"{at}/inbox/{name}/replay")
    assert (found := hints.get(name)) is not None and found.used_at is None


def test_held_cutoffs_stand_with_their_reason_and_the_brake_with_its_numbers(
    office: Office, clerk: Browser, at: str
) -> None:
    row = an_invoice(office, "1001", due_in=-30)
    held = service.Held(
        office.customer.id,
        office.tenant.id,
        row.id,
        "suspended",
        "WB-CUTOFF",
        "no read since Monday",
        office.clock.now(),
    )

    def work() -> None:
        service.hold_cutoff(office.tenant.id, held)
        service.apply_brake(office.tenant.id, 7, 20, office.clock.now())

    office.house.store.write("test", work)
    seen = clerk.see(f"{at}/held").text
    assert "no read since Monday" in seen and "The brake holds 7 cut-offs of 20 customers" in seen
    assert clerk.post(f"{at}/held/release-brake").status == 422
    clerk.send(f"{at}/held/release-brake", {"sure": "yes"})
    assert ServiceBrake.get().released_at is not None
    assert done_by(office, "service.brake_released") == ACTOR


def test_a_report_is_looked_at_with_its_chart_and_taken_along(
    office: Office, clerk: Browser, at: str
) -> None:
    an_invoice(office, "1001", due_in=-40)
    seen = clerk.see(f"{at}/reports/ageing")
    assert "<svg" in seen.html and "<table" in seen.html
    csv = clerk.see(f"{at}/reports/ageing/csv")
    assert csv.header("Content-Type").startswith("text/csv") and "attachment" in csv.header(
        "Content-Disposition"
    )
    assert clerk.see(f"{at}/reports/ageing/xlsx").body[:2] == b"PK"
    assert clerk.get(f"{at}/reports/ageing?as_of=soon").status == 422
    assert "<svg" in clerk.see(f"{at}/charts", hx_request="true").html


def test_staff_and_tokens_are_listed_and_nothing_secret_with_them(world: World) -> None:
    browser = world.browser(Role.TENANT_ADMIN)
    seen = browser.see(f"{ROOT}/{world.own['tenantId']}/access")
    assert "tenant-admin@example.com" in seen.text and "read only" in seen.text
    assert "argon2" not in seen.html
    assert not [token for token in world.office.tokens.values() if token[12:] in seen.html]


# --- hostile --------------------------------------------------------------------------------------------

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def test_what_is_stored_is_never_run(world: World) -> None:
    """In every field that somebody may fill, on every page."""
    office = world.office
    tenant = tenants.get(world.own["tenantId"])
    now = office.clock.now()

    def work() -> None:
        Customer.update(name=XSS, email=XSS, phone=XSS, reference=XSS).where(
            Customer.id == world.own["customerId"]
        ).execute()
        Link.update(
            fault_code="WB-X",
            fault_text=XSS,
            view_url=f"javascript:{XSS}",
            state="failed",
            external_number=XSS,
        ).where(Link.invoice_id == world.own["invoiceId"]).execute()
        integrations.update(
            world.own["integrationId"], account_name=XSS, label=XSS, fault_code="WB-X", fault_text=XSS
        )
        Tenant.update(name=XSS).where(Tenant.id == tenant.id).execute()
        Invoice.update(memo=XSS, payment_method=XSS, transaction_id=XSS, number=XSS).where(
            Invoice.id == world.own["invoiceId"]
        ).execute()
        Line.update(description=XSS).execute()
        Hint.update(kind=XSS, ref=XSS, event_id=XSS, source=XSS).where(
            Hint.id == int(world.own["hintId"])
        ).execute()
        Difference.update(sentence=XSS, command=XSS).execute()
        Ticket.update(subject=XSS).execute()
        TicketMessage.update(text=XSS).execute()
        audit.append(tenant.id, actor=XSS, action=XSS, subject=XSS, data={}, now=now)

    office.house.store.write("test", work)
    browser = world.browser(Role.TENANT_ADMIN)
    asked = 0
    for spot in SPOTS:
        if is_page(spot):
            path = filled(f"{WITHIN}/{spot.path}", world.own)
            extra = {"sync": "?since=1", "search": "?q=%3Cscript%3Ealert(1)%3C/script%3E"}.get(spot.path, "")
            seen = browser.see(path + extra)
            assert "<script>alert" not in seen.html and "<img src=x" not in seen.html, spot.path
            assert ">49<" not in seen.html
            asked += 1
    assert asked > 20


def test_every_form_needs_its_token(world: World) -> None:
    browser = world.browser(Role.TENANT_ADMIN)
    before = len(audit.latest(tenant_id=world.own["tenantId"], limit=10_000))
    for spot in SPOTS:
        if spot.method == "POST":
            path = filled(f"{WITHIN}/{spot.path}", world.own)
            assert browser.post(path, {"token": "x" * 43, "sure": "yes"}).status == 403, spot.path
            browser.see(f"{ROOT}/account")
            assert browser.post(path, {"sure": "yes"}, sec_fetch_site="cross-site").status == 403, spot.path
    assert len(audit.latest(tenant_id=world.own["tenantId"], limit=10_000)) == before


def test_a_token_that_is_no_token_at_all_is_refused_as_a_wrong_one(clerk: Browser) -> None:
    clerk.see(f"{ROOT}/account")

    assert clerk.post(f"{ROOT}/account/password", {"token": "é"}).status == 403


def test_no_page_shows_a_credential(world: World) -> None:
    browser = world.browser(Role.TENANT_ADMIN)
    at = f"{ROOT}/{world.own['tenantId']}"
    pages = ("overview", f"integrations/{world.own['integrationId']}", "audit", "inbox", "more", "jobs")
    for page in pages:
        browser.see(f"{at}/{page}")
    assert KEY.encode() not in browser.everything and OTHER_KEY.encode() not in browser.everything


@pytest.mark.parametrize("path", ["", "/", "/..%2f", "/%00", "/invoices/%2e%2e", "/" + "a" * 300])
def test_addresses_that_are_none_are_not_there(clerk: Browser, at: str, path: str) -> None:
    assert clerk.get(f"{at}{path}").status in (404, 414)


def test_invoices_that_nobody_asked_about_are_not_touched_by_looking(
    office: Office, clerk: Browser, at: str
) -> None:
    connected(office)
    row = an_invoice(office, "1001")
    before = links.of_invoice(row.id)
    for page in ("overview", "invoices", f"invoices/{row.id}", "search?q=1001", "needs", "held"):
        clerk.see(f"{at}/{page}")
    assert links.of_invoice(row.id) == before
    assert invoices.get(None, row.id) == row
