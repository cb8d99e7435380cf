"""A customer's system that says something odd about one invoice: others are read, and nothing is guessed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from daemon.errors import Garbled
from daemon.model import Asked, DocStatus
from daemon.providers.contract import PlainJournal
from daemon.providers.custom_webhook.setup import CustomSettings
from tests.providers.custom_webhook_bench import PATHS, CustomBench, json_settings
from tests.providers.stripe_script import a_draft
from tests.providers.test_custom_webhook_reading import a_status


@pytest.fixture
def bench() -> CustomBench:
    return CustomBench()


def rows(bench: CustomBench, *found: dict[str, Any]) -> None:
    bench.network.instead = [httpx.Response(200, json={"invoice": list(found)})]


def by_reference() -> dict[str, Any]:
    status = json_settings()["status"]
    template = "https://billing.example.com/api/references/{reference}"
    return {"status": status | {"url_template": template}, "void": None}


def test_one_invoice_that_answers_nonsense_keeps_no_other_from_being_told(bench: CustomBench) -> None:
    odd, fine = a_status(id="inv_1", status=...), a_status(id="inv_2")
    bench.network.instead = [httpx.Response(200, json=odd), httpx.Response(200, json=fine)]
    told = []

    with pytest.raises(Garbled):
        for seen in bench.adapter().pull([Asked("inv_1"), Asked("inv_2")]):
            told.append(seen.ref)

    assert told == ["inv_2"]


def test_a_maintenance_page_is_not_asked_for_once_for_each_invoice(bench: CustomBench) -> None:
    bench.network.always = httpx.Response(200, html="<html>back soon</html>")

    with pytest.raises(Garbled):
        list(bench.adapter().pull([Asked(f"inv_{n}") for n in range(100)]))

    assert len(bench.network.requests) == 20


def test_invoices_of_their_own_in_the_list_of_changes_are_not_ours(bench: CustomBench) -> None:
    adapter = bench.adapter(**by_reference())
    cursor = adapter.changed(None).cursor
    rows(bench, a_status(reference=None), a_status(reference="WB-ABCDEFGHIJKLMNOP"))

    page = adapter.changed(cursor)

    assert [hint.ref for hint in page.hints] == ["WB-ABCDEFGHIJKLMNOP"]


def test_a_change_dated_far_ahead_does_not_hide_those_that_follow(bench: CustomBench) -> None:
    adapter = bench.adapter()
    cursor = adapter.changed(None).cursor
    rows(bench, a_status(updated_at="2099-01-01T00:00:00Z"))
    page = adapter.changed(cursor)
    rows(bench)

    onward = adapter.changed(page.cursor).cursor

    assert [hint.ref for hint in page.hints] == ["inv_1"]
    assert onward["since"] < "2026-03-04"


def test_a_status_dated_far_ahead_does_not_outrank_those_that_follow(bench: CustomBench) -> None:
    bench.network.instead = [httpx.Response(200, json=a_status(updated_at="2099-01-01T00:00:00Z"))]

    (seen,) = bench.adapter().pull([Asked("inv_1")])

    assert (seen.status, seen.as_of) == (DocStatus.OPEN, None)


@pytest.mark.parametrize("word", ["paid", "refunded"])
def test_paid_without_any_amount_is_not_read_as_unpaid(bench: CustomBench, word: str) -> None:
    nothing = a_status(status=word, total=..., amount_paid=..., amount_due=...)
    bench.network.instead = [httpx.Response(200, json=nothing)]

    with pytest.raises(Garbled, match="amount"):
        list(bench.adapter().pull([Asked("inv_1")]))


def test_a_look_up_that_does_not_tell_the_id_is_not_given_another(bench: CustomBench) -> None:
    told = httpx.Response(200, json=a_status(id=None, reference=a_draft().reference))
    bench.network.instead = [httpx.Response(202, json={}), told]

    with pytest.raises(Garbled, match="id"):
        bench.adapter().push_one(a_draft(), PlainJournal())


def test_a_look_up_needs_the_path_of_the_id() -> None:
    paths = {name: path for name, path in PATHS.items() if name != "external_id"}
    changed = json_settings()["status"] | {"paths": paths}

    with pytest.raises(ValidationError, match=r"paths\.external_id is needed"):
        CustomSettings.model_validate(json_settings(status=changed))


@pytest.mark.parametrize(
    "after", [httpx.Response(404, json={}), httpx.Response(200, json=a_status(status="gone"))]
)
def test_who_withdraws_an_invoice_by_deleting_it_has_withdrawn_it(
    bench: CustomBench, after: httpx.Response
) -> None:
    words = {"status": json_settings()["status"] | {"words": {"open": "open", "gone": "deleted"}}}
    bench.network.instead = [httpx.Response(200, json=a_status()), httpx.Response(200, json={}), after]

    seen = bench.adapter(**words).void("inv_1", PlainJournal())

    assert (seen.status, seen.covers) == (DocStatus.VOID, frozenset())
