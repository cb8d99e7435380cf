"""What an observation changes: pure decisions over what is known and what was seen.

The provider is the truth for money received; we are the truth for what was asked. A payment fact is
never deleted: an edited one gets a new revision, one that is gone gets a reversal beside it. The state
of an invoice is one fold over its facts, computed here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from daemon.model import BALANCE, DocStatus, Fact, FactKind, Observation, PaymentStatus
from daemon.model.documents import HERE
from daemon.money import Money


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact as we hold it, with its revision."""

    fact: Fact
    revision: int


@dataclass(frozen=True, slots=True)
class Known:
    """What we hold about an invoice and its link when an observation arrives."""

    total: Money
    status: PaymentStatus
    doc_status: DocStatus | None
    facts: tuple[KnownFact, ...] = ()
    as_of: datetime | None = None
    version: int | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The fold: where an invoice stands. `excess` is what was paid too much and not given back."""

    status: PaymentStatus
    paid: Money
    due: Money
    refunded: Money
    excess: Money
    paid_at: datetime | None = None
    method: str | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What to write: new facts and where the invoice stands after them. `alarming` names why the change
    should be confirmed by a second read, and counted by the brake; `sentence` is for people."""

    observation: Observation
    new_facts: tuple[KnownFact, ...]
    before: PaymentStatus
    standing: Standing
    alarming: str | None = None
    sentence: str = ""

    @property
    def moves(self) -> bool:
        return bool(self.new_facts) or self.before is not self.standing.status


def decide(known: Known, observation: Observation) -> Change | None:
    """The change that an observation makes; None where it says nothing new or is out of date."""
    if is_older(known, observation) or observation.status is DocStatus.UNKNOWN:
        return None
    if observation.status is DocStatus.MISSING and known.doc_status is DocStatus.MISSING:
        return None
    facts = [] if observation.status is DocStatus.MISSING else _differences(known, observation)
    facts += _giving_way(known, facts, observation.as_of)
    held = list(known.facts) + facts
    doc = _remembered(known, observation)
    standing = fold(known.total, held, doc)
    change = Change(
        observation=observation,
        new_facts=tuple(facts),
        before=known.status,
        standing=standing,
        alarming=_alarming(known, observation, standing),
    )
    if not change.moves and observation.status is known.doc_status:
        return None
    return replace(change, sentence=_sentence(known, change))


def entered(known: Known, fact: Fact) -> Change:
    """The change that a payment entered here makes."""
    return _by_hand(known, KnownFact(fact, 0), f"{_told(KnownFact(fact, 0))} Entered here.")


def withdrawn(known: Known, external_id: str) -> Change | None:
    """The change that taking back such a payment makes; None where it does not count (any more)."""
    for fact in effective(known.facts):
        if fact.external_id == external_id and fact.is_from_here:
            said = f"{fact.amount} that was entered here is taken back."
            return _by_hand(known, _gone(known, fact, None), said)
    return None


def _by_hand(known: Known, item: KnownFact, said: str) -> Change:
    standing = fold(known.total, [*known.facts, item], known.doc_status)
    seen = Observation(ref="", status=known.doc_status or DocStatus.UNKNOWN, covers=frozenset())
    if known.status is not standing.status:
        said += f" The invoice is now {standing.status.value.replace('_', ' ')}, {standing.due} due."
    alarming = "reopened" if _owed_nothing(known) and standing.due.minor > 0 else None
    return Change(seen, (item,), known.status, standing, alarming, said)


def understood(known: Known, observation: Observation) -> Observation:
    """The observation, or, where it tells money of another currency than the invoice's, one that says
    nothing: its raw document stays as evidence, nothing is reckoned with it."""
    told = [observation.total, observation.paid_total, *(fact.amount for fact in observation.facts)]
    if all(money is None or money.currency == known.total.currency for money in told):
        return observation
    return replace(observation, status=DocStatus.UNKNOWN, total=None, paid_total=None, facts=())


def is_older(known: Known, observation: Observation) -> bool:
    """Whether it says less than is known already."""
    return is_before(observation, known)


def is_before(one: Observation | Known, other: Observation | Known) -> bool:
    """The provider's version orders first, else its update time, else the order of our reads."""
    if one.version is not None and other.version is not None:
        return one.version < other.version
    if one.as_of is not None and other.as_of is not None:
        return one.as_of < other.as_of
    return False


def fold(total: Money, facts: Sequence[KnownFact], doc: DocStatus | None) -> Standing:
    """Where an invoice of `total` stands with these facts, in any order and however often told."""
    live = effective(facts)
    currency = total.currency
    zero = Money(0, currency)

    def net(kind: FactKind) -> Money:
        told = Money.total((f.amount for f in live if f.kind is kind and not f.is_from_here), currency)
        undone = (f.amount for f in live if f.kind is FactKind.REVERSAL and f.reverses is kind)
        return max(told - Money.total(undone, currency), zero)

    theirs, refunded = net(FactKind.PAYMENT), net(FactKind.REFUND)
    here = [fact for fact in live if fact.is_from_here]
    paid = theirs + Money.total((left for _fact, left in _beside(here, theirs)), currency)
    owed = max(total - net(FactKind.CREDIT) - net(FactKind.WRITE_OFF), zero)
    kinds = {fact.kind for fact in live if net(fact.kind).minor or not fact.amount.minor}
    status = _status(doc, paid=paid, owed=owed, refunded=refunded, kinds=kinds)
    nothing_owed = status in (PaymentStatus.VOID, PaymentStatus.UNCOLLECTIBLE, PaymentStatus.REFUNDED)
    due = zero if nothing_owed else max(owed - paid, zero)
    last = max(
        (f for f in live if f.kind is FactKind.PAYMENT and f.external_id != BALANCE),
        key=lambda f: (f.at is not None, f.at, f.external_id),
        default=None,
    )
    settled = due.minor == 0 and paid.minor > 0
    return Standing(
        status=status,
        paid=paid,
        due=due,
        refunded=refunded,
        excess=max(paid - refunded - owed, zero),
        paid_at=last.at if last and settled else None,
        method=last.method if last else None,
        transaction_id=last.transaction_id if last else None,
    )


def paid_there(facts: Sequence[KnownFact], currency: str) -> Money:
    """What the provider counts as paid, by these facts: without what was entered here."""
    told = [known for known in facts if not known.fact.is_from_here]
    return fold(Money(0, currency), told, None).paid


def _beside(here: Sequence[Fact], theirs: Money) -> list[tuple[Fact, Money]]:
    """What each payment that was entered here adds to the provider's own: whatever that has come to count
    since is the same money, in the order in which they were entered, and never counts twice."""
    found: list[tuple[Fact, Money]] = []
    level = zero = Money(0, theirs.currency)
    for fact in sorted(here, key=lambda f: (f.beside or zero, f.external_id)):
        level = max(level, fact.beside or zero)
        same = min(max(theirs - level, zero), fact.amount)
        level += same
        found.append((fact, fact.amount - same))
    return found


def effective(facts: Sequence[KnownFact]) -> list[Fact]:
    """The facts that count: the latest revision of each that was not taken back since."""
    latest: dict[tuple[FactKind, str], KnownFact] = {}
    for known in facts:
        key = (known.fact.kind, known.fact.external_id)
        if key not in latest or latest[key].revision < known.revision:
            latest[key] = known
    counted: list[Fact] = []
    for (kind, external_id), known in latest.items():
        if external_id.startswith(_GONE):
            continue
        undone = latest.get((FactKind.REVERSAL, gone_id(kind, external_id)))
        if undone is None or undone.revision < known.revision:
            counted.append(known.fact)
    return counted


_GONE = "gone:"


def gone_id(kind: FactKind, external_id: str) -> str:
    """The external id of the reversal that stands for a fact which the provider no longer tells."""
    return f"{_GONE}{kind.value}:{external_id}"


def _status(  # noqa: PLR0911 - a ladder: the first step that bears decides
    doc: DocStatus | None, *, paid: Money, owed: Money, refunded: Money, kinds: Collection[FactKind]
) -> PaymentStatus:
    if FactKind.DISPUTE in kinds:
        return PaymentStatus.DISPUTED
    if doc is DocStatus.UNCOLLECTIBLE and FactKind.WRITE_OFF in kinds:
        return PaymentStatus.UNCOLLECTIBLE
    if paid.minor and refunded.minor >= paid.minor and owed.minor <= paid.minor:
        return PaymentStatus.REFUNDED
    if paid.minor - refunded.minor > owed.minor:
        return PaymentStatus.OVERPAID
    if paid.minor and paid.minor >= owed.minor:
        return PaymentStatus.PAID
    if doc is DocStatus.VOID:
        return PaymentStatus.VOID
    if doc is DocStatus.UNCOLLECTIBLE or (FactKind.WRITE_OFF in kinds and owed.minor == 0):
        return PaymentStatus.UNCOLLECTIBLE
    if owed.minor == 0:
        return PaymentStatus.PAID
    if FactKind.IN_FLIGHT in kinds:
        return PaymentStatus.IN_FLIGHT
    if paid.minor:
        return PaymentStatus.PARTIALLY_PAID
    return PaymentStatus.DRAFT if doc is DocStatus.DRAFT else PaymentStatus.OPEN


def _differences(known: Known, observation: Observation) -> list[KnownFact]:
    """New facts, edited ones as a new revision, gone ones as a reversal; in a fixed order."""
    seen = list(observation.facts)
    balance = _balance(known, observation)
    if balance is not None:
        seen.append(balance)
    held = {(k.fact.kind, k.fact.external_id): k for k in sorted(known.facts, key=lambda k: k.revision)}
    changes = [fact for fact in (_newer(held, fact) for fact in seen) if fact is not None]
    told = {(fact.kind, fact.external_id) for fact in seen}
    for fact in effective(known.facts):
        key = (fact.kind, fact.external_id)
        if key not in told and not fact.is_from_here and _would_show(observation, fact):
            changes.append(_gone(known, fact, observation.as_of))
    return changes


def _gone(known: Known, fact: Fact, at: datetime | None) -> KnownFact:
    gone = Fact(FactKind.REVERSAL, gone_id(fact.kind, fact.external_id), fact.amount, at, reverses=fact.kind)
    return KnownFact(gone, _revision(known, fact))


def _giving_way(known: Known, fresh: Sequence[KnownFact], at: datetime | None) -> list[KnownFact]:
    """What was entered here gives way as soon as the provider itself counts that much more: from then on it
    is the provider's to keep, or to take back. What the provider counts so, or no more, is no other's."""
    here = [fact for fact in effective(known.facts) if fact.is_from_here]
    if not here:
        return []
    theirs = paid_there([*known.facts, *fresh], known.total.currency)
    given: list[KnownFact] = []
    taken = zero = Money(0, theirs.currency)
    for fact, left in _beside(here, theirs):
        beside = fact.beside or zero
        stands_on = min(max(beside, taken), theirs)
        if not left.minor:
            given.append(_gone(known, fact, at))
            taken = max(beside, taken) + fact.amount
        elif stands_on != beside:
            given.append(KnownFact(replace(fact, beside=stands_on), _revision(known, fact) + 1))
    return given


def _revision(known: Known, fact: Fact) -> int:
    about = (fact.kind, fact.external_id)
    return max(k.revision for k in known.facts if (k.fact.kind, k.fact.external_id) == about)


def _newer(held: dict[tuple[FactKind, str], KnownFact], fact: Fact) -> KnownFact | None:
    old = held.get((fact.kind, fact.external_id))
    if old is None:
        return KnownFact(fact, 0)
    undone = held.get((FactKind.REVERSAL, gone_id(fact.kind, fact.external_id)))
    is_back = undone is not None and undone.revision >= old.revision
    if old.fact.amount == fact.amount and not is_back:
        return None
    return KnownFact(fact, old.revision + 1)


def _would_show(observation: Observation, fact: Fact) -> bool:
    """Whether a read that does not tell this fact says that it is gone. The balance goes by the total."""
    if fact.external_id == BALANCE:
        return observation.paid_total is not None
    return fact.kind in observation.covers


def _balance(known: Known, observation: Observation) -> Fact | None:
    """What the provider counts as paid beyond the payments that it itemises, now or, where this read
    shows no payments, before."""
    if observation.paid_total is None:
        return None
    told = {f.external_id: f.amount for f in observation.facts if f.kind is FactKind.PAYMENT}
    if FactKind.PAYMENT not in observation.covers:
        held = (f for f in effective(known.facts) if f.kind is FactKind.PAYMENT and not _is_ours(f))
        told = {f.external_id: f.amount for f in held} | told
    rest = observation.paid_total - Money.total(told.values(), known.total.currency)
    return Fact(FactKind.PAYMENT, BALANCE, rest) if rest.minor > 0 else None


def _is_ours(fact: Fact) -> bool:
    """Made here, of what the provider tells or beside it."""
    return fact.external_id == BALANCE or fact.is_from_here


def _remembered(known: Known, observation: Observation) -> DocStatus | None:
    """A document that is gone leaves what we knew of it."""
    return known.doc_status if observation.status is DocStatus.MISSING else observation.status


_NOTHING_OWED = (
    PaymentStatus.PAID,
    PaymentStatus.OVERPAID,
    PaymentStatus.REFUNDED,
    PaymentStatus.VOID,
    PaymentStatus.UNCOLLECTIBLE,
)


def _owed_nothing(known: Known) -> bool:
    """While a payment is disputed it counts as paid; what the dispute takes is owed again."""
    if known.status is PaymentStatus.DISPUTED:
        return fold(known.total, known.facts, known.doc_status).due.minor == 0
    return known.status in _NOTHING_OWED


def _alarming(known: Known, observation: Observation, after: Standing) -> str | None:
    """Bad news that is rare: worth a second look before it is believed."""
    if observation.status is DocStatus.MISSING and known.doc_status is not DocStatus.MISSING:
        return "missing"
    if _owed_nothing(known) and after.due.minor > 0:
        return "reopened"
    if after.status is PaymentStatus.VOID and known.status is not PaymentStatus.VOID:
        return "void"
    return None


def _sentence(known: Known, change: Change) -> str:
    """What happened, as the timeline says it."""
    observation, after = change.observation, change.standing
    if observation.status is DocStatus.MISSING:
        return "The provider no longer knows this invoice: it was deleted there."
    parts = [_told(item) for item in change.new_facts if not (item.fact.is_from_here and item.revision)]
    if change.before is not after.status:
        parts.append(f"The invoice is now {after.status.value.replace('_', ' ')}, {after.due} due.")
    if observation.total is not None and observation.total != known.total:
        parts.append(f"The provider's total is {observation.total}, ours {known.total}.")
    return " ".join(parts) or f"The provider's document is now {observation.status.value}."


def _told(item: KnownFact) -> str:
    fact = item.fact
    if fact.kind is FactKind.REVERSAL and fact.external_id.startswith(gone_id(FactKind.PAYMENT, HERE)):
        return f"{fact.amount} that was entered here is in the provider's books."
    when = f" on {fact.at:%Y-%m-%d %H:%M} UTC" if fact.at else ""
    how = f" by {fact.method}" if fact.method else ""
    edited = " (changed there)" if item.revision and fact.kind is not FactKind.REVERSAL else ""
    name = {
        FactKind.PAYMENT: "paid",
        FactKind.IN_FLIGHT: "on its way from the bank",
        FactKind.REFUND: "refunded",
        FactKind.CREDIT: "credited",
        FactKind.DISPUTE: "disputed",
        FactKind.WRITE_OFF: "written off",
        FactKind.REVERSAL: f"taken back ({(fact.reverses or FactKind.PAYMENT).value.replace('_', ' ')})",
    }[fact.kind]
    return f"{fact.amount} {name}{how}{when}{edited}."
