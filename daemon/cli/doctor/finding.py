"""One line of the doctor."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, BAD = "ok", "warn", "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """How it stands with `about`, and what to type (empty: nothing)."""

    level: str
    about: str
    sentence: str
    remedy: str = ""


def ok(about: str, sentence: str) -> Finding:
    return Finding(OK, about, sentence)


def warn(about: str, sentence: str, remedy: str = "") -> Finding:
    return Finding(WARN, about, sentence, remedy)


def bad(about: str, sentence: str, remedy: str = "") -> Finding:
    return Finding(BAD, about, sentence, remedy)
