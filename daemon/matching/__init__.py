"""Matching: which customers of an account are ours already. Pure: no I/O, no clock, no database.

`person` makes what is compared out of what either side wrote; `likeness` scores two of them; `pair` proposes
one of theirs for each of ours, and never one for two.
"""

from daemon.matching.likeness import LIKELY_FROM, UNSURE_FROM, Likeness, likeness
from daemon.matching.pairing import Candidate, Kind, Proposal, pair
from daemon.matching.people import Person, person

__all__ = [
    "LIKELY_FROM",
    "UNSURE_FROM",
    "Candidate",
    "Kind",
    "Likeness",
    "Person",
    "Proposal",
    "likeness",
    "pair",
    "person",
]
