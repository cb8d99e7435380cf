"""Contacts: the payers at Xero. Ours is the one with our ContactNumber, never one that has the same name or
e-mail."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.errors import Garbled, Missing, Rejected, StepStuck
from daemon.model import Document
from daemon.providers.xero.api import Api, Outcome, faults_of, is_refused, looked, rejected, rows
from daemon.providers.xero.words import PARTY, is_guid

FEW = 2


class Contacts:
    def __init__(self, api: Api) -> None:
        self._api = api

    def create(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        """Up to 50 in one call. PUT refuses a number that is there: then it is ours, and found. No key:
        the number protects, and under a key Xero would repeat a refusal for six minutes."""
        document = {"Contacts": [body for body, _key in sends]}
        answer = self._api.write("PUT", "Contacts", body=document, key="", summarizeErrors="false")
        made = {str(row.get("ContactNumber")): row for row in rows(answer, "Contacts")}
        outcomes = [self._made(made.get(body["ContactNumber"])) for body, _key in sends]
        refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Rejected)]
        found = looked(self.find, [sends[n][0] for n in refused])
        for n, seen in zip(refused, found, strict=True):
            outcomes[n] = seen or outcomes[n]
        return outcomes

    def find(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        """By ContactNumber, in one call where Xero takes the filter, else each by itself."""
        numbers = [body["ContactNumber"] for body in bodies]
        there = self._together(numbers) if len(numbers) > FEW else None
        if there is None:
            there = {number: self._one(number) for number in numbers}
        return [self._found(there.get(number)) for number in numbers]

    def _together(self, numbers: Sequence[str]) -> dict[str, Document | None] | None:
        """None where Xero refuses the filter: that it takes OR is written nowhere."""
        where = " OR ".join(f'ContactNumber=="{number}"' for number in numbers)
        try:
            answer = self._api.get("Contacts", where=where, includeArchived="true", page="1", pageSize="1000")
        except Missing:
            raise
        except Rejected:
            return None
        return {str(row.get("ContactNumber")): row for row in rows(answer, "Contacts")}

    def _one(self, number: str) -> Document | None:
        answer = self._api.find("Contacts", number)
        if answer is None:
            return None
        found = rows(answer, "Contacts")
        return next((row for row in found if row.get("ContactNumber") == number), None)

    def _made(self, row: Document | None) -> Outcome:
        if row is None:
            return Garbled("Xero's answer leaves a contact out", party=PARTY)
        return rejected(faults_of(row)) if is_refused(row) else _kept(row, "created")

    def _found(self, row: Document | None) -> Outcome | None:
        if row is None:
            return None
        if row.get("ContactStatus") not in ("ACTIVE", None):
            return StepStuck("WB-PUSH-MISMATCH", f"the contact {row.get('ContactID')} is archived at Xero")
        return _kept(row, "found")


def _kept(row: Document, origin: str) -> Outcome:
    ref = row.get("ContactID")
    if not isinstance(ref, str) or not is_guid(ref):
        return Garbled("Xero's contact has no id", party=PARTY)
    return {"id": ref.lower(), "origin": origin}
