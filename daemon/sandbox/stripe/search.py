"""Stripe's search language (https://docs.stripe.com/search): clauses joined by AND or by OR, not both.

Search answers late, normally within a minute, so it shows the account as it was a while ago.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from daemon.sandbox.stripe.call import Call
from daemon.sandbox.stripe.errors import StripeError, invalid
from daemon.sandbox.stripe.listing import DEFAULT_LIMIT, Page
from daemon.sandbox.stripe.records import Customer, Invoice
from daemon.sandbox.stripe.tables import Record, Table

R = TypeVar("R", bound=Record)

_CLAUSE = re.compile(
    r"""\s*(?P<not>-)?(?P<field>[a-z_]+)(?:\[(?P<quote>["'])(?P<key>[^"']+)(?P=quote)\])?"""
    r"""(?P<op>:|~|<=|>=|<|>)(?:"(?P<text>(?:[^"\\]|\\.)*)"|'(?P<text2>(?:[^'\\]|\\.)*)'|(?P<bare>-?\d+|null))\s*"""
)
_JOIN = re.compile(r"(AND|OR)\b")
_MOST_CLAUSES = 10

_INVOICE: Mapping[str, Callable[[Invoice], Any]] = {
    "created": lambda record: record.created,
    "currency": lambda record: record.currency,
    "customer": lambda record: record.customer,
    "number": lambda record: record.number,
    "status": lambda record: record.status,
    "total": lambda record: record.total,
}
_CUSTOMER: Mapping[str, Callable[[Customer], Any]] = {
    "created": lambda record: record.created,
    "email": lambda record: record.email,
    "name": lambda record: record.name,
    "phone": lambda record: record.phone,
}
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class _Clause:
    field: str
    key: str | None
    op: str
    value: str | None
    negated: bool


def invoices(call: Call) -> Page:
    return _search(call, call.ledger.invoices, _INVOICE)


def customers(call: Call) -> Page:
    return _search(call, call.ledger.customers, _CUSTOMER)


def _search(call: Call, table: Table[R], fields: Mapping[str, Callable[[R], Any]]) -> Page:
    if call.ledger.country == "IN":
        raise StripeError(400, "Search is not available to merchants in India.")
    clauses, any_of = _parse(call.params["query"], fields)
    limit = call.params.get("limit", DEFAULT_LIMIT)
    start = _start(call.params.get("page"))
    fold = any if any_of else all
    hits = (
        record
        for record in table.newest_first(ago_s=max(call.search_lag_s, call.stale_s))
        if fold(_holds(clause, record, fields) for clause in clauses)
    )
    found = list(islice(hits, start, start + limit + 1))
    more = len(found) > limit
    return Page(found[:limit], more, {"next_page": f"p{start + limit}" if more else None})


def _start(page: str | None) -> int:
    if page is None:
        return 0
    if not re.fullmatch(r"p\d{1,9}", page, re.ASCII):
        raise invalid("Invalid page", param="page")
    return int(page[1:])


def _parse(query: str, fields: Mapping[str, object]) -> tuple[list[_Clause], bool]:
    clauses: list[_Clause] = []
    joins: set[str] = set()
    position = 0
    while True:
        match = _CLAUSE.match(query, position)
        if match is None:
            raise invalid("We were unable to parse your search query.", param="query")
        clauses.append(_clause(match, fields))
        position = match.end()
        if position == len(query):
            break
        join = _JOIN.match(query, position)
        if join is None:
            raise invalid("We were unable to parse your search query.", param="query")
        joins.add(join[1])
        position = join.end()
    if len(joins) > 1 or len(clauses) > _MOST_CLAUSES:
        raise invalid("A query joins at most 10 clauses, all with AND or all with OR.", param="query")
    return clauses, "OR" in joins


def _clause(match: re.Match[str], fields: Mapping[str, object]) -> _Clause:
    field, key, op = match["field"], match["key"], match["op"]
    if (field == "metadata") != (key is not None) or (field != "metadata" and field not in fields):
        raise invalid(f"Field `{field}` is an unsupported search field.", param="query")
    text = match["text"] if match["text"] is not None else match["text2"]
    value = (
        None if match["bare"] == "null" else match["bare"] if text is None else re.sub(r"\\(.)", r"\1", text)
    )
    numeric = field in ("created", "total")
    if (op in _COMPARE and not numeric) or (
        numeric and (op == "~" or not str(value).lstrip("-").isdecimal())
    ):
        raise invalid(f"Operator {op} does not fit field `{field}`.", param="query")
    if op == "~" and (value is None or len(value) < 3):
        raise invalid("A substring search needs at least 3 characters.", param="query")
    return _Clause(field, key, op, value, bool(match["not"]))


def _holds(clause: _Clause, record: Any, fields: Mapping[str, Callable[[Any], Any]]) -> bool:
    actual = record.metadata.get(clause.key) if clause.key else fields[clause.field](record)
    return _matches(clause, actual) != clause.negated


def _matches(clause: _Clause, actual: Any) -> bool:
    if clause.value is None or actual is None:
        return clause.value is None and actual is None
    if clause.op in _COMPARE:
        return _COMPARE[clause.op](actual, int(clause.value))
    if clause.op == "~":
        return clause.value.lower() in str(actual).lower()
    return str(actual) == clause.value
