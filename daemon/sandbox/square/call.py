"""One call on its way through the double, and the pages of its lists."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daemon.sandbox.http import Request
from daemon.sandbox.square.errors import Refusal
from daemon.sandbox.square.tables import Doc, Table
from daemon.sandbox.square.world import World, told

CURSOR_LIVES_S = 300.0


@dataclass(slots=True)
class Call:
    """`behind_s` is how many seconds a list answers late."""

    world: World
    token: str
    args: tuple[str, ...]
    request: Request
    body: Doc
    behind_s: float = 0.0
    public_url: str = ""

    def seen(self, table: Table) -> list[Doc]:
        return table.as_of(self.world.moment - self.behind_s)

    def known_query(self, *names: str) -> dict[str, str]:
        """The query's parameters; a name that the operation does not know is refused."""
        for name, _value in self.request.query:
            if name not in names:
                raise Refusal("UNKNOWN_QUERY_PARAMETER", f"Unknown parameter `{name}`.", field=name)
        return dict(self.request.query)

    def page(
        self, name: str, rows: list[Doc], *, size: int, cursor: str | None, shown: Callable[[Doc], Any] = told
    ) -> Doc:
        """One page of `rows` under `name`; the cursor belongs to this query and lives five minutes."""
        start = self._start(cursor) if cursor else 0
        answer: Doc = {name: [shown(one) for one in rows[start : start + size]]} if rows[start:] else {}
        if start + size < len(rows):
            answer["cursor"] = self._cursor(start + size)
        return answer

    def _asked(self) -> str:
        body = {name: one for name, one in self.body.items() if name != "cursor"}
        query = sorted(pair for pair in self.request.query if pair[0] != "cursor")
        text = json.dumps([self.request.path, query, body], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _cursor(self, start: int) -> str:
        ends = int(self.world.moment + CURSOR_LIVES_S)
        return base64.urlsafe_b64encode(json.dumps([start, ends, self._asked()]).encode()).decode()

    def _start(self, cursor: str) -> int:
        try:
            start, ends, asked = json.loads(base64.urlsafe_b64decode(cursor))
        except (ValueError, TypeError):
            start, ends, asked = 0, 0.0, ""
        if asked != self._asked() or ends < self.world.moment:
            raise Refusal("INVALID_CURSOR", "The cursor is invalid or has expired.", field="cursor")
        return int(start)


def limit_of(text: str, most: int) -> int:
    """A page size out of a query; what is larger than the most is ignored, as documented."""
    if not text.isdigit() or int(text) < 1:
        raise Refusal("EXPECTED_INTEGER", "Expected a positive integer.", field="limit")
    return min(int(text), most)
