"""QuickBooks' refusals: three envelopes and a 200, each understood, and no token in any error."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from daemon.errors import (
    Garbled,
    GrantDead,
    Missing,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Throttled,
    Unauthorised,
)
from daemon.model import Asked
from daemon.providers.base import Context
from daemon.providers.contract import PlainJournal
from daemon.providers.quickbooks import QuickBooks
from daemon.providers.quickbooks.setup import QuickBooksSettings
from tests.providers.quickbooks_bench import QuickBooksBench

TOKEN = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.AAAAAAAAAAAAAAAAAAAA.x"


@pytest.fixture
def bench() -> QuickBooksBench:
    return QuickBooksBench()


def answering(bench: QuickBooksBench, *answers: httpx.Response) -> None:
    """The next requests are answered so; the last answer stays."""
    left = list(answers)

    class Scripted(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = left.pop(0) if len(left) > 1 else left[0]
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    bench.network.inner = Scripted()


def fault(code: str, message: str = "It did not work", kind: str = "ValidationFault") -> dict[str, Any]:
    error = {"Message": message, "Detail": f"detail {TOKEN}", "code": code, "element": "Line"}
    return {"Fault": {"Error": [error], "type": kind}, "time": "2026-03-02T01:00:00.000-08:00"}


def lower(code: str, message: str) -> dict[str, Any]:
    error = {"message": message, "detail": f"Token expired: {TOKEN}", "code": code, "element": None}
    return {"warnings": None, "fault": {"error": [error], "type": "AUTHENTICATION"}, "report": None}


def xml(code: str, message: str) -> bytes:
    return (
        '<?xml version="1.0"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3">'
        f'<Fault type="AUTHENTICATION"><Error code="{code}"><Message>{message}</Message>'
        f"<Detail>{TOKEN}</Detail></Error></Fault></IntuitResponse>"
    ).encode()


GATEWAY = b"<Errors><error><code>AuthenticationFailed</code><message>no</message></error></Errors>"

ANSWERS: list[tuple[httpx.Response, type[RemoteError], str | None]] = [
    (httpx.Response(400, json=fault("2010")), Rejected, "2010"),
    (httpx.Response(200, json=fault("2010")), Rejected, "2010"),
    (httpx.Response(400, json=fault("610")), Missing, "610"),
    (httpx.Response(200, json=fault("610")), Missing, "610"),
    (httpx.Response(404, json=fault("610")), Missing, "610"),
    (httpx.Response(400, json=fault("6190")), Unauthorised, "6190"),
    (httpx.Response(400, json=fault("7001")), Unauthorised, "7001"),
    (httpx.Response(403, json=fault("120", kind="AuthorizationFault")), Unauthorised, "120"),
    (httpx.Response(403, json=fault("003100")), Unauthorised, "3100"),
    (
        httpx.Response(
            403, content=xml("003100", "message=ApplicationAuthorizationFailed; errorCode=003100")
        ),
        Unauthorised,
        "3100",
    ),
    (httpx.Response(401, json=lower("3200", "AuthenticationFailed")), Unauthorised, "3200"),
    (
        httpx.Response(401, json=lower("", "message=X; errorCode=003200; statusCode=401")),
        Unauthorised,
        "3200",
    ),
    (httpx.Response(401, content=xml("3200", "AuthenticationFailed")), Unauthorised, "3200"),
    (httpx.Response(401, content=GATEWAY), Unauthorised, "3200"),
    (httpx.Response(401, content=b""), Unauthorised, None),
    (httpx.Response(200, json=fault("3200", kind="AuthenticationFault")), Unauthorised, "3200"),
    (httpx.Response(429, json=fault("003001", "ThrottleExceeded")), Throttled, "3001"),
    (httpx.Response(429, content=b"slow down"), Throttled, None),
    (httpx.Response(403, json=fault("003001", "ThrottleExceeded")), Throttled, "3001"),
    (httpx.Response(500, json=fault("10000", kind="SystemFault")), OutcomeUnknown, "10000"),
    (httpx.Response(200, json=fault("10000", kind="SystemFault")), OutcomeUnknown, "10000"),
    (httpx.Response(503, content=b"<html>maintenance</html>"), OutcomeUnknown, None),
    (httpx.Response(403, content=b"<html><body>a proxy</body></html>"), Garbled, None),
    (httpx.Response(400, content=b'{"Fa'), Garbled, None),
    (httpx.Response(404, content=b"not here"), Garbled, None),
    (httpx.Response(200, content=b"<html><body>sign in</body></html>"), Garbled, None),
    (httpx.Response(200, content=b'{"Invoice": {"Id": "1"'), Garbled, None),
    (httpx.Response(200, content=b"[]"), Garbled, None),
    (httpx.Response(200, content=b'{"QueryResponse": {"Invoice": "none"}}'), Garbled, None),
    (httpx.Response(200, content=b'{"QueryResponse": {"Invoice": [{"Id": "4711"}]}}'), Garbled, None),
    (httpx.Response(302, headers={"location": "https://elsewhere.test/"}), Garbled, None),
    (httpx.Response(200, content=b'{"a": NaN}'), Garbled, None),
]


@pytest.mark.parametrize(("answer", "kind", "code"), ANSWERS)
def test_each_answer_says_what_may_be_done_next_and_no_token(
    bench: QuickBooksBench, answer: httpx.Response, kind: type[RemoteError], code: str | None
) -> None:
    answering(bench, answer)

    with pytest.raises(RemoteError) as caught:
        list(bench.adapter()._api.query("Invoice", "where Id in ('1')")) and list(
            bench.adapter().pull([Asked("1")])
        )

    assert type(caught.value) is kind and caught.value.provider_code == code
    assert TOKEN not in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize("bomb", [b'<!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>', b"<x", b"<\x00"])
def test_xml_that_is_a_trap_is_no_fault(bench: QuickBooksBench, bomb: bytes) -> None:
    answering(bench, httpx.Response(400, content=bomb))

    with pytest.raises(Garbled):
        list(bench.adapter().pull([Asked("1")]))


@pytest.mark.parametrize(("given", "pause_s"), [({}, 60.0), ({"retry-after": "7"}, 7.0)])
def test_a_throttled_call_waits_a_minute_unless_told_otherwise(
    bench: QuickBooksBench, given: dict[str, str], pause_s: float
) -> None:
    answering(bench, httpx.Response(429, headers=given, content=b""))

    with pytest.raises(Throttled) as caught:
        bench.adapter().check()

    assert caught.value.retry_after == pause_s


def test_an_expired_token_is_renewed_once_and_the_call_repeated(bench: QuickBooksBench) -> None:
    bench.double.grants.expire_access(bench.account.id)

    assert bench.adapter().check().account_id == bench.account.id
    assert bench.keeper.refreshed == 1


def test_a_write_under_an_expired_token_is_done_once(bench: QuickBooksBench) -> None:
    bench.pushed("A-0")
    bench.double.grants.expire_access(bench.account.id)

    draft = bench.a_draft()
    bench.adapter().push_one(draft, PlainJournal())

    assert (bench.live(draft.reference), bench.keeper.refreshed) == (1, 1)


def test_a_token_that_is_refused_again_is_not_renewed_for_ever(bench: QuickBooksBench) -> None:
    answering(bench, httpx.Response(401, json=lower("3200", "AuthenticationFailed")))

    with pytest.raises(Unauthorised):
        bench.adapter().check()

    assert (bench.keeper.refreshed, len(bench.network.requests)) == (1, 2)


def test_a_token_that_others_renewed_meanwhile_is_taken(bench: QuickBooksBench) -> None:
    stale = bench.keeper.tokens.access
    bench.keeper._refresh()
    bench.double.grants.grants[0].access.pop(stale.get_secret_value())
    fresh, calls = bench.keeper.tokens, []

    class Late:
        def access(self) -> Any:
            return stale

        def renewed(self, refused: Any) -> Any:
            calls.append(refused)
            return fresh.access

    adapter = bench.adapter()
    adapter._api._tokens = Late()

    assert adapter.check().account_id == bench.account.id
    assert calls and set(map(id, calls)) == {id(stale)}


def test_a_consent_that_was_withdrawn_is_dead(bench: QuickBooksBench) -> None:
    bench.double.grants.revoke_realm(bench.account.id)

    with pytest.raises(GrantDead):
        bench.adapter().check()


def test_a_company_of_another_consent_is_refused(bench: QuickBooksBench) -> None:
    other = bench.double.add_account()
    given = QuickBooks.credentials.model_validate({"realm_id": other.id})
    adapter = bench.adapter()
    context = Context(
        given,
        QuickBooksSettings(item="1"),
        bench.wire(bench.spoiling),
        adapter.mode,
        base_url=adapter.base_url,
        tokens=bench.keeper,
    )

    with pytest.raises(Unauthorised, match="other environment"):
        QuickBooks(context).check()


def test_without_a_consent_nothing_is_asked(bench: QuickBooksBench) -> None:
    adapter = bench.adapter()
    context = Context(
        QuickBooks.credentials.model_validate({"realm_id": bench.account.id}),
        QuickBooksSettings(),
        bench.wire(bench.spoiling),
        adapter.mode,
        base_url=adapter.base_url,
    )

    with pytest.raises(Unauthorised):
        QuickBooks(context).check()
    assert bench.network.requests == []


def test_every_call_asks_for_json_and_names_the_version(bench: QuickBooksBench) -> None:
    bench.account.pay(bench.pushed())
    bench.adapter().check()
    bench.adapter().changed(None)

    for request in bench.network.requests:
        assert request.headers["accept"] == "application/json"
        assert request.url.params["minorversion"] == "75"
        assert len(request.url.params.get("requestid", "")) <= 50


def test_calls_are_counted_where_their_limits_are(bench: QuickBooksBench) -> None:
    scopes: list[tuple[str, float | None]] = []
    adapter = bench.adapter()
    inner = adapter.wire.request

    def request(method: str, url: str, **given: Any) -> Any:
        scopes.append((given["scope"], given["deadline_s"]))
        return inner(method, url, **given)

    adapter.wire.request = request  # type: ignore[method-assign]
    results = adapter.push(
        [bench.a_draft(f"A-{n}", payer=bench.a_payer(str(n))) for n in (1, 2)], _journals()
    )
    assert all(result.pushed for result in results)

    assert scopes == [("read", 60), ("batch", 130), ("batch", 130), ("write", 130), ("write", 130)]


def _journals() -> Any:
    from daemon.providers.contract import PlainJournals

    return PlainJournals()
