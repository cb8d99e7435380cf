"""Many creates in one call: the batch endpoint for several, the object's own for one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from daemon.errors import Garbled, OutcomeUnknown, Rejected, Throttled, WispbillError
from daemon.model import Document, Journal, Journals, LookMany, SendMany
from daemon.providers.quickbooks.api import Api, entity_in
from daemon.providers.quickbooks.faults import error_of, fault_in
from daemon.providers.quickbooks.words import ITEMS, LINES, PARTY
from daemon.wire import Reply

Outcome = Document | Exception
T = TypeVar("T")


class BatchRefused(Throttled):
    """The batch itself was refused, so that nothing of it was done; its items go one by one."""


class Sender:
    """Creates objects of one entity, all that it is given in a single call. Answers in the order of what was
    given: the object, or why not."""

    def __init__(self, api: Api, entity: str) -> None:
        self._api, self._entity = api, entity

    def create(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        if len(sends) == 1:
            return [self._single(*sends[0])]
        items = [{"operation": "create", self._entity: body} for body, _key in sends]
        try:
            rows = self._api.batch(items, requestid(*(key for _body, key in sends)))
        except Rejected as error:
            raise BatchRefused(error.message, party=PARTY, ref=error.ref, retry_after=1.0) from error
        return [one(lambda row=row: self._of(row)) for row in rows]  # type: ignore[misc]

    def _single(self, body: Document, key: str) -> Outcome:
        path = self._entity.lower()
        return one(lambda: entity_in(self._api.write(path, body, requestid(key)), self._entity))

    def _of(self, row: Document | None) -> Document:
        if row is None:
            raise Garbled("QuickBooks' answer leaves out an item of the batch", party=PARTY)
        fault = fault_in(row)
        if fault is not None:
            raise error_of(fault, Reply(400, {}, b""))
        return entity_in(row, self._entity)


class Single(Journals):
    """The journals of a batch of one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, draft: object) -> Journal:
        return self._journal

    def each(
        self,
        step: str,
        items: Sequence[tuple[Journal, Document]],
        send: SendMany,
        look: LookMany,
        *,
        lag_s: float | None = None,
        look_first: bool = False,
    ) -> list[Outcome]:
        return [
            one(
                lambda journal=journal, body=body: journal.once(  # type: ignore[misc]
                    step,
                    body,
                    lambda body, key: _only(send([(body, key)])),
                    lambda body: _only(look([body])),
                    lag_s=lag_s,
                    look_first=look_first,
                )
            )
            for journal, body in items
        ]


def each(
    journals: Journals,
    step: str,
    items: Sequence[tuple[Journal, Document]],
    send: SendMany,
    look: LookMany,
    *,
    lines: Callable[[Document], int] = lambda body: 0,
    look_first: bool = False,
) -> list[Outcome]:
    """The step of many subjects, a call's worth at a time: each is marked right before the one call that it
    goes out with, since how long that may still land is counted from the mark."""
    outcomes: list[Outcome] = []
    for some in _calls(items, lines):
        for item, answer in zip(
            some, journals.each(step, some, send, look, look_first=look_first), strict=True
        ):
            if isinstance(answer, BatchRefused):
                (answer,) = journals.each(step, [item], send, look, look_first=look_first)  # noqa: PLW2901
            outcomes.append(answer)
    return outcomes


def _calls(
    items: Sequence[tuple[Journal, Document]], lines: Callable[[Document], int]
) -> Iterator[list[tuple[Journal, Document]]]:
    """What goes in one call: up to 30 items, and not so many lines that the answer gets too large."""
    some: list[tuple[Journal, Document]] = []
    count = 0
    for item in items:
        own = lines(item[1])
        if some and (len(some) == ITEMS or count + own > LINES):
            yield some
            some, count = [], 0
        some.append(item)
        count += own
    if some:
        yield some


def one(call: Callable[[], Document]) -> Outcome:
    """What the call gives; what befell it is an answer."""
    try:
        return call()
    except WispbillError as error:
        return error


def looked(find: LookMany, bodies: Sequence[Document]) -> list[Outcome | None]:
    """A look for what a call refused; what befalls it befalls these, and none of those that went well. A
    refusal to look says nothing of what was looked for."""
    try:
        return list(find(bodies)) if bodies else []
    except Rejected as error:
        doubt = OutcomeUnknown(error.message, party=PARTY, ref=error.ref, provider_code=error.provider_code)
        return [doubt] * len(bodies)
    except WispbillError as error:
        return [error] * len(bodies)


def _only(answers: Sequence[T | Exception]) -> T:
    (answer,) = answers
    if isinstance(answer, Exception):
        raise answer
    return answer


def requestid(*keys: str) -> str:
    """At most 50 characters, computed from our keys."""
    if len(keys) == 1 and len(keys[0]) <= 36:
        return keys[0]
    return base64.b32encode(hashlib.sha256("|".join(keys).encode()).digest()).decode()[:32]
