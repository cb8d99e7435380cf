"""Bugs that a life must find: each one put into the production code for the length of a run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from daemon import reconcile
from daemon.dunning import deciding, guard
from daemon.jobs.bill import batches, items, running
from daemon.jobs.enforce import acting, braking
from daemon.model import FactKind
from daemon.policy import delivery
from daemon.store.invariants import folding

Patch = Any
Planting = Callable[[ExitStack], None]


def guard_skipped(stack: ExitStack) -> None:
    """What is due is done, whatever is known."""
    stack.enter_context(mock.patch.object(deciding, "obstacle", lambda _debt, _moment: None))


def stale_read(stack: ExitStack) -> None:
    """What was read some day is good enough."""
    stack.enter_context(mock.patch.object(guard, "_unread", lambda _view, _moment: None))


def refund_reopens(stack: ExitStack) -> None:
    """What was given back is owed again."""
    fold = reconcile.fold

    def folded(total: Any, facts: Any, doc: Any) -> Any:
        return fold(total, [_as_reversal(one) for one in facts], doc)

    for module in (reconcile, folding):
        stack.enter_context(mock.patch.object(module, "fold", folded))


def _as_reversal(known: reconcile.KnownFact) -> reconcile.KnownFact:
    fact = known.fact
    if fact.kind is not FactKind.REFUND:
        return known
    return replace(known, fact=replace(fact, kind=FactKind.REVERSAL, reverses=FactKind.PAYMENT))


def restored_at_night(stack: ExitStack) -> None:
    """Who paid is served again after the nightly run."""
    move = acting._move

    def waits(gathered: Any, verdict: Any, actor: str, now: datetime, outcome: Any) -> None:
        if verdict.target.rank > verdict.person.status.rank or now.hour == 2:
            move(gathered, verdict, actor, now, outcome)

    stack.enter_context(mock.patch.object(acting, "_move", waits))


def billed_twice(stack: ExitStack) -> None:
    """The invoice is committed first, and how far the subscription is billed with the next commit."""
    todo: list[Callable[[], object]] = []
    note, advance, write_once = (
        batches.billing.note_period,
        batches.subscriptions.advance,
        running.billing.write_once,
    )
    number = itertools.count()

    def later(*args: Any, **rest: Any) -> bool:
        todo.append(lambda: (note if rest else advance)(*args, **rest))
        return True

    def in_two(store: Any, label: str, work: Any) -> Any:
        todo.clear()
        done = write_once(store, label, work)
        if todo:
            store.write("bill.advance", lambda: [each() for each in todo])
        return done

    for patch in (
        mock.patch.object(batches.billing, "note_period", later),
        mock.patch.object(batches.subscriptions, "advance", later),
        mock.patch.object(running.billing, "write_once", in_two),
        mock.patch.object(items, "reference_of", lambda row, _on: f"{row.reference}/{next(number)}"),
    ):
        stack.enter_context(patch)


def given_up_early(stack: ExitStack) -> None:
    """An event that was not taken twice is forgotten."""
    next_try_s = delivery.next_try_s

    def twice(attempts: int, **rest: Any) -> float | None:
        return next_try_s(attempts, **rest) if attempts < 2 else None

    stack.enter_context(mock.patch.object(delivery, "next_try_s", twice))


def due_by_seconds(stack: ExitStack) -> None:
    """A day is 86,400 seconds: the last minute of today, and so many of them."""
    make = items.make

    def made(tenant: Any, plan: Any, *rest: Any) -> Any:
        item = make(tenant, plan, *rest)
        zone, terms = ZoneInfo(tenant.zone), rest[-1]
        tonight = datetime.combine(terms.on, time(23, 59), zone).astimezone(UTC)
        due = tonight + timedelta(seconds=plan.due_days * 86400)
        invoice = item.invoice and replace(item.invoice, due_on=due.astimezone(zone).date())
        return replace(item, invoice=invoice)

    stack.enter_context(mock.patch.object(items, "make", made))


def no_brake(stack: ExitStack) -> None:
    """However many it is, they are cut off."""
    stack.enter_context(mock.patch.object(braking, "brake_holds", lambda *_args, **_rest: False))


BUGS: dict[str, Planting] = {
    bug.__name__: bug
    for bug in (
        guard_skipped,
        stale_read,
        refund_reopens,
        restored_at_night,
        billed_twice,
        given_up_early,
        due_by_seconds,
        no_brake,
    )
}

SURELY = {"billed_twice": ("bill.batch:after-commit",)}
"""The crash without which a bug cannot show."""

CROWDS = {"no_brake": 72}
"""How many customers a life must have for a bug to show, where few do not suffice."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The production code with this bug in it."""
    with ExitStack() as stack:
        BUGS[name](stack)
        yield
