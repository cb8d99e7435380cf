"""A burst over real sockets into the daemon's writer: everything answered, everything stored once."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from daemon.beats import Beats
from daemon.house import House
from daemon.store.writer import GroupWriter
from daemon.web.listeners import build_web
from tests.web.building import (
    OTHER_SECRET,
    SECRET,
    a_tenant,
    an_integration,
    build_house,
    event,
    signature,
    waiting,
)

CONNECTIONS = 8


def request(house: House, path: str, number: int, *, forged: bool = False) -> bytes:
    body = event(number)
    secret = OTHER_SECRET if forged else SECRET
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
    head += f"Stripe-Signature: {signature(body, house.clock, secret=secret)}\r\n\r\n"
    return head.encode() + body


def deliver(port: int, requests: list[bytes], answers: list[int]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        for one in requests:
            sock.sendall(one)
            heard = b""
            while b"\r\n\r\n" not in heard:
                heard += sock.recv(4096)
            answers.append(int(heard.split(b" ", 2)[1]))


@pytest.mark.parametrize("count", [600, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_burst_with_repeats_and_forgeries_loses_nothing(
    tmp_path: Path, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    house = build_house(
        tmp_path,
        receiver__listen="127.0.0.1:0",
        receiver__per_minute=1_000_000,
        receiver__backlog=1_000_000,
        monitoring__enabled="false",
    )
    stripe = an_integration(house, a_tenant(house))
    beats = Beats(house.clock)
    writer = GroupWriter(house.store, beats.beat)
    writer.start()
    (server,) = build_web(house, beats)
    server.start()
    path = f"/api/webhooks/billing/integrations/{stripe.id}"
    distinct = count * 9 // 10
    numbers = [*range(distinct), *random.Random(1).sample(range(distinct), count - distinct)]
    random.Random(2).shuffle(numbers)
    requests = [request(house, path, number) for number in numbers]
    requests += [request(house, path, distinct + number, forged=True) for number in range(count // 20)]
    random.Random(3).shuffle(requests)
    answers: list[list[int]] = [[] for _ in range(CONNECTIONS)]
    threads = [
        threading.Thread(target=deliver, args=(server.port, requests[part::CONNECTIONS], answers[part]))
        for part in range(CONNECTIONS)
    ]

    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - began
    server.stop(within_s=5)
    writer.stop()

    assert Counter(code for part in answers for code in part) == {200: count, 401: count // 20}
    stored = Counter(hint.event_id for hint in waiting(house, stripe))
    assert stored == {f"evt_{number:08d}": 1 for number in range(distinct)}
    with capsys.disabled():
        print(f"\n{len(requests)} deliveries in {took_s:.1f} s: {len(requests) / took_s:.0f} a second")
    house.close()
