"""Stripe's own library gets along with the double: it reads every answer and sends what we accept."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
import stripe

from daemon.sandbox.stripe import VERSION
from tests.sandbox.harness import KEY, Bench


class InProcess(stripe.HTTPClient):
    """The library's requests, run through the WSGI app."""

    name = "in-process"

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        reply = self._bench.client.request(
            method.upper(), url, headers=dict(headers or {}), content=post_data
        )
        return reply.content, reply.status_code, reply.headers

    def request_stream(self, *args: Any, **kwargs: Any) -> Any:
        body, status, headers = self.request(*args, **kwargs)
        return io.BytesIO(body), status, headers

    def close(self) -> None:
        self._bench.client.close()


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def sdk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> stripe.StripeClient:
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    return stripe.StripeClient(
        KEY,
        stripe_version=VERSION,
        base_addresses={"api": "https://sandbox.test"},
        http_client=InProcess(bench),
        max_network_retries=0,
    )


def test_an_invoice_is_made_sent_paid_and_refunded(bench: Bench, sdk: stripe.StripeClient) -> None:
    customer = sdk.v1.customers.create({"email": "subscriber0001@example.com", "address": {"city": "Bern"}})
    draft = sdk.v1.invoices.create(
        {
            "customer": customer.id,
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "metadata": {"wispbill_invoice": "WB-1"},
            "discounts": "",
        },
        {"idempotency_key": "step-1"},
    )
    lines: Any = [{"amount": 4500, "description": "Access"}, {"amount": -500, "description": "Credit"}]
    filled = sdk.v1.invoices.add_lines(draft.id, {"lines": lines, "expand": ["customer"]})
    assert (filled.total, [line.amount for line in filled.lines.data]) == (4000, [4500, -500])
    assert sdk.v1.invoices.finalize_invoice(draft.id).status == "open"
    assert sdk.v1.invoices.send_invoice(draft.id).hosted_invoice_url

    bench.account.pay(draft.id)
    assert sdk.v1.invoices.retrieve(draft.id).status == "paid"
    asked: Any = {"invoice": draft.id, "expand": ["data.payment.payment_intent.latest_charge"]}
    (payment,) = sdk.v1.invoice_payments.list(asked).data
    intent: Any = payment.payment.payment_intent
    refund = sdk.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert refund.status == "succeeded"
    assert sdk.v1.charges.retrieve(intent.latest_charge.id).amount_refunded == 1000


def test_a_repeated_key_is_replayed(sdk: stripe.StripeClient) -> None:
    first = sdk.v1.customers.create({"name": "Subscriber 0001"}, {"idempotency_key": "k"})
    assert sdk.v1.customers.create({"name": "Subscriber 0001"}, {"idempotency_key": "k"}).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        sdk.v1.customers.create({"name": "Subscriber 0002"}, {"idempotency_key": "k"})


def test_pages_are_walked_to_the_end(bench: Bench, sdk: stripe.StripeClient) -> None:
    bench.double.seed_invoices(KEY, 25)
    found = [invoice.id for invoice in sdk.v1.invoices.list({"limit": 10}).auto_paging_iter()]
    assert len(found) == len(set(found)) == 25
    newest = sdk.v1.invoices.list({"limit": 10, "ending_before": found[-1]})
    assert len([invoice.id for invoice in newest.auto_paging_iter()]) == 24


def test_refusals_become_the_librarys_errors(bench: Bench, sdk: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        sdk.v1.invoices.retrieve("in_no")
    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
    bench.double.revoke(KEY)
    with pytest.raises(stripe.AuthenticationError):
        sdk.v1.invoices.retrieve("in_no")


def test_a_webhook_is_verified_and_read(bench: Bench, sdk: stripe.StripeClient) -> None:
    endpoint = sdk.v1.webhook_endpoints.create(
        {
            "url": "https://wispbill.example.com/hook",
            "enabled_events": ["customer.created"],
            "api_version": VERSION,
        }
    )
    sdk.v1.customers.create({"name": "Subscriber 0001"})
    (delivery,) = bench.double.deliveries()
    signature = delivery.headers["Stripe-Signature"]
    assert stripe.WebhookSignature.verify_header(delivery.body.decode(), signature, str(endpoint.secret))
    assert sdk.v1.events.list({"types": ["customer.created"]}).data[0].id == delivery.event
