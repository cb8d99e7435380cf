"""PayPal: a webhook is believed only with the signature of a certificate that PayPal's own host gave out."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from daemon.errors import Garbled, HintNotReady, HintRejected
from daemon.model import Delivery, Mode
from daemon.providers.paypal.certificates import insist_on_origin
from daemon.providers.paypal.hints import read_hints
from daemon.sandbox.faults import Fault, FaultKind
from tests.providers.paypal_bench import HOOK, URL, PayPalBench

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEBHOOK_ID = "5L518819FA0214926"
CERT = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
PAID = {
    "id": "WH-1",
    "event_type": "INVOICING.INVOICE.PAID",
    "create_time": "2026-03-02T08:59:00Z",
    "resource": {"invoice": {"id": "INV2-AAAA-BBBB-CCCC-DDDD"}},
}


@cache
def key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate(
    subject: str = "messageverificationcerts.paypal.com",
    issuer: str = "Root",
    *,
    of: Any = None,
    by: Any = None,
    since: datetime = NOW - timedelta(days=1),
    until: datetime = NOW + timedelta(days=1),
    ca: bool = False,
) -> bytes:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key((of or key("leaf")).public_key())
        .serial_number(7)
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    return builder.sign(by or key("root"), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def a_delivery(event: Any = PAID, *, pem: bytes | None = None, by: Any = None, **changed: Any) -> Delivery:
    """As PayPal's page "Integrate webhooks" says, without any code of ours."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    crc = binascii.crc32(body) & 0xFFFFFFFF
    message = f"69cd13f0|2026-03-02T08:59:01Z|{WEBHOOK_ID}|{crc}"
    signature = (by or key("leaf")).sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    headers = {
        "paypal-transmission-id": "69cd13f0",
        "paypal-transmission-time": "2026-03-02T08:59:01Z",
        "paypal-transmission-sig": base64.b64encode(signature).decode(),
        "paypal-cert-url": CERT,
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-auth-version": "v2",
    }
    headers |= changed.pop("headers", {})
    fetched = {CERT: certificate() if pem is None else pem}
    fields: dict[str, Any] = {"secrets": (WEBHOOK_ID,), "certificates": fetched, **changed}
    return Delivery(body, headers, HOOK, received_at=fields.pop("received_at", NOW), **fields)


def refs(delivery: Delivery, mode: Mode = Mode.LIVE) -> list[str | None]:
    return [hint.ref for hint in read_hints(delivery, mode, None)]


def test_a_delivery_as_the_documentation_signs_it_is_believed() -> None:
    (hint,) = read_hints(a_delivery(), Mode.LIVE, None)

    assert (hint.event_id, hint.ref) == ("WH-1", "INV2-AAAA-BBBB-CCCC-DDDD")
    assert hint.at == datetime(2026, 3, 2, 8, 59, tzinfo=UTC)


def test_a_certificate_not_fetched_yet_is_asked_for_by_its_address() -> None:
    with pytest.raises(HintNotReady) as caught:
        refs(a_delivery(certificates={}))

    assert caught.value.wants == CERT


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evilpaypal.com/v1/notifications/certs/CERT-1",
        "https://user@api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:x/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/../../../evil",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?to=evil",
        "https://api.paypal.com/redirect/CERT-1",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        f"https://api.paypal.com/v1/notifications/certs/{'C' * 500}",
    ],
)
def test_a_certificate_from_elsewhere_is_never_asked_for(url: str) -> None:
    with pytest.raises(HintRejected):
        refs(a_delivery(headers={"paypal-cert-url": url}, certificates={}))


def test_live_and_sandbox_certificates_are_not_taken_for_each_other() -> None:
    sandbox = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"

    assert insist_on_origin(sandbox, Mode.SANDBOX, None) == "api.sandbox.paypal.com"
    with pytest.raises(HintRejected):
        insist_on_origin(CERT, Mode.SANDBOX, None)


def test_the_server_that_the_operator_named_gives_out_certificates_of_its_own() -> None:
    url = "http://127.0.0.1:8080/v1/notifications/certs/CERT-1"

    assert insist_on_origin(url, Mode.SANDBOX, "http://127.0.0.1:8080") == "127.0.0.1"
    with pytest.raises(HintRejected):
        insist_on_origin(url, Mode.SANDBOX, "http://127.0.0.1:8081")


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"<html>",
        certificate(since=NOW + timedelta(seconds=1)),
        certificate("evil.example"),
        certificate("notpaypal.com"),
        certificate(of=key("small", 1024)),
        certificate(of=ec.generate_private_key(ec.SECP256R1())),
        certificate() + certificate("Root", "Root", of=key("other"), by=key("other"), ca=True),
        certificate() + certificate("Root", "Root", of=key("root"), ca=False),
    ],
)
def test_a_certificate_that_is_not_good_proves_nothing(pem: bytes) -> None:
    with pytest.raises(HintRejected):
        refs(a_delivery(pem=pem))


@pytest.mark.parametrize(
    "pem",
    [
        certificate(until=NOW - timedelta(seconds=1)),
        certificate()
        + certificate("Root", "Root", of=key("root"), ca=True, until=NOW - timedelta(days=2, hours=-47)),
    ],
)
def test_a_certificate_that_has_ended_is_asked_for_anew(pem: bytes) -> None:
    with pytest.raises(HintNotReady) as caught:
        refs(a_delivery(pem=pem))

    assert caught.value.wants == CERT


def test_a_key_that_is_too_small_proves_nothing() -> None:
    small = key("small", 1024)

    with pytest.raises(HintRejected, match="2048 bits"):
        refs(a_delivery(pem=certificate(of=small), by=small))


def test_a_chain_that_holds_is_good() -> None:
    root = certificate("Root", "Root", of=key("root"), ca=True)

    assert refs(a_delivery(pem=certificate() + root)) == ["INV2-AAAA-BBBB-CCCC-DDDD"]
    assert refs(a_delivery(pem=root + certificate())) == ["INV2-AAAA-BBBB-CCCC-DDDD"]


@pytest.mark.parametrize(
    "headers",
    [
        {"paypal-transmission-id": "other"},
        {"paypal-transmission-time": "2026-03-02T09:00:00Z"},
        {"paypal-transmission-sig": "!!!"},
        {"paypal-transmission-sig": ""},
        {"paypal-auth-algo": "SHA1withRSA"},
        {"paypal-transmission-id": ""},
    ],
)
def test_what_is_signed_cannot_be_changed(headers: dict[str, str]) -> None:
    with pytest.raises(HintRejected):
        refs(a_delivery(headers=headers))


def test_another_key_another_webhook_and_the_simulators_are_rejected() -> None:
    delivery = a_delivery()

    for wrong in (
        a_delivery(by=key("other")),
        replace(delivery, secrets=("OTHERWEBHOOK00001",)),
        replace(delivery, secrets=()),
        replace(delivery, body=delivery.body.replace(b"PAID", b"VOID")),
    ):
        with pytest.raises(HintRejected):
            refs(wrong)


def test_a_retry_hours_later_bears_the_first_time_and_is_believed() -> None:
    assert refs(a_delivery(received_at=NOW + timedelta(hours=20)))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 5}', b"not json", b"[" * 100_000])
def test_what_is_signed_and_no_event_is_rejected(body: bytes) -> None:
    with pytest.raises(HintRejected):
        refs(a_delivery(body))


@pytest.mark.parametrize(
    ("event_type", "resource", "expected"),
    [
        ("INVOICING.INVOICE.PAID", {"id": "INV2-1"}, ["INV2-1"]),
        ("INVOICING.INVOICE.CANCELLED", {"invoice": {"id": "INV2-1"}}, ["INV2-1"]),
        ("INVOICING.INVOICE.OVERDUE", {"invoice": {"id": "INV2-1"}}, ["INV2-1"]),
        ("INVOICING.INVOICE.PAID", {}, [None]),
        ("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}, [None]),
        ("PAYMENT.CAPTURE.REFUNDED", {"id": "9XY"}, [None]),
        ("INVOICING.INVOICE.CREATED", {"invoice": {"id": "INV2-1"}}, []),
        ("PAYMENT.SALE.COMPLETED", {"id": "9XY"}, []),
    ],
)
def test_each_event_points_where_it_must(
    event_type: str, resource: dict[str, Any], expected: list[str | None]
) -> None:
    assert refs(a_delivery({**PAID, "event_type": event_type, "resource": resource})) == expected


# --- with the double ------------------------------------------------------------------------------------


@pytest.fixture
def bench() -> PayPalBench:
    bench = PayPalBench()
    bench.hook = bench.adapter().register_webhook(HOOK).secret
    return bench


def test_a_forged_delivery_of_the_double_is_rejected(bench: PayPalBench) -> None:
    ref = bench.account.strangers("S-1", 100)
    list(bench.double.deliveries())
    bench.double.faults.add(Fault(FaultKind.HOOK_FORGED))
    bench.account.pay(ref)

    with pytest.raises(HintRejected):
        bench.adapter().read_hints(bench.delivery(ref))


def test_the_certificate_is_fetched_without_our_token_and_only_from_paypal(bench: PayPalBench) -> None:
    seen: list[Any] = []
    bench.network.instead = lambda request: seen.append(request.headers)
    url = f"{URL}/v1/notifications/certs/{bench.double.signer().name}"

    assert bench.adapter().certificate(url) == bench.double.signer().pem
    assert all("authorization" not in headers for headers in seen) and len(seen) == 1
    with pytest.raises(HintRejected):
        bench.adapter().certificate("https://evil.example/v1/notifications/certs/CERT-1")
    assert len(seen) == 1


def test_a_certificate_that_is_a_page_is_garbled(bench: PayPalBench) -> None:
    bench.spoil("html", after=0)

    with pytest.raises(Garbled):
        bench.adapter().certificate(f"{URL}/v1/notifications/certs/CERT-1")


def test_registering_again_uses_the_webhook_that_is_there(bench: PayPalBench) -> None:
    again = bench.adapter().register_webhook(HOOK)

    assert again.secret == again.external_id == bench.hook
    assert len(bench.account.ledger.hooks) == 1


def test_a_webhook_that_hears_too_little_is_replaced(bench: PayPalBench) -> None:
    (hook,) = bench.account.ledger.hooks.values()
    hook.types = ("INVOICING.INVOICE.PAID",)

    again = bench.adapter().register_webhook(HOOK)

    assert again.secret != bench.hook
    assert list(bench.account.ledger.hooks) == [again.external_id]
