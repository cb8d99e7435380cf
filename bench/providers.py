"""Requests to each provider, beside the fewest that its batching makes possible.

Every provider in this process, rates of the double off and our own limits on, on a clock that waits by
moving: pushes for new payers and for known ones, a poll with nothing changed, one with 1 % paid. Requests for
tokens are left out, and the processor time is ours alone, without the double's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

from bench.harness import Figure
from bench.seated import World, world
from daemon.providers import provider_class

QUIET_S = 2 * 3600.0
"""After that no feed repeats what was pushed."""
POLLS = 4
"""Over which an idle poll is averaged: where each invoice is read by itself, reads are spread."""
XERO_MONTH = (20_000, 900)
STARTER_CALLS = 1000
"""In a day, on Xero's smallest tier."""


@dataclass(frozen=True, slots=True)
class Fewest:
    """Requests for n invoices with new and with known payers, for a poll of n open ones, and for one in which
    m of them were paid, with the arithmetic in words. `checks`: requests that we spend on each known payer
    beside, on purpose."""

    new: Callable[[int], int]
    known: Callable[[int], int]
    idle: Callable[[int], int]
    paid: Callable[[int, int], int]
    push: str
    poll: str
    checks: int = 0


FEWEST = {
    "stripe": Fewest(
        new=lambda n: 6 * n,
        known=lambda n: 4 * n,
        idle=lambda n: 1,
        paid=lambda n, m: 1 + m + 2,
        push="create, lines, finalise, send; a new payer: look, create",
        poll="a page of events; each paid one; refunds and disputes",
        checks=1,
    ),
    "paypal": Fewest(
        new=lambda n: 2 * n,
        known=lambda n: 2 * n,
        idle=lambda n: 2 + ceil(n / 100),
        paid=lambda n, m: 2 + ceil(n / 100) + m,
        push="create, send; no payers",
        poll="search by change, disputes, 100 open ones a page; each paid one",
    ),
    "square": Fewest(
        new=lambda n: 5 * n,
        known=lambda n: 3 * n,
        idle=lambda n: 4 + ceil(n / 200) + ceil(n / 100),
        paid=lambda n, m: 4 + ceil(n / 200) + ceil(n / 100) + m + 2,
        push="order, invoice, publish; a new payer: look, create",
        poll="orders, payments, refunds, disputes by change; 200 open ones and 100 orders a page; "
        "each paid one's payment, with refunds and disputes",
        checks=1,
    ),
    "quickbooks": Fewest(
        new=lambda n: n + 3 * ceil(n / 30),
        known=lambda n: n + ceil(n / 30),
        idle=lambda n: 1,
        paid=lambda n, m: 1,
        push="30 in a batch, each sent by itself; new payers: look and create, 30 at once",
        poll="one change data capture, with what was paid",
    ),
    "xero": Fewest(
        new=lambda n: 3 * ceil(n / 50),
        known=lambda n: 2 * ceil(n / 50),
        idle=lambda n: 2,
        paid=lambda n, m: 3,
        push="50 drafts, 50 authorised; 50 new payers",
        poll="invoices and payments by change; the paid ones by their ids",
    ),
    "custom_webhook": Fewest(
        new=lambda n: 2 * n,
        known=lambda n: 2 * n,
        idle=lambda n: 1 + n,
        paid=lambda n, m: 1 + n,
        push="create, read back; no payers",
        poll="the list of changes; each open one, since a list proves nothing of the others",
    ),
}
"""What the provider's API would take at the least, if nothing went wrong."""


def rows(quick: bool) -> Iterator[Figure]:
    count = 200 if quick else 1000
    for provider, fewest in FEWEST.items():
        with world(provider) as at:
            yield from pushes(at, provider, fewest, count)
            yield from polls(at, provider, fewest, count)
    yield _month(quick)


def pushes(at: World, provider: str, fewest: Fewest, count: int) -> Iterator[Figure]:
    label = provider_class(provider).label
    for payers, least in (("new", fewest.new(count)), ("known", fewest.known(count))):
        at.enter(count)
        at.mark()
        at.push()
        requests, cpu_s = at.spent()
        checks = fewest.checks * count if payers == "known" else 0
        most = (least + checks) * 1.1
        yield Figure(
            f"{label}: {count:,} invoices pushed, {payers} payers",
            f"{requests:,} requests, {cpu_s / count * 1000:.1f} ms of processor each",
            f"{least:,} ({fewest.push})",
            f"{requests / least:.2f} times",
            f"{least + checks:,} requests" + (" with a look at each payer" if checks else ""),
            requests <= most,
        )


def polls(at: World, provider: str, fewest: Fewest, count: int) -> Iterator[Figure]:
    """Of the second month; of the first one all are paid."""
    label = provider_class(provider).label
    _pay(at, at.open()[:count])
    for _ in range(2):
        at.clock.move(QUIET_S)
        at.poll()
    assert len(at.open()) == count, f"{len(at.open())} are open"
    at.mark()
    for _ in range(POLLS):
        at.poll()
    requests, least = at.spent()[0] / POLLS, fewest.idle(count)
    yield Figure(
        f"{label}: a poll over {count:,} open invoices, nothing changed",
        f"{requests:g} requests",
        f"{least:,} ({fewest.poll})",
        f"{requests / least:.2f} times",
        f"{least:,} requests",
        requests <= least * 1.1 + 1,
    )
    few = max(1, count // 100)
    paid = at.open()[:: count // few][:few]
    _pay(at, paid)
    at.mark()
    seen_by = 0
    while seen_by < 5 and len(at.open()) > count - len(paid):
        at.poll()
        seen_by += 1
    assert len(at.open()) == count - len(paid)
    requests, least = at.spent()[0], fewest.paid(count, len(paid)) + (seen_by - 1) * fewest.idle(count)
    yield Figure(
        f"{label}: {len(paid)} of {count:,} were paid, seen by poll {seen_by}",
        f"{requests:g} requests",
        f"{least:,}",
        f"{requests / least:.2f} times",
        f"{least:,} requests",
        requests <= least * 1.1 + 2,
    )


def _pay(at: World, refs: list[str]) -> None:
    for ref in refs:
        at.pay(ref)


def _month(quick: bool) -> Figure:
    """The second month of all subscribers at Xero: every contact is known there."""
    whole, calls = XERO_MONTH
    count = whole // 10 if quick else whole
    aim = calls * count // whole
    with world("xero") as at:
        at.enter(count)
        at.push()
        at.clock.move(30 * 86_400.0)
        at.poll()  # the first month is known as it stands
        at.enter(count)
        began_s = at.clock.monotonic()
        before = at.budget("day")[1]
        at.mark()
        at.push()
        requests, cpu_s = at.spent()
        minutes = (at.clock.monotonic() - began_s) / 60
        limit, left = at.budget("day")
    reserve = limit.reserve * limit.calls
    starter = STARTER_CALLS - (before - left)
    return Figure(
        f"Xero: a month of {count:,} subscribers, known contacts",
        f"{requests:,} calls in {minutes:.0f} min, {cpu_s / count * 1000:.1f} ms of processor each; "
        f"{left:,.0f} of our {limit.calls:,} a day left, of Starter's {STARTER_CALLS:,} {starter:,.0f}; "
        f"reserve {reserve:,.0f} untouched: {'yes' if min(left, starter) >= reserve else 'no'}",
        f"{2 * ceil(count / 50):,} (50 drafts, 50 authorised; e-mail by Xero is off)",
        f"{requests / (2 * ceil(count / 50)):.2f} times",
        f"{aim:,} calls, reserve untouched",
        requests <= aim and min(left, starter) >= reserve,
    )
