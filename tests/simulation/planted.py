"""Bugs that the simulation must find: each one put into the production code for the length of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

from daemon.errors import OutcomeUnknown, Rejected
from daemon.jobs import feed as following
from daemon.jobs import pull as pulling
from daemon.providers.stripe import feed, push, wire_client
from daemon.providers.stripe.words import CUSTOMER_KEY
from daemon.store import grants, hints, integrations, journal, links, steps
from tests.simulation.chance import Chance
from tests.simulation.parties import Party, SquareParty, StripeParty, XeroParty
from tests.simulation.points import Plan

Patch = Any


def no_mark_before_send() -> Patch:
    """The request leaves first; the row is written with the result."""

    def mark(self: journal.Book, sends: Any) -> list[steps.Row]:
        now = self.store.clock.now()
        sent = {"state": journal.StepState.SENDING, "key_first_sent_at": now, "last_sent_at": now}
        return [replace(row, **sent) for _journal, row in sends]

    return mock.patch.object(journal.Book, "mark", mark)


def cursor_first() -> Patch:
    """The feed's cursor is committed before what the page says."""
    keep = following._keep_page

    def keep_page(visit: Any, page: Any, nudges: Any) -> None:
        store = visit.house.store
        store.write("pull.feed", lambda: integrations.update(visit.integration.id, cursor=page.cursor))
        write = store.write

        def beside(_label: str, work: Any) -> Any:  # the crash point is the one between the two
            return write("pull.feed.rest", work)

        with mock.patch.object(store, "write", beside):
            keep(visit, page, nudges)

    return mock.patch.object(following, "_keep_page", keep_page)


def key_from_time() -> Patch:
    """The key names the minute in which it was made."""
    key = journal.StoredJournal._key

    def timed(self: journal.StoredJournal, step: str, revision: int, send_no: int) -> str:
        minute = int(self._book.store.clock.now().timestamp()) // 60
        return key(self, f"{step}@{minute}", revision, send_no)

    return mock.patch.object(journal.StoredJournal, "_key", timed)


def wait_from_first_send() -> Patch:
    """What was not found is sent anew when enough time has passed since the first send."""

    def quiet_s(self: journal.StoredJournal, row: steps.Row, rules: Any, now: Any) -> float:
        first = row.first_sent_at
        return 0.0 if first is None else max(0.0, rules.settle_s - (now - first).total_seconds())

    return mock.patch.object(journal.StoredJournal, "quiet_s", quiet_s)


def found_taken_for_finished() -> Patch:
    """An invoice that is found at the provider passes for a sent one, a draft too."""
    invoice = push.Pusher.invoice

    def found(self: push.Pusher, draft: Any, customer: str, log: Any) -> Any:
        body = {**push.invoice_body(draft, customer, self._settings), "total": draft.total.minor}
        there = self._find(body)
        return self._invoice(there["id"]) if there else invoice(self, draft, customer, log)

    return mock.patch.object(push.Pusher, "invoice", found)


def failure_taken_for_refusal() -> Patch:
    """A 500 is read as a no."""
    raise_for = wire_client.raise_for_stripe

    def refuse(reply: Any, *, replayed: bool) -> None:
        try:
            raise_for(reply, replayed=replayed)
        except OutcomeUnknown as error:
            raise Rejected(error.message, party=error.party) from error

    return mock.patch.object(wire_client, "raise_for_stripe", refuse)


def hint_used_before_the_read() -> Patch:
    """A hint counts as answered once the read is planned."""
    choose = pulling._choose

    def choosing(visit: Any) -> Any:
        reading = choose(visit)
        ids = [i for found in reading.hint_ids.values() for i in found]
        if ids:
            visit.house.store.write("pull.apply", lambda: hints.used(ids, visit.now))
        return reading

    return mock.patch.object(pulling, "_choose", choosing)


def feed_without_overlap() -> Patch:
    """The feed is read from the provider's now, with nothing read twice."""
    return mock.patch.object(feed, "OVERLAP_S", 0)


def payer_by_email() -> Patch:
    """Whoever has the e-mail address is billed."""
    find = push.Pusher._find_payer

    def by_email(self: push.Pusher, body: Any) -> Any:
        rows = list(self._api.all("customers", email=body["email"]))
        strangers = [row for row in rows if CUSTOMER_KEY not in (row.get("metadata") or {})]
        return {"id": strangers[0]["id"], "origin": "found"} if strangers else find(self, body)

    return mock.patch.object(push.Pusher, "_find_payer", by_email)


def nobody_finishes_what_was_being_sent() -> Patch:
    """A link that was being sent when the daemon died is never looked at again."""
    due = links.due_for_push

    def skipping(integration_id: str, now: Any, *, limit: int) -> Any:
        return [link for link in due(integration_id, now, limit=limit) if link.state != "sending"]

    return mock.patch.object(links, "due_for_push", skipping)


def lag_forgotten() -> Patch:
    """What a look does not show is taken for never sent."""
    rules = journal.Book.rules

    def hasty(self: journal.Book, lag_s: float | None, look_first: bool) -> Any:
        return replace(rules(self, lag_s, look_first), lookup_lag_s=0, settle_s=0)

    return mock.patch.object(journal.Book, "rules", hasty)


def rotation_not_stored() -> Patch:
    """A refreshed access token is kept, the refresh token that came with it is not."""
    keep = grants.keep

    def forgetful(safe: Any, turn: Any, fresh: grants.Tokens, life: Any) -> None:
        keep(safe, turn, replace(fresh, refresh=fresh.previous), life)

    return mock.patch.object(grants, "keep", forgetful)


BUGS: dict[str, Callable[[], Patch]] = {
    bug.__name__: bug
    for bug in (
        no_mark_before_send,
        cursor_first,
        key_from_time,
        wait_from_first_send,
        found_taken_for_finished,
        failure_taken_for_refusal,
        hint_used_before_the_read,
        feed_without_overlap,
        payer_by_email,
        nobody_finishes_what_was_being_sent,
        lag_forgotten,
        rotation_not_stored,
    )
}

ABOUT: dict[str, tuple[type[Party], ...]] = {
    "lag_forgotten": (SquareParty,),
    "rotation_not_stored": (XeroParty,),
}
"""The provider at which a bug shows, where it is not Stripe."""


WHERE = {"cursor_first": "pull.feed:after-commit", "hint_used_before_the_read": "pull.apply:after-commit"}
"""The crash without which a bug cannot show: seeds in which it is armed are lived first."""


def seeds_for(name: str, seeds: Iterable[int]) -> list[int]:
    """The seeds, those in which the bug is likelier to show first."""
    point = WHERE.get(name, "")

    def unlikely(seed: int) -> int:
        """The later in a life it strikes, the less comes after it that would heal what it broke."""
        nth, _blow = Plan.of(seed, Chance(seed, "plan"), StripeParty.beyond).armed.get(point, (0, None))
        return -nth

    return sorted(seeds, key=unlikely)


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The production code with this bug in it."""
    with BUGS[name]():
        yield
