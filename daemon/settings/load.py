"""Reads the configuration: the environment, above the TOML file, above what systemd says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from daemon.errors import ConfigError
from daemon.log import scrub
from daemon.settings.model import Settings
from daemon.settings.problems import Origin, fields_of, sentence
from daemon.settings.units import EnvironmentText

PREFIX = "WISPBILL_"
_UNREADABLE = 'text, lengths of time, sizes and addresses stand in quotes, like every = "30s"'


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings from the TOML file at `path` (None: no file) and from `WISPBILL_SECTION__KEY`, which
    wins. Raises ConfigError with a sentence for each problem, which names file and line or variable, the
    key, and what would be right, but no value."""
    text = _read(path) if path else ""
    document = _parse(path, text)
    origin = Origin(path, text, document, _paths(environ))
    problems = [*_passwords(origin, document), *_single_underscores(environ)]
    sources = (
        EnvironmentSource(Settings, environ),
        InitSettingsSource(Settings, document),
        InitSettingsSource(Settings, _from_systemd(environ)),
    )
    try:
        settings = Settings(_build_sources=(sources, {}))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        problems += [sentence(dict(problem), origin) for problem in found]
    if problems:
        raise ConfigError("\n".join(scrub(problem) for problem in dict.fromkeys(problems)))
    return settings


class EnvironmentSource(PydanticBaseSettingsSource):
    """`WISPBILL_PUSH__EVERY=10s` as {"push": {"every": "10s"}}, from the mapping that it is given."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self().get(field_name), field_name, True

    def __call__(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for keys, name in _paths(self._environ).items():
            table = document
            for key in keys[:-1]:
                inner = table.setdefault(key, {})
                table = inner if isinstance(inner, dict) else table
            table[keys[-1]] = EnvironmentText(self._environ[name])
        return document


def _paths(environ: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """The variables that are settings (they hold `__`), by the key that they stand for, outer ones first."""
    names = sorted(name for name in environ if name.startswith(PREFIX) and "__" in name)
    return {tuple(name.removeprefix(PREFIX).lower().split("__")): name for name in names}


def _single_underscores(environ: Mapping[str, str]) -> list[str]:
    """WISPBILL_PUSH_EVERY is nobody's, and surely meant as a setting."""
    meant = {
        f"{PREFIX}{section}_{key}".upper(): f"{PREFIX}{section}__{key}".upper()
        for section in Settings.model_fields
        for key in fields_of((section,))
    }
    return [
        f"environment variable {name}: is not a setting; did you mean {meant[name]}?"
        for name in sorted(environ.keys() & meant.keys())
    ]


def _from_systemd(environ: Mapping[str, str]) -> dict[str, Any]:
    """systemd.exec(5): StateDirectory= arrives as $STATE_DIRECTORY, several separated by colons."""
    folder = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return {"daemon": {"state_dir": folder}} if folder else {}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not text in UTF-8") from None


def _parse(path: Path | None, text: str) -> dict[str, Any]:
    """Of TOML's own sentence only the line is passed on: it may quote what stands there."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
    if _is_twice(text, line):
        raise ConfigError(f"{path}, line {line}: this section or key stands above already; write it once")
    raise ConfigError(f"{path}, line {line}: this is not TOML; {_UNREADABLE}")


def _is_twice(text: str, line: int) -> bool:
    """Whether the line is well-formed by itself, so that only a repetition can be wrong with it."""
    try:
        tomllib.loads(text.splitlines()[line - 1])
    except (tomllib.TOMLDecodeError, IndexError):
        return False
    return True


def _passwords(origin: Origin, document: Mapping[str, Any]) -> list[str]:
    """A database password in the file: refused, since the file holds no secrets."""
    section = document.get("database")
    url = section.get("url") if isinstance(section, dict) else None
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        secret = parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:
        return []
    if not secret:
        return []
    return [
        f"{origin.file_line(('database', 'url'))}: database.url holds a password, and no secret stands in "
        "this file; leave it out for ~/.pgpass, or give the whole url as WISPBILL_DATABASE__URL"
    ]
