"""Xero's webhooks: believed only with a right signature, and then only as hints."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.errors import HintRejected
from daemon.model import Delivery, Hint
from daemon.providers.contract import PlainJournals
from daemon.providers.xero import Xero
from tests.providers.xero_bench import WEBHOOK_KEY, XeroBench, a_draft
from tests.specs import NO_SPECS, SPECS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TENANT = "e629a03c-7ec5-4913-a431-ba4dd4a4ef4c"
OTHER = "f629a03c-7ec5-4913-a431-ba4dd4a4ef4c"
REF = "44aa0707-f718-4f1c-8d53-f2da9ca59533"


def delivery(body: bytes, signature: str | None = None, *secrets: str) -> Delivery:
    if signature is None:
        signature = base64.b64encode(hmac.new(b"key", body, hashlib.sha256).digest()).decode()
    headers = {"x-xero-signature": signature}
    return Delivery(body, headers, "https://wisp.example/hook", secrets or ("key",), NOW)


def event(**changes: Any) -> dict[str, Any]:
    return {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/Invoices/{REF}",
        "resourceId": REF,
        "eventDateUtc": "2026-11-22T12:00:00.000",
        "eventType": "UPDATE",
        "eventCategory": "INVOICE",
        "tenantId": TENANT,
        "tenantType": "ORGANISATION",
        **changes,
    }


def hints(*events: Any) -> list[Hint]:
    return Xero.read_app_hints(delivery(json.dumps({"events": events}).encode()))


@pytest.mark.skipif(SPECS is None, reason=NO_SPECS)
def test_the_vectors_are_accepted_and_changed_ones_are_not() -> None:
    assert SPECS is not None
    given = json.loads((SPECS / "webhook_signature_vectors.json").read_text())["xero"]
    for vector in given["vectors"]:
        body, key = vector["body"].encode(), given["signing_key"]
        found = Xero.read_app_hints(delivery(body, vector["signature"], key))
        assert [hint.ref for hint in found] == ([REF] if "INVOICE" in vector["body"] else [])
        for bad in (body + b" ", body.replace(b"T", b"t", 1)):
            with pytest.raises(HintRejected):
                Xero.read_app_hints(delivery(bad, vector["signature"], key))


def test_a_hint_names_its_organisation_and_repeats_under_one_id() -> None:
    (hint,) = hints(event())

    assert (hint.ref, hint.account, hint.at) == (REF, TENANT, NOW)
    assert hints(event()) == [hint] == hints(event(), event())
    assert hints(event(eventDateUtc="2026-11-22T12:00:01.000"))[0].event_id != hint.event_id


def test_the_intent_to_receive_is_answered_by_no_hints_or_a_rejection() -> None:
    bench = XeroBench()
    list(bench.double.deliveries())
    bench.double.intend_to_receive(bench.app)
    outcomes = []
    for posting in bench.double.deliveries():
        try:
            outcomes.append(Xero.read_app_hints(bench.arrived(posting)) == [])
        except HintRejected:
            outcomes.append(False)

    assert outcomes == [True, False, True, False]


def test_either_of_two_keys_fits_during_a_rotation() -> None:
    body = json.dumps({"events": [event()]}).encode()

    assert Xero.read_app_hints(delivery(body, None, "newer", "key"))
    with pytest.raises(HintRejected):
        Xero.read_app_hints(delivery(body, None, "newer"))


@pytest.mark.parametrize("signature", ["", "AAAA", "ä" * 44, "not base64 at all"])
def test_a_signature_that_is_none_is_rejected(signature: str) -> None:
    with pytest.raises(HintRejected):
        Xero.read_app_hints(delivery(b'{"events": []}', signature))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"events": {}}', b"\xff", b"[" * 100_000])
def test_what_is_signed_and_is_no_delivery_is_rejected(body: bytes) -> None:
    with pytest.raises(HintRejected):
        Xero.read_app_hints(delivery(body))


def test_what_changes_no_debt_is_no_hint() -> None:
    assert hints(event(eventCategory="CONTACT"), event(eventType="CREATE"), "text", {}) == []
    assert hints(event(resourceId="../../secrets"), event(tenantId="everybody")) == []


@pytest.mark.parametrize("category", ["CREDITNOTE", "PREPAYMENT", "OVERPAYMENT"])
def test_money_beside_the_invoice_means_whatever_changed(category: str) -> None:
    assert [hint.ref for hint in hints(event(eventCategory=category))] == [None]


def test_many_events_of_one_organisation_mean_whatever_changed_there() -> None:
    many = [event(resourceId=REF[:-2] + f"{n:02x}") for n in range(11)]

    found = hints(*many, event(tenantId=OTHER))

    assert [(hint.ref, hint.account) for hint in found] == [(None, TENANT), (REF, OTHER)]


def test_at_an_integrations_own_address_only_its_own_count() -> None:
    bench = XeroBench()
    body = json.dumps({"events": [event(tenantId=bench.account.id), event(tenantId=OTHER)]}).encode()

    assert [hint.account for hint in bench.adapter().read_hints(delivery(body))] == [bench.account.id]


def test_the_doubles_deliveries_are_signed_with_the_apps_key() -> None:
    bench = XeroBench()
    list(bench.adapter().push([a_draft()], PlainJournals()))

    found = [hint for one in bench.double.deliveries() for hint in Xero.read_app_hints(bench.arrived(one))]

    assert {hint.account for hint in found} == {bench.account.id}
    assert {hint.ref for hint in found} == {one.ref for one in bench.account.standing()}
    assert bench.app.webhook_key == WEBHOOK_KEY
