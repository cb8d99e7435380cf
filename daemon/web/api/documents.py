"""What needs no token: the API's description, and the page that people read it on."""

from __future__ import annotations

import json
import threading
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from daemon.errors import CATALOGUE
from daemon.web.access import Environ
from daemon.web.api.openapi import description
from daemon.web.api.replaying import Reply

PAGE, STYLE, OPENAPI = "/api/docs", "/api/docs/style.css", "/api/openapi.json"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'"
)

_one_at_a_time = threading.Lock()
"""They are made once, which takes a second or two: not by as many threads as ask meanwhile."""


def serve(environ: Environ) -> Reply | None:
    """None where it is none of these."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return None
    match environ.get("PATH_INFO", ""):
        case "/api/openapi.json":
            with _one_at_a_time:
                return Reply(200, {"Content-Type": "application/json"}, _openapi())
        case "/api/docs" | "/api/docs/":
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
            with _one_at_a_time:
                return Reply(200, headers, _page())
        case "/api/docs/style.css":
            return Reply(200, {"Content-Type": "text/css; charset=utf-8"}, _style())
    return None


@cache
def _openapi() -> bytes:
    return json.dumps(description()).encode()


@cache
def _style() -> bytes:
    return (files("daemon.web.api") / "static" / "docs.css").read_bytes()


@cache
def _page() -> bytes:
    """Without a script: every operation with its fields, from the same description."""
    document = description()
    operations = "".join(
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    codes = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{escape(e.sentence)}</td><td>{e.actor}</td></tr>'
        for code, e in sorted(CATALOGUE.items())
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>wispbill API</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<link rel="stylesheet" href="{STYLE}"></head><body><main><h1>wispbill API</h1>'
        f"<p>{_text(document['info']['description'])}</p>"
        f'<p><a href="{OPENAPI}">The whole description as OpenAPI 3.1</a></p>'
        f"<h2>What can be asked</h2>{operations}<h2>What is given and answered</h2>{schemas}"
        f"<h2>Codes</h2><table><thead><tr><th>Code</th><th>What happened</th><th>Who acts</th></tr></thead>"
        f"<tbody>{codes}</tbody></table></main></body></html>"
    ).encode()


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    given = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body = f"<dt>Body</dt><dd>{_type(given)}</dd>" if given else ""
    answers = "".join(
        f"<dt>{status}</dt><dd>{_content(answer['content'])}</dd>"
        for status, answer in operation["responses"].items()
        if "content" in answer
    )
    query = "".join(
        f"<dt>?{escape(one['name'])}</dt><dd>{_type(one['schema'])}</dd>"
        for one in operation["parameters"]
        if one.get("in") == "query"
    )
    name = escape(operation["operationId"])
    return (
        f'<section id="{name}"><h3><b>{method.upper()}</b> <code>{escape(path)}</code>'
        f"</h3><p>{_text(operation['summary'])}. {_text(operation['description'])}</p>"
        f"<dl>{query}{body}{answers}</dl></section>"
    )


def _content(content: dict[str, Any]) -> str:
    """The model, or the media types of what is none."""
    if "application/json" in content:
        return _type(content["application/json"]["schema"])
    return ", ".join(f"<code>{escape(kind)}</code>" for kind in content)


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{' *' if field in required else ''}</td><td>{_type(one)}</td>"
        f"<td>{_text(one.get('description') or one.get('title') or '')}</td></tr>"
        for field, one in schema.get("properties", {}).items()
    )
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    about = f"<p>{_text(schema.get('description') or '')}</p>"
    return f'<section id="{escape(name)}"><h3>{escape(name)}</h3>{about}{table}</section>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(_type(one) for one in schema[word])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = schema.get("format") or schema.get("type") or "anything"
    return escape(kind if isinstance(kind, str) else " or ".join(kind))


def _text(text: str) -> str:
    """Escaped; what stands in backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
