"""The same calls over the same clock and entropy give the same bytes."""

from __future__ import annotations

from typing import Any

from daemon.sandbox.faults import FaultKind, Faults
from tests.sandbox.harness import Bench, Dice


def story(seed: int) -> list[Any]:
    odds = {FaultKind.ERROR_AFTER: 0.05, FaultKind.THROTTLED: 0.05, FaultKind.HOOK_DUPLICATED: 0.1}
    bench = Bench(seed=seed, faults=Faults(odds=odds, entropy=Dice(seed)))
    seen: list[Any] = []
    url = {"url": "https://wispbill.example.com/hook", "enabled_events[]": "*"}
    seen.append(bench.post("/v1/webhook_endpoints", url).raw)
    for number in range(12):
        given = {"email": "subscriber0001@example.com", "metadata[n]": number}
        seen.append(bench.post("/v1/customers", given, key=f"k{number}").raw)
        bench.clock.wait(number)
    for invoice in bench.double.seed_invoices("sk_test_0123456789abcdef", 3):
        bench.account.pay(invoice)
        bench.account.dispute(invoice)
        seen.append(bench.get(f"/v1/invoices/{invoice}", {"expand[]": "payments"}).raw)
    seen.append(bench.get("/v1/events", {"limit": 100}).raw)
    seen += [(one.headers, one.body) for one in bench.double.deliveries()]
    return seen


def test_the_same_story_is_told_in_the_same_bytes() -> None:
    assert story(7) == story(7)


def test_another_seed_tells_another() -> None:
    assert story(7) != story(8)


def test_seeded_invoices_are_like_those_made_one_by_one() -> None:
    bench = Bench()
    seeded = bench.double.seed_invoices("sk_test_0123456789abcdef", 2, amount=700)
    assert bench.get("/v1/invoices", {"status": "open"}).ids == seeded[::-1]
    asked, made = bench.invoice(seeded[0]).doc, bench.invoice(bench.opened(700)).doc
    own = {"id", "customer", "number", "metadata", "lines", "hosted_invoice_url", "invoice_pdf"}
    assert {k: v for k, v in asked.items() if k not in own} == {k: v for k, v in made.items() if k not in own}
    bench.account.pay(seeded[0])
    assert bench.invoice(seeded[0])["status"] == "paid"
