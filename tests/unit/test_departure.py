"""A marked send leaves soon, or not at all: how long it may land is counted from the mark."""

from __future__ import annotations

import httpx
import pytest

from daemon.errors import Throttled
from daemon.wire.departure import aside, leaving_by
from daemon.wire.http import HttpWire
from tests.fakes import FrozenClock


class SlowGate:
    """Holds each call up for a while."""

    def __init__(self, clock: FrozenClock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.left: list[bool | None] = []

    def enter(self, scope: str) -> None:
        self.clock.move(self.seconds)

    def leave(self, scope: str, *, ok: bool | None) -> None:
        self.left.append(ok)

    def told(self, name: str, remaining: float, resets_in_s: float | None = None) -> None: ...


def a_wire(clock: FrozenClock, held_up_s: float) -> tuple[HttpWire, list[str], SlowGate]:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(200, json={})

    gate = SlowGate(clock, held_up_s)
    return HttpWire("Acme", gate=gate, clock=clock, transport=httpx.MockTransport(answer)), seen, gate


def test_a_send_that_was_held_up_for_too_long_is_not_let_go(clock: FrozenClock) -> None:
    wire, seen, gate = a_wire(clock, 31)

    with leaving_by(clock.monotonic() + 30), pytest.raises(Throttled) as caught:
        wire.request("POST", "https://acme.example/invoices")

    assert "nothing was sent" in caught.value.message
    assert seen == [] and gate.left == [None], "it says nothing of the provider"


def test_what_follows_the_first_request_is_not_asked(clock: FrozenClock) -> None:
    wire, seen, _gate = a_wire(clock, 20)

    with leaving_by(clock.monotonic() + 30):
        wire.request("POST", "https://acme.example/invoices")
        wire.request("GET", "https://acme.example/invoices/1")

    assert seen == ["/invoices", "/invoices/1"]


def test_a_token_that_is_fetched_first_does_not_use_up_the_time(clock: FrozenClock) -> None:
    wire, seen, _gate = a_wire(clock, 20)

    with leaving_by(clock.monotonic() + 30):
        with aside():
            wire.request("POST", "https://acme.example/token")
        with pytest.raises(Throttled):
            wire.request("POST", "https://acme.example/invoices")

    assert seen == ["/token"]


def test_without_a_mark_nothing_is_held_back(clock: FrozenClock) -> None:
    wire, seen, _gate = a_wire(clock, 100)

    wire.request("GET", "https://acme.example/invoices")

    assert seen == ["/invoices"]
