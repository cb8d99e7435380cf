"""An entry of a timeline, and its proof: the row that anybody can look up again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ProofKind(StrEnum):
    """What kind of row proves an entry."""

    READING = "evidence"
    AUDIT = "audit row"
    STEP = "key"
    HINT = "hint"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Proof:
    """`ref` names the row. `fingerprint` is of a reading's document, or the hash of an audit row: both are
    computed from what is stored, so that a changed row no longer has it."""

    kind: ProofKind
    ref: str
    fingerprint: str | None = None

    def __str__(self) -> str:
        mark = f", fingerprint {self.fingerprint}" if self.fingerprint else ""
        return f"{self.kind.value} {self.ref}{mark}"


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind` is the event's type, `read`, `step.…`, `hint.…` or the audit's action; `actor` is "daemon", the
    provider's name, or who of the people (`cli:…`, `token:…`). `public`: the payer may read it."""

    at: datetime
    sentence: str
    proof: Proof
    actor: str
    kind: str
    public: bool = False
