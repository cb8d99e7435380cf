"""Customers: found by the reference in their notes, created where there is none; never adopted by name.

Notes cannot be searched, names can: a customer of ours bears the payer's name, or, where somebody else has
it, the name with a mark of our reference. Both are asked for, and the notes decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daemon.errors import Rejected, StepStuck
from daemon.model import Document, Journal, Journals, PayerDraft
from daemon.providers.quickbooks.api import Api, chunks, quoted
from daemon.providers.quickbooks.drafts import customer_body, names
from daemon.providers.quickbooks.roster import DELETED
from daemon.providers.quickbooks.sending import Outcome, Sender, each, looked
from daemon.providers.quickbooks.setup import QuickBooksSettings
from daemon.providers.quickbooks.shapes import text
from daemon.providers.quickbooks.words import NAME_IN_USE

_NAMES = 40
"""In one query."""


class Payers:
    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api, self._settings = api, settings
        self._sender = Sender(api, "Customer")

    def of(self, items: Sequence[tuple[Journal, PayerDraft, str]], journals: Journals) -> list[Outcome]:
        """The customer of each payer, billed in this currency; a taken name leads to a second step."""
        bodies = [(journal, self._body(payer, currency)) for journal, payer, currency in items]
        outcomes = each(journals, "payer", bodies, self._create, self.find, look_first=True)
        taken = [
            n for n, answer in enumerate(outcomes) if not isinstance(answer, Exception) and "id" not in answer
        ]
        marked = [(bodies[n][0], _marked(bodies[n][1])) for n in taken]
        answers = each(journals, "payer-marked", marked, self._create_marked, self.find)
        for n, answer in zip(taken, answers, strict=True):
            outcomes[n] = answer
        return outcomes

    def _body(self, payer: PayerDraft, currency: str) -> Document:
        return {"customer": customer_body(payer, currency, self._settings), "names": names(payer)}

    def _create(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        """Where the name is taken it may be by our own, which a look did not show yet."""
        outcomes = self._create_marked(sends)
        taken = [n for n, answer in enumerate(outcomes) if _name_in_use(answer)]
        found = looked(self.find, [sends[n][0] for n in taken])
        for n, seen in zip(taken, found, strict=True):
            outcomes[n] = {"taken": True} if seen is None else seen
        return outcomes

    def _create_marked(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        return [
            _made(answer) for answer in self._sender.create([(body["customer"], key) for body, key in sends])
        ]

    def find(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        """Our customers among those of these names, active or not."""
        rows = self._rows(bodies)
        return [_found(rows, body["customer"]["Notes"]) for body in bodies]

    def _rows(self, bodies: Iterable[Document]) -> list[Document]:
        """An active customer comes first, and counts."""
        wanted = sorted(
            {f"{name}{end}" for body in bodies for name in body["names"] for end in ("", DELETED)}
        )
        rows = [
            row
            for some in chunks(wanted, _NAMES)
            for row in self._api.query(
                "Customer", f"where DisplayName in ({quoted(some)}) and Active in (true, false)"
            )
        ]
        return sorted(rows, key=lambda row: row.get("Active") is False)


def _found(rows: Sequence[Document], reference: str) -> Outcome | None:
    """Whatever people wrote around our reference."""
    for row in rows:
        if reference not in (text(row, "Notes") or ""):
            continue
        if row.get("Active") is False:
            return StepStuck(
                "WB-PUSH-MISMATCH",
                f"the customer {row['Id']} is inactive at QuickBooks; make it active again",
            )
        return {"id": row["Id"], "origin": "found"}
    return None


def _made(answer: Outcome) -> Outcome:
    return answer if isinstance(answer, Exception) else {"id": answer["Id"], "origin": "created"}


def _marked(body: Document) -> Document:
    return body | {"customer": body["customer"] | {"DisplayName": body["names"][1]}}


def _name_in_use(answer: Outcome) -> bool:
    return isinstance(answer, Rejected) and answer.provider_code == NAME_IN_USE
