"""The pay page of the double: whoever has the link may look and pay, once."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from daemon.sandbox.transport import SandboxTransport
from tests.sandbox.square.harness import Bench


def test_a_subscriber_pays_on_the_page_and_only_once() -> None:
    bench = Bench()
    bench.double.set_public_url("http://127.0.0.1:8000/")
    invoice = bench.published(invoice_number="<7>")
    there = urlsplit(invoice["public_url"])
    client = httpx.Client(base_url="https://sandbox.test", transport=SandboxTransport(bench.double))

    page = client.get(there.path)
    paid, again = client.post(there.path), client.post(there.path)

    assert there.netloc == "127.0.0.1:8000"
    assert "45.00 USD" in page.text and "&lt;7&gt;" in page.text
    assert (paid.status_code, again.status_code) == (303, 409)
    assert bench.invoice(invoice["id"])["status"] == "PAID"
    assert "<form" not in client.get(there.path).text


def test_a_draft_has_no_page() -> None:
    bench = Bench()
    client = httpx.Client(base_url="https://sandbox.test", transport=SandboxTransport(bench.double))

    assert client.get(f"/pay-invoice/{bench.draft()['id']}").status_code == 404
