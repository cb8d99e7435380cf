"""What is wrong with something given, in plain words: the first of pydantic's errors, no value shown."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from pydantic import ValidationError

Context = Mapping[str, object]

_DATE = "a date is written like 2026-04-01"
_REASONS: dict[str, Callable[[Context], str]] = {
    "missing": lambda _: "it is missing",
    "string_type": lambda _: "text is needed, in quotes",
    "string_too_short": lambda ctx: "it is empty" if ctx["min_length"] == 1 else _least(ctx, "characters"),
    "string_too_long": lambda ctx: f"it may have {ctx['max_length']} characters at most",
    "string_pattern_mismatch": lambda _: "it holds characters that are not allowed, like a line break",
    "too_short": lambda ctx: "it is empty" if ctx["min_length"] == 1 else _least(ctx, "entries"),
    "too_long": lambda ctx: f"it may have {ctx['max_length']} entries at most",
    "list_type": lambda _: "a list is needed",
    "model_type": lambda _: "an object with names and values is needed",
    "dict_type": lambda _: "an object with names and values is needed",
    "bool_type": lambda _: "true or false is needed",
    "bool_parsing": lambda _: "true or false is needed",
    "int_type": lambda _: "a whole number is needed",
    "int_parsing": lambda _: "a whole number is needed",
    "int_from_float": lambda _: "a whole number is needed",
    "greater_than_equal": lambda ctx: f"it is {ctx['ge']} at least",
    "less_than_equal": lambda ctx: f"it is {ctx['le']} at most",
    "literal_error": lambda ctx: f"it is one of {ctx['expected']}",
    "enum": lambda ctx: f"it is one of {ctx['expected']}",
    "value_error": lambda ctx: str(ctx.get("error") or ctx.get("reason") or "it is not right"),
}


def told(error: ValidationError, known: Mapping[str, object], *, whole: str = "") -> tuple[str, str]:
    """The field that is wrong (`whole` where it is no single one) and `field: why`. `known` are the
    fields there are: a misspelt one is told what may have been meant."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or whole
    name = ".".join(_counted(part) for part in first["loc"]) or whole
    kind = first["type"]
    if kind == "extra_forbidden":
        reason = _unknown(str(first["loc"][-1]), known if len(first["loc"]) == 1 else {})
    elif kind.startswith("date"):
        reason = _DATE
    else:
        make = _REASONS.get(kind)
        reason = make(first.get("ctx", {})) if make else first["msg"]
    return field, f"{name}: {reason}"


def _counted(part: int | str) -> str:
    """Entries of a list count from 1, as people do."""
    return str(part + 1) if isinstance(part, int) else part


def _least(context: Context, what: str) -> str:
    return f"it needs {context['min_length']} {what} at least"


def _unknown(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"there is no such field; did you mean {close[0]}?"
    return f"there is no such field{'; there are: ' + ', '.join(known) if known else ''}"
