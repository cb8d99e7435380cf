"""An invoice's life: draft, open, paid, void, uncollectible; and what each state refuses."""

from __future__ import annotations

import pytest

from tests.sandbox.harness import DAY, Bench, made, refused


def test_a_new_invoice_is_an_empty_draft_that_nobody_can_see() -> None:
    bench = Bench()
    draft = bench.invoice(bench.draft())
    assert (draft["status"], draft["total"], draft["number"]) == ("draft", 0, None)
    assert (draft["hosted_invoice_url"], draft["invoice_pdf"]) == (None, None)


def test_lines_add_up_and_negative_ones_are_credits() -> None:
    bench = Bench()
    invoice = bench.invoice(bench.billed(4500, 500, -1000))
    assert (invoice["total"], invoice["amount_due"], len(invoice["lines"]["data"])) == (4000, 4000, 3)
    assert [line["amount"] for line in invoice["lines"]["data"]] == [4500, 500, -1000]


def test_an_invoice_goes_from_draft_to_open_to_sent_to_paid() -> None:
    bench = Bench()
    invoice = bench.billed(4500)
    opened = bench.post(f"/v1/invoices/{invoice}/finalize")
    assert (opened["status"], opened["amount_remaining"]) == ("open", 4500)
    assert opened["number"].endswith("-0001")
    assert opened["status_transitions"]["finalized_at"] == bench.now
    assert opened["hosted_invoice_url"].startswith("https://sandbox.test/i/")

    assert bench.post(f"/v1/invoices/{invoice}/send")["status"] == "open"
    assert bench.event_types()[0] == "invoice.sent"

    bench.account.pay(invoice)
    paid = bench.invoice(invoice)
    assert (paid["status"], paid["amount_paid"], paid["amount_remaining"]) == ("paid", 4500, 0)
    assert paid["status_transitions"]["paid_at"] == bench.now


def test_send_finalises_a_draft() -> None:
    bench = Bench()
    invoice = bench.billed(4500)
    assert bench.post(f"/v1/invoices/{invoice}/send")["status"] == "open"
    assert bench.event_types().count("invoice.finalized") == 1


def test_an_empty_invoice_turns_paid_when_it_is_finalised() -> None:
    bench = Bench()
    done = bench.post(f"/v1/invoices/{bench.draft()}/finalize")
    assert (done["status"], done["amount_paid"]) == ("paid", 0)


def test_pending_items_are_never_there_to_be_included() -> None:
    bench = Bench()
    given = {"customer": bench.customer(), "pending_invoice_items_behavior": "include"}
    refused(bench.post("/v1/invoices", given), 400, "invoice_no_customer_line_items")


def test_below_the_minimum_charge_the_amount_moves_to_the_balance() -> None:
    bench = Bench()
    customer = bench.customer()
    small = bench.invoice(bench.opened(49, customer=customer))
    assert (small["status"], small["amount_due"], small["ending_balance"]) == ("paid", 0, 49)
    assert bench.get(f"/v1/customers/{customer}")["balance"] == 49

    following = bench.invoice(bench.opened(1000, customer=customer))
    assert (following["amount_due"], following["starting_balance"], following["total"]) == (1049, 49, 1000)


def test_credit_covers_an_invoice() -> None:
    bench = Bench()
    customer = bench.customer(balance=-5000)
    covered = bench.invoice(bench.opened(4500, customer=customer))
    assert (covered["status"], covered["amount_due"], covered["ending_balance"]) == ("paid", 0, -500)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"due_date": 1, "days_until_due": None}, "due_date"),
        ({"due_date": 1_900_000_000}, "due_date"),
        ({"days_until_due": None}, "days_until_due"),
        ({"collection_method": None}, "due_date"),
        ({"currency": "USD"}, "currency"),
        ({"currency": "xyz"}, "currency"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"amount": 4500}, "amount"),
        ({"number": "N" * 27}, "number"),
    ],
)
def test_terms_that_do_not_fit_are_refused(fields: dict[str, object], param: str) -> None:
    bench = Bench()
    given = {
        "customer": bench.customer(),
        "collection_method": "send_invoice",
        "days_until_due": 14,
        **fields,
    }
    reply = bench.post("/v1/invoices", {k: v for k, v in given.items() if v is not None})
    refused(reply, 400, param=param)
    assert bench.get("/v1/invoices").ids == []


def test_an_invoice_is_only_sent_to_somebody_with_an_address() -> None:
    bench = Bench()
    customer = made(bench.post("/v1/customers", {"name": "Subscriber 0001"}))
    given = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 14}
    assert "Missing email" in refused(bench.post("/v1/invoices", given), 400)["message"]


def test_a_due_date_can_lie_ahead() -> None:
    bench = Bench()
    invoice = bench.draft(days_until_due=None, due_date=bench.now + DAY)
    assert bench.invoice(invoice)["due_date"] == bench.now + DAY
    assert bench.invoice(bench.draft(days_until_due=3))["due_date"] == bench.now + 3 * DAY


def test_a_due_date_that_passed_meanwhile_stops_finalising() -> None:
    bench = Bench()
    invoice = bench.billed(4500, days_until_due=None, due_date=bench.now + 60)
    bench.clock.wait(61)
    refused(bench.post(f"/v1/invoices/{invoice}/finalize"), 400, param="due_date")


def test_numbers_are_taken_once() -> None:
    bench = Bench()
    bench.draft(number="A-1")
    second = bench.draft()
    refused(bench.post(f"/v1/invoices/{second}", {"number": "A-1"}), 400, param="number")
    assert bench.post(f"/v1/invoices/{second}", {"number": "A-2"})["number"] == "A-2"


@pytest.mark.parametrize(("currency", "amount"), [("kwd", 1005), ("isk", 550), ("ugx", 1)])
def test_some_currencies_take_round_amounts_only(currency: str, amount: int) -> None:
    bench = Bench()
    path = f"/v1/invoices/{bench.draft(currency=currency)}/add_lines"
    refused(bench.post(path, {"lines[0][amount]": amount}), 400, param="lines[0][amount]")
    assert bench.post(path, {"lines[0][amount]": 100_000})["total"] == 100_000


def test_an_invoice_has_at_most_250_lines() -> None:
    bench = Bench()
    path = f"/v1/invoices/{bench.draft()}/add_lines"
    refused(bench.post(path, {f"lines[{n}][amount]": 1 for n in range(251)}), 400, param="lines")
    assert bench.post(path, {f"lines[{n}][amount]": 1 for n in range(250)})["total"] == 250
    refused(bench.post(path, {"lines[0][amount]": 1}), 400, param="lines")


def test_the_invoice_shows_ten_lines_and_lists_the_others() -> None:
    bench = Bench()
    invoice = bench.billed(*range(100, 112))
    shown = bench.invoice(invoice)["lines"]
    assert (len(shown["data"]), shown["has_more"]) == (10, True)
    after = {"limit": 100, "starting_after": shown["data"][-1]["id"]}
    rest = bench.get(f"/v1/invoices/{invoice}/lines", after)
    assert [line["amount"] for line in rest["data"]] == [110, 111]
    assert rest["has_more"] is False


def test_lines_are_priced_changed_and_removed() -> None:
    bench = Bench()
    invoice = bench.draft()
    priced = {
        "lines[0][quantity]": 3,
        "lines[0][price_data][currency]": "usd",
        "lines[0][price_data][unit_amount_decimal]": "33.5",
        "lines[0][price_data][product_data][name]": "Hours",
        "invoice_metadata[wispbill_invoice]": "WB-1",
    }
    added = bench.post(f"/v1/invoices/{invoice}/add_lines", priced)
    (line,) = added["lines"]["data"]
    assert (line["amount"], line["quantity"], line["description"]) == (101, 3, "Hours")
    assert added["metadata"] == {"wispbill_invoice": "WB-1"}

    changed = bench.post(f"/v1/invoices/{invoice}/lines/{line['id']}", {"amount": 200})
    assert (changed["amount"], changed["object"]) == (200, "line_item")
    updates = {"lines[0][id]": line["id"], "lines[0][amount]": 300}
    assert bench.post(f"/v1/invoices/{invoice}/update_lines", updates)["total"] == 300
    removed = {"lines[0][id]": line["id"], "lines[0][behavior]": "delete"}
    assert bench.post(f"/v1/invoices/{invoice}/remove_lines", removed)["total"] == 0


def test_taxes_are_added_as_given_or_by_rate() -> None:
    bench = Bench()
    rate = bench.account.add_tax_rate("Sales tax", "8.25")
    inside = bench.account.add_tax_rate("VAT", "20", inclusive=True)
    lines = {
        "lines[0][amount]": 1001,
        "lines[0][tax_rates][0]": rate,
        "lines[1][amount]": 1200,
        "lines[1][tax_rates][0]": inside,
        "lines[2][amount]": 1000,
        "lines[2][tax_amounts][0][amount]": 70,
        "lines[2][tax_amounts][0][taxable_amount]": 1000,
        "lines[2][tax_amounts][0][tax_rate_data][display_name]": "Local",
        "lines[2][tax_amounts][0][tax_rate_data][inclusive]": "false",
        "lines[2][tax_amounts][0][tax_rate_data][percentage]": "7",
    }
    invoice = bench.post(f"/v1/invoices/{bench.draft()}/add_lines", lines)
    assert [tax["amount"] for tax in invoice["total_taxes"]] == [83, 200, 70]
    assert (invoice["subtotal"], invoice["total"]) == (3201, 3354)
    assert (invoice["subtotal_excluding_tax"], invoice["total_excluding_tax"]) == (3001, 3001)
    unknown = bench.post(
        f"/v1/invoices/{bench.draft()}/add_lines", lines | {"lines[0][tax_rates][0]": "txr_no"}
    )
    refused(unknown, 400, "resource_missing", "lines[0][tax_rates]")


def test_a_customers_discount_is_inherited_unless_it_is_refused() -> None:
    bench = Bench()
    customer = bench.customer()
    bench.account.discount_customer(customer, 10)
    assert bench.invoice(bench.billed(4500, customer=customer))["total"] == 4050
    assert bench.invoice(bench.billed(4500, customer=customer, discounts=""))["total"] == 4500


def test_finalised_invoices_cannot_be_edited() -> None:
    bench = Bench()
    invoice = bench.opened()
    path = f"/v1/invoices/{invoice}"
    refused(bench.post(path, {"description": "x"}), 400, "invoice_not_editable")
    refused(bench.post(path, {"due_date": bench.now + DAY}), 400, "invoice_not_editable")
    refused(bench.post(f"{path}/add_lines", {"lines[0][amount]": 1}), 400, "invoice_not_editable")
    refused(bench.post(f"{path}/finalize"), 400, "invoice_not_editable")
    assert bench.post(path, {"metadata[a]": "1"})["metadata"] == {"a": "1"}


def test_only_drafts_can_be_deleted_and_then_they_are_gone() -> None:
    bench = Bench()
    draft, opened = bench.draft(), bench.opened()
    assert bench.delete(f"/v1/invoices/{draft}")["deleted"] is True
    refused(bench.invoice(draft), 404, "resource_missing")
    assert bench.get("/v1/invoices").ids == [opened]
    refused(bench.delete(f"/v1/invoices/{opened}"), 400, "invoice_not_editable")


def test_an_open_invoice_can_be_voided_for_good() -> None:
    bench = Bench()
    invoice = bench.opened()
    assert bench.post(f"/v1/invoices/{invoice}/void")["status"] == "void"
    for verb in ("void", "send", "finalize", "mark_uncollectible"):
        refused(bench.post(f"/v1/invoices/{invoice}/{verb}"), 400)
    refused(bench.post(f"/v1/invoices/{invoice}/pay", {"paid_out_of_band": "true"}), 400)
    (payment,) = bench.get("/v1/invoice_payments", {"invoice": invoice})["data"]
    assert payment["status"] == "canceled"


@pytest.mark.parametrize("processing", [True, False])
def test_an_invoice_with_money_on_it_or_on_its_way_cannot_be_voided(processing: bool) -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.account.pay(invoice, 1000, "us_bank_account", processing=processing)
    refused(bench.post(f"/v1/invoices/{invoice}/void"), 400)
    assert bench.invoice(invoice)["status"] == "open"


def test_an_uncollectible_invoice_can_still_be_paid_or_voided() -> None:
    bench = Bench()
    for verb in ("pay", "void"):
        invoice = bench.opened()
        given_up = bench.post(f"/v1/invoices/{invoice}/mark_uncollectible")
        assert given_up["status_details"] == {"uncollectible": {"reason": "user_forgiven"}}
        fields = {"paid_out_of_band": "true"} if verb == "pay" else {}
        after = bench.post(f"/v1/invoices/{invoice}/{verb}", fields)
        assert after["status"] == ("paid" if verb == "pay" else "void")


def test_a_payment_outside_pays_the_rest_without_a_charge() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    bench.account.pay(invoice, 1000)
    refused(bench.post(f"/v1/invoices/{invoice}/pay"), 400)
    paid = bench.post(f"/v1/invoices/{invoice}/pay", {"paid_out_of_band": "true"})
    assert (paid["status"], paid["amount_paid"], paid["amount_paid_off_stripe"]) == ("paid", 4500, 3500)
    amounts = [
        payment["amount_paid"]
        for payment in bench.get("/v1/invoice_payments", {"invoice": invoice, "status": "paid"})["data"]
    ]
    assert amounts == [1000]
    assert "invoice.payment_succeeded" not in bench.event_types()


def test_a_draft_that_advances_by_itself_goes_out_after_an_hour() -> None:
    bench = Bench()
    invoice = bench.billed(4500, auto_advance="true")
    bench.clock.wait(3599)
    assert bench.invoice(invoice)["status"] == "draft"
    bench.clock.wait(1)
    assert bench.invoice(invoice)["status"] == "open"
    assert bench.event_types().count("invoice.sent") == 1


def test_a_revision_replaces_the_invoice_and_voids_the_old_one() -> None:
    bench = Bench()
    customer = bench.customer()
    old = bench.opened(4500, customer=customer)
    revision = bench.draft(customer, **{"from_invoice[action]": "revision", "from_invoice[invoice]": old})
    assert bench.invoice(revision)["total"] == 4500
    made(bench.post(f"/v1/invoices/{revision}/finalize"))
    replaced = bench.invoice(old)
    assert (replaced["status"], replaced["latest_revision"]) == ("void", revision)
    new = bench.account.revise(revision, 3000)
    assert bench.invoice(new.id)["total"] == 3000
    assert bench.invoice(revision)["latest_revision"] == new.id


def test_people_in_the_dashboard_may_move_a_due_date() -> None:
    bench = Bench()
    invoice = bench.opened()
    bench.account.edit(invoice, due_date=bench.now + 60 * DAY)
    assert bench.invoice(invoice)["due_date"] == bench.now + 60 * DAY
    (event,) = bench.get("/v1/events", {"limit": 1})["data"]
    assert (event["type"], list(event["data"]["previous_attributes"])) == ("invoice.updated", ["due_date"])


def test_a_deleted_customer_leaves_a_stub() -> None:
    bench = Bench()
    customer = bench.customer()
    invoice = bench.opened(customer=customer)
    assert bench.delete(f"/v1/customers/{customer}")["deleted"] is True
    assert bench.get(f"/v1/customers/{customer}").doc == {
        "id": customer,
        "object": "customer",
        "deleted": True,
    }
    assert bench.get("/v1/customers").ids == []
    refused(bench.post(f"/v1/customers/{customer}", {"name": "x"}), 404)
    assert bench.invoice(invoice, **{"expand[]": "customer"})["customer"]["deleted"] is True


def test_the_hosted_page_shows_the_invoice_and_pays_it() -> None:
    bench = Bench()
    invoice = bench.opened(4500)
    url = bench.invoice(invoice)["hosted_invoice_url"]
    assert "Pay 45.00 USD" in bench.client.get(url).text
    assert bench.client.post(f"{url}/pay").status_code == 303
    assert bench.invoice(invoice)["status"] == "paid"
    page = bench.client.get(url).text
    assert "Status: paid" in page
    assert "<button>" not in page
    assert bench.client.post(f"{url}/pay").status_code == 409


def test_the_pdf_is_one_and_a_wrong_link_leads_nowhere() -> None:
    bench = Bench()
    url = bench.invoice(bench.opened(4500))["invoice_pdf"]
    pdf = bench.client.get(url)
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-1.4")
    start = int(pdf.content.split(b"startxref\n")[1].split(b"\n")[0])
    assert pdf.content[start:].startswith(b"xref")
    assert b"45.00 USD" in pdf.content
    assert bench.client.get(url.replace("/pdf", "x/pdf")).status_code == 404
    assert bench.client.get(url[:-5] + "A/pdf").status_code == 404
