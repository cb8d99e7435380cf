"""The callback: a consent becomes an integration once, for the one who asked, and for nobody else."""

from __future__ import annotations

import pytest

from daemon import connect
from daemon.connect import Connected, switching
from daemon.errors import GrantDead, InvalidInput, RemoteError, Throttled
from daemon.jobs.visit import Visit, visit
from daemon.model import IntegrationState
from daemon.store import grants, integrations
from daemon.store.tables import Audit, Consent, Grant, Secret
from daemon.web.access import WSGI
from tests.builders import Builders
from tests.connect.conftest import Office
from tests.tokens.ledger import REDIRECT, SECRET

PATH = "/oauth/callback/ledger"


def test_a_consent_becomes_an_integration_that_works(office: Office) -> None:
    page = office.consent()

    assert page.status == 200 and "Books of realm-1 is connected" in page.text
    [row] = office.rows()
    assert (row.provider, row.state, row.account_id) == ("ledger", "active", "realm-1")
    assert row.grant_id is not None
    assert office.house.providers(row).check().account_id == "realm-1"


def test_the_page_carries_nothing_that_could_leak_or_run(office: Office) -> None:
    back = office.server.browse(office.link().url)
    page = office.get(back)

    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "script" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    for secret in (office.state_of(back), "code-", "access-", "refresh-", SECRET):
        assert secret not in page.text


def test_what_is_sent_to_us_is_not_shown(office: Office) -> None:
    bad = "<script>alert(1)</script>"
    for url in (
        f"{REDIRECT}?state={bad}&code={bad}",
        f"{REDIRECT}?state={office.link().state}&error={bad}&error_description={bad}",
        f"https://billing.example.com/oauth/callback/{bad}",
    ):
        page = office.get(url)
        assert page.status in (400, 404)
        assert "script" not in page.text


def test_an_unknown_state_is_refused(office: Office) -> None:
    page = office.get(f"{REDIRECT}?state=made-up&code=code-0001")

    assert (page.status, page.headers["X-Error-Code"]) == (400, "WB-CONSENT-STATE")
    assert office.server.calls == [] and office.rows() == []


def test_a_state_is_used_once_and_a_code_is_never_sent_twice(office: Office) -> None:
    back = office.server.browse(office.link().url)
    office.get(back)

    again = office.get(back)

    assert again.status == 400
    assert office.server.calls.count("authorization_code") == 1
    assert len(office.rows()) == 1


def test_a_state_ends_after_ten_minutes(office: Office) -> None:
    back = office.server.browse(office.link().url)
    office.clock.move(minutes=10)

    assert office.get(back).headers["X-Error-Code"] == "WB-CONSENT-STATE"
    assert office.server.calls == []


def test_a_state_of_one_provider_is_none_of_another_s(office: Office) -> None:
    back = office.server.browse(office.link().url).replace("callback/ledger", "callback/minting")

    assert office.get(back).headers["X-Error-Code"] == "WB-CONSENT-STATE"


def test_a_crash_before_the_exchange_never_sends_the_code_later(office: Office) -> None:
    back = office.server.browse(office.link().url)

    class Crash(BaseException):
        pass

    def crash(point: str) -> None:
        if point == "grant.answered:after-commit":
            raise Crash

    office.house.store.probe = crash
    with pytest.raises(Crash):
        office.get(back)
    office.house.store.probe = lambda _point: None

    assert office.get(back).status == 400
    assert office.server.calls == []
    assert office.consent().status == 200


def test_a_denied_consent_uses_the_link_up_and_connects_nothing(office: Office) -> None:
    office.server.denies = True
    link = office.link()

    page = office.get(office.server.browse(link.url))

    assert page.headers["X-Error-Code"] == "WB-CONSENT-DENIED"
    office.server.denies = False
    assert office.get(office.server.browse(link.url)).headers["X-Error-Code"] == "WB-CONSENT-STATE"
    assert office.rows() == []


def test_a_wrong_app_secret_is_said_and_connects_nothing(office: Office) -> None:
    office.server.secret = "another"

    page = office.consent()

    assert page.status == 502 and SECRET not in page.text
    assert office.rows() == [] and Grant.select().count() == 0


@pytest.mark.parametrize("fault", ["lost_answer", "truncated", "html", "error_after"])
def test_a_lost_answer_to_a_code_asks_for_a_new_link(office: Office, fault: str) -> None:
    back = office.server.browse(office.link().url)
    office.transport.spoil(fault)

    assert office.get(back).status == 502
    assert office.server.calls.count("authorization_code") <= 1
    assert office.rows() == []
    assert office.consent().status == 200


def test_a_code_challenge_is_sent_and_its_verifier_is_sealed(office: Office) -> None:
    link = office.link()

    assert "code_challenge=" in link.url
    assert Secret.select().where(Secret.field == "verifier").count() == 1
    office.get(office.server.browse(link.url))
    assert Secret.select().where(Secret.field == "verifier").count() == 0


def test_the_state_is_stored_as_its_hash(office: Office) -> None:
    link = office.link()

    assert link.state not in str(list(Consent.select().dicts()))


def test_several_organisations_ask_for_a_choice(office: Office) -> None:
    office.server.accounts = ("realm-1", "realm-2")
    link = office.link()

    asked = office.get(office.server.browse(link.url))
    assert "Books of realm-2" in asked.text and office.rows() == []
    wrong = office.post(PATH, state=link.state, account="realm-9")
    assert wrong.headers["X-Error-Code"] == "WB-CONSENT-CHOICE"
    done = office.post(PATH, state=link.state, account="realm-2")

    assert done.status == 200
    assert [row.account_id for row in office.rows()] == ["realm-2"]
    assert office.post(PATH, state=link.state, account="realm-1").status == 400


def test_consenting_again_reconnects_the_same_account_and_its_queue_drains(office: Office) -> None:
    office.consent()
    [row] = office.rows()
    make = Builders(office.house.store)
    waiting = make.a_link(row)
    office.server.kill()
    office.clock.move(hours=1)
    with pytest.raises(GrantDead):
        office.house.providers(row).check()
    assert integrations.get(None, row.id).state == IntegrationState.NEEDS_RECONNECT
    assert make.store and _link_state(waiting.id) == "parked"

    office.consent()

    [again] = office.rows()
    assert (again.id, again.state) == (row.id, "active")
    assert again.grant_id != row.grant_id
    assert _link_state(waiting.id) == "pending"
    assert office.house.providers(again).check().account_id == "realm-1"
    assert grants.get(str(row.grant_id)).state == grants.ENDED


def _link_state(link_id: str) -> str:
    from daemon.store import links

    return links.get(link_id).state


def test_a_run_under_the_old_consent_does_not_stop_what_was_connected_anew_meanwhile(office: Office) -> None:
    office.consent()
    [row] = office.rows()
    office.clock.move(hours=1)

    def work(at: Visit) -> None:
        office.consent()
        at.provider.check()

    tally = visit(office.house, row.id, "pull", work)

    assert tally is not None and isinstance(tally.fault, Throttled)
    [again] = office.rows()
    assert (again.state, again.fault_code) == ("active", None) and again.grant_id != row.grant_id


def test_the_pages_and_the_webhooks_share_a_listener(office: Office) -> None:
    from daemon.web.oauth import beside

    def app(name: str) -> WSGI:
        return lambda _environ, _start: [name.encode()]

    both = beside(app("pages"), app("webhooks"))

    for path, there in ((PATH, b"pages"), ("/api/webhooks/billing/x/y", b"webhooks"), ("/", b"webhooks")):
        assert list(both({"PATH_INFO": path}, None)) == [there]


def test_monitoring_counts_down_to_the_end_of_a_consent(office: Office) -> None:
    from daemon.web.metrics import page
    from daemon.web.outcomes import Outcomes

    office.consent()
    office.clock.move(days=15)

    line = f'wispbill_consent_ends_seconds{{integration="{office.rows()[0].id}"}} 432000.0'
    assert line in page(office.house, Outcomes()).decode().splitlines()


def test_another_account_s_consent_for_an_integration_is_refused(office: Office) -> None:
    office.consent()
    [row] = office.rows()
    office.server.accounts = ("realm-2",)

    page = office.consent()

    assert page.headers["X-Error-Code"] == "WB-ACCOUNT-DIFFERS"
    [still] = office.rows()
    assert (still.account_id, still.grant_id, still.state) == ("realm-1", row.grant_id, "active")
    assert Grant.select().where(Grant.state == "active").count() == 1


def test_an_account_that_is_connected_elsewhere_is_refused(office: Office) -> None:
    office.consent()
    other = Builders(office.house.store).a_customer(office.tenant)

    page = office.consent(other)

    assert page.headers["X-Error-Code"] == "WB-ACCOUNT-TAKEN"
    assert len(office.rows()) == 1


def test_one_consent_brings_along_what_else_it_covers(office: Office) -> None:
    """Two organisations under one grant: both wait when it dies, and one new consent serves both."""
    office.server.accounts = ("realm-1", "realm-2")
    customer = Builders(office.house.store).a_customer(office.tenant)
    for who, account in ((None, "realm-1"), (customer, "realm-2")):
        link = office.link(who)
        office.get(office.server.browse(link.url))
        office.post(PATH, state=link.state, account=account)
    office.server.kill()
    office.clock.move(hours=1)
    for row in office.rows():
        with pytest.raises(GrantDead):
            office.house.providers(row).check()

    office.consent()

    rows = office.rows()
    assert {row.state for row in rows} == {"active"}
    assert len({row.grant_id for row in rows}) == 1
    for row in rows:
        assert office.house.providers(row).check().account_id == row.account_id


def test_a_pasted_address_does_what_the_callback_does(office: Office) -> None:
    back = office.server.browse(office.link().url)

    outcome = connect.answer(office.house, None, {"state": office.state_of(back), "code": "code-0002"})

    assert isinstance(outcome, Connected) and outcome.is_new


def test_guessing_states_is_slowed_down(office: Office) -> None:
    from daemon.web.oauth import Callback

    pages = Callback(office.house)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": PATH,
        "QUERY_STRING": "state=x&code=y",
        "REMOTE_ADDR": "192.0.2.1",
    }
    said = [pages._page(environ).status[:3] for _ in range(40)]

    assert said[0] == "400" and said[-1] == "429"


def test_only_get_and_post_are_answered(office: Office) -> None:
    back = office.server.browse(office.link().url)

    assert office.get(back, method="HEAD").status == 405
    assert office.get(back).status == 200


def test_another_provider_s_place_is_not_taken(office: Office) -> None:
    make = Builders(office.house.store)
    make.an_integration(office.tenant)

    with pytest.raises(InvalidInput, match="--beside"):
        office.link()


def test_what_happened_is_in_the_tenant_s_chain(office: Office) -> None:
    office.consent()
    office.consent()

    chain = Audit.select().where(Audit.tenant_id == office.tenant.id).order_by(Audit.seq)
    told = [row.action for row in chain]
    assert [x for x in told if x.startswith(("grant", "integration"))] == [
        "grant.added",
        "integration.added",
        "grant.added",
        "integration.reconnected",
    ]


def test_a_provider_that_is_down_after_the_exchange_leaves_no_half_integration(office: Office) -> None:
    link = office.link()
    back = office.server.browse(link.url)
    office.transport.spoil("error_before", after=1)

    assert office.get(back).status == 502
    assert office.rows() == []
    assert Secret.select().where(Secret.field == "tokens").count() == 0
    with pytest.raises((InvalidInput, RemoteError)):
        connect.finish(office.house, link.state, "realm-1")


def test_an_account_by_consent_stands_by_until_it_is_switched_to(office: Office) -> None:
    make = Builders(office.house.store)
    old = make.an_integration(office.tenant)

    link = connect.begin(
        office.house,
        office.app,
        tenant_id=office.tenant.id,
        customer_id=None,
        label="Ledger",
        settings={},
        actor="cli:operator",
        beside=switching.beside(office.tenant.id, old.id, None),
    )
    office.get(office.server.browse(link.url))

    new = integrations.standing_by(old)
    assert new is not None
    assert (new.provider, new.state, new.grant_id is not None) == ("ledger", "paused", True)
    assert integrations.at_place(office.tenant.id, None) == old
    done = switching.switch(office.house, old, new, actor="cli:operator")
    assert done.new is not None
    assert (done.new.state, done.old.state) == ("active", "draining")


def test_nothing_stands_by_what_is_on_its_way_out_or_another_s(office: Office) -> None:
    make = Builders(office.house.store)
    old = make.an_integration(office.tenant)
    person = make.a_customer(office.tenant)

    with pytest.raises(InvalidInput, match="same customer"):
        switching.beside(office.tenant.id, old.id, person.id)
    office.house.store.write("test", lambda: integrations.update(old.id, duty="leaves"))
    with pytest.raises(InvalidInput, match="on its way out"):
        switching.beside(office.tenant.id, old.id, None)
