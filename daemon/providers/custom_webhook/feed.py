"""What changed, where the customer's system offers a list `…?updated_since={since}&page={page}`.

`since` is the newest time of change seen there, never our clock's, less five minutes; what was told already
is known by its hash. A page that repeats the one before it ends the list.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from daemon.clock import Clock
from daemon.errors import CursorLost
from daemon.model import Changes, Document, Hint
from daemon.providers.custom_webhook.addresses import variables
from daemon.providers.custom_webhook.answers import LIST_BYTES, found, garbled
from daemon.providers.custom_webhook.client import Client
from daemon.providers.custom_webhook.setup import CustomSettings, Status, StatusList
from daemon.providers.custom_webhook.status import AHEAD, Reader
from daemon.providers.custom_webhook.values import Values

OVERLAP = timedelta(minutes=5)
START = timedelta(hours=1)
"""How far before our own clock the first question begins; theirs may differ."""
MAX_PAGES, MAX_ROWS, MAX_TOLD = 1000, 5000, 5000
_KEYS = {"since", "page", "newest", "told", "last"}


class Feed:
    def __init__(self, client: Client, settings: CustomSettings, status: Status, where: StatusList) -> None:
        self._client, self._status, self._where = client, status, where
        self._reader, self._values = Reader(settings, status), Values(settings)

    def changed(self, cursor: Document | None, clock: Clock) -> Changes:
        if cursor is None:
            since = _text(clock.now() - START)
            first = {"since": since, "page": 1, "newest": since, "told": {}, "last": ""}
            self._rows(first)  # whether it answers at all
            return Changes(first)
        _insist_on_ours(cursor)
        rows = self._rows(cursor)
        digest = _digest(rows)
        if not rows or digest == cursor["last"] or cursor["page"] > MAX_PAGES:
            return Changes(_next_round(cursor))
        hints, told, newest = self._told(rows, cursor, clock.now() + AHEAD)
        going = {**cursor, "told": told, "newest": newest, "last": digest, "page": cursor["page"] + 1}
        if "page" not in variables(self._where.url_template):
            return Changes(_next_round(going), hints=tuple(hints))
        return Changes(going, hints=tuple(hints), more=True)

    def _rows(self, cursor: Document) -> list[Any]:
        values = {"since": cursor["since"], "page": str(cursor["page"])}
        reply = self._client.get(self._where.url_template, values)
        if reply.status_code in (404, 410):
            raise garbled("its list of changes is not there", reply)
        document = self._client.document(reply, at_most=LIST_BYTES)
        rows = found(document, self._where.items)
        if isinstance(rows, dict):
            rows = [rows]  # one XML element alone is no list
        elif rows is None and reply.body.lstrip().startswith(b"<"):
            rows = []  # and no XML element is an empty one
        if not isinstance(rows, list) or len(rows) > MAX_ROWS:
            raise garbled(f"its list of changes is not a list of up to {MAX_ROWS}", reply)
        return rows

    def _told(self, rows: list[Any], cursor: Document, end: datetime) -> tuple[list[Hint], Document, str]:
        """Hints for what is new, all that was told lately, and the newest time of change; one after `end`
        would hide all that follow. Where our reference is the name, a row without it is one of theirs."""
        told, newest, hints = dict(cursor["told"]), datetime.fromisoformat(cursor["newest"]), []
        for row in rows:
            ref = self._reader.name(row)
            if ref is None and self._status.ref_is == "reference":
                continue
            at = self._values.moment(found(row, self._status.paths.updated_at))
            if ref is None or at is None:
                raise garbled("an entry of the list of changes lacks its id or its time")
            newest = max(newest, at) if at <= end else newest
            mark = _digest(row)
            if told.get(ref, [""])[0] != mark:
                hints.append(Hint(f"list:{ref}:{mark}", ref, at))
                told[ref] = [mark, _text(at)]
        return hints, told, _text(newest)


def _next_round(cursor: Document) -> Document:
    """From the newest change seen, less the overlap; what was told before that is forgotten."""
    since = datetime.fromisoformat(cursor["newest"]) - OVERLAP
    kept = {ref: mark for ref, mark in cursor["told"].items() if datetime.fromisoformat(mark[1]) >= since}
    told = dict(list(kept.items())[-MAX_TOLD:])
    return {"since": _text(since), "page": 1, "newest": cursor["newest"], "told": told, "last": ""}


def _insist_on_ours(cursor: Document) -> None:
    try:
        datetime.fromisoformat(cursor["since"])
        datetime.fromisoformat(cursor["newest"])
        if cursor.keys() != _KEYS or not isinstance(cursor["page"], int):
            raise CursorLost
    except (KeyError, TypeError, ValueError) as error:
        raise CursorLost from error


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
