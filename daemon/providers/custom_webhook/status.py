"""From a status document to what we observe: the word first, then the amounts; where the two disagree,
nothing is believed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from daemon.errors import InvalidInput
from daemon.model import DocStatus, Document, Fact, FactKind, Links, Observation
from daemon.money import Money
from daemon.providers.custom_webhook.answers import found, garbled, word
from daemon.providers.custom_webhook.setup import CustomSettings, MoneyList, Status
from daemon.providers.custom_webhook.values import Values
from daemon.providers.custom_webhook.words import STATUS

MAX_FACTS = 1000
AHEAD = timedelta(days=1)
"""How far ahead of our clock theirs may be, in whatever zone it is."""
CREDITED, REFUNDED = "status:credited", "status:refunded"
"""External ids of facts that only the amounts, or the word, tell."""


@dataclass(frozen=True, slots=True)
class Amounts:
    total: Money | None
    paid: Money | None
    due: Money | None


class Reader:
    """Reads status documents by the settings' paths."""

    def __init__(self, settings: CustomSettings, status: Status) -> None:
        self._status, self._paths, self._values = status, status.paths, Values(settings)

    def name(self, document: Any) -> str | None:
        """The invoice's name, of the kind that the status address takes; None where no path tells it."""
        path = getattr(self._paths, self._status.ref_is)
        return word(document, path)

    def observe(self, document: Any, ref: str) -> Observation:
        """Raises Garbled for what is no status, or another invoice's."""
        if not isinstance(document, dict):
            raise garbled("the status is not an object")
        if self._status.success and found(document, self._status.success) is not True:
            raise garbled("the status says that it is no success")
        if self.name(document) not in (None, ref):
            raise garbled("the status is about another invoice than the one asked for")
        theirs = word(document, self._paths.status)
        if theirs is None:
            raise garbled("the status has no word for the state")
        state = self._status.word(theirs)
        try:
            return self._observation(document, ref, theirs, state)
        except InvalidInput as error:
            raise garbled(error.message) from error

    def _observation(self, document: Any, ref: str, theirs: str, state: str | None) -> Observation:
        paths = self._paths
        currency = self._values.currency(word(document, paths.currency))
        amounts = self._amounts(document, currency)
        facts, covers = self._facts(document, currency, amounts.paid)
        why = None if state is None else conflict(state, amounts)
        raw = _evidence(theirs, state, currency, amounts, why)
        told: dict[str, Any] = {
            "ref": ref,
            "total": amounts.total,
            "as_of": self._values.moment(found(document, paths.updated_at)),
            "number": word(document, paths.number),
            "our_reference": word(document, paths.reference),
            "payer_ref": word(document, paths.customer),
            "due_on": self._values.day(found(document, paths.due_date)),
            "links": Links(_link(document, paths.pay_url), None, _link(document, paths.view_url)),
            "raw": raw | {"facts": len(facts)},
        }
        if state is None or why is not None:
            return Observation(status=DocStatus.UNKNOWN, covers=frozenset(), **told)
        paid = _paid_total(state, amounts, facts)
        if paid is None and state in ("paid", "refunded"):
            raise garbled(f"it is called {state}, and no amount says how much that is")
        by_word = self._paths.refunds is None
        facts, covers = _credited(state, amounts, facts, covers | ({FactKind.REFUND} if by_word else set()))
        if by_word and state == "refunded" and paid is not None and paid.minor:
            facts = [*facts, Fact(FactKind.REFUND, REFUNDED, paid)]
        return Observation(
            status=STATUS[state], paid_total=paid, facts=tuple(facts), covers=frozenset(covers), **told
        )

    def _amounts(self, document: Any, currency: str) -> Amounts:
        total, paid, due = (
            self._values.money(found(document, path), currency)
            for path in (self._paths.total, self._paths.amount_paid, self._paths.amount_due)
        )
        if any(one is not None and one.minor < 0 for one in (total, paid)):
            raise garbled("an amount is negative")
        if total is None and paid is not None and due is not None:
            total = paid + due
        return Amounts(total, paid, due)

    def _facts(self, document: Any, currency: str, paid: Money | None) -> tuple[list[Fact], set[FactKind]]:
        facts: list[Fact] = []
        covers: set[FactKind] = set()
        kinds = ((FactKind.PAYMENT, self._paths.payments), (FactKind.REFUND, self._paths.refunds))
        for kind, where in kinds:
            rows = found(document, where.items) if where else None
            rows = [rows] if isinstance(rows, dict) else rows  # one XML element alone is no list
            if rows is None and kind is FactKind.PAYMENT and paid is not None and paid.minor == 0:
                rows = []  # and no XML element is an empty one
            if where is None or rows is None:
                continue
            if not isinstance(rows, list) or len(rows) > MAX_FACTS:
                raise garbled(f"the {kind.value}s are not a list of up to {MAX_FACTS}")
            covers.add(kind)
            facts += [fact for row in rows if (fact := self._fact(kind, where, row, currency))]
        names = [(fact.kind, fact.external_id) for fact in facts]
        if len(set(names)) != len(names):
            raise garbled("two payments have the same id")
        return facts, covers

    def _fact(self, kind: FactKind, where: MoneyList, row: Any, currency: str) -> Fact | None:
        name = word(row, where.id)
        amount = self._values.money(found(row, where.amount), currency)
        if name is None or amount is None or amount.minor < 0:
            raise garbled(f"a {kind.value} lacks its id or its amount")
        if amount.minor == 0:
            return None
        at = self._values.happened(found(row, where.at))
        return Fact(kind, name[:200], amount, at, word(row, where.method), name[:200])


def believably_dated(seen: Observation, now: datetime) -> Observation:
    """A time of change that is yet to come would outrank every later one: it orders nothing."""
    return replace(seen, as_of=None) if seen.as_of is not None and seen.as_of > now + AHEAD else seen


def conflict(state: str, amounts: Amounts) -> str | None:
    """Why word and amounts cannot both be true; None where they can."""
    total, paid, due = (
        None if one is None else one.minor for one in (amounts.total, amounts.paid, amounts.due)
    )
    has_paid = paid is not None and paid > 0
    all_paid = paid is not None and total is not None and 0 < total <= paid
    match state:
        case "paid" if due is not None and due > 0:
            return "it is called paid, and something is due"
        case "paid" if due is None and paid is not None and total is not None and paid < total:
            return "it is called paid, and less than the total is paid"
        case "open" | "pending" if all_paid and not (due is not None and due > 0):
            return "it is called unpaid, and all of it is paid"
        case "partially_paid" if all_paid or paid == 0:
            return "it is called partially paid, and all or nothing of it is paid"
        case "voided" | "deleted" if has_paid:
            return f"it is called {state}, and something is paid"
    return None


def _paid_total(state: str, amounts: Amounts, facts: list[Fact]) -> Money | None:
    """What they count as paid, before refunds; None where nothing says it."""
    if state == "refunded" and not (amounts.paid and amounts.paid.minor):
        return amounts.total
    if amounts.paid is not None:
        return amounts.paid
    itemised = [fact.amount for fact in facts if fact.kind is FactKind.PAYMENT]
    if state in ("paid", "refunded"):
        return amounts.total
    if itemised:
        return Money.total(itemised, itemised[0].currency)
    if state == "open" and amounts.total is not None:
        return Money(0, amounts.total.currency)
    return None


def _credited(
    state: str, amounts: Amounts, facts: list[Fact], covers: set[FactKind]
) -> tuple[list[Fact], set[FactKind]]:
    """A credit that nobody itemised, where less is due than total and payments leave."""
    if amounts.total is None or amounts.paid is None or amounts.due is None:
        return facts, covers
    credited = amounts.total - amounts.paid - amounts.due
    if credited.minor > 0 and state in ("open", "partially_paid", "paid"):
        facts = [*facts, Fact(FactKind.CREDIT, CREDITED, credited)]
    return facts, covers | {FactKind.CREDIT}


def _link(document: Any, path: str | None) -> str | None:
    text = word(document, path)
    return text if text is not None and text.startswith("https://") else None


def _evidence(theirs: str, state: str | None, currency: str, amounts: Amounts, why: str | None) -> Document:
    """What was read, and nothing about people."""
    told: Document = {"status": theirs[:100], "state": state, "currency": currency}
    for name in ("total", "paid", "due"):
        amount = getattr(amounts, name)
        if amount is not None:
            told[name] = amount.text
    return told | {"conflict": why} if why else told
