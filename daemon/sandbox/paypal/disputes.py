"""Disputes: a list in summary, by change or by transaction, and each whole."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from daemon.sandbox.http import Request
from daemon.sandbox.paypal.errors import PayPalError, not_found
from daemon.sandbox.paypal.forms import query
from daemon.sandbox.paypal.ledger import Dispute, Doc, Invoice, Ledger, Payment
from daemon.sandbox.paypal.money import shown

_REACH = timedelta(days=180)


def stamp_ms(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def listed(ledger: Ledger, request: Request) -> Doc:
    """Newest first; the next page only by the link."""
    asked = query(
        request,
        page_size=(1, 50, 10),
        disputed_transaction_id=None,
        update_time_after=None,
        next_page_token=None,
    )
    after = _after(ledger, request.param("update_time_after"))
    transaction = request.param("disputed_transaction_id")
    found = sorted(
        (
            one
            for one in ledger.disputes.values()
            if one.updated >= after and transaction in ("", one.transaction)
        ),
        key=lambda one: (one.created, one.id),
        reverse=True,
    )
    token = request.param("next_page_token")
    start = int(token) if token.isdigit() else 0
    size = asked["page_size"]
    page: Doc = {"items": [summary(one) for one in found[start : start + size]]}
    if not page["items"]:
        page = {}
    links = [_link(ledger, request, "self", {})]
    if start + size < len(found):
        links.append(_link(ledger, request, "next", {"next_page_token": str(start + size)}))
    return page | {"links": links}


def show(ledger: Ledger, dispute_id: str) -> Doc:
    dispute = ledger.disputes.get(dispute_id)
    if dispute is None:
        raise not_found()
    transaction = {
        "seller_transaction_id": dispute.transaction,
        "create_time": stamp_ms(dispute.created),
        "transaction_status": "COMPLETED",
        "gross_amount": dispute.amount,
    }
    whole = {name: value for name, value in summary(dispute).items() if name != "dispute_state"}
    document = {**whole, "disputed_transactions": [transaction]}
    if dispute.outcome:
        document["dispute_outcome"] = {"outcome_code": dispute.outcome}
        if dispute.outcome == "RESOLVED_BUYER_FAVOUR":
            document["dispute_outcome"]["amount_refunded"] = dispute.amount
    return document


def summary(dispute: Dispute) -> Doc:
    resolved = dispute.status == "RESOLVED"
    return {
        "dispute_id": dispute.id,
        "create_time": stamp_ms(dispute.created),
        "update_time": stamp_ms(dispute.updated),
        "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "status": dispute.status,
        "dispute_state": "RESOLVED" if resolved else "REQUIRED_ACTION",
        "dispute_amount": dispute.amount,
        "dispute_life_cycle_stage": "INQUIRY",
        "dispute_channel": "INTERNAL",
    }


def begin(ledger: Ledger, invoice: Invoice, payment: Payment, amount: Decimal) -> Dispute:
    now = ledger.now
    dispute = Dispute(
        f"PP-D-{ledger.token(8)}",
        payment.id,
        invoice.number,
        shown(amount, invoice.currency),
        now,
        now,
        status="WAITING_FOR_SELLER_RESPONSE",
    )
    ledger.disputes[dispute.id] = dispute
    ledger.emit("CUSTOMER.DISPUTE.CREATED", "dispute", show(ledger, dispute.id))
    return dispute


def resolve(ledger: Ledger, dispute: Dispute, *, won: bool) -> None:
    dispute.status, dispute.updated = "RESOLVED", ledger.now
    dispute.outcome = "RESOLVED_SELLER_FAVOUR" if won else "RESOLVED_BUYER_FAVOUR"
    ledger.emit("CUSTOMER.DISPUTE.RESOLVED", "dispute", show(ledger, dispute.id))


def _after(ledger: Ledger, given: str) -> datetime:
    if not given:
        return ledger.now - _REACH
    wrong = PayPalError(
        400, "INVALID_PARAMETER_VALUE", "Within 180 days.", field="update_time_after", location="query"
    )
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise wrong from error
    if moment.tzinfo is None or not ledger.now - _REACH <= moment <= ledger.now:
        raise wrong
    return moment


def _link(ledger: Ledger, request: Request, rel: str, more: dict[str, str]) -> Doc:
    params = {name: value for name, value in request.query if name != "next_page_token"} | more
    return {
        "rel": rel,
        "href": f"{ledger.public_url}{request.path}?{urlencode(params)}",
        "method": "GET",
    }
