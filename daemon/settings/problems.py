"""A problem with the configuration, as a sentence: where it stands and what would be right, no value."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from daemon.log import is_telling
from daemon.settings.model import ProviderSection, Section, Settings

Keys = tuple[str, ...]

_RIGHT = {
    "bool_type": "must be true or false, without quotes",
    "bool_parsing": "must be true or false, without quotes",
    "int_type": "must be a whole number without quotes",
    "int_parsing": "must be a whole number without quotes",
    "float_type": "must be a number without quotes",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "string_pattern_mismatch": "must be small letters, digits and _",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where each value came from: the file's path, text and content, and the variables by key."""

    path: Path | None
    text: str
    document: Mapping[str, Any]
    variables: Mapping[Keys, str]

    def of(self, keys: Keys) -> str:
        """`wispbill.toml, line 12`, or the variable's name."""
        for known, name in self.variables.items():
            if known[: len(keys)] == keys or keys[: len(known)] == known:
                return f"environment variable {name}"
        return self.file_line(keys) if _holds(self.document, keys) else "environment variable STATE_DIRECTORY"

    def file_line(self, keys: Keys) -> str:
        return f"{self.path}, line {line_of(self.text, keys)}"


def line_of(text: str, keys: Keys) -> int:
    """The line, counted from 1, on which the statement begins that first gives this key a value: the
    shortest beginning of the file that is whole TOML and holds the key ends with it."""
    lines, start = text.splitlines(), 1
    for end in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _holds(document, keys):
            return start
        start = end + 1
    return start


def _holds(document: Any, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(document, Mapping) or key not in document:
            return False
        document = document[key]
    return True


def sentence(problem: Mapping[str, Any], origin: Origin) -> str:
    """From one of pydantic's errors."""
    keys = tuple(str(part) for part in problem["loc"] if part != "[key]")
    return f"{origin.of(keys)}: {'.'.join(keys)} {_wrong(problem, keys)}"


def _wrong(problem: Mapping[str, Any], keys: Keys) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(keys)
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be one of {context['expected']}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"must be a section, written [{'.'.join(keys)}]"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words} {context[name]:g}"
    return f"{_RIGHT.get(kind, 'is not of the right form')}{_like(keys)}"


def _like(keys: Keys) -> str:
    """The default as an example."""
    field = fields_of(keys[:-1]).get(keys[-1])
    default = field.default if field else None
    if isinstance(default, bool) or not isinstance(default, int | float):
        return ""
    return f", like {default:g}"


def _unknown(keys: Keys) -> str:
    """Why there is no such key, and which one may have been meant."""
    if is_telling(keys[-1]):
        return f"looks like a secret, and no secret stands in the configuration; {_advice(keys)}"
    known = fields_of(keys[:-1])
    what = "section" if len(keys) == 1 else "key"
    elsewhere = [name for name in Settings.model_fields if keys[-1] in fields_of((name,))]
    if elsewhere:
        return f"is not a {what}; did you mean {elsewhere[0]}.{keys[-1]}?"
    close = difflib.get_close_matches(keys[-1], known, 1)
    if close:
        return f"is not a {what}; did you mean {'.'.join((*keys[:-1], close[0]))}?"
    return f"is not a {what}; known here: {', '.join(sorted(known)) or 'none'}"


def _advice(keys: Keys) -> str:
    if keys[0] == "database":
        return "use ~/.pgpass, or give the whole url as WISPBILL_DATABASE__URL"
    if keys[0] == "vault":
        return "name a private file with vault.key_file, or use systemd's LoadCredential=master.key:…"
    return "give credentials with `wispbill integrations add`, which seals them"


def fields_of(keys: Keys) -> dict[str, FieldInfo]:
    """The keys of a section by name; of a provider's section whatever its name is."""
    if not keys:
        return dict(Settings.model_fields)
    if keys[0] == "providers":
        return dict(ProviderSection.model_fields) if len(keys) == 2 else {}
    field = Settings.model_fields.get(keys[0])
    kind: Any = field.annotation if field else None
    is_section = len(keys) == 1 and isinstance(kind, type) and issubclass(kind, Section)
    return dict(kind.model_fields) if is_section else {}
