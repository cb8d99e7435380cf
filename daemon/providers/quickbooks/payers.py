"""Customers: found by the reference in their notes, created where there is none; never adopted by name.

Notes cannot be searched, names can: a customer of ours bears the payer's name, or, where somebody else has
it, the name with a mark of our reference. Both are asked for, and the notes decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daemon.errors import Garbled, Rejected, StepStuck
from daemon.model import Document, PayerDraft
from daemon.providers.quickbooks.api import Api, chunks, entity_in, quoted
from daemon.providers.quickbooks.drafts import customer_body, names
from daemon.providers.quickbooks.sending import Outcome, Sender, one
from daemon.providers.quickbooks.setup import QuickBooksSettings
from daemon.providers.quickbooks.words import NAME_IN_USE, PARTY

_NAMES = 40
"""In one query."""
_DELETED = " (deleted)"
"""QuickBooks adds it to the names of what was made inactive."""


class Payers:
    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api, self._settings = api, settings
        self._sender = Sender(api, "Customer")

    def body(self, payer: PayerDraft, currency: str) -> Document:
        return {"customer": customer_body(payer, currency, self._settings), "names": names(payer)}

    def create(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        """Those whose name is taken, by whomever, are looked for, and made under the marked name."""
        answers = self._sender.create([(body["customer"], key) for body, key in sends])
        outcomes: list[Outcome] = [_made(answer, "created") for answer in answers]
        taken = [n for n, answer in enumerate(answers) if _name_in_use(answer)]
        if taken:
            again = self._under_other_names([sends[n] for n in taken])
            for n, outcome in zip(taken, again, strict=True):
                outcomes[n] = outcome
        return outcomes

    def _under_other_names(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        found = self.find([body for body, _key in sends])
        rest = [n for n, outcome in enumerate(found) if outcome is None]
        renamed = [
            (sends[n][0]["customer"] | {"DisplayName": sends[n][0]["names"][1]}, f"{sends[n][1]}-2")
            for n in rest
        ]
        outcomes: list[Outcome] = [
            outcome if outcome is not None else Garbled("QuickBooks answered nothing", party=PARTY)
            for outcome in found
        ]
        for n, answer in zip(rest, self._sender.create(renamed), strict=True):
            outcomes[n] = _made(answer, "created")
        return outcomes

    def find(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        """Our customers among those of these names, active or not."""
        by_reference = {row.get("Notes"): row for row in self._rows(bodies) if row.get("Notes")}
        return [_found(by_reference, body["customer"]["Notes"]) for body in bodies]

    def _rows(self, bodies: Iterable[Document]) -> list[Document]:
        """An active customer comes last, and counts."""
        wanted = sorted(
            {f"{name}{end}" for body in bodies for name in body["names"] for end in ("", _DELETED)}
        )
        rows = [
            row
            for some in chunks(wanted, _NAMES)
            for row in self._api.query(
                "Customer", f"where DisplayName in ({quoted(some)}) and Active in (true, false)"
            )
        ]
        return sorted(rows, key=lambda row: row.get("Active") is not False)


def _found(rows: dict[object, Document], reference: str) -> Outcome | None:
    for notes, row in rows.items():
        if reference not in str(notes).split():
            continue
        if row.get("Active") is False:
            return StepStuck(
                "WB-PUSH-MISMATCH",
                f"the customer {row['Id']} is inactive at QuickBooks; make it active again",
            )
        return {"id": row["Id"], "origin": "found"}
    return None


def _made(answer: Outcome, origin: str) -> Outcome:
    if isinstance(answer, Exception):
        return answer
    return one(lambda: {"id": entity_in({"Customer": answer}, "Customer")["Id"], "origin": origin})


def _name_in_use(answer: Outcome) -> bool:
    return isinstance(answer, Rejected) and answer.provider_code == NAME_IN_USE
