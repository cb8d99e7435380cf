"""What each operation accepts: a subset of the parameters of API version 2026-10-28.endive.

A parameter that Stripe knows and this double does not do is refused like an unknown one: better an
adapter that is told so than one whose wish is quietly ignored.
"""

from __future__ import annotations

from daemon.sandbox.stripe.forms import (
    Boolean,
    Choice,
    Form,
    Integer,
    Kind,
    Many,
    Metadata,
    Number,
    Range,
    Text,
)

ID = Text(255)
EXPAND = Many(Text(255), most=20)
MAX_AMOUNT = 99_999_999
AMOUNT = Integer(-MAX_AMOUNT, MAX_AMOUNT)
POSITIVE = Integer(1, MAX_AMOUNT)
METHOD_TYPES = Choice("card", "us_bank_account", "sepa_debit", "customer_balance", "acss_debit", "link")
EVENT_NAME = Text(100)

PAGE: dict[str, Kind] = {
    "limit": Integer(1, 100),
    "starting_after": ID,
    "ending_before": ID,
    "expand": EXPAND,
}
SEARCH = Form(query=Text(5000).needed(), limit=Integer(1, 100), page=Text(2000), expand=EXPAND)
ONLY_EXPAND = Form(expand=EXPAND)
EMPTY = Form()


def _address() -> Form:
    part = Text(clearable=True)
    return Form(
        line1=part,
        line2=part,
        city=part,
        state=part,
        postal_code=part,
        country=Text(2, clearable=True),
    ).or_empty()


def _customer_fields() -> dict[str, Kind]:
    return {
        "email": Text(512, clearable=True),
        "name": Text(256, clearable=True),
        "phone": Text(20, clearable=True),
        "description": Text(clearable=True),
        "address": _address(),
        "preferred_locales": Many(Text(20)),
        "metadata": Metadata(),
        "balance": AMOUNT,
        "invoice_prefix": Text(12),
        "next_invoice_sequence": Integer(1),
        "expand": EXPAND,
    }


CUSTOMER_CREATE = Form(**_customer_fields())
CUSTOMER_UPDATE = Form(**_customer_fields())
CUSTOMER_LIST = Form(email=Text(512), created=Range(), **PAGE)


def _custom_fields() -> Many:
    return Many(Form(name=Text(40).needed(), value=Text(140).needed()), most=4, clearable=True)


def _payment_settings() -> Form:
    return Form(payment_method_types=Many(METHOD_TYPES, clearable=True))


def _discounts() -> Many:
    return Many(Form(discount=ID), clearable=True)


def _invoice_fields() -> dict[str, Kind]:
    return {
        "auto_advance": Boolean(),
        "automatic_tax": Form(enabled=Boolean().needed()),
        "automatically_finalizes_at": Integer(0),
        "collection_method": Choice("charge_automatically", "send_invoice"),
        "custom_fields": _custom_fields(),
        "days_until_due": Integer(0, 1825),
        "default_tax_rates": Many(ID, most=5),
        "description": Text(1500, clearable=True),
        "discounts": _discounts(),
        "due_date": Integer(0),
        "effective_at": Integer(0),
        "expand": EXPAND,
        "footer": Text(clearable=True),
        "metadata": Metadata(),
        "number": Text(26),
        "payment_settings": _payment_settings(),
        "statement_descriptor": Text(22),
    }


INVOICE_CREATE = Form(
    customer=ID.needed(),
    currency=Text(3),
    from_invoice=Form(action=Choice("revision").needed(), invoice=ID.needed()),
    pending_invoice_items_behavior=Choice("exclude", "include"),
    **_invoice_fields(),
)
INVOICE_UPDATE = Form(**_invoice_fields())
INVOICE_LIST = Form(
    collection_method=Choice("charge_automatically", "send_invoice"),
    created=Range(),
    customer=ID,
    due_date=Range(),
    status=Choice("draft", "open", "paid", "uncollectible", "void"),
    **PAGE,
)
INVOICE_FINALIZE = Form(auto_advance=Boolean(), expand=EXPAND)
INVOICE_PAY = Form(paid_out_of_band=Boolean(), expand=EXPAND)
INVOICE_ATTACH = Form(payment_intent=ID.needed(), expand=EXPAND)

_TAX_AMOUNT = Form(
    amount=AMOUNT.needed(),
    taxable_amount=AMOUNT.needed(),
    taxability_reason=Choice(
        "standard_rated", "zero_rated", "customer_exempt", "not_subject_to_tax", "reverse_charge"
    ),
    tax_rate_data=Form(
        display_name=Text(50).needed(),
        inclusive=Boolean().needed(),
        percentage=Number(4).needed(),
        country=Text(2),
        state=Text(),
        description=Text(),
        jurisdiction=Text(50),
    ).needed(),
)


def _line_fields() -> dict[str, Kind]:
    return {
        "amount": AMOUNT,
        "description": Text(),
        "discountable": Boolean(),
        "metadata": Metadata(),
        "period": Form(start=Integer(0).needed(), end=Integer(0).needed()),
        "price_data": Form(
            currency=Text(3).needed(),
            product=ID,
            product_data=Form(name=Text(250).needed(), description=Text(), metadata=Metadata()),
            unit_amount=AMOUNT,
            unit_amount_decimal=Number(),
        ),
        "quantity": Integer(0, 999_999_999),
        "tax_amounts": Many(_TAX_AMOUNT, most=10, clearable=True),
        "tax_rates": Many(ID, most=5, clearable=True),
    }


def _lines(each: Form) -> Form:
    return Form(lines=Many(each, most=250).needed(), invoice_metadata=Metadata(), expand=EXPAND)


ADD_LINES = _lines(Form(**_line_fields()))
UPDATE_LINES = _lines(Form(id=ID.needed(), **_line_fields()))
REMOVE_LINES = _lines(Form(id=ID.needed(), behavior=Choice("delete", "unassign").needed()))
UPDATE_LINE = Form(**_line_fields(), expand=EXPAND)
LINES_LIST = Form(**PAGE)

INVOICE_PAYMENT_LIST = Form(
    created=Range(),
    invoice=ID,
    payment=Form(
        type=Choice("payment_intent", "payment_record").needed(), payment_intent=ID, payment_record=ID
    ),
    status=Choice("open", "paid", "canceled"),
    **PAGE,
)
REFUND_LIST = Form(charge=ID, created=Range(), payment_intent=ID, **PAGE)
REFUND_CREATE = Form(
    amount=POSITIVE,
    charge=ID,
    payment_intent=ID,
    metadata=Metadata(),
    reason=Choice("duplicate", "fraudulent", "requested_by_customer"),
    expand=EXPAND,
)
DISPUTE_LIST = Form(charge=ID, created=Range(), payment_intent=ID, **PAGE)
CREDIT_NOTE_LIST = Form(created=Range(), customer=ID, invoice=ID, **PAGE)
CREDIT_NOTE_CREATE = Form(
    invoice=ID.needed(),
    amount=POSITIVE,
    credit_amount=Integer(0, MAX_AMOUNT),
    refund_amount=Integer(0, MAX_AMOUNT),
    out_of_band_amount=Integer(0, MAX_AMOUNT),
    effective_at=Integer(0),
    email_type=Choice("credit_note", "none"),
    memo=Text(),
    metadata=Metadata(),
    reason=Choice("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
    expand=EXPAND,
)
EVENT_LIST = Form(
    created=Range(), delivery_success=Boolean(), type=EVENT_NAME, types=Many(EVENT_NAME, most=20), **PAGE
)
ENDPOINT_CREATE = Form(
    url=Text(2048).needed(),
    enabled_events=Many(EVENT_NAME, most=250).needed(),
    api_version=Choice("2026-10-28.endive"),
    description=Text(clearable=True),
    metadata=Metadata(),
    expand=EXPAND,
)
ENDPOINT_UPDATE = Form(
    url=Text(2048),
    enabled_events=Many(EVENT_NAME, most=250),
    description=Text(clearable=True),
    disabled=Boolean(),
    metadata=Metadata(),
    expand=EXPAND,
)
ENDPOINT_LIST = Form(**PAGE)
