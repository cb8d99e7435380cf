"""What changed at Stripe: its events, newest first, told only as hints.

An event's object is rendered in the API version of its creation, not in ours, so it says which invoice to
read and nothing else. `created` has a resolution of a second and events may become listable late: each
poll goes back five minutes, and the high-water mark moves only when a whole run of pages has been read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from daemon.clock import from_unix, to_unix
from daemon.errors import CursorLost, Garbled, Rejected
from daemon.model import Changes, Document, Hint
from daemon.providers.stripe.money import PARTY
from daemon.providers.stripe.read import id_of
from daemon.providers.stripe.wire_client import PAGE, Answer, Api, rows_of
from daemon.providers.stripe.words import LISTENED, is_echo

OVERLAP_S = 300
REACH_S = 25 * 86400
"""Stripe keeps events for 30 days."""
_RESOLVED = 100


@dataclass(frozen=True, slots=True)
class Cursor:
    """`since`: everything before has been read (0: there was nothing to read yet). Inside a run of pages:
    `after` is the last event read, `until` where `since` may move when the run is whole. `resolved`: events
    whose payment was looked up, so that reading them again within the overlap costs nothing."""

    since: int
    after: str | None = None
    until: int | None = None
    resolved: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Document) -> Cursor:
        try:
            return cls(
                int(document["since"]),
                document.get("after"),
                document.get("until"),
                tuple(document.get("resolved", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CursorLost from error

    def document(self) -> Document:
        fields = {"after": self.after, "until": self.until, "resolved": list(self.resolved) or None}
        return {"since": self.since} | {key: value for key, value in fields.items() if value is not None}


class Feed:
    def __init__(self, api: Api) -> None:
        self._api = api

    def changed(self, document: Document | None) -> Changes:
        """One page. Raises CursorLost where events that were not read may be gone."""
        if document is None:
            return Changes(cursor=self._start().document())
        cursor = Cursor.of(document)
        answer = self._page(cursor)
        events = rows_of(answer.document)
        until = cursor.until or self._until(cursor, answer, events)
        hints, resolved = self._hints(events, cursor)
        if answer.document.get("has_more") and events:
            onward = Cursor(cursor.since, events[-1]["id"], until, resolved)
            return Changes(onward.document(), hints=hints, more=True)
        return Changes(Cursor(until, resolved=resolved).document(), hints=hints)

    def _start(self) -> Cursor:
        """From now on, as Stripe's clock tells it, or else its newest event; from the beginning where there
        is none."""
        answer = self._api.ask("get", ("events",), {"limit": 1, "types": list(LISTENED)})
        times = [_date(answer.headers), *(_created(event) for event in rows_of(answer.document))]
        return Cursor(next((time - OVERLAP_S for time in times if time is not None), 0))

    def _page(self, cursor: Cursor) -> Answer:
        more = {} if cursor.after is None else {"starting_after": cursor.after}
        params = {"limit": PAGE, "types": list(LISTENED), "created": {"gte": cursor.since}, **more}
        try:
            return self._api.ask("get", ("events",), params)
        except Rejected as error:
            if error.provider_code == "resource_missing":
                raise CursorLost from error
            raise

    def _until(self, cursor: Cursor, answer: Answer, events: list[Document]) -> int:
        """Where the mark may move after a run that starts with this page: five minutes behind Stripe's
        clock or, where no Date came, behind the newest event; never back."""
        now = _date(answer.headers)
        if now is None:
            now = max((_created(event) for event in events), default=cursor.since)
        if cursor.since and now - cursor.since > REACH_S:
            raise CursorLost
        return max(cursor.since, now - OVERLAP_S)

    def _hints(self, events: list[Document], cursor: Cursor) -> tuple[tuple[Hint, ...], tuple[str, ...]]:
        """A hint for each event that names an invoice; those that name a payment are looked up once."""
        hints: list[Hint] = []
        resolved: list[str] = []
        known: dict[str, str | None] = {}
        for event in events:
            if is_echo(event):
                continue
            ref = invoice_of(event)
            intent = None if ref else intent_of(event)
            if intent:
                resolved.append(event["id"])
                if event["id"] in cursor.resolved:
                    continue
                if intent not in known:
                    known[intent] = self._invoice_paid_by(intent)
                ref = known[intent]
            if ref:
                found = hint(event, ref)
                # Its webhook may have come before, as a hint without a ref under the event's own id.
                hints.append(replace(found, event_id=f"{event['id']}:{ref}") if intent else found)
        return tuple(hints), tuple([*resolved, *cursor.resolved][:_RESOLVED])

    def _invoice_paid_by(self, intent: str) -> str | None:
        """Since 2025-03-31 neither charge nor payment intent names the invoice."""
        payment = {"type": "payment_intent", "payment_intent": intent}
        for row in self._api.all("invoice_payments", payment=payment):
            return id_of(row.get("invoice"))
        return None


def hint(event: Document, ref: str | None) -> Hint:
    return Hint(event["id"], ref, from_unix(_created(event)), str(event.get("type")))


def invoice_of(event: Document) -> str | None:
    """The invoice that the event's object is, or names."""
    thing = _object(event)
    return id_of(thing) if thing.get("object") == "invoice" else id_of(thing.get("invoice"))


def intent_of(event: Document) -> str | None:
    thing = _object(event)
    return id_of(thing) if thing.get("object") == "payment_intent" else id_of(thing.get("payment_intent"))


def _object(event: Document) -> Document:
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    return thing if isinstance(thing, dict) else {}


def _created(event: Document) -> int:
    created = event.get("created")
    if not isinstance(created, int):
        raise Garbled("Stripe's event has no time", party=PARTY)
    return created


def _date(headers: Mapping[str, str]) -> int | None:
    try:
        return to_unix(parsedate_to_datetime(headers.get("date", "")))
    except (ValueError, TypeError):
        return None
