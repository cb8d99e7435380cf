"""QuickBooks' webhooks: signed by the app's token, in two forms, and companies mixed in one delivery."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.errors import HintRejected
from daemon.model import Delivery
from daemon.providers.quickbooks import QuickBooks
from tests.providers.quickbooks_bench import HOOK, QuickBooksBench
from tests.specs import NO_SPECS, SPECS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOKEN = "test-verifier-token"
REALM = "9130000000000001"


def delivery(document: Any, *, token: str = TOKEN, secrets: tuple[str, ...] = (TOKEN,)) -> Delivery:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    signature = base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()
    return Delivery(body, {"intuit-signature": signature}, HOOK, secrets, NOW)


def event(kind: str, ref: str = "145", realm: str = REALM, name: str = "evt-1") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": "intuit.test",
        "type": f"qbo.{kind}.v1",
        "time": "2026-03-02T09:00:00.179Z",
        "intuitentityid": ref,
        "intuitaccountid": realm,
        "data": {},
    }


def classic(name: str, operation: str, ref: str = "145", realm: str = REALM) -> dict[str, Any]:
    entity = {"name": name, "id": ref, "operation": operation, "lastUpdated": "2026-03-02T01:00:00.000-08:00"}
    return {"eventNotifications": [{"realmId": realm, "dataChangeEvent": {"entities": [entity]}}]}


@pytest.mark.skipif(SPECS is None, reason=NO_SPECS)
def test_the_published_vectors_fit() -> None:
    assert SPECS is not None
    told = json.loads((SPECS / "webhook_signature_vectors.json").read_text())["quickbooks"]
    for vector in told["vectors"]:
        body, headers = vector["body"].encode(), {told["header"]: vector["signature"]}
        (hint,) = QuickBooks.read_app_hints(Delivery(body, headers, HOOK, (told["verifier_token"],), NOW))
        assert (hint.ref, hint.account) == ("145", REALM)
        with pytest.raises(HintRejected):
            QuickBooks.read_app_hints(Delivery(body + b" ", headers, HOOK, (told["verifier_token"],), NOW))


def test_one_delivery_may_speak_of_several_companies() -> None:
    events = [event("invoice.updated"), event("invoice.updated", "7", "9130000000000002", "evt-2")]

    hints = QuickBooks.read_app_hints(delivery(events))

    assert [(hint.account, hint.ref, hint.event_id) for hint in hints] == [
        (REALM, "145", "evt-1"),
        ("9130000000000002", "7", "evt-2"),
    ]


def test_an_adapter_takes_only_what_is_about_its_company() -> None:
    bench = QuickBooksBench()
    events = [event("invoice.updated"), event("invoice.updated", "7", "9130000000000002", "evt-2")]

    assert [hint.ref for hint in bench.adapter().read_hints(delivery(events))] == ["145"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([event("invoice.updated")], ["145"]),
        ([event("invoice.void")], ["145"]),
        ([event("invoice.deleted")], ["145"]),
        ([event("invoice.somethingnew")], ["145"]),
        ([event("payment.created")], [None]),
        ([event("payment.deleted")], [None]),
        ([event("creditmemo.updated")], [None]),
        ([event("invoice.created")], []),
        ([event("invoice.emailed")], []),
        ([event("customer.updated")], []),
        ([event("x")], []),
        ([], []),
        (classic("Invoice", "Update"), ["145"]),
        (classic("Invoice", "Emailed"), []),
        (classic("Payment", "Void"), [None]),
        (classic("Customer", "Merge"), []),
        ({"eventNotifications": []}, []),
    ],
)
def test_what_moves_money_is_a_hint_and_our_own_echo_is_none(
    document: Any, expected: list[str | None]
) -> None:
    assert [hint.ref for hint in QuickBooks.read_app_hints(delivery(document))] == expected


def test_a_repeat_has_the_same_id_in_both_forms() -> None:
    for document in ([event("invoice.updated")], classic("Invoice", "Update")):
        first, second = (QuickBooks.read_app_hints(delivery(document)) for _ in range(2))
        assert first == second and len({hint.event_id for hint in first}) == 1


def test_two_verifier_tokens_are_valid_in_a_rotation() -> None:
    both = ("newer-token", TOKEN)

    assert QuickBooks.read_app_hints(delivery([event("invoice.updated")], secrets=both))
    with pytest.raises(HintRejected):
        QuickBooks.read_app_hints(delivery([event("invoice.updated")], token="somebody-else", secrets=both))


@pytest.mark.parametrize(
    "document", [b"", b"no json", b"{}", b"5", b'[{"no": "id"}]', b'["text"]', b"[" * 99999]
)
def test_a_signed_body_that_is_no_delivery_is_rejected(document: bytes) -> None:
    with pytest.raises(HintRejected):
        QuickBooks.read_app_hints(delivery(document))


def test_a_signature_that_is_no_ascii_is_rejected() -> None:
    given = delivery([event("invoice.updated")])

    with pytest.raises(HintRejected):
        QuickBooks.read_app_hints(
            Delivery(given.body, {"intuit-signature": "ü" * 44}, HOOK, given.secrets, NOW)
        )


def test_the_double_signs_both_forms_and_sends_what_was_not_taken_again() -> None:
    for cloud in (True, False):
        bench = QuickBooksBench()
        bench.double.cloud_events = cloud
        ref = bench.pushed()
        list(bench.double.deliveries())
        bench.account.pay(ref)
        posting = bench.double.next_delivery()
        assert posting is not None
        bench.double.failed(posting)
        assert bench.double.next_delivery() is None
        bench.pass_time(10)
        again = bench.double.next_delivery()
        assert again is not None and (again.body, again.attempt) == (posting.body, 2)
        headers = {name.lower(): value for name, value in again.headers.items()}
        hints = QuickBooks.read_app_hints(Delivery(again.body, headers, HOOK, (TOKEN,), NOW))
        assert {hint.ref for hint in hints} == {ref, None}
