"""A mapping is data: what is wrong with one is said with its place, and what comes out is exact."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import Rejected
from daemon.model import InvoiceDraft
from daemon.money import Money
from daemon.providers.custom_webhook import mapping, markup
from daemon.providers.custom_webhook.canonical import DEFAULT, canonical, sample_draft
from daemon.providers.custom_webhook.mapping import Misplaced
from daemon.providers.custom_webhook.push import body_of
from daemon.providers.custom_webhook.setup import CustomSettings
from tests.providers.custom_webhook_bench import json_settings, xml_settings
from tests.providers.stripe_script import a_draft, a_line, a_payer

OUTSIDE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SAMPLE = canonical(sample_draft(), NOW)


def written(tree: Any, draft: InvoiceDraft | None = None) -> Any:
    mapping.check(tree, SAMPLE)
    return mapping.dumps(mapping.render(tree, canonical(draft or a_draft(), NOW)))


def test_the_example_of_the_documentation_comes_out_as_it_says() -> None:
    tree = {
        "invoiceNo": {"$path": "/number"},
        "total": {"$path": "/total", "$fmt": "number:2"},
        "totalCents": {"$path": "/total", "$fmt": "minor"},
        "issued": {"$path": "/issue_date", "$fmt": "date:%d.%m.%Y"},
        "source": "wispbill",
        "note": {"$path": "/memo", "$omit_if_missing": True},
        "items": {
            "$each": "/lines",
            "$do": {"text": {"$path": "description"}, "amount": {"$path": "amount", "$fmt": "number:3"}},
        },
    }

    assert written(tree) == (
        '{"invoiceNo":"A-1","total":45.00,"totalCents":4500,"issued":"02.03.2026","source":"wispbill",'
        '"items":[{"text":"Internet","amount":45.000}]}'
    )


def test_the_default_is_the_documented_one() -> None:
    body = json.loads(written(DEFAULT, a_draft(memo="Thanks")))

    assert body["type"] == "invoice.created" and body["timestamp"] == "2026-11-22T12:00:00Z"
    assert body["data"]["lines"] == [
        {"description": "Internet", "net": "45.00", "tax": "0.00", "amount": "45.00"}
    ]
    assert (body["data"]["total"], body["data"]["due_date"], body["data"]["memo"]) == (
        "45.00",
        "2026-03-16",
        "Thanks",
    )


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ({"$const": {"$path": "/number"}}, '{"$path":"/number"}'),
        (
            {"$concat": ["INV-", {"$path": "/number"}, "/", {"$path": "/memo", "$omit_if_missing": True}]},
            '"INV-A-1/"',
        ),
        ({"$path": "/currency", "$map": {"USD": "840", "EUR": "978"}}, '"840"'),
        ({"$path": "/currency", "$map": {"EUR": 978}, "$default": 0}, "0"),
        ({"$path": "/memo", "$default": "none"}, '"none"'),
        ({"$path": "/memo"}, "null"),
        ([{"$path": "/memo", "$omit_if_missing": True}, 1, 2.5, True, None, "x"], '[1,2.5,true,null,"x"]'),
        ({"$path": "/due_date", "$fmt": "epoch_s"}, "1773619200"),
        ({"$path": "/due_date", "$fmt": "epoch_ms"}, "1773619200000"),
        ({"$path": "/timestamp", "$fmt": "date:%H:%M"}, '"12:00"'),
        ({"$path": "/total", "$fmt": "decimal:3"}, '"45.000"'),
        ({"$path": "/customer/address/city"}, "null"),
    ],
)
def test_each_node_is_replaced_by_its_value(node: Any, text: str) -> None:
    assert written(node) == text


@given(st.integers(min_value=0, max_value=10**14), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_loses_nothing_on_its_way(minor: int, currency: str) -> None:
    total = Money(minor, currency)
    line = replace(a_line("1", currency=currency), net=total)
    draft = a_draft(line, currency=currency)
    tree = {"n": {"$path": "/total", "$fmt": "number:3"}, "m": {"$path": "/total", "$fmt": "minor"}}

    text = mapping.dumps(mapping.render(tree, canonical(draft, NOW)))

    read = json.loads(text, parse_float=Decimal)
    assert (Decimal(read["n"]), read["m"]) == (Decimal(total.text), minor)


def test_an_amount_that_does_not_fit_its_decimals_is_refused() -> None:
    draft = a_draft(a_line("1.005", currency="KWD"), currency="KWD")
    with pytest.raises(Misplaced, match="cannot be written with 2 decimals"):
        written({"t": {"$path": "/total", "$fmt": "number:2"}}, draft)


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"a": {"$path": "/nothing"}}, "/a/$path: there is no '/nothing'"),
        ({"a": {"$path": "number"}}, "/a/$path: a path begins with /"),
        ({"a": {"$path": "/lines"}}, "/a/$path: it names an object or a list"),
        ({"a": {"$path": "/customer"}}, "/a/$path: it names an object or a list"),
        ({"a": {"$path": 1}}, "/a/$path: a path like"),
        ({"a": {"$pth": "/number"}}, "/a: $pth says nothing"),
        ({"a": {"$path": "/number", "$upper": True}}, "/a/$upper"),
        ({"a": {"$path": "/number", "b": 1}}, "/a: an object has either"),
        ({"a": {"$path": "/total", "$fmt": "float"}}, "/a/$fmt"),
        ({"a": {"$path": "/due_date", "$fmt": "date:%s"}}, "/a/$fmt"),
        ({"a": {"$path": "/currency", "$fmt": "minor"}}, "/a/$fmt"),
        ({"a": {"$path": "/number", "$omit_if_missing": "yes"}}, "/a/$omit_if_missing"),
        ({"a": {"$path": "/number", "$default": {}}}, "/a/$default"),
        ({"a": {"$path": "/currency", "$map": ["x"]}}, "/a/$map"),
        ({"a": {"$each": "/lines"}}, "/a: $each needs $do"),
        ({"a": {"$each": "/number", "$do": 1}}, "/a/$each: it names no list"),
        ({"a": {"$each": "/lines", "$do": {"b": {"$path": "nothing"}}}}, "/a/$do/b/$path: there is no"),
        ({"a": {"$each": "/lines", "$do": {"$each": "/lines", "$do": 1}}}, "/a/$do: $each does not stand"),
        ({"a": {"$concat": "x"}}, "/a/$concat"),
        ({"a": {"$concat": [{"$const": 1}]}}, "/a/$concat/0"),
        ({"a": {"$concat": [1]}}, "/a/$concat/0"),
        ([1, {"$path": "/x"}], "/1/$path"),
        ("x" * 70_000, "/: a mapping has 64 KiB"),
        ([0] * 2001, "2000 nodes"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said_with_its_place(tree: Any, place: str) -> None:
    with pytest.raises(Misplaced) as caught:
        mapping.check(tree, SAMPLE)
    assert place in str(caught.value)


def test_a_mapping_that_is_too_deep_is_refused() -> None:
    tree: Any = 1
    for _ in range(20):
        tree = {"a": tree}
    with pytest.raises(Misplaced, match="16 levels"):
        mapping.check(tree, SAMPLE)


def test_text_of_people_is_data_and_nothing_else() -> None:
    name = '"},"total":0,{{7*7}}${number}\n\u2028'
    draft = a_draft(payer=a_payer(name=name))

    assert json.loads(written({"n": {"$path": "/customer/name"}}, draft)) == {"n": name}


def test_an_invoice_that_would_be_too_large_is_refused() -> None:
    lines = [replace(a_line("1.00"), description="x" * 400) for _ in range(1000)]
    settings = CustomSettings.model_validate(json_settings())
    with pytest.raises(Rejected) as caught:
        body_of(a_draft(*lines), settings, NOW)
    assert caught.value.code == "WB-INPUT-TOO-LARGE"


def test_text_that_is_no_unicode_is_refused_and_breaks_nothing() -> None:
    settings = CustomSettings.model_validate(json_settings())
    with pytest.raises(Rejected, match="not Unicode"):
        body_of(a_draft(payer=a_payer(name="\ud800")), settings, NOW)


# --- XML ----------------------------------------------------------------------------------------------


def xml(tree: Any, draft: InvoiceDraft | None = None) -> str:
    markup.check(tree, SAMPLE)
    return markup.write(tree, canonical(draft or a_draft(), NOW))


def test_xml_is_built_from_elements_attributes_and_children() -> None:
    tree = {
        "$el": "Invoice",
        "$ns": "urn:example:invoice",
        "$attr": {"id": {"$path": "/number"}},
        "$children": [
            {"$el": "Total", "$attr": {"cur": {"$path": "/currency"}}, "$text": {"$path": "/total"}},
            {"$el": "Note", "$text": {"$path": "/memo", "$omit_if_missing": True}},
            {"$each": "/lines", "$do": {"$el": "Line", "$text": {"$path": "description"}}},
        ],
    }

    root = ET.fromstring(xml(tree, a_draft(a_line("1.00"), a_line("2.00"))))

    assert (root.tag, root.get("id")) == ("{urn:example:invoice}Invoice", "A-1")
    assert [child.tag for child in root] == ["Total", "Line", "Line"]
    assert (root[0].text, root[0].get("cur")) == ("3.00", "USD")


@given(st.text())
def test_whatever_a_name_holds_the_xml_can_be_read_again(name: str) -> None:
    text = xml({"$el": "N", "$text": {"$path": "/customer/name"}}, a_draft(payer=a_payer(name=name)))

    read = ET.fromstring(text.encode()).text or ""
    kept = OUTSIDE.sub("", name)
    assert read == kept.replace("\r\n", "\n").replace("\r", "\n") or "\r" in name


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"a": 1}, "/: an XML mapping begins"),
        ({"$el": "a b><c"}, "/$el"),
        ({"$el": "1a"}, "/$el"),
        ({"$el": "xmlThing"}, "/$el"),
        ({"$el": "A", "$attr": {"xmlns": "urn:x"}}, "/$attr/xmlns"),
        ({"$el": "A", "$attr": {"x y": "1"}}, "/$attr"),
        ({"$el": "A", "$ns": "a b"}, "/$ns"),
        ({"$el": "A", "$text": {"$path": "/nothing"}}, "/$text/$path"),
        ({"$el": "A", "$text": {"$each": "/lines", "$do": 1}}, "/$text"),
        ({"$el": "A", "$children": [{"$el": "b c"}]}, "/$children/0/$el"),
        ({"$el": "A", "$children": ["text"]}, "/$children/0"),
        (
            {"$el": "A", "$children": [{"$each": "/lines", "$do": {"$el": "B", "$text": {"$path": "x"}}}]},
            "/$do",
        ),
        ({"$el": "A", "$more": 1}, "/$more"),
    ],
)
def test_what_is_wrong_with_an_xml_mapping_is_said_with_its_place(tree: Any, place: str) -> None:
    with pytest.raises(Misplaced) as caught:
        markup.check(tree, SAMPLE)
    assert place in str(caught.value)


def test_the_xml_of_the_double_is_one_serialisation() -> None:
    settings = CustomSettings.model_validate(xml_settings())

    first, second = (body_of(a_draft(), settings, NOW)["text"] for _ in range(2))

    assert first == second and first.startswith('<?xml version="1.0" encoding="UTF-8"?><Invoice ')
