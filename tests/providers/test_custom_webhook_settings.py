"""Settings and credentials: what cannot work is refused when it is saved, with its place, no secret shown."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.app import read_credentials, read_settings
from daemon.errors import InvalidInput
from daemon.providers.custom_webhook import schemas
from daemon.providers.custom_webhook.setup import CustomSettings
from tests.providers.custom_webhook_bench import (
    API_KEY,
    CURRENT,
    INBOUND,
    PATHS,
    CustomBench,
    json_settings,
    xml_settings,
)


def refused(**changed: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_settings("custom_webhook", json_settings(**changed))
    return caught.value.message


def create(url: str, **response: Any) -> dict[str, Any]:
    return {"url": url, "response": {"external_id": "id", **response}}


def status(**changed: Any) -> dict[str, Any]:
    return json_settings()["status"] | changed


def paths(**changed: Any) -> dict[str, Any]:
    return status(paths={name: path for name, path in (PATHS | changed).items() if path is not None})


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://billing.example.com/hook", "https://"),
        ("ftp://billing.example.com/hook", "https://"),
        ("billing.example.com", "https://"),
        ("https://", "https://"),
        ("https://user:pw@billing.example.com/", "user"),
        ("https://billing.example.com/#x", "fragment"),
        ("https://billing.example.com/a b", "without spaces"),
        ("https://billing.example.com/\\@x", "without spaces"),
        ("https://{reference}.example.com/", "never in the host"),
        ("https://billing.example.com/{nothing}", "is no variable"),
        ("https://billing.example.com/{external_id}", "is no variable"),
        ("https://billing.example.com/{", "brace"),
        ("https://billing.example.com/?api_key=abc", "looks like a secret"),
        ("https://billing.example.com/?x=1&access_token=abc", "looks like a secret"),
        ("https://billing.example.com:99999/", "not an address"),
        ("https://billing.example.com/" + "a" * 2048, "2048"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_its_place(url: str, word: str) -> None:
    said = refused(create=create(url))

    assert said.startswith("create.url: ") and word in said


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        (
            {"status": status(url_template="https://billing.example.com/x")},
            "status.url_template: it must",
        ),
        ({"status": status(lookup_url_template="https://billing.example.com/{external_id}")}, "no variable"),
        ({"status": paths(total=None, amount_paid=None)}, "amount_paid or total"),
        ({"status": paths(updated_at=None)}, "updated_at"),
        ({"status": paths(currency=None)}, "currency"),
        ({"status": paths(status="a.b[")}, "JMESPath"),
        ({"status": paths(total="sum(lines)")}, "sum() is not allowed"),
        ({"status": paths(total="to_number(total)")}, "to_number() is not allowed"),
        ({"status": paths(total="lines[?max(x) > `1`].y | [0]")}, "max() is not allowed"),
        ({"status": paths(total="a" * 501)}, "500"),
        ({"status": paths(total="[@, @][] | [@, @][]")}, "picks a value"),
        ({"status": paths(total="{a: total, b: total}.a")}, "picks a value"),
        ({"status": status(words={"x": "nonsense"})}, "status.words.x"),
        ({"status": None}, "settings: status is missing"),
        ({"manual": True}, "give one of the two"),
        ({"status": None, "manual": True}, "void needs status"),
        ({"void": {"url_template": "https://b.example.com/{number}"}}, "must hold {external_id}"),
        ({"create": {"url": "https://billing.example.com/"}}, "create.response.external_id is needed"),
        ({"mapping": {"a": {"$path": "/x"}}}, "mapping: /a/$path: there is no '/x'"),
        ({"content_type": "application/xml", "json_schema": None}, "mapping is missing"),
        ({"currencies": ["XXX"]}, "currencies: 'XXX'"),
        ({"date_format": "%d.%m"}, "date_format"),
        ({"json_schema": {"$ref": "http://169.254.169.254/x"}}, "json_schema: /$ref leads out"),
        ({"json_schema": {"type": "nonsense"}}, "the schema is not one"),
        ({"signing": {"profile": "md5"}}, "signing.profile"),
        ({"inbound": {"header": "a b"}}, "inbound.header"),
        ({"craete": {}}, "did you mean create?"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_their_place(changed: dict[str, Any], word: str) -> None:
    assert word in refused(**changed)


def test_a_system_that_cannot_be_read_back_needs_the_explicit_word() -> None:
    only = {"create": {"url": "https://billing.example.com/in"}}

    with pytest.raises(InvalidInput, match="manual = true"):
        read_settings("custom_webhook", only)
    assert isinstance(read_settings("custom_webhook", only | {"manual": True}), CustomSettings)


def test_what_the_documentation_shows_is_accepted() -> None:
    for settings in (json_settings(), xml_settings()):
        read_settings("custom_webhook", settings)


# --- the customer's schema ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://elsewhere.example.com/s.json"},
        {"properties": {"a": {"$dynamicRef": "other.json"}}},
        {"$schema": "https://elsewhere.example.com/draft"},
        {"allOf": [{"$ref": "file:///etc/passwd"}]},
        {"description": "x" * 140_000},
        {"enum": list(range(2001))},
        {"pattern": "(?=a)b"},
        {"$ref": "#/$defs/nothing"},
    ],
)
def test_a_schema_that_leads_elsewhere_or_is_too_large_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"schema|leads out|draft"):
        schemas.check(schema)


def test_a_schema_that_is_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(40):
        schema = {"items": schema}
    with pytest.raises(ValueError, match="32 levels"):
        schemas.check(schema)


def test_a_pattern_that_would_take_for_ever_is_answered_at_once() -> None:
    schema = {"pattern": "^(a+)+$"}
    schemas.check(schema)

    assert schemas.problem(schema, "a" * 10_000 + "b") is not None
    assert schemas.problem(schema, "a" * 10_000) is None


def test_a_local_reference_is_followed() -> None:
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}
    schemas.check(schema)

    assert schemas.problem(schema, "x") is None and schemas.problem(schema, 1) is not None


# --- credentials --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "api_key is missing"),
        ({"auth": "none"}, "signing_secret is needed"),
        ({"auth": "header", "api_key": API_KEY}, "header_name is missing"),
        ({"auth": "basic", "api_key": API_KEY}, "user is missing"),
        ({"auth": "header", "api_key": API_KEY, "header_name": "webhook-id"}, "meaning of its own"),
        ({"auth": "header", "api_key": API_KEY, "header_name": "Host"}, "meaning of its own"),
        ({"api_key": "with space"}, "without spaces"),
        ({"api_key": "with\nbreak"}, "without spaces"),
        ({"api_key": API_KEY, "signing_secret": "short"}, "16 characters"),
        ({"api_key": API_KEY, "signing_secret": "whsec_AAAA"}, "24 to 64 bytes"),
        ({"api_key": API_KEY, "signing_secret": CURRENT, "inbound_secret": CURRENT}, "another one"),
    ],
)
def test_credentials_that_cannot_work_are_refused_and_never_shown(given: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_credentials("custom_webhook", given)

    assert word in caught.value.message
    shown = str(caught.value) + repr(caught.value)
    assert not any(str(value) in shown for name, value in given.items() if "key" in name or "secret" in name)


@pytest.mark.parametrize("name", ["signing_secret", "inbound_secret"])
def test_a_plain_secret_does_not_serve_the_standard_signature(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        CustomBench().adapter({name: "a-plain-secret-0001"})


def test_without_a_signing_secret_the_owner_must_say_so() -> None:
    with pytest.raises(InvalidInput, match=r"signing\.profile = none"):
        CustomBench().adapter({"signing_secret": None})
    assert CustomBench().adapter({"signing_secret": None}, signing={"profile": "none"})


def test_a_webhook_needs_the_owners_inbound_secret() -> None:
    bench = CustomBench()

    assert bench.adapter().register_webhook("https://wisp.example/hook").secret == INBOUND
    with pytest.raises(InvalidInput, match="inbound_secret"):
        bench.adapter({"inbound_secret": None}).register_webhook("https://wisp.example/hook")
