"""A batch of invoices on its way to Xero: payers, drafts, compare, approve, e-mail.

50 to a call: 20,000 invoices of known customers are 400 creates and 400 approvals. Each invoice has steps of
its own in the journal, so that a half-made one is finished and a refused one stops no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from daemon.errors import Rejected, StepStuck, Stopping, Throttled, Unauthorised, Unreachable
from daemon.model import (
    Document,
    InvoiceDraft,
    Journal,
    Journals,
    LookMany,
    PayerCreated,
    Pushed,
    SendMany,
)
from daemon.providers.base import PushResult
from daemon.providers.xero.api import Api, Outcome
from daemon.providers.xero.contacts import Contacts
from daemon.providers.xero.documents import Documents
from daemon.providers.xero.drafts import accepts, invoice_body, payer_body
from daemon.providers.xero.numbers import to_text
from daemon.providers.xero.read import observe
from daemon.providers.xero.setup import XeroSettings
from daemon.providers.xero.words import is_guid

MAILS = 10
"""Marked together and sent one by one: the last must leave soon after its mark, too."""
NOTHING_SENT = (Throttled, Unauthorised, Unreachable, Stopping)


@dataclass(slots=True)
class Item:
    """One draft and how far it has come; with an `error` it goes no further."""

    draft: InvoiceDraft
    journal: Journal
    payer: PayerCreated | None = None
    ref: str = ""
    attempt: int = 1
    live: Document | None = None
    error: Exception | None = None


class Alone:
    """The journals of a batch of one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, draft: InvoiceDraft) -> Journal:
        return self._journal

    def each(
        self,
        step: str,
        items: Sequence[tuple[Journal, Document]],
        send: SendMany,
        look: LookMany,
        *,
        lag_s: float | None = None,
        look_first: bool = False,
    ) -> list[Outcome]:
        return [
            _outcome(journal, step, body, send, look, lag_s=lag_s, look_first=look_first)
            for journal, body in items
        ]


class Pusher:
    def __init__(self, api: Api, settings: XeroSettings) -> None:
        self._contacts, self._documents, self._settings = Contacts(api), Documents(api), settings

    def push(self, drafts: Sequence[InvoiceDraft], journals: Journals) -> Iterator[PushResult]:
        items = [Item(draft, journals(draft)) for draft in drafts]
        for stage in (self._accept, self._payers, self._create, self._approve, self._mail):
            left = [item for item in items if item.error is None]
            try:
                if left:
                    stage(left, journals)
            except Exception as error:  # noqa: BLE001 - errors are answers here
                for item in left:
                    item.error = item.error or error
        for item in items:
            yield self._result(item)

    def _result(self, item: Item) -> PushResult:
        if item.error is not None or item.live is None or item.payer is None:
            return PushResult(item.draft, error=item.error)
        try:
            seen = observe(item.live, self._settings.short_code)
        except Exception as error:  # noqa: BLE001 - errors are answers here
            return PushResult(item.draft, error=error)
        return PushResult(item.draft, pushed=Pushed(item.ref, item.payer, seen))

    # --- stages ---------------------------------------------------------------------------------------

    def _accept(self, items: Sequence[Item], journals: Journals) -> None:
        numbers: set[str] = set()
        for item in items:
            number = item.draft.number.strip().casefold()
            try:
                accepts(item.draft, self._settings)
            except Rejected as error:
                item.error = error
                continue
            if number in numbers:
                item.error = StepStuck("WB-PUSH-NUMBER-TAKEN", "another invoice on its way has this number")
            numbers.add(number)

    def _payers(self, items: Sequence[Item], journals: Journals) -> None:
        """A preset contact is used as it is: where it is gone or archived Xero says so of the invoice."""
        unknown: dict[str, list[Item]] = {}
        for item in items:
            external_id = item.draft.payer.external_id
            if external_id is None:
                unknown.setdefault(item.draft.payer.reference, []).append(item)
            elif is_guid(external_id):
                item.payer = PayerCreated(external_id.lower(), "preset")
            else:
                item.error = StepStuck("WB-PUSH-MISMATCH", "the customer's contact id is not one of Xero's")
        if not unknown:
            return
        asked = [
            (same[0].journal.payer(reference), payer_body(same[0].draft.payer))
            for reference, same in unknown.items()
        ]
        outcomes = journals.each("payer", asked, self._contacts.create, self._contacts.find)
        for same, outcome in zip(unknown.values(), outcomes, strict=True):
            for item in same:
                if isinstance(outcome, Exception):
                    item.error = outcome
                else:
                    item.payer = PayerCreated(outcome["id"], outcome["origin"])

    def _create(self, items: Sequence[Item], journals: Journals) -> None:
        """Drafts that Xero reckons as we do. One that it reckons otherwise is withdrawn and stops; once a
        person says so, the next attempt makes another, with steps of its own."""
        waiting = list(items)
        for attempt in range(1, 100):
            fresh: set[str] = set()
            asked = [(item.journal, self._body(item)) for item in waiting]
            outcomes = journals.each(
                _step("create", attempt),
                asked,
                partial(self._created, fresh),
                partial(self._found, fresh),
            )
            again = []
            for item, outcome in zip(waiting, outcomes, strict=True):
                item.attempt = attempt
                if isinstance(outcome, Exception):
                    item.error = outcome
                elif not outcome["differences"]:
                    item.ref = outcome["id"]
                elif self._withdrawn(item, outcome, item.draft.reference in fresh):
                    again.append(item)
            waiting = again
            if not waiting:
                return

    def _created(self, fresh: set[str], sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        fresh |= {body["invoice"]["Reference"] for body, _key in sends}
        return self._documents.create(sends)

    def _found(self, fresh: set[str], bodies: Sequence[Document]) -> list[Outcome | None]:
        fresh |= {body["invoice"]["Reference"] for body in bodies}
        return self._documents.find(bodies)

    def _body(self, item: Item) -> Document:
        contact = item.payer.external_id if item.payer else ""
        return {
            "invoice": invoice_body(item.draft, contact, self._settings),
            "total": to_text(item.draft.total),
        }

    def _withdrawn(self, item: Item, made: Document, fresh: bool) -> bool:
        """Whether a further attempt is to be made: a person said so after the one that is withdrawn here."""
        why = "; ".join(made["differences"])
        docs, attempt, body = self._documents, item.attempt, {"invoice": made["id"]}
        try:
            item.journal.once(_step("withdraw", attempt), body, docs.withdraw, docs.is_gone, lag_s=0)
            item.journal.once(_step("stop", attempt), {"why": why}, self._stop, self._go_on, lag_s=0)
            if fresh:  # after a restore every step looks first, and `stop` has nothing to look at
                raise StepStuck("WB-PUSH-TOTAL", why)
        except Exception as error:  # noqa: BLE001 - errors are answers here
            item.error = error
            return False
        return True

    def _stop(self, body: Document, key: str) -> Document:
        raise StepStuck("WB-PUSH-TOTAL", body["why"])

    def _go_on(self, body: Document) -> Document | None:
        """Asked only after a person had the invoice tried again."""
        return {"again": True}

    def _approve(self, items: Sequence[Item], journals: Journals) -> None:
        for attempt in sorted({item.attempt for item in items}):
            same = [item for item in items if item.attempt == attempt]
            asked = [
                (item.journal, {"invoice": item.ref, "mark_as_sent": not self._settings.send_email})
                for item in same
            ]
            docs = self._documents
            outcomes = journals.each(_step("approve", attempt), asked, docs.approve, docs.are_live, lag_s=0)
            for item, outcome in zip(same, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    item.error = outcome
                else:
                    item.live = outcome

    def _mail(self, items: Sequence[Item], journals: Journals) -> None:
        """Only what is still owed."""
        due = [item for item in items if item.live and item.live.get("Status") == "AUTHORISED"]
        if not self._settings.send_email or not due:
            return
        stopped: Exception | None = None
        for n in range(0, len(due), MAILS):
            part = due[n : n + MAILS]
            if stopped is None:
                stopped = self._mailed(part, journals)
            else:
                for item in part:
                    item.error = stopped

    def _mailed(self, items: Sequence[Item], journals: Journals) -> Exception | None:
        """What stops the rest, too."""
        asked = [(item.journal, {"invoice": item.ref}) for item in items]
        outcomes = journals.each("email", asked, self._documents.mail, self._documents.were_mailed, lag_s=0)
        stopped = None
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Exception):
                item.error = outcome
                stopped = outcome if isinstance(outcome, NOTHING_SENT) else stopped
        return stopped


def _step(name: str, attempt: int) -> str:
    return name if attempt == 1 else f"{name}-{attempt}"


def _outcome(
    journal: Journal,
    step: str,
    body: Document,
    send: SendMany,
    look: LookMany,
    *,
    lag_s: float | None,
    look_first: bool,
) -> Outcome:
    def send_one(body: Document, key: str) -> Document:
        return _given(send([(body, key)])[0])

    def look_one(body: Document) -> Document | None:
        (found,) = look([body])
        return None if found is None else _given(found)

    try:
        return journal.once(step, body, send_one, look_one, lag_s=lag_s, look_first=look_first)
    except Exception as error:  # noqa: BLE001 - errors are answers here
        return error


def _given(outcome: Outcome) -> Document:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
