"""From an empty tenant to a paid invoice, over the API alone; and what an invoice shows on the way."""

from __future__ import annotations

from tests.api.asking import KEY, Office

OWN = "/api/customers/ref:C-1/billing-integration"
INVOICES = "/api/customers/ref:C-1/invoices"
INVOICE = {
    "number": "1001",
    "dueOn": "2026-04-01",
    "lines": [{"description": "Internet", "amount": "45.00"}],
}
STRIPE = {"provider": "stripe", "credentials": {"secret_key": KEY}}


def test_an_invoice_goes_out_is_paid_and_says_so(office: Office) -> None:
    made = office.post("/api/integrations", STRIPE)
    assert (made["scope"], made["status"], made["mode"]) == ("tenant", "active", "sandbox")

    created = office.post(INVOICES, INVOICE)
    assert (created["syncStatus"], created["status"], created["total"]) == ("pending", "pending", "45.00")
    assert created["externalId"] is None

    office.push()
    pushed = office.get(f"{INVOICES}/{created['id']}")
    assert (pushed["syncStatus"], pushed["syncState"]) == ("synced", "synced")
    assert pushed["externalId"].startswith("in_")
    assert pushed["payUrl"]

    office.account.pay(pushed["externalId"])
    office.clock.move(minutes=2)
    office.pull()
    paid = office.get(f"{INVOICES}/ref:1001/status")
    assert (paid["syncStatus"], paid["status"], paid["paid"], paid["due"]) == (
        "paid",
        "paid",
        "45.00",
        "0.00",
    )
    assert paid["paidAt"] and paid["transactionId"] and paid["paymentMethod"]
    history = office.get(f"{INVOICES}/ref:1001")["syncHistory"]
    assert history[0]["type"] == "invoice.added"
    assert len(history) > 1
