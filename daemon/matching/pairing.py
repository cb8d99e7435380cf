"""Who of theirs is whom of ours: one for one, the most alike first.

Nobody is held against everybody: only those who share a reference, an e-mail address, a telephone number or a
street are compared, and those whose names are alike, which rapidfuzz finds in one sweep over all names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rapidfuzz import fuzz, process

from daemon.matching.likeness import LIKELY_FROM, NAMES_FROM, UNSURE_FROM, Likeness, likeness
from daemon.matching.people import Person

MARGIN = 10
"""Another that comes so near makes a proposal unsure."""
OTHERS = 3
"""Further candidates that are told of."""
COMMON = 5
"""An address or a number that more of one side have than this says nothing about any of them."""
_NAMES = 10
"""The most alike ones are looked at, and so many of each."""
CERTAIN = 100


class Kind(StrEnum):
    """`certain`: our reference stands there; `none`: nobody there is like this customer."""

    CERTAIN = "certain"
    LIKELY = "likely"
    UNSURE = "unsure"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of theirs, as a candidate for one of ours."""

    payer: str
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """For one of ours: one of theirs, or nobody. `others` come next, the most alike first."""

    customer: str
    kind: Kind
    payer: str | None = None
    score: int = 0
    reasons: tuple[str, ...] = ()
    others: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pair:
    """One of ours beside one of theirs, by their places."""

    ours: int
    theirs: int
    like: Likeness


def pair(ours: Sequence[Person], theirs: Sequence[Person]) -> list[Proposal]:
    """A proposal for each of ours, in their order. Nobody of theirs is proposed twice, and only who carries
    our reference is certain."""
    certain = dict(_certain(ours, theirs))
    left = [one for one in ours if one.id not in certain]
    taken = {proposal.payer for proposal in certain.values() if proposal.payer}
    free = [one for one in theirs if one.id not in taken]
    found = certain | {one.customer: one for one in _paired(_telling(left), _telling(free))}
    return [found[one.id] for one in ours]


def _certain(ours: Sequence[Person], theirs: Sequence[Person]) -> Iterator[tuple[str, Proposal]]:
    """Where two of theirs carry it, or one carries those of two, a person must say who is billed."""
    wanted = {one.own for one in ours if one.own}
    carrying: dict[str, list[str]] = defaultdict(list)
    carried = Counter({one.id: len(one.references & wanted) for one in theirs})
    for one in theirs:
        for reference in one.references & wanted:
            carrying[reference].append(one.id)
    for one in ours:
        there = sorted(carrying.get(one.own or "", ()))
        if len(there) == 1 and carried[there[0]] == 1:
            yield one.id, Proposal(one.id, Kind.CERTAIN, there[0], CERTAIN, ("our reference",))
        elif there:
            others = tuple(Candidate(ref, CERTAIN - 1, ("our reference",)) for ref in there[:OTHERS])
            why = f"our reference is on {len(there)} customers there"
            if len(there) == 1:
                why = f"{there[0]} carries the references of {carried[there[0]]} customers of yours"
            yield one.id, Proposal(one.id, Kind.UNSURE, reasons=(why,), others=others)


# --- the rest -----------------------------------------------------------------------------------------


def _paired(ours: Sequence[Person], theirs: Sequence[Person]) -> Iterator[Proposal]:
    pairs = [one for one in _pairs(ours, theirs) if one.like.score >= UNSURE_FROM]
    pairs.sort(key=lambda one: (-one.like.score, ours[one.ours].id, theirs[one.theirs].id))
    chosen, taken_by = _assigned(pairs)
    of_ours, of_theirs = _grouped(pairs)
    for place, one in enumerate(ours):
        mine = of_ours.get(place, [])
        best = chosen.get(place)
        if best is not None:
            yield _proposed(best, mine, of_theirs[best.theirs], ours, theirs)
        else:
            yield _left_over(one, mine, taken_by, ours, theirs)


def _assigned(pairs: Sequence[_Pair]) -> tuple[dict[int, _Pair], dict[int, _Pair]]:
    """The pairs that are chosen, by ours and by theirs: the most alike first."""
    chosen: dict[int, _Pair] = {}
    taken_by: dict[int, _Pair] = {}
    for one in pairs:
        if one.ours not in chosen and one.theirs not in taken_by:
            chosen[one.ours] = taken_by[one.theirs] = one
    return chosen, taken_by


def _grouped(pairs: Sequence[_Pair]) -> tuple[dict[int, list[_Pair]], dict[int, list[_Pair]]]:
    of_ours: dict[int, list[_Pair]] = defaultdict(list)
    of_theirs: dict[int, list[_Pair]] = defaultdict(list)
    for one in pairs:
        of_ours[one.ours].append(one)
        of_theirs[one.theirs].append(one)
    return of_ours, of_theirs


def _proposed(
    best: _Pair,
    mine: Sequence[_Pair],
    its: Sequence[_Pair],
    ours: Sequence[Person],
    theirs: Sequence[Person],
) -> Proposal:
    """Somebody else who comes near, on either side, makes it unsure."""
    like, near = best.like, best.like.score - MARGIN
    reasons = list(like.reasons)
    rivals = [one for one in mine if one is not best and one.like.score >= near]
    if rivals:
        reasons.append(f"{theirs[rivals[0].theirs].id} there is as alike")
    if any(one is not best and one.like.score >= near for one in its):
        reasons.append("another customer of yours is as alike")
    alone = len(reasons) == len(like.reasons)
    kind = Kind.LIKELY if alone and like.score >= LIKELY_FROM else Kind.UNSURE
    others = _candidates([one for one in mine if one is not best], theirs)
    who = ours[best.ours].id
    return Proposal(who, kind, theirs[best.theirs].id, like.score, tuple(reasons), others)


def _left_over(
    one: Person,
    mine: Sequence[_Pair],
    taken_by: dict[int, _Pair],
    ours: Sequence[Person],
    theirs: Sequence[Person],
) -> Proposal:
    """One whose like is proposed for another: a household, where they share more than a name."""
    shared = [each for each in mine if each.like.strong]
    if not shared:
        return Proposal(one.id, Kind.NONE)
    first = shared[0]
    other = ours[taken_by[first.theirs].ours].id
    why = (*first.like.reasons, f"{theirs[first.theirs].id} is proposed for {other}: one household?")
    return Proposal(one.id, Kind.UNSURE, None, 0, why, _candidates(shared, theirs))


def _candidates(pairs: Sequence[_Pair], theirs: Sequence[Person]) -> tuple[Candidate, ...]:
    return tuple(Candidate(theirs[x.theirs].id, x.like.score, x.like.reasons) for x in pairs[:OTHERS])


# --- who is compared with whom ------------------------------------------------------------------------


def _pairs(ours: Sequence[Person], theirs: Sequence[Person]) -> Iterator[_Pair]:
    index = _Index(theirs)
    for place, one in enumerate(ours):
        for other in sorted(index.like(one)):
            yield _Pair(place, other, likeness(one, theirs[other]))


class _Index:
    """The places of theirs by each thing that they may share with one of ours."""

    def __init__(self, theirs: Sequence[Person]) -> None:
        self._shared: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._named: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(theirs):
            for thing in _things(one):
                self._shared[thing].append(place)
            if one.name:
                self._named[one.name].append(place)
        self._names = list(self._named)
        self._alike: dict[str, list[int]] = {}

    def like(self, one: Person) -> set[int]:
        found: set[int] = set()
        for thing in _things(one):
            found.update(self._shared.get(thing, ()))
        return found.union(self._by_name(one.name)) if one.name else found

    def _by_name(self, name: str) -> list[int]:
        if name not in self._alike:
            near = process.extract(
                name, self._names, scorer=fuzz.ratio, processor=None, score_cutoff=NAMES_FROM, limit=_NAMES
            )
            self._alike[name] = [place for there, *_ in near for place in self._named[there][:_NAMES]]
        return self._alike[name]


def _things(one: Person) -> Iterator[tuple[str, str]]:
    if one.email:
        yield "email", one.email
    if one.phone:
        yield "phone", one.phone
    if one.street:
        yield "street", f"{one.street} {one.postal}"
    for reference in one.references:
        yield "reference", reference


def _telling(people: Sequence[Person]) -> list[Person]:
    """Without what too many of them have: the office's own number, nobody@nowhere, a plan's name."""
    emails = _common(one.email for one in people)
    phones = _common(one.phone for one in people)
    references = _common(text for one in people for text in one.references)
    return [
        replace(
            one,
            email=None if one.email in emails else one.email,
            phone=None if one.phone in phones else one.phone,
            references=one.references - references,
        )
        for one in people
    ]


def _common(values: Iterable[str | None]) -> set[str]:
    return {value for value, count in Counter(values).items() if value is not None and count > COMMON}
