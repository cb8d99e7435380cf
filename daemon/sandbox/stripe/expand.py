"""`expand[]`: ids turned into objects, at most four levels deep (https://docs.stripe.com/expand).

A path is checked against the shape of the answer before anything is executed, so that an empty list
refuses the same paths as a full one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from daemon.sandbox.stripe import render, shapes
from daemon.sandbox.stripe.errors import invalid
from daemon.sandbox.stripe.ledger import Ledger

MAX_DEPTH = 4


class _Edge(NamedTuple):
    """`how`: ref (an id becomes its object), into (walk on), include (a list that is left out otherwise)."""

    how: str
    kind: str


_REFS = {
    "charge": ("customer", "payment_intent"),
    "credit_note": ("customer", "invoice"),
    "dispute": ("charge", "payment_intent"),
    "invoice": ("customer",),
    "invoice_payment": ("invoice",),
    "invoice_payment.payment": ("payment_intent",),
    "payment_intent": ("customer",),
    "refund": ("charge", "payment_intent"),
    "credit_note.refund": ("refund",),
}
_GRAPH: dict[str, dict[str, _Edge]] = {
    kind: {field: _Edge("ref", field) for field in fields} for kind, fields in _REFS.items()
}
_GRAPH["invoice"] |= {
    "latest_revision": _Edge("ref", "invoice"),
    "payments": _Edge("include", "list:invoice_payment"),
    "lines": _Edge("into", "list:line_item"),
}
_GRAPH["invoice_payment"]["payment"] = _Edge("into", "invoice_payment.payment")
_GRAPH["payment_intent"]["latest_charge"] = _Edge("ref", "charge")
_GRAPH["charge"]["refunds"] = _Edge("include", "list:refund")
_GRAPH["credit_note"]["refunds"] = _Edge("into", "credit_note.refund")


def check(kind: str, paths: Sequence[str]) -> list[list[str]]:
    """The paths in steps; raises StripeError for one that does not fit the answer."""
    return [_steps(kind, path, f"expand[{position}]") for position, path in enumerate(paths)]


def _steps(kind: str, path: str, param: str) -> list[str]:
    steps = path.split(".")
    if len(steps) > MAX_DEPTH:
        raise invalid(
            f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}", param=param
        )
    edge = _Edge("into", kind)
    for step in steps:
        if edge.kind.startswith("list:") and step == "data":
            edge = _Edge("into", edge.kind[5:])
            continue
        found = _GRAPH.get(edge.kind, {}).get(step)
        if found is None:
            raise _refusal(path, param)
        edge = found
    if edge.how == "into":
        raise _refusal(path, param)
    return steps


def _refusal(path: str, param: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", param=param)


def apply(ledger: Ledger, kind: str, document: Any, paths: Sequence[Sequence[str]]) -> None:
    """Expand in place."""
    for steps in paths:
        _walk(ledger, kind, document, steps)


def _walk(ledger: Ledger, kind: str, node: Any, steps: Sequence[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(ledger, kind, item, steps)
        return
    step, rest = steps[0], steps[1:]
    if kind.startswith("list:"):
        edge = _Edge("into", kind[5:])
    else:
        edge = _GRAPH[kind][step]
        _fill(ledger, node, step, edge)
    if rest and node.get(step) is not None:
        _walk(ledger, edge.kind, node[step], rest)


def _fill(ledger: Ledger, node: dict[str, Any], step: str, edge: _Edge) -> None:
    value = node.get(step)
    if edge.how == "ref" and isinstance(value, str):
        node[step] = _object(ledger, edge.kind, value)
    elif edge.how == "include" and value is None:
        node[step] = _included(ledger, node)


def _object(ledger: Ledger, kind: str, record_id: str) -> Any:
    if record_id in ledger.deleted_customers:
        return render.deleted("customer", record_id)
    found: Any
    if kind == "charge":
        found = ledger.payment_of_charge(record_id)
    elif kind == "payment_intent":
        found = ledger.payment_of_intent(record_id)
    else:
        tables = {"customer": ledger.customers, "invoice": ledger.invoices, "refund": ledger.refunds}
        found = tables[kind].get(record_id)  # type: ignore[attr-defined]
    return record_id if found is None else render.RENDER[kind](ledger, found)


def _included(ledger: Ledger, node: dict[str, Any]) -> dict[str, Any]:
    """The payments of an invoice, or the refunds of a charge: the first page, newest first."""
    found: list[Any]
    if node["object"] == "invoice":
        kind, url = "invoice_payment", f"/v1/invoice_payments?invoice={node['id']}"
        found = list(ledger.payments.where("invoice", node["id"]))
    else:
        kind, url = "refund", f"/v1/charges/{node['id']}/refunds"
        found = list(ledger.refunds.where("charge", node["id"]))
    shown = (render.RENDER[kind](ledger, record) for record in found[::-1][:10])
    return shapes.envelope(url, shown, has_more=len(found) > 10)
