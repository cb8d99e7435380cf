"""Documents with their past, so that a list can answer as of some seconds ago."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

Doc = dict[str, Any]


@dataclass(slots=True)
class Table:
    """Documents by id, in the order in which they were made; each with the moments at which it changed.
    `first` is the version of a new one; None where Square tells no version."""

    first: int | None = 0
    _rows: dict[str, list[tuple[float, Doc | None]]] = field(default_factory=dict)

    def put(self, doc_id: str, doc: Doc, now: float) -> None:
        self._rows.setdefault(doc_id, []).append((now, copy.deepcopy(doc)))

    def drop(self, doc_id: str, now: float) -> None:
        self._rows[doc_id].append((now, None))

    def get(self, doc_id: str) -> Doc | None:
        """As it is now; changes to it count once it is `put` again."""
        past = self._rows.get(doc_id)
        return copy.deepcopy(past[-1][1]) if past else None

    def all(self) -> list[Doc]:
        """What stands there now, to be read only."""
        return [past[-1][1] for past in self._rows.values() if past[-1][1] is not None]

    def as_of(self, moment: float) -> list[Doc]:
        """Every document as it was then, to be read only; what did not exist is not there."""
        found = []
        for past in self._rows.values():
            doc = next((doc for at, doc in reversed(past) if at <= moment), None)
            if doc is not None:
                found.append(doc)
        return found

    def gone(self) -> list[Doc]:
        """The last state of what was deleted."""
        return [past[-2][1] or {} for past in self._rows.values() if past[-1][1] is None and len(past) > 1]
