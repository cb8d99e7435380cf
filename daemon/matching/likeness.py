"""How alike two people are: points for each thing that both sides know, and the reasons in words.

Alike the other way round too, and never certain: two homes with one e-mail address stay two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rapidfuzz import fuzz

from daemon.matching.people import Person

LIKELY_FROM = 70
UNSURE_FROM = 20
"""Below, they are taken for two people."""
MOST = 99
NAMES_FROM = 80.0
"""Per cent; names that are less alike are no reason to think of each other."""
_NAMES_DIFFER = 60.0
_STREETS_SAME = 90.0
_STREETS_ALIKE = 75.0


@dataclass(frozen=True, slots=True)
class Likeness:
    """`score` is from 0 to 99; `strong`: they share an e-mail address, a number or a reference."""

    score: int
    reasons: tuple[str, ...]
    strong: bool


@dataclass(frozen=True, slots=True)
class _Sign:
    points: float
    says: str
    strong: bool = False


def likeness(one: Person, other: Person) -> Likeness:
    signs = [sign for judge in _JUDGES if (sign := judge(one, other)) is not None]
    strong = any(sign.strong for sign in signs)
    points = round(sum(sign.points for sign in signs))
    least = UNSURE_FROM if strong else 0  # what is shared is looked at, whatever else differs
    return Likeness(max(least, min(MOST, points)), tuple(sign.says for sign in signs), strong)


def _reference(one: Person, other: Person) -> _Sign | None:
    return _Sign(60, "same reference", strong=True) if one.references & other.references else None


def _email(one: Person, other: Person) -> _Sign | None:
    if not one.email or not other.email:
        return None
    return _Sign(50, "same e-mail", strong=True) if one.email == other.email else _Sign(-10, "e-mail differs")


def _phone(one: Person, other: Person) -> _Sign | None:
    if not one.phone or not other.phone:
        return None
    return _Sign(35, "same phone", strong=True) if one.phone == other.phone else _Sign(-10, "phone differs")


def _name(one: Person, other: Person) -> _Sign | None:
    if not one.name or not other.name:
        return None
    alike = names_alike(one.name, other.name)
    if alike == 100:
        return _Sign(30, "same name")
    if alike >= NAMES_FROM:
        return _Sign(15 + (alike - NAMES_FROM) * 0.75, f"name {alike:.0f} % alike")
    return _Sign(0, f"name {alike:.0f} % alike") if alike >= _NAMES_DIFFER else _Sign(-20, "name differs")


def names_alike(one: str, other: str) -> float:
    """Per cent; of names as `people.plain_name` gives them."""
    return fuzz.ratio(one, other)


def _address(one: Person, other: Person) -> _Sign | None:
    if not one.street or not other.street:
        return None
    alike = fuzz.ratio(one.street, other.street)
    elsewhere = bool(one.postal and other.postal) and one.postal != other.postal
    if elsewhere or alike < _STREETS_ALIKE or _house(one.street) != _house(other.street):
        return _Sign(-5, "address differs")
    return _Sign(20, "same address") if alike >= _STREETS_SAME else _Sign(10, f"address {alike:.0f} % alike")


def _house(street: str) -> set[str]:
    """The numbers in it: next door is somebody else."""
    return {word for word in street.split() if word[0].isdigit()}


_JUDGES: tuple[Callable[[Person, Person], _Sign | None], ...] = (_reference, _email, _phone, _name, _address)
