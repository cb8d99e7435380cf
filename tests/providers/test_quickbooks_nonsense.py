"""QuickBooks' documents with anything in any place: an observation, or Garbled, and nothing else."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import CursorLost, HintRejected, RemoteError
from daemon.model import Asked, Delivery, Mode, Observation
from daemon.providers.quickbooks import hints
from daemon.providers.quickbooks.drafts import differences, invoice_body
from daemon.providers.quickbooks.faults import fault_in, fault_in_xml
from daemon.providers.quickbooks.read import View, adds_up, observe, remembered
from daemon.providers.quickbooks.setup import QuickBooksSettings
from tests.providers.quickbooks_bench import QuickBooksBench
from tests.providers.test_quickbooks_hints import NOW, TOKEN, delivery

VIEW = View("9130000000000001", Mode.LIVE, "USD")
BENCH = QuickBooksBench()
REF = BENCH.pushed()
PAYMENT = BENCH.account.credit_and_pay(REF, 1000, 3000)
INVOICE = BENCH.account.books.get("Invoice", REF).document()
PAID = BENCH.account.books.get("Payment", PAYMENT).document()
BODY = invoice_body(BENCH.a_draft(), "1", QuickBooksSettings(item="2"))

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "0", "45.00", "Payment", "Invoice", "2026-03-02", "1e999999", "USD", "X" * 300]),
    st.just(Decimal("1E+999999")),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        found += places(one, (*path, name))
    return found


@st.composite
def spoilt(draw: st.DrawFn, document: Any) -> Any:
    """The document with one or two of its values replaced by anything."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 2))):
        *way, last = draw(st.sampled_from(places(changed)))
        at = changed
        for name in way:
            at = at[name]
        at[last] = draw(ANYTHING)
    return changed


@settings(max_examples=400, deadline=None)
@given(spoilt(INVOICE), st.one_of(st.just(PAID), spoilt(PAID)))
def test_a_spoilt_document_is_observed_or_garbled(invoice: Any, payment: Any) -> None:
    for call in (
        lambda: adds_up(invoice, {PAYMENT: payment}),
        lambda: observe(invoice, VIEW, {PAYMENT: payment}),
        lambda: observe(remembered(invoice), VIEW, {}),
        lambda: differences(BODY, invoice),
    ):
        try:
            seen = call()
        except RemoteError:
            continue
        if isinstance(seen, Observation):
            assert all(fact.amount.minor > 0 for fact in seen.facts)


ANSWERS = {
    "query": {
        "QueryResponse": {"Invoice": [INVOICE], "Payment": [PAID]},
        "time": "2026-03-02T01:00:00-08:00",
    },
    "cdc": {
        "CDCResponse": [{"QueryResponse": [{"Invoice": [INVOICE]}, {"Payment": [PAID]}, {}]}],
        "time": "2026-03-02T01:00:00.000-08:00",
    },
}


@settings(max_examples=200, deadline=None)
@given(spoilt(ANSWERS["query"]), spoilt(ANSWERS["cdc"]))
def test_a_spoilt_answer_is_told_or_garbled(query: Any, cdc: Any) -> None:
    import httpx

    bench = QuickBooksBench()

    class Spoilt(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            name = "cdc" if request.url.path.endswith("/cdc") else "query"
            return httpx.Response(200, content=dumps_all(cdc if name == "cdc" else query))

    bench.spoiling = Spoilt()  # type: ignore[assignment]
    adapter = bench.adapter()
    for call in (
        lambda: list(adapter.pull([Asked(REF)])),
        lambda: adapter.changed({"since": "2026-03-02T08:00:00Z"}),
        adapter.check,
    ):
        try:
            call()
        except (RemoteError, CursorLost):
            continue


def dumps_all(value: Any) -> bytes:
    def plain(one: Any) -> Any:
        if isinstance(one, dict):
            return {str(name): plain(inner) for name, inner in one.items()}
        if isinstance(one, list):
            return [plain(inner) for inner in one]
        return (
            int(one)
            if isinstance(one, Decimal) and abs(one) < 10**20
            else None
            if isinstance(one, Decimal)
            else one
        )

    return json.dumps(plain(value)).encode()


@given(ANYTHING)
def test_any_document_is_a_fault_or_none(document: Any) -> None:
    fault_in(document)
    fault_in({"Fault": document})
    fault_in({"fault": {"error": document, "type": document}})
    fault_in({"Fault": {"Error": [document]}})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_fault_or_none(body: bytes) -> None:
    fault_in_xml(body)


@given(spoilt([{"id": "e", "type": "qbo.invoice.updated.v1", "intuitaccountid": "1", "intuitentityid": "2"}]))
def test_any_signed_delivery_gives_hints_or_is_rejected(document: Any) -> None:

    body = json.dumps(document, default=str).encode()
    for one in (body, b'{"eventNotifications": ' + body + b"}"):
        given_: Delivery = delivery(one, token=TOKEN)
        try:
            hints.read_hints(given_)
        except HintRejected:
            continue
    assert NOW
