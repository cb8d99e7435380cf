"""Apps and consents at the command line: secrets come in unseen, and the link leads to an integration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from daemon import providers
from daemon.sandbox.stripe import StripeDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.wire import Gate, HttpWire, Wire
from tests.cli.conftest import KEY, Shell
from tests.fakes import FrozenClock, Lines, SeededEntropy
from tests.tokens.ledger import CLIENT, REDIRECT, SECRET, LedgerServer


class Office(Shell):
    """A shell whose wire leads to the ledger."""

    server: LedgerServer

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        transport = SandboxTransport(self.server)
        return HttpWire(party, clock=self.clock, gate=gate, deadline_s=deadline_s, transport=transport)

    def an_app(self, secret: str = SECRET) -> str:
        given = json.dumps({"client_secret": secret})
        words = ("apps", "add", "ledger", "--client-id", CLIENT, "--mode", "sandbox", "--credentials", "-")
        return str(self.json(*words, given=given)["id"])

    def link(self, *more: str) -> str:
        return str(self.json("integrations", "authorize", "ledger", *more)["url"])

    def connected(self) -> str:
        back = self.server.browse(self.link())
        return str(self.json("integrations", "authorize", "--paste", "-", given=back)["id"])


@pytest.fixture
def office(
    tmp_path: Path,
    empty_database: Path,
    clock: FrozenClock,
    entropy: SeededEntropy,
    monkeypatch: pytest.MonkeyPatch,
) -> Office:
    monkeypatch.setitem(providers._BUILT_IN, "ledger", ("tests.tokens.ledger", "Ledger"))
    providers.provider_class.cache_clear()
    shutil.copy(empty_database, tmp_path / "wispbill.db")
    key = tmp_path / "master.key"
    key.touch(mode=0o600)
    key.write_text("11" * 32)
    (tmp_path / "wispbill.toml").write_text(
        f'[daemon]\nstate_dir = "{tmp_path}"\n[receiver]\npublic_url = "https://billing.example.com"\n'
    )
    double = StripeDouble(clock, entropy, rates=False)
    made = Office(tmp_path, clock, entropy, double, double.add_account(key=KEY))
    made.server = LedgerServer(clock)
    made.a_tenant()
    return made


def test_an_app_is_added_with_its_addresses_and_its_secret_is_never_shown(office: Office) -> None:
    name = office.an_app()

    shown = office.json("apps", "show", name)
    assert shown["redirectUri"] == REDIRECT
    assert shown["webhookUrl"].endswith(f"/api/webhooks/billing/apps/ledger/{name}")
    listed = office.ran("apps", "list").output
    assert name in listed and SECRET not in listed + json.dumps(shown)
    assert SECRET.encode() not in (office.folder / "wispbill.db").read_bytes()


def test_the_same_client_is_registered_once(office: Office) -> None:
    name = office.an_app()
    given = json.dumps({"client_secret": "x"})
    words = ("apps", "add", "ledger", "--client-id", CLIENT, "--mode", "sandbox", "--credentials", "-")

    assert name in office.refused(*words, given=given)


@pytest.mark.parametrize("given", ['{"secret": "x"}', '{"client_secret": ""}', '{"client_secret": 5}', "x"])
def test_what_is_no_secret_is_refused_and_not_repeated(office: Office, given: str) -> None:
    words = ("apps", "add", "ledger", "--client-id", CLIENT, "--mode", "sandbox", "--credentials", "-")

    office.refused(*words, given=given)
    assert office.json("apps", "list")["apps"] == []


@pytest.mark.parametrize("uri", ["http://billing.example.com/x", "https://a.example/x?y=1", "nothing"])
def test_a_redirect_address_that_no_provider_takes_is_refused(office: Office, uri: str) -> None:
    words = ("apps", "add", "ledger", "--client-id", CLIENT, "--mode", "sandbox", "--redirect-uri", uri)

    assert "redirect_uri" in office.refused(
        *words, "--credentials", "-", given=json.dumps({"client_secret": "x"})
    )


def test_a_provider_without_consents_needs_no_app(office: Office) -> None:
    words = ("apps", "add", "stripe", "--client-id", "x", "--mode", "sandbox", "--credentials", "-")

    assert "integrations add stripe" in office.refused(*words, given="{}")


def test_the_link_leads_to_an_integration_by_pasting_what_came_back(office: Office) -> None:
    office.an_app()

    name = office.connected()

    shown = office.json("integrations", "show", name)
    assert (shown["state"], shown["accountId"]) == ("active", "realm-1")
    assert "active" in office.ran("integrations", "test", name).output


def test_a_pasted_address_is_taken_once(office: Office) -> None:
    office.an_app()
    back = office.server.browse(office.link())
    office.ran("integrations", "authorize", "--paste", "-", given=back)

    said = office.refused("integrations", "authorize", "--paste", "-", given=back, code=2)

    assert "WB-CONSENT-STATE" in said


def test_a_choice_is_finished_with_the_state_and_an_account(office: Office) -> None:
    office.an_app()
    office.server.accounts = ("realm-1", "realm-2")
    back = office.server.browse(office.link())
    asked = office.json("integrations", "authorize", "--paste", "-", given=back, code=1)

    assert [one["id"] for one in asked["accounts"]] == ["realm-1", "realm-2"]
    assert asked["state"] == dict(parse_qsl(urlsplit(back).query))["state"]
    words = ("integrations", "authorize", "--finish", asked["state"])
    assert "WB-CONSENT-CHOICE" in office.refused(*words)
    done = office.json(*words, "--account", "realm-2")
    assert done["accountId"] == "realm-2"


def test_without_an_app_the_command_that_makes_one_is_named(office: Office) -> None:
    assert "wispbill apps add ledger" in office.refused("integrations", "authorize", "ledger")


def test_credentials_by_hand_point_to_the_consent(office: Office) -> None:
    office.an_app()
    name = office.connected()

    for words in (("add", "ledger"), ("rotate", name)):
        said = office.refused("integrations", *words, "--credentials", "-", given="{}")
        assert "wispbill integrations authorize ledger" in said


def test_an_app_that_is_used_is_not_removed(office: Office) -> None:
    app = office.an_app()
    name = office.connected()
    assert name in office.refused("apps", "remove", app)

    office.ran("integrations", "remove", name, "--force")
    office.ran("apps", "remove", app)

    assert office.json("apps", "list")["apps"] == []
    assert office.refused("apps", "show", app)


def test_two_webhook_secrets_are_valid_until_the_rotation_is_settled(office: Office) -> None:
    app = office.an_app()
    for n, secret in enumerate(("one", "two", "three"), 1):
        given = json.dumps({"webhook_secret": secret})
        office.ran("apps", "secret", app, "--webhook", "--credentials", "-", given=given)
        assert office.json("apps", "show", app)["webhookSecrets"] == min(n, 2)

    office.ran("apps", "secret", app, "--settled")

    assert office.json("apps", "show", app)["webhookSecrets"] == 1


def test_a_refused_app_is_settled_by_its_new_secret(office: Office) -> None:
    app = office.an_app()
    name = office.connected()
    office.server.secret = "rotated-there"
    office.clock.move(hours=1)
    office.ran("pull", "--integration", name, code=1)
    status = office.json("status", code=1)
    commands = [problem["command"] for problem in status["problems"]]
    assert f"wispbill apps secret {app}" in commands

    given = json.dumps({"client_secret": "rotated-there"})
    office.ran("apps", "secret", app, "--credentials", "-", given=given)

    assert office.json("integrations", "show", name)["state"] == "active"
    office.ran("integrations", "test", name)


def test_a_dead_grant_names_the_command_that_settles_it(office: Office) -> None:
    office.an_app()
    name = office.connected()
    office.server.kill()
    office.clock.move(hours=1)
    office.ran("pull", "--integration", name, code=1)

    status = office.json("status", code=1)

    assert "wispbill integrations authorize ledger" in [x["command"] for x in status["problems"]]
    assert office.connected() == name
    assert office.json("integrations", "show", name)["state"] == "active"


def test_an_invoice_that_waits_for_a_consent_says_what_ends_the_waiting(office: Office) -> None:
    office.an_app()
    name = office.connected()
    office.a_customer()
    office.an_invoice()
    office.server.kill()
    office.clock.move(hours=1)
    office.ran("pull", "--integration", name, code=1)

    said = office.run("explain", "1001").output

    assert "wispbill integrations authorize ledger" in said


def test_status_counts_down_to_the_end_of_a_consent(office: Office) -> None:
    office.an_app()
    name = office.connected()
    (row,) = office.json("status", code=1)["integrations"]
    assert (row["id"], row["consentEnds"]) == (name, "in 20 d")

    office.clock.move(days=20)
    status = office.json("status", code=1)
    sentences = {problem["sentence"]: problem["command"] for problem in status["problems"]}

    assert "in 0 h" in office.ran("status", code=1).output
    [(sentence, command)] = [item for item in sentences.items() if "consent" in item[0]]
    assert "Books of realm-1" in sentence
    assert command == "wispbill integrations authorize ledger"


def test_status_names_a_permission_that_was_taken_away(office: Office) -> None:
    office.an_app()
    name = office.connected()
    office.server.missing = ["invoices"]
    office.ran("integrations", "test", name, code=1)

    problems = office.json("status", code=1)["problems"]

    assert any("lacks: invoices" in problem["sentence"] for problem in problems)


def test_the_doctor_names_an_app_whose_browsers_go_elsewhere_and_a_consent_that_ends(office: Office) -> None:
    office.an_app()
    office.connected()
    given = json.dumps({"client_secret": "x"})
    words = ("apps", "add", "ledger", "--client-id", "client-0002", "--mode", "sandbox", "--credentials", "-")
    office.ran(*words, "--redirect-uri", "http://localhost/callback", given=given)
    office.clock.move(days=19)

    said = office.run("doctor").output

    assert "http://localhost/callback, which is not us" in said
    assert "wispbill integrations authorize ledger" in said
    assert "The consent of ledger Books of realm-1 ends in" in said


def test_nothing_of_the_dance_is_logged_or_printed(office: Office, log: Lines) -> None:
    office.an_app()
    link = office.link()
    back = office.server.browse(link)
    printed = [office.ran("integrations", "authorize", "--paste", "-", given=back).output]
    printed += [office.ran("integrations", "list").output, office.ran("status", "--json", code=1).output]
    office.server.secret = "wrong now"
    office.clock.move(hours=1)
    (row,) = office.json("integrations", "list")["integrations"]
    printed.append(office.ran("pull", "--integration", row["id"], code=1).output)

    query = dict(parse_qsl(urlsplit(back).query))
    hidden = [SECRET, query["state"], query["code"], "access-0", "refresh-0"]
    for text in (*printed, str(log.entries)):
        assert not [secret for secret in hidden if secret in text]
