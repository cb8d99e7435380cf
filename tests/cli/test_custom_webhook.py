"""A customer's own system, as somebody types it: connected, billed, paid, corrected."""

from __future__ import annotations

import json

import httpx
import pytest

from daemon.web.receiver import receiver_app
from tests.cli.conftest import Shell
from tests.cli.custom_shell import CREDENTIALS, CustomShell
from tests.providers.custom_webhook_bench import API_KEY, CURRENT, INBOUND, json_settings


@pytest.fixture
def ready(shell: Shell) -> CustomShell:
    made = CustomShell.of(shell)
    made.a_customer()
    return made


def status(shell: CustomShell, number: str = "1001") -> tuple[str, str]:
    shown = shell.json("invoices", "show", number)
    return shown["sync"], shown["paymentStatus"]


def test_an_invoice_goes_out_and_its_payment_comes_back(ready: CustomShell) -> None:
    ready.connected()
    ready.an_invoice()
    ready.ran("push")
    (there,) = ready.there.standing()
    ready.there.pay(there.ref, 1500)
    ready.clock.move(minutes=20)
    ready.ran("pull")
    assert status(ready) == ("synced", "partially_paid")

    ready.there.pay(there.ref)
    ready.clock.move(minutes=20)
    ready.ran("pull")

    assert status(ready) == ("synced", "paid")


def test_a_word_that_contradicts_the_amounts_leaves_what_is_known(ready: CustomShell) -> None:
    ready.connected()
    ready.an_invoice()
    ready.ran("push")
    (there,) = ready.there.standing()
    ready.there.pay(there.ref, 1500)
    ready.clock.move(minutes=20)
    ready.ran("pull")
    ready.there.mark(there.ref, "paid")
    ready.clock.move(minutes=20)
    ready.ran("pull")

    assert status(ready) == ("synced", "partially_paid")


def test_an_invoice_that_their_schema_refuses_fails_with_the_place(ready: CustomShell) -> None:
    ready.connected(json_schema={"properties": {"data": {"required": ["memo"]}}})
    ready.an_invoice()
    ready.run("push")

    shown = ready.json("invoices", "show", "1001")

    assert shown["sync"] == "failed" and "memo" in json.dumps(shown)
    assert ready.there.standing() == []


def test_a_voided_invoice_is_withdrawn_there(ready: CustomShell) -> None:
    ready.connected()
    ready.an_invoice()
    ready.ran("push")
    ready.ran("invoices", "void", "1001")
    ready.ran("push")
    ready.clock.move(minutes=20)
    ready.ran("pull")

    (there,) = ready.there.standing()
    assert there.status.value == "void"
    assert status(ready)[1] == "void"


def test_where_nothing_can_be_read_an_invoice_stays_open_whatever_is_hinted(ready: CustomShell) -> None:
    ready.connected(status=None, void=None, manual=True)
    ready.an_invoice()
    ready.ran("push")
    (there,) = ready.there.standing()
    ready.there.pay(there.ref)
    ready.clock.move(minutes=20)
    ready.ran("pull")

    assert status(ready) == ("synced", "open")


def test_settings_that_cannot_work_are_refused_with_their_place_and_nothing_is_stored(
    ready: CustomShell,
) -> None:
    settings = json_settings(mapping={"total": {"$path": "/totl"}})
    words = ["integrations", "add", "custom", "--mode", "sandbox", "--credentials", "-", "--settings"]

    said = ready.refused(*words, json.dumps(settings), given=json.dumps(CREDENTIALS))

    assert "mapping: /total/$path: there is no '/totl' in an invoice" in said
    assert ready.json("integrations", "list")["integrations"] == []


def test_the_hints_secret_is_the_owners_and_is_never_shown(ready: CustomShell) -> None:
    name = ready.connected()

    said = ready.ran("integrations", "webhook", name).output

    assert f"https://billing.example.com/api/webhooks/billing/integrations/{name}" in said
    shown = said + ready.ran("integrations", "show", name).output
    stored = (ready.folder / "wispbill.db").read_bytes()
    for secret in (API_KEY, CURRENT, INBOUND):
        assert secret not in shown and secret.encode() not in stored


def test_a_signed_hint_brings_the_next_read_forward_and_what_it_says_is_not_believed(
    ready: CustomShell,
) -> None:
    name = ready.connected()
    ready.ran("integrations", "webhook", name)
    ready.there.hint_url = f"https://billing.example.com/api/webhooks/billing/integrations/{name}"
    ready.an_invoice()
    ready.ran("push")
    ready.ran("pull")
    (there,) = ready.there.standing()
    ready.there.pay(there.ref, 1500)
    (posting,) = ready.custom.deliveries()
    desk = ready.desk()
    desk.open()
    client = httpx.Client(transport=httpx.WSGITransport(receiver_app(desk.house)))

    forged = client.post(posting.url, content=posting.body + b" ", headers=posting.headers)
    codes = [client.post(posting.url, content=posting.body, headers=posting.headers) for _ in range(2)]
    client.close()
    desk.close()
    ready.ran("pull")

    assert forged.status_code == 401
    assert [code.status_code for code in codes] == [200, 200]
    assert b"999999.99" in posting.body
    assert status(ready) == ("synced", "partially_paid")
    assert ready.json("invoices", "show", "1001")["payments"][0]["amount"] == "15.00"


def test_the_same_system_serves_once_unless_its_accounts_are_named(ready: CustomShell) -> None:
    ready.connected()
    words = ["integrations", "add", "custom_webhook", "--mode", "sandbox", "--customer", "C-1"]
    words += ["--credentials", "-", "--settings"]
    given = json.dumps(CREDENTIALS)

    assert "WB-ACCOUNT-TAKEN" in ready.refused(*words, json.dumps(json_settings()), given=given)
    ready.ran(*words, json.dumps(json_settings(account="north")), given=given)


def test_settings_are_shown_as_they_were_given_and_can_be_given_back(ready: CustomShell) -> None:
    name = ready.connected(mapping={"total_due": {"$path": "/total"}}, json_schema=None)

    shown = ready.json("integrations", "show", name)["settings"]
    ready.ran("integrations", "set", name, "--settings", json.dumps(shown))

    assert shown == json_settings(mapping={"total_due": {"$path": "/total"}}, json_schema=None)
