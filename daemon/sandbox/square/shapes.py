"""What a request body may hold: every field by name, its type, its bounds; what is not named is refused.

Only what the double can act on is named. Sources: the official API document (names, bounds, enums).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.sandbox.square.errors import Refusal


@dataclass(frozen=True)
class Text:
    most: int = 65_536
    least: int = 0
    enum: frozenset[str] = frozenset()
    like: str = ""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, str):
            raise Refusal("EXPECTED_STRING", "Expected a string value.", field=where)
        if len(value) > self.most:
            raise Refusal(
                "VALUE_TOO_LONG", f"Field must not be greater than {self.most} in length.", field=where
            )
        if len(value) < self.least:
            raise Refusal("VALUE_EMPTY", "Field must not be blank.", field=where)
        if self.enum and value not in self.enum:
            raise Refusal("INVALID_ENUM_VALUE", f"`{value}` is not a valid enum value.", field=where)
        if self.like and not re.fullmatch(self.like, value, re.ASCII):
            raise Refusal("VALUE_REGEX_MISMATCH", "The value has not the expected form.", field=where)


@dataclass(frozen=True)
class Whole:
    least: int | None = None
    most: int | None = None

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refusal("EXPECTED_INTEGER", "Expected an integer value.", field=where)
        if self.least is not None and value < self.least:
            raise Refusal("VALUE_TOO_LOW", f"Field must be at least {self.least}.", field=where)
        if self.most is not None and value > self.most:
            raise Refusal("VALUE_TOO_HIGH", f"Field must be at most {self.most}.", field=where)


@dataclass(frozen=True)
class Yes:
    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, bool):
            raise Refusal("EXPECTED_BOOLEAN", "Expected a boolean value.", field=where)


@dataclass(frozen=True)
class Many:
    of: Shape
    most: int = 500
    least: int = 0

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise Refusal("EXPECTED_ARRAY", "Expected an array.", field=where)
        if len(value) > self.most:
            raise Refusal("ARRAY_LENGTH_TOO_LONG", f"At most {self.most} entries.", field=where)
        if len(value) < self.least:
            raise Refusal("ARRAY_EMPTY", "The array is empty.", field=where)
        for place, one in enumerate(value):
            self.of.check(one, f"{where}[{place}]")


@dataclass(frozen=True)
class Words:
    """A map of short texts: metadata."""

    def check(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise Refusal("EXPECTED_MAP", "Expected a map.", field=where)
        for name, one in value.items():
            Text(60, 1, like=r"[A-Za-z0-9_-]+").check(name, where)
            Text(255).check(one, f"{where}.{name}")


@dataclass(frozen=True)
class Fields:
    names: Mapping[str, Shape]
    needs: tuple[str, ...] = ()
    also: Callable[[Mapping[str, Any], str], None] | None = field(default=None, compare=False)

    def check(self, value: Any, where: str = "") -> None:
        if not isinstance(value, dict):
            raise Refusal("EXPECTED_OBJECT", "Expected an object.", field=where or "body")
        for name, one in value.items():
            path = f"{where}.{name}" if where else name
            if name not in self.names:
                raise Refusal("UNKNOWN_BODY_PARAMETER", f"Unknown parameter `{path}`.", field=path)
            self.names[name].check(one, path)
        for name in self.needs:
            if name not in value:
                path = f"{where}.{name}" if where else name
                raise Refusal(
                    "MISSING_REQUIRED_PARAMETER", f"Missing required parameter `{path}`.", field=path
                )


Shape = Text | Whole | Yes | Many | Words | Fields

MONEY = Fields({"amount": Whole(0), "currency": Text(3, 3, like="[A-Z]{3}")}, ("amount", "currency"))
_ADDRESS = Fields(
    {
        **{f"address_line_{n}": Text(500) for n in (1, 2, 3)},
        "locality": Text(300),
        "administrative_district_level_1": Text(200),
        "postal_code": Text(12),
        "country": Text(2, 2, like="[A-Z]{2}"),
    }
)
_RANGE = Fields({"start_at": Text(40), "end_at": Text(40)})
_DAY = Text(10, 10, like=r"\d{4}-\d\d-\d\d")
_SORT_ORDER = Text(enum=frozenset({"ASC", "DESC"}))

CREATE_CUSTOMER = Fields(
    {
        "idempotency_key": Text(),
        "given_name": Text(300),
        "family_name": Text(300),
        "company_name": Text(500),
        "email_address": Text(254, 1),
        "phone_number": Text(17),
        "reference_id": Text(100),
        "note": Text(4096),
        "address": _ADDRESS,
    }
)
SEARCH_CUSTOMERS = Fields(
    {
        "limit": Whole(1, 100),
        "cursor": Text(),
        "query": Fields(
            {
                "filter": Fields(
                    {
                        name: Fields({"exact": Text()}, ("exact",))
                        for name in ("reference_id", "email_address")
                    }
                )
            }
        ),
    }
)
_APPLIED = Many(Fields({"uid": Text(60), "tax_uid": Text(60, 1)}, ("tax_uid",)))
_LINE = Fields(
    {
        "uid": Text(60, 1),
        "name": Text(512),
        "quantity": Text(12, 1, like=r"\d+"),
        "note": Text(2000),
        "base_price_money": MONEY,
        "applied_taxes": _APPLIED,
        "metadata": Words(),
    },
    ("quantity", "base_price_money"),
)
_TAX = Fields(
    {
        "uid": Text(60, 1),
        "name": Text(255),
        "percentage": Text(10, like=r"\d{1,3}(\.\d{1,5})?"),
        "type": Text(enum=frozenset({"ADDITIVE", "INCLUSIVE"})),
        "scope": Text(enum=frozenset({"LINE_ITEM", "ORDER"})),
    },
    ("uid", "percentage"),
)
_DISCOUNT = Fields(
    {
        "uid": Text(60, 1),
        "name": Text(255),
        "type": Text(enum=frozenset({"FIXED_AMOUNT"})),
        "amount_money": MONEY,
        "scope": Text(enum=frozenset({"ORDER"})),
    },
    ("uid", "amount_money"),
)
CREATE_ORDER = Fields(
    {
        "idempotency_key": Text(192),
        "order": Fields(
            {
                "location_id": Text(50, 1),
                "reference_id": Text(40),
                "customer_id": Text(191),
                "state": Text(enum=frozenset({"OPEN", "DRAFT"})),
                "source": Fields({"name": Text(255)}),
                "line_items": Many(_LINE),
                "taxes": Many(_TAX),
                "discounts": Many(_DISCOUNT),
                "metadata": Words(),
            },
            ("location_id",),
        ),
    },
    ("order",),
)
UPDATE_ORDER = Fields(
    {
        "idempotency_key": Text(192),
        "order": Fields(
            {
                "location_id": Text(50, 1),
                "version": Whole(0),
                "state": Text(enum=frozenset({"OPEN", "CANCELED"})),
            },
            ("version",),
        ),
    },
    ("order",),
)
SEARCH_ORDERS = Fields(
    {
        "location_ids": Many(Text(50, 1), 10, 1),
        "limit": Whole(1, 1000),
        "cursor": Text(),
        "return_entries": Yes(),
        "query": Fields(
            {
                "filter": Fields(
                    {
                        "state_filter": Fields({"states": Many(Text())}, ("states",)),
                        "date_time_filter": Fields(
                            {"created_at": _RANGE, "updated_at": _RANGE, "closed_at": _RANGE}
                        ),
                        "source_filter": Fields({"source_names": Many(Text(), 10)}),
                        "customer_filter": Fields({"customer_ids": Many(Text(), 10)}),
                    }
                ),
                "sort": Fields(
                    {
                        "sort_field": Text(enum=frozenset({"CREATED_AT", "UPDATED_AT", "CLOSED_AT"})),
                        "sort_order": _SORT_ORDER,
                    },
                    ("sort_field",),
                ),
            }
        ),
    },
    ("location_ids",),
)
BATCH_RETRIEVE = Fields({"location_id": Text(50), "order_ids": Many(Text(192, 1), 100, 1)}, ("order_ids",))
_REQUEST = Fields(
    {
        "request_type": Text(enum=frozenset({"BALANCE"})),
        "due_date": _DAY,
        "tipping_enabled": Yes(),
        "automatic_payment_source": Text(enum=frozenset({"NONE"})),
    },
    ("request_type", "due_date"),
)
METHODS = ("card", "square_gift_card", "bank_account", "buy_now_pay_later", "cash_app_pay")
_INVOICE: dict[str, Shape] = {
    "location_id": Text(255, 1),
    "order_id": Text(255, 1),
    "primary_recipient": Fields({"customer_id": Text(255, 1)}),
    "payment_requests": Many(_REQUEST, 1, 1),
    "delivery_method": Text(enum=frozenset({"EMAIL", "SHARE_MANUALLY"})),
    "invoice_number": Text(191, 1),
    "title": Text(255, 1),
    "description": Text(65_536, 1),
    "accepted_payment_methods": Fields({name: Yes() for name in METHODS}),
    "sale_or_service_date": _DAY,
}
CREATE_INVOICE = Fields(
    {
        "idempotency_key": Text(128),
        "invoice": Fields(_INVOICE, ("location_id", "order_id", "payment_requests", "delivery_method")),
    },
    ("invoice",),
)
UPDATE_INVOICE = Fields(
    {
        "idempotency_key": Text(128),
        "invoice": Fields(
            {
                "version": Whole(0),
                "payment_requests": Many(Fields({"uid": Text(255, 1), "due_date": _DAY}, ("uid",)), 1, 1),
            },
            ("version",),
        ),
    },
    ("invoice",),
)
PUBLISH = Fields({"version": Whole(0), "idempotency_key": Text(128)}, ("version",))
CANCEL = Fields({"version": Whole(0)}, ("version",))
SEARCH_INVOICES = Fields(
    {
        "query": Fields(
            {
                "filter": Fields(
                    {"location_ids": Many(Text(), 1, 1), "customer_ids": Many(Text(), 1)}, ("location_ids",)
                ),
                "sort": Fields(
                    {"field": Text(enum=frozenset({"INVOICE_SORT_DATE"})), "order": _SORT_ORDER}, ("field",)
                ),
            },
            ("filter",),
        ),
        "limit": Whole(1, 200),
        "cursor": Text(),
    },
    ("query",),
)
CREATE_SUBSCRIPTION = Fields(
    {
        "idempotency_key": Text(45),
        "subscription": Fields(
            {
                "name": Text(64, 1),
                "event_types": Many(Text(), 500, 1),
                "notification_url": Text(2048, 1, like=r"https://.+"),
                "api_version": Text(10, like=r"\d{4}-\d\d-\d\d"),
                "enabled": Yes(),
            },
            ("name", "event_types", "notification_url"),
        ),
    },
    ("subscription",),
)
TEST_SUBSCRIPTION = Fields({"event_type": Text()})
NOTHING = Fields({})
