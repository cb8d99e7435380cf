"""The API's description in OpenAPI 3.1, made from the routes and their models."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from daemon import __version__
from daemon.errors import CATALOGUE
from daemon.providers import names, provider_class
from daemon.web.api.problems import Problem
from daemon.web.api.roles import Rule
from daemon.web.api.routing import Route
from daemon.web.api.table import ROUTES

REF = "#/components/schemas/{model}"
Schema = dict[str, Any]

PATHS = {
    "customerId": "`wbc_…`, or `ref:` and the platform's reference",
    "invoiceId": "`wbi_…`, or `ref:` and the platform's reference",
    "paymentId": "`wbq_…`, a payment that was entered here",
    "integrationId": "`wbn_…`",
    "tenantId": "`wbt_…`, or `ref:` and the platform's reference",
    "tokenId": "The 8 characters after `wb_`",
    "planId": "`wbf_…`, or `ref:` and its reference",
    "ticketId": "`wbk_…`",
    "endpointId": "`wbe_…`",
    "differenceId": "`wbd_…`",
    "hintId": "Its number",
    "subscriptionId": "`wbs_…`, or `ref:` and its reference",
}

ABOUT = (
    "Amounts are decimal text, times RFC 3339 in UTC, dates YYYY-MM-DD. Every POST takes an Idempotency-Key: "
    "the same key with the same content is answered with the same answer for 24 hours, with other content "
    "with 409. Lists are pages: `after` takes what `next` said. An answer with an ETag can be changed under "
    "If-Match. Errors are problem details (RFC 9457) with a stable `code`."
)


@cache
def description() -> Schema:
    """One document; the same for the life of the process."""
    models = _models()
    refs, definitions = models_json_schema(
        [(model, mode) for model, mode in models],  # type: ignore[misc]
        by_alias=True,
        ref_template=REF,
    )
    document: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "wispbill", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "wb_…"}},
            "schemas": definitions.get("$defs", {}) | _of_providers(),
            "parameters": _parameters(),
            "responses": {
                "Problem": {
                    "description": "It was not done. Codes: " + ", ".join(sorted(CATALOGUE)),
                    "content": {"application/problem+json": {"schema": refs[Problem, "serialization"]}},
                }
            },
        },
    }
    for route in ROUTES:
        path = document["paths"].setdefault(route.path, {})
        path[route.method.lower()] = _operation(route, refs)
    return document


def _models() -> list[tuple[type[BaseModel], str]]:
    found: dict[tuple[type[BaseModel], str], None] = {(Problem, "serialization"): None}
    for route in ROUTES:
        if route.given:
            found[route.given, "validation"] = None
        if route.asked:
            found[route.asked, "validation"] = None
        for model in [route.shown, *(model for _status, model in route.also)]:
            if model:
                found[model, "serialization"] = None
    return list(found)


def _operation(route: Route, refs: Any) -> Schema:
    operation: Schema = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.path.split("/")[2]],
        "description": _who(route.rule),
        "parameters": _parameters_of(route),
        "responses": {"default": {"$ref": "#/components/responses/Problem"}},
    }
    if route.given:
        operation["requestBody"] = {
            "required": bool(route.given.model_json_schema().get("required")),
            "content": {"application/json": {"schema": refs[route.given, "validation"]}},
        }
    answers = [(route.status, route.shown), *route.also]
    if route.status == 201 and not route.also:
        answers.append((200, route.shown))
    for status, model in answers:
        content = {"application/json": {"schema": refs[model, "serialization"]}} if model else {}
        content |= {kind: {"schema": {"type": "string"}} for kind in route.files}
        words = {200: "So it is", 201: "It was added", 202: "It will be done"}
        operation["responses"][str(status)] = {"description": words[status]} | (
            {"content": content} if content else {}
        )
    return operation


def operation_id(route: Route) -> str:
    """`POST /api/customers/{customerId}/invoices` is `postCustomersInvoices`."""
    parts = [part for part in route.path.split("/")[2:] if part]
    words = [("One" if part.startswith("{") else part) for part in parts]
    flat = "".join(word[:1].upper() + word[1:] for part in words for word in part.split("-"))
    return route.method.lower() + flat


def _who(rule: Rule) -> str:
    roles = ", ".join(f"`{role.value}`" for role in sorted(rule.roles))
    own = " A `customer_owner` sees that customer alone." if "customer_owner" in rule.roles else ""
    may = " The tenant must have granted the customer `mayConnect`." if rule.connects else ""
    return f"For {roles}.{own}{may}"


def _parameters_of(route: Route) -> list[Schema]:
    found = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATHS[name],
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        }
        for name in route.parameters
    ]
    if route.asked:
        properties = route.asked.model_json_schema(by_alias=True, ref_template=REF)
        found += [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in properties["properties"].items()
        ]
    more = ["Tenant"] if route.scope != "platform" else []
    more += ["IdempotencyKey"] if route.method == "POST" else []
    more += ["IfMatch"] if route.collides else []
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in more]


def _parameters() -> Schema:
    def header(name: str, text: str) -> Schema:
        return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}

    return {
        "Tenant": header("Wispbill-Tenant", "For a platform_admin: id or reference of the tenant, or `*`"),
        "IdempotencyKey": header("Idempotency-Key", "1 to 255 printable characters; kept for 24 hours"),
        "IfMatch": header("If-Match", "The ETag that is to be changed; 412 where it was changed since"),
    }


def _of_providers() -> Schema:
    """What each provider's credentials and settings look like: `stripe.StripeCredentials` …"""
    found: Schema = {}
    for name in names():
        kind = provider_class(name)
        for model in (kind.credentials, kind.settings):
            schema = model.model_json_schema(ref_template=f"#/components/schemas/{name}.{{model}}")
            inner = schema.pop("$defs", {})
            found |= {f"{name}.{key}": one for key, one in inner.items()}
            found[f"{name}.{model.__name__}"] = schema
    return found
