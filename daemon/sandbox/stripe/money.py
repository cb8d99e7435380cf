"""The reading side of money: invoice payments, charges, refunds, disputes; and refunds by the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daemon.sandbox.stripe import payments
from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.errors import invalid, missing_parameter, no_such
from daemon.sandbox.stripe.forms import merge_metadata
from daemon.sandbox.stripe.listing import Page, page
from daemon.sandbox.stripe.records import Dispute, Payment, Refund


def payment(call: Call) -> Payment:
    return call.found(call.ledger.payments, "invoice_payment")


def payment_list(call: Call) -> Page:
    given = call.params
    wanted = given.get("payment")
    if wanted is not None and wanted["type"] not in wanted:
        raise missing_parameter(f"payment[{wanted['type']}]")
    if wanted is not None and len(wanted) != 2:
        raise invalid("Give only the id that payment[type] names.", param="payment")
    intent = wanted and wanted.get("payment_intent")

    def keep(record: Payment) -> bool:
        return ("status" not in given or record.status == given["status"]) and (
            wanted is None or record.intent == intent
        )

    index = ("invoice", given["invoice"]) if "invoice" in given else None
    known = call.ledger.payment_of_intent(intent) if intent and index is None else None
    if known is not None:
        index = ("invoice", known.invoice)
    return page(call.ledger.payments, given, keep=keep, index=index, ago_s=call.stale_s)


def charge(call: Call) -> Payment:
    found = call.ledger.payment_of_charge(call.args[0])
    if found is None:
        raise no_such("charge", call.args[0], param="charge")
    return found


def refund(call: Call) -> Refund:
    return call.found(call.ledger.refunds, "refund")


def refund_create(call: Call) -> Refund:
    ledger, given = call.ledger, call.params
    if ("charge" in given) == ("payment_intent" in given):
        raise invalid("One of charge or payment_intent must be given.", param="payment_intent")
    if "charge" in given:
        found = ledger.payment_of_charge(given["charge"])
    else:
        found = ledger.payment_of_intent(given["payment_intent"])
    if found is None:
        name = "charge" if "charge" in given else "payment_intent"
        raise no_such(name, given[name], param=name, status=400)
    made = payments.give_back(ledger, found, given.get("amount"), reason=given.get("reason"))
    metadata = merge_metadata({}, given.get("metadata"))
    return ledger.refunds.put(replace(made, metadata=metadata)) if metadata else made


def refund_list(call: Call) -> Page:
    return page(
        call.ledger.refunds,
        call.params,
        keep=lambda record: _of_charge(record, call.params),
        index=_index(call.params),
        ago_s=call.stale_s,
    )


def dispute(call: Call) -> Dispute:
    return call.found(call.ledger.disputes, "dispute")


def dispute_list(call: Call) -> Page:
    return page(
        call.ledger.disputes,
        call.params,
        keep=lambda record: _of_charge(record, call.params),
        index=_index(call.params),
        ago_s=call.stale_s,
    )


def _index(given: Mapping[str, Any]) -> tuple[str, object] | None:
    return next(((name, given[name]) for name in ("charge", "payment_intent") if name in given), None)


def _of_charge(record: Refund | Dispute, given: Mapping[str, Any]) -> bool:
    return ("charge" not in given or record.charge == given["charge"]) and (
        "payment_intent" not in given or record.payment_intent == given["payment_intent"]
    )
