"""The PayPal double's tokens, features, limits, faults and webhooks."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from daemon.sandbox.faults import Fault, FaultKind
from tests.sandbox.paypal.harness import INVOICES, URL, Merchant, issue

HOOKS = "/v1/notifications/webhooks"
HOOK = "https://wisp.example/hook"
PAID = "INVOICING.INVOICE.PAID"


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


# --- tokens ---------------------------------------------------------------------------------------------


def test_the_same_token_is_given_until_it_ends(merchant: Merchant) -> None:
    first = merchant.mint().json()
    merchant.clock.move(hours=1)
    again = merchant.mint().json()
    merchant.clock.move(hours=8)
    fresh = merchant.mint().json()

    assert (first["expires_in"], again["expires_in"]) == (32400, 28800)
    assert first["access_token"] == again["access_token"] != fresh["access_token"]
    assert "https://uri.paypal.com/services/invoicing" in first["scope"].split()


def test_a_token_that_ended_is_401_in_the_rest_envelope(merchant: Merchant) -> None:
    merchant.clock.move(hours=9)

    assert issue(merchant.call("GET", INVOICES)) == (401, "AUTHENTICATION_FAILURE")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"auth": ("client", "wrong")}, (401, "invalid_client")),
        ({"auth": ("nobody", "secret")}, (401, "invalid_client")),
        ({"auth": None}, (401, "invalid_client")),
        ({"data": {"grant_type": "password"}}, (400, "unsupported_grant_type")),
        ({"data": None, "json": {}}, (415, "unsupported_media_type")),
    ],
)
def test_a_wrong_request_for_a_token_is_refused_in_oauths_shape(
    merchant: Merchant, given: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = merchant.mint(**given)

    assert (answer.status_code, answer.json()["error"]) == expected


def test_a_rotated_secret_leaves_the_token_alive(merchant: Merchant) -> None:
    merchant.account.rotate_secret("another")

    assert merchant.mint().status_code == 401
    assert merchant.call("GET", INVOICES).status_code == 200


@pytest.mark.parametrize(
    ("feature", "path"), [("invoicing", INVOICES), ("disputes", "/v1/customer/disputes"), ("webhooks", HOOKS)]
)
def test_a_feature_that_is_off_is_403(merchant: Merchant, feature: str, path: str) -> None:
    merchant.account.switch_off(feature)

    assert merchant.call("GET", path).status_code == 403


def test_a_token_for_each_request_is_rate_limited() -> None:
    merchant = Merchant(rates=True)

    statuses = [merchant.mint().status_code for _ in range(25)]

    assert (statuses[0], statuses[-1]) == (200, 429)
    merchant.clock.move(60)
    assert merchant.mint().status_code == 200


def test_too_many_calls_are_429_without_retry_after() -> None:
    merchant = Merchant(rates=True)

    answers = [merchant.call("GET", f"{INVOICES}?fields=none") for _ in range(901)]

    assert issue(answers[-1]) == (429, "RATE_LIMIT_REACHED")
    assert "retry-after" not in answers[-1].headers


# --- faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.THROTTLED, 429),
        (FaultKind.ERROR_BEFORE, 500),
        (FaultKind.FORBIDDEN, 403),
        (FaultKind.HTML, 200),
        (FaultKind.REDIRECT, 302),
        (FaultKind.REVOKED_KEY, 401),
    ],
)
def test_a_fault_before_does_nothing(merchant: Merchant, kind: FaultKind, status: int) -> None:
    merchant.double.faults.add(Fault(kind, on=f"POST {INVOICES}"))

    assert merchant.create(loose=True).status_code == status
    assert merchant.account.standing() == []


@pytest.mark.parametrize("kind", [FaultKind.ERROR_AFTER, FaultKind.GARBLED, FaultKind.EMPTY])
def test_a_fault_after_has_done_everything(merchant: Merchant, kind: FaultKind) -> None:
    merchant.double.faults.add(Fault(kind, on=f"POST {INVOICES}"))

    merchant.create(loose=True)

    assert len(merchant.account.standing()) == 1


def test_a_lost_answer_has_done_everything(merchant: Merchant) -> None:
    merchant.double.faults.add(Fault(FaultKind.TIMEOUT_AFTER, on=f"POST {INVOICES}"))

    with pytest.raises(httpx.ReadTimeout):
        merchant.create()
    assert len(merchant.account.standing()) == 1


# --- webhooks -------------------------------------------------------------------------------------------


def a_hook(merchant: Merchant, *types: str, url: str = HOOK) -> httpx.Response:
    body = {"url": url, "event_types": [{"name": name} for name in types or (PAID,)]}
    return merchant.call("POST", HOOKS, json=body)


@pytest.mark.parametrize(
    ("url", "types", "expected"),
    [
        ("http://wisp.example/hook", (PAID,), "VALIDATION_ERROR"),
        ("https://wisp.example:8443/hook", (PAID,), "VALIDATION_ERROR"),
        ("https://wisp.example/hook", ("INVOICING.INVOICE.SENT",), "VALIDATION_ERROR"),
    ],
)
def test_a_webhook_that_paypal_would_not_take_is_refused(
    merchant: Merchant, url: str, types: tuple[str, ...], expected: str
) -> None:
    assert a_hook(merchant, *types, url=url).json()["name"] == expected


def test_an_address_is_registered_once_and_ten_at_most(merchant: Merchant) -> None:
    assert a_hook(merchant).status_code == 201
    assert a_hook(merchant).json()["name"] == "WEBHOOK_URL_ALREADY_EXISTS"
    for number in range(9):
        assert a_hook(merchant, url=f"{HOOK}/{number}").status_code == 201
    assert a_hook(merchant, url=f"{HOOK}/10").json()["name"] == "WEBHOOK_NUMBER_LIMIT_EXCEEDED"
    assert len(merchant.call("GET", HOOKS).json()["webhooks"]) == 10


def test_a_removed_webhook_is_gone_and_gets_nothing_more(merchant: Merchant) -> None:
    hook = a_hook(merchant).json()["id"]
    merchant.account.pay(merchant.a_sent())

    assert merchant.call("DELETE", f"{HOOKS}/{hook}").status_code == 204
    assert merchant.call("DELETE", f"{HOOKS}/{hook}").status_code == 404
    assert list(merchant.double.deliveries()) == []


def test_only_what_was_subscribed_to_is_told_and_even_a_pending_payment_is_paid(merchant: Merchant) -> None:
    a_hook(merchant)
    ref = merchant.a_sent()
    merchant.account.pay_pending(ref)

    (one,) = merchant.double.deliveries()

    event = httpx.Response(200, content=one.body).json()
    assert (event["event_type"], event["resource"]["invoice"]["id"]) == (PAID, ref)
    assert event["resource"]["invoice"]["status"] == "PAYMENT_PENDING"


def test_a_delivery_is_signed_by_the_certificate_that_it_names(merchant: Merchant) -> None:
    hook = a_hook(merchant).json()["id"]
    merchant.account.pay(merchant.a_sent())
    (one,) = merchant.double.deliveries()
    pem = merchant.loose.get(one.headers["PAYPAL-CERT-URL"]).content
    leaf, root = x509.load_pem_x509_certificates(pem)
    key = leaf.public_key()
    assert isinstance(key, RSAPublicKey)

    said = "|".join(
        [
            one.headers["PAYPAL-TRANSMISSION-ID"],
            one.headers["PAYPAL-TRANSMISSION-TIME"],
            hook,
            str(zlib.crc32(one.body)),
        ]
    )
    signature = base64.b64decode(one.headers["PAYPAL-TRANSMISSION-SIG"])
    key.verify(signature, said.encode(), padding.PKCS1v15(), hashes.SHA256())
    leaf.verify_directly_issued_by(root)
    with pytest.raises(InvalidSignature):
        key.verify(signature, said.encode() + b"0", padding.PKCS1v15(), hashes.SHA256())


def test_a_delivery_that_failed_comes_back_with_its_id_and_time(merchant: Merchant) -> None:
    a_hook(merchant)
    merchant.account.pay(merchant.a_sent())
    first = merchant.double.next_delivery()
    assert first is not None
    merchant.double.failed(first)
    assert merchant.double.next_delivery() is None
    merchant.clock.move(60)

    again = merchant.double.next_delivery()

    assert again is not None and again.attempt == 2
    assert (again.body, again.headers) == (first.body, first.headers)


def test_a_delivery_is_tried_25_times_more_in_three_days_and_then_given_up(merchant: Merchant) -> None:
    a_hook(merchant)
    merchant.account.pay(merchant.a_sent())
    tries = 0
    for _ in range(3 * 24 * 60 + 10):
        while (posting := merchant.double.next_delivery()) is not None:
            tries += 1
            merchant.double.failed(posting)
        merchant.clock.move(60)

    assert tries == 26


def test_the_certificate_bears_the_name_of_the_host_that_gives_it_out(merchant: Merchant) -> None:
    merchant.double.set_public_url("http://127.0.0.1:8080")

    (leaf, _) = x509.load_pem_x509_certificates(merchant.double.signer().pem)

    assert leaf.subject.rfc4514_string() == "CN=127.0.0.1"
    assert merchant.loose.get(f"{URL}/v1/notifications/certs/CERT-other").status_code == 404


def test_an_address_that_paypal_does_not_have_is_404(merchant: Merchant) -> None:
    assert issue(merchant.call("GET", "/v1/nowhere", loose=True)) == (404, "RESOURCE_NOT_FOUND")
