"""Form encoding as Stripe reads it, and parameters: ours are Stripe's, and no others pass."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.sandbox.stripe import forms
from daemon.sandbox.stripe.errors import StripeError
from daemon.sandbox.stripe.forms import (
    Boolean,
    Choice,
    Form,
    Integer,
    Kind,
    Many,
    Metadata,
    Number,
    Range,
    Text,
)
from daemon.sandbox.stripe.routes import ROUTES, Route
from tests.sandbox.harness import Bench, refused
from tests.sandbox.oracle import Oracle, stripe_oracle
from tests.specs import NO_SPECS


def tree(text: str) -> Any:
    return forms.nest(forms.decode(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("name=J%C3%BCrgen+M", {"name": "Jürgen M"}),
        ("metadata[order%5B]=1", None),
        ("metadata[order]=7&metadata[x]=y", {"metadata": {"order": "7", "x": "y"}}),
        ("expand[]=a&expand[]=b", {"expand": ["a", "b"]}),
        ("expand%5B%5D=a", {"expand": ["a"]}),
        ("lines[0][amount]=5&lines[1][amount]=6", {"lines": [{"amount": "5"}, {"amount": "6"}]}),
        ("a[b][c][0]=1", {"a": {"b": {"c": ["1"]}}}),
        ("a=1&a=2", None),
        ("a=1&a[b]=2", None),
        ("[a]=1", None),
        ("a[b=1", None),
        ("a=%ff", None),
    ],
)
def test_forms_are_read_as_trees(text: str, expected: Any) -> None:
    if expected is None:
        with pytest.raises(StripeError) as refusal:
            tree(text)
        assert refusal.value.status == 400
    else:
        assert tree(text) == expected


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"emial": "x"}, "parameter_unknown", "emial"),
        ({"address[street]": "x"}, "parameter_unknown", "address[street]"),
        ({"name": ["a", "b"]}, None, "name"),
        ({"email": "not-an-address"}, "email_invalid", "email"),
        ({"balance": "1.5"}, "parameter_invalid_integer", "balance"),
        ({"email": "a" * 505 + "@example.com"}, None, "email"),
        ({"metadata[" + "k" * 41 + "]": "v"}, None, None),
        ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
        ({f"metadata[k{n}]": "v" for n in range(51)}, None, "metadata"),
        ({"metadata[a][b]": "v"}, None, "metadata"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(params: Any, code: str | None, param: str | None) -> None:
    refused(Bench().post("/v1/customers", params), 400, code, param)


def test_an_empty_string_unsets_what_can_be_unset_and_nothing_else() -> None:
    bench = Bench()
    customer = bench.customer(phone="123")
    assert bench.post(f"/v1/customers/{customer}", {"phone": ""})["phone"] is None
    refused(bench.get("/v1/invoices", {"customer": ""}), 400, "parameter_invalid_empty", "customer")


def test_metadata_merges_unsets_a_key_and_clears() -> None:
    bench = Bench()
    customer = bench.customer(**{"metadata[a]": "1", "metadata[b]": "2"})
    path = f"/v1/customers/{customer}"
    assert bench.post(path, {"metadata[c]": "3"})["metadata"] == {"a": "1", "b": "2", "c": "3"}
    assert bench.post(path, {"metadata[a]": ""})["metadata"] == {"b": "2", "c": "3"}
    assert bench.post(path, {"metadata": ""})["metadata"] == {}


def test_unknown_query_parameters_are_refused_too() -> None:
    bench = Bench()
    refused(bench.get("/v1/invoices", {"updated[gte]": 1}), 400, "parameter_unknown", "updated")
    refused(bench.get("/v1/invoices", {"created[after]": 1}), 400, "parameter_unknown", "created[after]")


def test_parameters_have_one_place() -> None:
    bench = Bench()
    refused(bench.post("/v1/customers?email=a@example.com"), 400)
    as_json = bench.client.post("/v1/customers", json={"email": "a@example.com"}, headers=bench.headers)
    assert as_json.status_code == 400
    assert "content type" in as_json.json()["error"]["message"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten"])
def test_a_page_has_1_to_100_rows(limit: str) -> None:
    refused(Bench().get("/v1/invoices", {"limit": limit}), 400, "parameter_invalid_integer", "limit")


@pytest.mark.skipif(stripe_oracle() is None, reason=NO_SPECS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_parameter_that_we_accept_is_stripes_and_of_its_type(route: Route) -> None:
    oracle = stripe_oracle()
    assert oracle is not None
    _compare(oracle, route.operation, route.form, oracle.parameters(route.operation))


@pytest.mark.skipif(stripe_oracle() is None, reason=NO_SPECS)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_every_operation_demands_what_stripe_demands(route: Route) -> None:
    """Stripe's own document, as far as it was published, leaves `customer` optional for accounts v2."""
    oracle = stripe_oracle()
    assert oracle is not None
    method, _, template = route.operation.partition(" ")
    described = oracle.paths[template][method.lower()]
    needed = {one["name"] for one in described.get("parameters", ()) if one.get("required")} & set(
        route.form.fields
    )
    body = described.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
    needed |= set(oracle.opened(body.get("schema", {})).get("required", ()))
    assert needed <= {name for name, kind in route.form.fields.items() if kind.required}


def _compare(oracle: Oracle, where: str, form: Form, known: dict[str, Any]) -> None:
    assert set(form.fields) <= set(known), f"{where} does not know {set(form.fields) - set(known)}"
    for name, kind in form.fields.items():
        _compare_one(oracle, f"{where} {name}", kind, oracle.opened(known[name]))


def _compare_one(oracle: Oracle, where: str, kind: Kind, schema: dict[str, Any]) -> None:
    choices = [oracle.opened(one) for one in schema.get("anyOf", [schema])]
    wanted = _TYPES[type(kind)]
    fitting = [one for one in choices if one.get("type") == wanted and one.get("enum") != [""]]
    if isinstance(kind, (Text, Number)) and not fitting:
        fitting = [one for one in choices if one.get("type") == "string"]
    assert fitting, f"{where}: {type(kind).__name__} is not {schema}"
    if isinstance(kind, Choice) and "enum" in fitting[0]:
        assert set(kind.words) <= set(fitting[0]["enum"]), where
    if isinstance(kind, Many):
        _compare_one(oracle, where, kind.each, oracle.opened(fitting[0]["items"]))
    if isinstance(kind, Form):
        _compare(oracle, where, kind, fitting[0]["properties"])


_TYPES: dict[type[Kind], str] = {
    Text: "string",
    Choice: "string",
    Integer: "integer",
    Boolean: "boolean",
    Number: "number",
    Many: "array",
    Form: "object",
    Metadata: "object",
    Range: "object",
}
