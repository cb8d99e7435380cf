"""Invoices on their way into Xero: draft, approve, e-mail, withdraw; each a step with a look of its own.

A batch is one call. Its answers are found by number or id, never by place: their order is promised nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from daemon.errors import (
    Garbled,
    Rejected,
    RemoteError,
    StepStuck,
    Stopping,
    Throttled,
    Unauthorised,
    Unreachable,
)
from daemon.model import Document
from daemon.providers.xero.api import Api, Outcome, faults_of, is_refused, looked, rejected, rows
from daemon.providers.xero.drafts import differences
from daemon.providers.xero.numbers import amount, encoded
from daemon.providers.xero.read import scrubbed
from daemon.providers.xero.words import LIVE, PARTY, is_guid

MAX_BYTES = 3_000_000
"""A request may have 3.5 MB."""
IDS = 40
"""So many ids fit into an address."""
LISTED_CHARACTERS = 1500
CREATING = "summarizeErrors=false&unitdp=4"
"""Elements fail by themselves, and unit amounts keep four decimals; both are always sent."""
_TAKEN = re.compile(r"must be unique", re.IGNORECASE)
_LIMIT = re.compile(r"\blimit\b", re.IGNORECASE)
_PLAIN = re.compile(r"[^,\"%&]+")
MAIL_PAUSE_S = 3600.0


class Documents:
    def __init__(self, api: Api) -> None:
        self._api = api

    # --- create ---------------------------------------------------------------------------------------

    def create(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        """PUT makes drafts and refuses a number that is taken; POST would overwrite that invoice."""
        outcomes: list[Outcome] = []
        for part in _parts(sends):
            outcomes += self._create(part) if not outcomes else self._or_fault(part)
        return outcomes

    def _or_fault(self, part: Sequence[tuple[Document, str]]) -> list[Outcome]:
        """What befell a later call of a batch befell only its own part."""
        try:
            return self._create(part)
        except RemoteError as error:
            return [error] * len(part)

    def _create(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        key = "|".join(key for _body, key in sends)
        document = {"Invoices": [body["invoice"] for body, _key in sends]}
        answer = self._api.write(
            "PUT", "Invoices", body=document, key=key, summarizeErrors="false", unitdp="4"
        )
        made = {_number(row): row for row in rows(answer, "Invoices")}
        outcomes = [self._made(body, made.get(_number(body["invoice"]))) for body, _key in sends]
        outcomes = self._explained(sends, outcomes)
        taken = [n for n, o in enumerate(outcomes) if isinstance(o, Rejected) and _TAKEN.search(o.message)]
        found = looked(self.find, [sends[n][0] for n in taken])
        for n, seen in zip(taken, found, strict=True):
            number = sends[n][0]["invoice"]["InvoiceNumber"]
            outcomes[n] = seen or StepStuck(
                "WB-PUSH-NUMBER-TAKEN", f"the number {number} is used by another invoice at Xero"
            )
        return outcomes

    def _explained(self, sends: Sequence[tuple[Document, str]], outcomes: list[Outcome]) -> list[Outcome]:
        """Where Xero refuses a contact that was merged into another, that other one is named."""
        of = {
            n: sends[n][0]["invoice"]["Contact"]["ContactID"]
            for n, outcome in enumerate(outcomes)
            if isinstance(outcome, Rejected) and "contact" in outcome.message.lower()
        }
        if not of:
            return outcomes
        try:
            merged = self._merged(sorted(set(of.values()))[:IDS])
        except RemoteError:
            return outcomes  # the refusal stands as Xero put it
        text = "the contact {} was merged into {} at Xero; that one is to be billed now"
        named = {n: rejected(text.format(ref, merged[ref])) for n, ref in of.items() if ref in merged}
        return [named.get(n, outcome) for n, outcome in enumerate(outcomes)]

    def _merged(self, refs: Sequence[str]) -> dict[str, str]:
        answer = self._api.get(
            "Contacts", IDs=",".join(refs), includeArchived="true", page="1", pageSize="100"
        )
        return {
            str(row.get("ContactID")).lower(): row["MergedToContactID"]
            for row in rows(answer, "Contacts")
            if is_guid(row.get("MergedToContactID"))
        }

    def _made(self, body: Document, row: Document | None) -> Outcome:
        if row is None:
            return Garbled("Xero's answer leaves an invoice out", party=PARTY)
        return rejected(faults_of(row)) if is_refused(row) else self._kept(body, row)

    def _kept(self, body: Document, row: Document) -> Outcome:
        try:
            found = differences(body["invoice"], body["total"], row)
        except Garbled as error:
            return error
        ref = row.get("InvoiceID")
        if not isinstance(ref, str) or not is_guid(ref):
            return Garbled("Xero's invoice has no id", party=PARTY)
        return {"id": ref.lower(), "status": str(row.get("Status")), "differences": found[:20]}

    def find(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        """By number, all in one call; our Reference says whose it is. A deleted draft counts for nothing."""
        theirs: list[Document] = []
        easy = [number for body in bodies if _PLAIN.fullmatch(number := body["invoice"]["InvoiceNumber"])]
        for numbers in _lists(easy):
            theirs += self._listed(InvoiceNumbers=numbers)
        for body in bodies:
            if not _PLAIN.fullmatch(body["invoice"]["InvoiceNumber"]):  # the list is divided by commas
                theirs += self._listed(where=f'Reference=="{body["invoice"]["Reference"]}"')
        return [self._own(body, theirs) for body in bodies]

    def _own(self, body: Document, rows_there: Iterable[Document]) -> Outcome | None:
        ours = [
            row
            for row in rows_there
            if row.get("Type") == "ACCREC"
            and row.get("Reference") == body["invoice"]["Reference"]
            and row.get("Status") != "DELETED"
        ]
        if not ours:
            return None
        # A copy that the office makes of an invoice bears its reference, and a number of its own.
        number = _number(body["invoice"])
        row = max(ours, key=lambda one: (_number(one) == number, one.get("Status") in LIVE))
        contact, wanted = row.get("Contact"), body["invoice"]["Contact"]["ContactID"]
        if not isinstance(contact, dict) or contact.get("ContactID") != wanted:
            return StepStuck("WB-PUSH-MISMATCH", "our reference is on an invoice of another contact")
        if row.get("Status") == "VOIDED":
            return StepStuck("WB-PUSH-MISMATCH", "the invoice was voided at Xero before it was sent")
        if row.get("Status") not in LIVE:
            return self._kept(body, row)
        if amount(row, "Total") != Decimal(body["total"]):
            return StepStuck("WB-PUSH-MISMATCH", "our reference is on an invoice with another total")
        # It went live as we sent it; what the office re-books on it since is the office's.
        kept = self._kept(body, row)
        return kept | {"differences": []} if isinstance(kept, dict) else kept

    # --- approve --------------------------------------------------------------------------------------

    def approve(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        """AUTHORISED, for all in one call; where Xero refuses one it is read: it may be live already."""
        key = "|".join(key for _body, key in sends)
        changes = [_approval(body) for body, _key in sends]
        answer = self._api.write(
            "POST", "Invoices", body={"Invoices": changes}, key=key, summarizeErrors="false", unitdp="4"
        )
        by_ref = {str(row.get("InvoiceID")).lower(): row for row in rows(answer, "Invoices")}
        outcomes = [self._approved(by_ref.get(body["invoice"])) for body, _key in sends]
        refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Rejected)]
        found = looked(self.are_live, [sends[n][0] for n in refused])
        for n, seen in zip(refused, found, strict=True):
            outcomes[n] = seen or outcomes[n]
        return outcomes

    def _approved(self, row: Document | None) -> Outcome:
        if row is None:
            return Garbled("Xero's answer leaves an invoice out", party=PARTY)
        if is_refused(row):
            return rejected(faults_of(row))
        if row.get("Status") not in LIVE:
            return Garbled("Xero's invoice is not approved", party=PARTY)
        return scrubbed(row)

    def are_live(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        there = self.read([body["invoice"] for body in bodies])
        return [self._live(there.get(body["invoice"])) for body in bodies]

    def _live(self, row: Document | None) -> Outcome | None:
        status = row.get("Status") if row else "DELETED"
        if status in ("DELETED", "VOIDED"):
            word = str(status).lower()
            return StepStuck("WB-PUSH-MISMATCH", f"the invoice was {word} at Xero before it was sent")
        return scrubbed(row) if row and status in LIVE else None

    # --- e-mail ---------------------------------------------------------------------------------------

    def mail(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        """One call each. What stops one before it was sent stops the rest; so does silence."""
        outcomes: list[Outcome] = []
        stopped: Exception | None = None
        for body, key in sends:
            if stopped is not None:
                outcomes.append(stopped)
                continue
            try:
                self._api.order("Invoices", body["invoice"], "Email", key=key)
            except Rejected as error:
                stopped = _mails_used_up(error)
                outcomes.append(stopped or error)
            except (RemoteError, Stopping) as error:
                outcomes.append(error)
                harmless = isinstance(error, Throttled | Unauthorised | Unreachable | Stopping)
                stopped = error if harmless else Unreachable("not sent: the e-mail before had no answer")
            else:
                outcomes.append({"mailed": True})
        return outcomes

    def were_mailed(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        """SentToContact, which Xero sets with the e-mail."""
        there = self.read([body["invoice"] for body in bodies])
        found: list[Outcome | None] = []
        for body in bodies:
            row = there.get(body["invoice"])
            over = row is None or row.get("Status") in ("VOIDED", "DELETED")
            found.append({"mailed": not over} if over or (row and row.get("SentToContact") is True) else None)
        return found

    # --- withdraw -------------------------------------------------------------------------------------

    def withdraw(self, body: Document, key: str) -> Document:
        """A draft is deleted; what is gone already is harmless."""
        done = self.is_gone(body)
        if done is not None:
            return done
        change = {"InvoiceID": body["invoice"], "Status": "DELETED"}
        self._api.write("POST", "Invoices", body["invoice"], body={"Invoices": [change]}, key=key)
        return {"deleted": True}

    def is_gone(self, body: Document) -> Document | None:
        row = self.read([body["invoice"]]).get(body["invoice"])
        return {"deleted": True} if row is None or row.get("Status") == "DELETED" else None

    # --- reads ----------------------------------------------------------------------------------------

    def read(self, refs: Sequence[str]) -> dict[str, Document]:
        """Invoices by id, 40 a call; one that was not asked for makes the answer worthless."""
        found: dict[str, Document] = {}
        for n in range(0, len(refs), IDS):
            part = refs[n : n + IDS]
            for row in self._listed(IDs=",".join(part)):
                ref = str(row.get("InvoiceID")).lower()
                if ref not in part:
                    raise Garbled("Xero told an invoice that was not asked for", party=PARTY)
                found[ref] = row
        return found

    def _listed(self, **params: str) -> list[Document]:
        """`page` is always sent: without it lines and payments are left out."""
        answer = self._api.get("Invoices", **{**params, "page": "1", "pageSize": "500", "unitdp": "4"})
        return rows(answer, "Invoices")


def _approval(body: Document) -> Document:
    change: Document = {"InvoiceID": body["invoice"], "Status": "AUTHORISED"}
    return change | {"SentToContact": True} if body["mark_as_sent"] else change


def _mails_used_up(error: Rejected) -> Throttled | None:
    """The day's e-mails: an hour later there may be more."""
    if not _LIMIT.search(error.message):
        return None
    return Throttled(error.message, party=PARTY, retry_after=MAIL_PAUSE_S)


def _number(row: Document) -> str:
    return str(row.get("InvoiceNumber") or "").strip().casefold()


def _lists(numbers: Sequence[str]) -> list[str]:
    """The numbers, comma-separated, as many at a time as fit into an address."""
    lists: list[str] = []
    for number in numbers:
        if lists and lists[-1].count(",") < IDS - 1 and len(lists[-1]) + len(number) < LISTED_CHARACTERS:
            lists[-1] += f",{number}"
        else:
            lists.append(number)
    return lists


def _parts(sends: Sequence[tuple[Document, str]]) -> list[list[tuple[Document, str]]]:
    """The batch, divided where it would be too large for one request."""
    parts: list[list[tuple[Document, str]]] = [[]]
    size = 0
    for body, key in sends:
        more = len(encoded(body["invoice"]))
        if parts[-1] and size + more > MAX_BYTES:
            parts.append([])
            size = 0
        parts[-1].append((body, key))
        size += more
    return parts
