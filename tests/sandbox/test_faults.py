"""The fault menu: each fault does what its name says, in process as httpx sees it, and only once."""

from __future__ import annotations

import httpx
import pytest

from daemon.sandbox.faults import Fault, FaultKind, Faults
from daemon.sandbox.transport import SandboxTransport
from tests.sandbox.harness import KEY, Bench, Dice, made, refused

WHO = {"email": "subscriber0001@example.com"}


@pytest.mark.parametrize(
    ("kind", "error", "done"),
    [
        (FaultKind.REFUSED, httpx.ConnectError, False),
        (FaultKind.TIMEOUT_BEFORE, httpx.ReadTimeout, False),
        (FaultKind.TIMEOUT_AFTER, httpx.ReadTimeout, True),
        (FaultKind.HALF_OPEN, httpx.ReadTimeout, False),
        (FaultKind.RESET_BEFORE, httpx.RemoteProtocolError, False),
        (FaultKind.RESET_AFTER, httpx.ReadError, True),
    ],
)
def test_a_lost_answer_may_hide_what_was_done(
    kind: FaultKind, error: type[httpx.TransportError], done: bool
) -> None:
    bench = Bench(faults=Faults([Fault(kind)]))
    with pytest.raises(error):
        bench.post("/v1/customers", WHO, key="k")
    assert len(bench.get("/v1/customers").ids) == done

    again = bench.post("/v1/customers", WHO, key="k")
    assert ("idempotent-replayed" in again.headers) is done
    assert len(bench.get("/v1/customers").ids) == 1


def test_silence_lasts_as_long_as_the_caller_waits() -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.TIMEOUT_BEFORE)]))
    patient = httpx.Client(transport=SandboxTransport(bench.double, bench.clock), timeout=20)
    before = bench.clock.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        patient.get("https://sandbox.test/v1/account", headers=bench.headers)
    assert bench.clock.monotonic() - before == 20


@pytest.mark.parametrize("seconds", [None, 7.0])
def test_throttling_may_or_may_not_say_for_how_long(seconds: float | None) -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.THROTTLED, seconds=seconds)]))
    reply = bench.post("/v1/customers", WHO, key="k")
    refused(reply, 429, "rate_limit")
    assert reply.headers.get("retry-after") == (None if seconds is None else "7")
    assert made(bench.post("/v1/customers", WHO, key="k"))


def test_a_lock_timeout_is_a_429_about_one_object() -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.LOCK_TIMEOUT)]))
    assert bench.get("/v1/account").status == 200, "reads wait for no lock"
    refused(bench.post("/v1/customers", WHO), 429, "lock_timeout")


def test_a_dripping_body_never_times_out_by_the_read() -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.DRIP, seconds=2)]))
    before = bench.clock.monotonic()
    answer = bench.client.get("/v1/account", headers=bench.headers)
    assert answer.json()["object"] == "account"
    assert bench.clock.monotonic() - before == 2 * -(-len(answer.content) // 16)


def test_a_garbled_body_is_half_a_body_under_a_200() -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.GARBLED)]))
    answer = bench.client.get("/v1/account", headers=bench.headers)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_a_garbled_answer_is_stored_whole() -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.GARBLED)]))
    bench.client.post("/v1/customers", data=WHO, headers={**bench.headers, "Idempotency-Key": "k"})
    assert bench.post("/v1/customers", WHO, key="k")["object"] == "customer"


def test_a_key_can_be_revoked_between_two_requests() -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.REVOKED_KEY)]))
    refused(bench.get("/v1/account"), 401)
    refused(bench.get("/v1/account"), 401)


def test_a_scripted_fault_waits_for_the_operation_that_it_names() -> None:
    bench = Bench(faults=Faults([Fault(FaultKind.ERROR_BEFORE, on="POST /v1/invoices/{invoice}/send")]))
    invoice = bench.opened()
    assert bench.faults.pending == 1
    refused(bench.post(f"/v1/invoices/{invoice}/send"), 500)
    assert bench.post(f"/v1/invoices/{invoice}/send").status == 200


def test_latency_is_added_to_each_request() -> None:
    bench = Bench(faults=Faults(latency_s=0.25))
    before = bench.clock.monotonic()
    bench.get("/v1/account")
    bench.get("/v1/account")
    assert bench.clock.monotonic() - before == 0.5


def test_odds_are_drawn_from_the_given_entropy_and_repeat_with_it() -> None:
    def outcomes(seed: int) -> list[int]:
        odds = {FaultKind.ERROR_BEFORE: 0.3, FaultKind.THROTTLED: 0.2, FaultKind.HOOK_DROPPED: 0.2}
        bench = Bench(faults=Faults(odds=odds, entropy=Dice(seed)))
        return [bench.post("/v1/customers", WHO).status for _ in range(60)]

    assert outcomes(1) == outcomes(1) != outcomes(2)
    assert set(outcomes(1)) == {200, 429, 500}
    with pytest.raises(ValueError, match="entropy"):
        Faults(odds={FaultKind.THROTTLED: 0.1})


def test_after_clear_nothing_goes_wrong() -> None:
    faults = Faults([Fault(FaultKind.THROTTLED)], odds={FaultKind.THROTTLED: 1.0}, entropy=Dice())
    bench = Bench(faults=faults)
    faults.clear()
    assert bench.get("/v1/account").status == 200
    assert bench.double.account_of(KEY).id == bench.account.id
