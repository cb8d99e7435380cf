"""The `where` filter, as far as it is used: equalities joined with AND, and with OR where the organisation's
option allows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from daemon.sandbox.xero.errors import bad_request

_EQUAL = re.compile(r'\s*(?P<field>[A-Za-z.]+)\s*==?\s*"(?P<value>[^"]*)"\s*')


def where(text: str, fields: Mapping[str, Callable[[object], str]], *, ors: bool) -> Callable[[object], bool]:
    """A predicate over rows; raises Refused where it does not parse."""
    if not text:
        return lambda _row: True
    if " OR " in text and not ors:
        raise bad_request("Operator 'OR' is not supported")
    groups = [[_equality(part, fields) for part in group.split(" AND ")] for group in text.split(" OR ")]
    return lambda row: any(all(test(row) for test in group) for group in groups)


def _equality(text: str, fields: Mapping[str, Callable[[object], str]]) -> Callable[[object], bool]:
    match = _EQUAL.fullmatch(text)
    if not match or match["field"] not in fields:
        raise bad_request(f"No property or field {text[:40]!r} exists")
    read, value = fields[match["field"]], match["value"].casefold()
    return lambda row: read(row).casefold() == value
