"""The double of a customer's system: stricter than any of them, and the same in every run."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from standardwebhooks import Webhook

from daemon.clock import to_unix
from daemon.model import DocStatus
from daemon.sandbox.custom_webhook import CustomDouble
from daemon.sandbox.custom_webhook.account import signature
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.transport import SandboxTransport
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.custom_webhook_bench import CURRENT, INBOUND, PREVIOUS

KEY, HOOK = "key-0001", "https://wisp.example/hook"


def an_event(**changed: Any) -> dict[str, Any]:
    data = {
        "reference": "WB-AAAAAAAAAAAAAAAA",
        "platform_reference": "r",
        "number": "N-1",
        "currency": "EUR",
        "issue_date": "2026-03-02",
        "due_date": "2026-03-16",
        "customer": {"reference": "c", "platform_reference": "p", "name": "Subscriber 0001"},
        "lines": [{"description": "Internet", "net": "40.00", "tax": "5.00", "amount": "45.00"}],
        "subtotal": "40.00",
        "tax": "5.00",
        "total": "45.00",
    }
    document = {name: value for name, value in (data | changed).items() if value is not None}
    return {"type": "invoice.created", "timestamp": "2026-03-02T09:00:00Z", "data": document}


class Caller:
    """Sends as the documentation says, unless told otherwise."""

    def __init__(self, **options: Any) -> None:
        self.clock = FrozenClock()
        rates = options.pop("rates", False)
        self.double = CustomDouble(self.clock, SeededEntropy(), rates=rates)
        self.account = self.double.add_account(
            KEY, secrets=[CURRENT, PREVIOUS], hint_url=HOOK, hint_secret=INBOUND, **options
        )
        self.client = httpx.Client(transport=SandboxTransport(self.double), base_url="https://sandbox.test")

    def post(
        self,
        event: Any,
        name: str = "msg_1",
        *,
        secret: str = CURRENT,
        path: str = "/hooks/invoices",
        **changed: str,
    ) -> httpx.Response:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        at = str(to_unix(self.clock.now()))
        headers = {
            "authorization": f"Bearer {KEY}",
            "content-type": "application/json",
            "idempotency-key": name,
            "webhook-id": name,
            "webhook-timestamp": at,
            "webhook-signature": signature(secret, name, at, body),
        }
        named = {key.replace("_", "-"): value for key, value in changed.items()}
        return self.client.post(path, content=body, headers=headers | named)

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.client.get(path, params=params, headers={"authorization": f"Bearer {KEY}"})


@pytest.fixture
def caller() -> Caller:
    return Caller()


def test_an_invoice_is_taken_once_for_each_event(caller: Caller) -> None:
    first, again = caller.post(an_event()), caller.post(an_event())

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(caller.account.standing()) == 1


def test_the_same_event_with_another_body_is_refused(caller: Caller) -> None:
    caller.post(an_event())
    assert caller.post(an_event(number="N-2")).status_code == 422


def test_a_refusal_is_not_remembered_under_its_id(caller: Caller) -> None:
    assert caller.post(an_event(total="46.00")).status_code == 422
    assert caller.post(an_event()).status_code == 201


@pytest.mark.parametrize("changed", [{"number": "N-2"}, {"reference": "WB-BBBBBBBBBBBBBBBB"}])
def test_a_reference_or_a_number_that_exists_is_a_conflict(caller: Caller, changed: dict[str, str]) -> None:
    caller.post(an_event())
    assert caller.post(an_event(**changed), "msg_2").status_code == 409


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"authorization": "Bearer wrong"}, 401),
        ({"webhook_signature": "v1,AAAA"}, 401),
        ({"webhook_signature": ""}, 401),
        ({"webhook_timestamp": "1"}, 400),
        ({"webhook_timestamp": "x"}, 400),
        ({"webhook_id": "msg_2"}, 400),
        ({"idempotency_key": "msg_2"}, 400),
        ({"webhook_id": "a.b", "idempotency_key": "a.b"}, 400),
        ({"content_type": "text/plain"}, 415),
    ],
)
def test_what_is_not_signed_as_documented_is_refused(
    caller: Caller, changed: dict[str, str], status: int
) -> None:
    assert caller.post(an_event(), **changed).status_code == status
    assert caller.account.standing() == []


def test_either_secret_of_a_rotation_is_taken_and_no_other(caller: Caller) -> None:
    assert caller.post(an_event(), secret=PREVIOUS).status_code == 201
    assert caller.post(an_event(), secret=INBOUND).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"customer": None},
        {"customer": {"name": "x"}},
        {"extra": 1},
        {"lines": []},
        {"lines": [{"description": "x", "net": "1.00", "tax": "0.00", "amount": "2.00"}]},
        {"lines": [{"description": "x", "net": 40, "tax": "5.00", "amount": "45.00"}]},
        {"total": "45"},
        {"total": 45.0},
        {"subtotal": "39.00"},
        {"currency": "EURO"},
        {"due_date": "16.03.2026"},
        {"number": ""},
    ],
)
def test_a_field_that_is_missing_unknown_or_of_another_form_is_refused(
    caller: Caller, changed: dict[str, Any]
) -> None:
    assert caller.post(an_event(**changed)).status_code == 422
    assert caller.account.standing() == []


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"{", 400), (b"[]", 422), (b'{"type": "x"}', 422)])
def test_a_body_that_is_no_event_is_refused(caller: Caller, body: bytes, status: int) -> None:
    assert caller.post(body).status_code == status


def test_a_test_event_is_answered_and_creates_nothing(caller: Caller) -> None:
    event = {"type": "connection.test", "timestamp": "2026-03-02T09:00:00Z", "data": {}}
    assert caller.post(event).json() == {"ok": True}
    assert caller.post(event | {"type": "invoice.other"}, "msg_2").status_code == 422
    assert caller.account.standing() == []


def test_an_invoice_is_found_by_its_id_and_by_our_reference(caller: Caller) -> None:
    made = caller.post(an_event()).json()

    assert caller.get(f"/api/invoices/{made['id']}").json() == made
    assert caller.get("/api/references/WB-AAAAAAAAAAAAAAAA").json() == made
    assert caller.get("/api/invoices/nothing").status_code == 404
    caller.account.delete(made["id"])
    assert caller.get(f"/api/invoices/{made['id']}").status_code == 404


def test_the_status_follows_the_money(caller: Caller) -> None:
    ref = caller.post(an_event()).json()["id"]

    def told() -> tuple[str, str, str]:
        document = caller.get(f"/api/invoices/{ref}").json()
        return document["status"], document["amount_paid"], document["amount_due"]

    assert told() == ("open", "0.00", "45.00")
    caller.account.pay(ref, 1500)
    assert told() == ("partially_paid", "15.00", "30.00")
    caller.account.credit(ref, 1000)
    caller.account.pay(ref)
    assert told() == ("paid", "35.00", "0.00")
    caller.account.refund(ref, 500)
    assert told() == ("paid", "35.00", "0.00")
    caller.account.reverse(ref)
    assert told() == ("partially_paid", "15.00", "20.00")
    (standing,) = caller.account.standing()
    assert (standing.status, standing.paid, standing.refunded) == (DocStatus.OPEN, 1500, 500)


def test_people_cannot_do_what_the_system_would_refuse(caller: Caller) -> None:
    ref = caller.post(an_event()).json()["id"]
    for wrong in (0, 4501, -1):
        with pytest.raises(ValueError, match="between"):
            caller.account.pay(ref, wrong)
    caller.account.pay(ref)
    with pytest.raises(ValueError, match="payments"):
        caller.account.void(ref)
    with pytest.raises(ValueError, match="more"):
        caller.account.refund(ref, 4501)
    with pytest.raises(KeyError):
        caller.account.pay("nothing")


def test_the_list_tells_what_changed_since_and_by_pages(caller: Caller) -> None:
    for number in range(60):
        event = an_event(number=f"N-{number}", reference=f"WB-{number:016d}")
        caller.post(event, f"msg_{number}")
    start = caller.clock.now().isoformat()

    first = caller.get("/api/invoices", updated_since=start).json()["invoice"]
    second = caller.get("/api/invoices", updated_since=start, page="2").json()["invoice"]
    third = caller.get("/api/invoices", updated_since=start, page="3").json()["invoice"]

    assert (len(first), len(second), len(third)) == (50, 10, 0)
    assert caller.get("/api/invoices", updated_since="yesterday").status_code == 400
    assert caller.get("/api/invoices", updated_since=start, limit="9").status_code == 400


def test_an_invoice_is_voided_once_and_never_with_payments(caller: Caller) -> None:
    ref = caller.post(an_event()).json()["id"]
    event = {"type": "invoice.void", "timestamp": "2026-03-02T09:00:00Z", "data": {"invoice": ref}}
    path = f"/api/invoices/{ref}/void"

    assert caller.post(event | {"data": {"invoice": "x"}}, "v", path=path).status_code == 422
    assert caller.post(event, "v", secret=INBOUND, path=path).status_code == 401
    caller.account.pay(ref, 100)
    assert caller.post(event, "v", path=path).status_code == 422
    caller.account.reverse(ref)
    for _ in range(2):
        assert caller.post(event, "v", path=path).json()["status"] == "void"


def test_a_stale_list_does_not_show_what_is_new(caller: Caller) -> None:
    start = caller.clock.now().isoformat()
    caller.post(an_event())
    caller.double.faults.add(Fault(FaultKind.STALE_LIST, seconds=30))

    assert caller.get("/api/invoices", updated_since=start).json()["invoice"] == []
    assert len(caller.get("/api/invoices", updated_since=start).json()["invoice"]) == 1


def test_xml_is_taken_and_given() -> None:
    caller = Caller(format="xml")
    body = (
        b'<Invoice reference="WB-A" number="N-1" currency="EUR"><Customer ref="c">Subscriber 0001</Customer>'
        b'<Issued>2026-03-02</Issued><Due>2026-03-16</Due><Line amount="45.00">Internet</Line>'
        b"<Total>45.00</Total></Invoice>"
    )
    made = caller.post(body, content_type="application/xml")

    assert made.status_code == 201 and made.headers["content-type"].startswith("application/xml")
    assert ET.fromstring(made.content).findtext("total") == "45.00"
    assert caller.post(b"<Invoice/>", "msg_2", content_type="application/xml").status_code == 422
    bomb = b'<!DOCTYPE a [<!ENTITY x "y">]><Invoice>&x;</Invoice>'
    assert caller.post(bomb, "msg_3", content_type="application/xml").status_code == 400


def test_each_change_is_hinted_at_signed_and_once(caller: Caller) -> None:
    ref = caller.post(an_event()).json()["id"]
    assert list(caller.double.deliveries()) == []
    caller.account.pay(ref)

    (posting,) = caller.double.deliveries()

    at = caller.clock.now()
    expected = Webhook(INBOUND).sign(posting.headers["webhook-id"], at, posting.body.decode())
    assert (posting.url, posting.headers["webhook-signature"]) == (HOOK, expected)
    assert json.loads(posting.body)["data"]["invoice"] == ref


def test_a_forged_hint_bears_somebody_elses_signature(caller: Caller) -> None:
    ref = caller.post(an_event()).json()["id"]
    caller.double.faults.add(Fault(FaultKind.HOOK_FORGED))
    caller.account.pay(ref)

    (posting,) = caller.double.deliveries()

    name, at = posting.headers["webhook-id"], posting.headers["webhook-timestamp"]
    assert posting.headers["webhook-signature"] != signature(INBOUND, name, at, posting.body)


def test_a_hint_that_is_not_taken_comes_again_signed_anew(caller: Caller) -> None:
    ref = caller.post(an_event()).json()["id"]
    caller.account.pay(ref)
    first = caller.double.next_delivery()
    assert first is not None
    caller.double.failed(first)
    caller.clock.move(61)

    again = caller.double.next_delivery()

    assert again is not None and again.attempt == 2
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.headers["webhook-timestamp"] != first.headers["webhook-timestamp"]


@pytest.mark.parametrize(
    ("kind", "status", "landed"),
    [
        (FaultKind.ERROR_BEFORE, 500, 0),
        (FaultKind.ERROR_AFTER, 500, 1),
        (FaultKind.THROTTLED, 429, 0),
        (FaultKind.HTML, 200, 0),
        (FaultKind.REDIRECT, 302, 0),
        (FaultKind.FORBIDDEN, 401, 0),
        (FaultKind.REVOKED_KEY, 401, 0),
        (FaultKind.EMPTY, 201, 1),
        (FaultKind.GARBLED, 201, 1),
    ],
)
def test_the_fault_menu_spoils_a_request(caller: Caller, kind: FaultKind, status: int, landed: int) -> None:
    caller.double.faults.add(Fault(kind))

    assert caller.post(an_event()).status_code == status
    assert len(caller.account.standing()) == landed


@pytest.mark.parametrize(("kind", "landed"), [(FaultKind.TIMEOUT_BEFORE, 0), (FaultKind.TIMEOUT_AFTER, 1)])
def test_an_answer_that_is_lost_may_have_landed(caller: Caller, kind: FaultKind, landed: int) -> None:
    caller.double.faults.add(Fault(kind))

    with pytest.raises(httpx.ReadTimeout):
        caller.post(an_event())
    assert len(caller.account.standing()) == landed


def test_too_many_requests_in_a_second_are_told_when_to_come_again() -> None:
    caller = Caller(rates=True)
    answers = [caller.get("/api/invoices/x").status_code for _ in range(21)]

    assert answers == [404] * 20 + [429]
    caller.clock.move(1)
    assert caller.get("/api/invoices/x").status_code == 404


def test_accounts_know_nothing_of_one_another(caller: Caller) -> None:
    other = caller.double.add_account("key-0002", secrets=[CURRENT])
    made = caller.post(an_event()).json()

    assert other.standing() == []
    elsewhere = caller.client.get(f"/api/invoices/{made['id']}", headers={"authorization": "Bearer key-0002"})
    assert elsewhere.status_code == 404


def test_the_same_run_gives_the_same_ids() -> None:
    assert Caller().post(an_event()).content == Caller().post(an_event()).content
