"""A provider told as plain values: what it can do, under which limits, and what it asks for.

`wispbill providers --json` and the table in docs/providers.md are this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from daemon.model import Document, Limit, Mode
from daemon.providers.base import Provider

DAY_S = 86_400.0


def described(kind: type[Provider]) -> Document:
    """Everything in snake_case, durations in seconds. `limits` bind a live account, `sandbox_limits` one in
    the sandbox where they differ, `app_limits` all accounts under one app; `calls_per_day` is the most that
    the account's own limits allow for. `by_settings` names capabilities that an integration's settings
    decide, each with the setting; what is told of them here is for one that sets nothing."""
    can = asdict(kind.can)
    sandbox = kind.limits_in(Mode.SANDBOX)
    return {
        "name": kind.name,
        "label": kind.label,
        "docs": kind.docs,
        "live_url": kind.live_url,
        "sandbox_url": kind.sandbox_url,
        "credentials": fields(kind.credentials),
        "settings": fields(kind.settings),
        **can,
        "limits": limits(kind.can.limits),
        "sandbox_limits": limits(sandbox) if sandbox != kind.can.limits else [],
        "app_limits": limits(kind.can.app_limits),
        "calls_per_day": calls_per_day(kind.can.limits),
        "webhook_registration": webhook_registration(kind),
        "signs_in": signs_in(kind),
        "consent": _consent(kind),
        "by_settings": [{"name": name, "setting": by} for name, by in kind.by_settings.items()],
    }


def webhook_registration(kind: type[Provider]) -> str:
    """`api`: we register it; `app`: a person enters one address, which serves all accounts of our app;
    `person`: a person enters each account's own; `none`."""
    if not kind.can.webhooks:
        return "none"
    if kind.can.registers_webhook:
        return "api"
    return "app" if kind.read_app_hints.__func__ is not Provider.read_app_hints.__func__ else "person"  # type: ignore[attr-defined]


def signs_in(kind: type[Provider]) -> str:
    """`consent`: the account's owner agrees in the browser; `minted`: an access token is made from the
    credentials; `credentials`: they are sent themselves."""
    if kind.oauth is not None:
        return "consent"
    return "minted" if kind.mints else "credentials"


def _consent(kind: type[Provider]) -> Document | None:
    if kind.oauth is None:
        return None
    return {
        "scopes": list(kind.oauth.scopes),
        "pkce": kind.oauth.pkce,
        "access_life_s": kind.oauth.access_life_s,
        "refresh_life_s": kind.oauth.refresh_life_s,
    }


def calls_per_day(given: Sequence[Limit]) -> int | None:
    """Of calls of any kind; None where no limit counts them all."""
    most = [limit.calls * max(1.0, DAY_S / limit.per_s) for limit in given if not limit.scope]
    return int(min(most)) if most else None


def limits(given: Sequence[Limit]) -> list[Document]:
    """`calls_per_day`: what this limit alone allows for; `reserved`: the calls of it that the scopes in
    `spares` leave to the others."""
    return [
        {
            **asdict(limit),
            "calls_per_day": int(limit.calls * DAY_S / limit.per_s),
            "reserved": int(limit.calls * limit.reserve),
        }
        for limit in given
    ]


def fields(model: type[BaseModel]) -> list[Document]:
    """What a person can give, in order; parts of a part stand in its own `fields`, those of each entry of a
    list or of a table too."""
    schema = model.model_json_schema()
    return list(_fields(schema, schema.get("$defs", {})))


def _fields(schema: Document, parts: Document) -> Iterator[Document]:
    for name, given in schema.get("properties", {}).items():
        inner = _resolved(given, parts)
        field: Document = {
            "name": name,
            "title": given.get("title") or inner.get("title") or name,
            "help": given.get("description"),
            "required": name in schema.get("required", ()),
            "kind": inner.get("type", "any"),
            "secret": inner.get("format") == "password",
        }
        if "enum" in inner:
            field["choices"] = inner["enum"]
        if _is_plain(given.get("default")):
            field["default"] = given["default"]
        if "examples" in given:
            field["examples"] = given["examples"]
        below = inner if "properties" in inner else _entry(inner, parts)
        if below:
            field["fields"] = list(_fields(below, parts))
        yield field


def _resolved(given: Document, parts: Document) -> Document:
    """The one thing that is meant beside null, as its own description has it."""
    options = [one for one in given.get("anyOf", ()) if one.get("type") != "null"]
    chosen: Document = options[0] if options else given
    ref = chosen.get("$ref")
    return parts[ref.rpartition("/")[2]] if ref else chosen


def _entry(given: Document, parts: Document) -> Document | None:
    for where in ("items", "additionalProperties"):
        entry = given.get(where)
        if isinstance(entry, dict) and "properties" in (found := _resolved(entry, parts)):
            return found
    return None


def _is_plain(value: Any) -> bool:
    """A default that says something; one with parts stands in their own defaults."""
    return isinstance(value, str | int | float) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, str | int | float) for one in value)
    )
