"""Form encoding as Stripe reads it, and the parameters an operation accepts.

`metadata[order]=7&lines[0][amount]=500&expand[]=customer` becomes nested dicts and lists of strings; a
`Form` then turns the strings into values and refuses every name that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote_to_bytes

from daemon.sandbox.stripe.errors import StripeError, invalid, missing_parameter, unknown_parameter

Tree = dict[str, Any]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_STEP = re.compile(r"\[([^\[\]]*)\]")
_INTEGER = re.compile(r"-?\d{1,15}", re.ASCII)
_DEPTH = 8


def decode(text: str) -> list[tuple[str, str]]:
    """The pairs of a query or a form, in order; raises StripeError where it is not UTF-8."""
    return [_pair(part) for part in text.split("&") if part]


def nest(pairs: Sequence[tuple[str, str]]) -> Tree:
    """Pairs as a tree; raises StripeError on a name that is malformed, repeated, or used in two ways."""
    tree: Tree = {}
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        steps = _STEP.findall(match[2]) if match else []
        if match is None or len(steps) > _DEPTH:
            raise invalid(f"Invalid parameter name: {name[:80]}", param=name[:80])
        _insert(tree, [match[1], *steps], value, name)
    return {key: _listed(value) for key, value in tree.items()}


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return (_unquote(name), _unquote(value))


def _unquote(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    if "%" not in text and text.isascii():
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise invalid("Invalid UTF-8 in the request's parameters") from None


def _insert(tree: Tree, steps: list[str], value: str, name: str) -> None:
    node = tree
    for position, step in enumerate(steps):
        last = position == len(steps) - 1
        key = step if step or position == 0 else str(len(node))
        if last:
            if key in node:
                raise invalid(f"Parameter {name[:80]} was given twice", param=name[:80])
            node[key] = value
            return
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid parameter: {name[:80]} is both a value and a hash", param=name[:80])


def _listed(node: Any) -> Any:
    """Hashes with the keys 0, 1, 2 … are arrays."""
    if not isinstance(node, dict):
        return node
    children = {key: _listed(value) for key, value in node.items()}
    if children and list(children) == [str(position) for position in range(len(children))]:
        return list(children.values())
    return children


class Kind:
    """A type of parameter: `read` returns the value of a string (or list, or hash), or raises."""

    required = False

    def read(self, given: Any, name: str) -> Any:
        raise invalid(f"Invalid value for {name}", param=name)  # a Kind by itself accepts nothing

    def needed(self) -> Kind:
        """This parameter is required."""
        clone = self.__class__.__new__(self.__class__)
        clone.__dict__.update(self.__dict__)
        clone.required = True
        return clone


class Text(Kind):
    """`clearable`: an empty string unsets (read as None); elsewhere Stripe refuses an empty string."""

    def __init__(self, longest: int = 5000, *, clearable: bool = False) -> None:
        self.longest = longest
        self.clearable = clearable

    def read(self, given: Any, name: str) -> str | None:
        if not isinstance(given, str):
            raise invalid(f"Invalid string: {name} must be a string", param=name)
        if given == "":
            if self.clearable:
                return None
            raise invalid(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
                f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your "
                "request or supply a non-empty value.",
                code="parameter_invalid_empty",
                param=name,
            )
        if len(given) > self.longest:
            raise invalid(
                f"Invalid string: must be at most {self.longest} characters",
                param=name,
            )
        return given


class Integer(Kind):
    def __init__(self, low: int | None = None, high: int | None = None) -> None:
        self.low = low
        self.high = high

    def read(self, given: Any, name: str) -> int:
        if not isinstance(given, str) or not _INTEGER.fullmatch(given):
            raise invalid(f"Invalid integer: {given}", code="parameter_invalid_integer", param=name)
        number = int(given)
        if self.low is not None and number < self.low:
            raise invalid(
                f"This value must be greater than or equal to {self.low}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if self.high is not None and number > self.high:
            raise invalid(
                f"This value must be less than or equal to {self.high}.",
                code="parameter_invalid_integer",
                param=name,
            )
        return number


class Boolean(Kind):
    def read(self, given: Any, name: str) -> bool:
        if given not in ("true", "false"):
            raise invalid(f"Invalid boolean: {given}", param=name)
        return bool(given == "true")


class Number(Kind):
    """A decimal string with at most `places` decimals; kept as text."""

    def __init__(self, places: int = 12) -> None:
        self.places = places

    def read(self, given: Any, name: str) -> str:
        try:
            value = Decimal(given) if isinstance(given, str) and given.isascii() else None
        except InvalidOperation:
            value = None
        if value is None or not value.is_finite() or int(value.as_tuple().exponent) < -self.places:
            raise invalid(f"Invalid decimal: {given}", param=name)
        return str(given)


class Choice(Kind):
    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, given: Any, name: str) -> str:
        if given not in self.words:
            raise invalid(f"Invalid {name}: must be one of {', '.join(self.words)}", param=name)
        return str(given)


class Many(Kind):
    """An array; `clearable`: an empty string means an empty one."""

    def __init__(self, each: Kind, *, most: int | None = None, clearable: bool = False) -> None:
        self.each = each
        self.most = most
        self.clearable = clearable

    def read(self, given: Any, name: str) -> list[Any]:
        if given == "" and self.clearable:
            return []
        if not isinstance(given, list):
            raise invalid(f"Invalid array: {name}", param=name)
        if self.most is not None and len(given) > self.most:
            raise invalid(f"Array {name} exceeded maximum {self.most} allowed elements.", param=name)
        return [self.each.read(value, f"{name}[{position}]") for position, value in enumerate(given)]


class Metadata(Kind):
    """At most 50 keys of 40 characters with values of 500; an empty value unsets its key."""

    def read(self, given: Any, name: str) -> dict[str, str]:
        if given == "":
            return {"": ""}
        given = dict(enumerate(given)) if isinstance(given, list) else given
        if not isinstance(given, dict):
            raise invalid(f"Invalid hash: {name}", param=name)
        if len(given) > 50:
            raise invalid("You can only have 50 keys in metadata.", param=name)
        for key, value in given.items():
            if not isinstance(value, str):
                raise invalid(f"Metadata values must be strings, but {name}[{key}] is not", param=name)
            if len(str(key)) > 40 or len(value) > 500:
                raise invalid(
                    "Metadata keys can be at most 40 characters and values at most 500 characters.",
                    param=f"{name}[{key}]",
                )
        return {str(key): value for key, value in given.items()}


class Range(Kind):
    """`created=7` or `created[gte]=7`: a dict of comparisons."""

    _part = Integer(0)

    def read(self, given: Any, name: str) -> dict[str, int]:
        if isinstance(given, str):
            return {"gte": self._part.read(given, name), "lte": self._part.read(given, name)}
        if not isinstance(given, dict):
            raise invalid(f"Invalid hash: {name}", param=name)
        for key in given:
            if key not in ("gt", "gte", "lt", "lte"):
                raise unknown_parameter(f"{name}[{key}]")
        return {key: self._part.read(value, f"{name}[{key}]") for key, value in given.items()}


class Form(Kind):
    """The parameters of an operation, or of a hash in it."""

    clearable = False

    def __init__(self, **fields: Kind) -> None:
        self.fields: Mapping[str, Kind] = fields
        self._required = [name for name, kind in fields.items() if kind.required]

    def or_empty(self) -> Form:
        """An empty string unsets this hash."""
        self.clearable = True
        return self

    def read(self, given: Any, name: str = "") -> dict[str, Any]:
        if given == "" and self.clearable:
            return {}
        if not isinstance(given, dict):
            raise invalid(f"Invalid hash: {name}", param=name)
        fields = self.fields
        values = {}
        for key, value in given.items():
            full = f"{name}[{key}]" if name else key
            kind = fields.get(key)
            if kind is None:
                raise unknown_parameter(full)
            values[key] = kind.read(value, full)
        for key in self._required:
            if key not in values:
                raise missing_parameter(f"{name}[{key}]" if name else key)
        return values


def merge_metadata(old: Mapping[str, str], given: Mapping[str, str] | None) -> Mapping[str, str]:
    """`given` over `old`: an empty value unsets its key, and `metadata=` (an empty string) all of them."""
    if given is None:
        return old
    if given == {"": ""}:
        return {}
    merged = {**old, **given}
    kept = {key: value for key, value in merged.items() if value != ""}
    if len(kept) > 50:
        raise StripeError(400, "You can only have 50 keys in metadata.", param="metadata")
    return kept
