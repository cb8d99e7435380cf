"""The other side of the provider in memory: an account, with people in it and faults on the way."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from daemon.errors import (
    OutcomeUnknown,
    Rejected,
    RemoteError,
    StepStuck,
    Throttled,
    Unauthorised,
    Unreachable,
)
from daemon.model import (
    Delivery,
    DocStatus,
    Document,
    Fact,
    FactKind,
)
from daemon.money import Money

PARTY = "Memory"
KEY_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Paper:
    """An invoice as the account keeps it."""

    ref: str
    reference: str
    payer: str
    number: str
    total: Money
    due_on: str
    status: DocStatus = DocStatus.DRAFT
    sent: int = 0
    facts: tuple[Fact, ...] = ()


@dataclass
class MemoryAccount:
    """The other side, with its own clock."""

    account_id: str = "mem_1"
    now: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)
    payers: dict[str, Document] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)
    papers: dict[str, Paper] = field(default_factory=dict)
    log: list[tuple[str, str, datetime]] = field(default_factory=list)
    webhooks: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    reckons_more: int = 0
    """Minor units that the account adds to each new invoice, as a misplaced tax would."""
    _answers: dict[str, tuple[datetime, str, Document]] = field(default_factory=dict)
    _faults: list[tuple[int, Callable[[], RemoteError], bool]] = field(default_factory=list)
    _down: Callable[[], RemoteError] | None = None
    _count: int = 0

    # --- what goes wrong ------------------------------------------------------------------------------

    def lands_but_times_out(self, *, after: int = 0) -> None:
        """A write, after `after` good ones, lands; its answer is lost."""
        self._faults.append((after, lambda: OutcomeUnknown(party=PARTY), True))

    def times_out(self, *, after: int = 0) -> None:
        """A write is lost on its way; nobody knows."""
        self._faults.append((after, lambda: OutcomeUnknown(party=PARTY), False))

    def refuses(self, message: str = "no", *, after: int = 0) -> None:
        self._faults.append((after, lambda: Rejected(message, party=PARTY, status_code=400), False))

    def is_unreachable(self) -> None:
        self._down = lambda: Unreachable(party=PARTY)

    def revokes_access(self) -> None:
        self._down = lambda: Unauthorised(party=PARTY, status_code=401)

    def throttles(self, seconds: float) -> None:
        self._down = lambda: Throttled(party=PARTY, retry_after=seconds)

    def recovers(self) -> None:
        self._down = None
        self._faults.clear()

    # --- what people do there -------------------------------------------------------------------------

    def pays(
        self,
        ref: str,
        amount: Money | None = None,
        *,
        kind: FactKind = FactKind.PAYMENT,
        method: str = "card",
    ) -> str:
        paper = self.papers[ref]
        fact = Fact(kind, self._next("pay"), amount or paper.total, self.now, method, self._next("txn"))
        self._change(self._settled(replace(paper, facts=(*paper.facts, fact))))
        return fact.external_id

    def refunds(self, ref: str, amount: Money) -> None:
        self._add(ref, Fact(FactKind.REFUND, self._next("ref"), amount, self.now))

    def disputes(self, ref: str, amount: Money) -> None:
        self._add(ref, Fact(FactKind.DISPUTE, self._next("dis"), amount, self.now))

    def takes_back(self, ref: str) -> None:
        """The dispute is lost, or the payment bounced."""
        paper = self.papers[ref]
        kept = tuple(fact for fact in paper.facts if fact.kind is not FactKind.DISPUTE)
        fact = Fact(FactKind.REVERSAL, self._next("rev"), paper.total, self.now, reverses=FactKind.PAYMENT)
        self._change(replace(paper, facts=(*kept, fact), status=DocStatus.OPEN))

    def voids(self, ref: str) -> None:
        self._change(replace(self.papers[ref], status=DocStatus.VOID))

    def writes_off(self, ref: str) -> None:
        self._change(replace(self.papers[ref], status=DocStatus.UNCOLLECTIBLE))

    def deletes(self, ref: str) -> None:
        self._change(self.papers.pop(ref))
        self.papers.pop(ref, None)

    def enrols(self, name: str, *, email: str = "", phone: str = "", reference: str = "") -> str:
        """The office makes a customer of its own."""
        told = {"name": name, "email": email or None, "phone": phone or None, "reference": reference}
        return str(self.enrol(told)["id"])

    def retires(self, payer: str) -> None:
        self.retired.add(payer)

    def merges(self, payer: str, into: str) -> None:
        self.merged[payer] = into
        for paper in [one for one in self.papers.values() if one.payer == payer]:
            self.papers[paper.ref] = replace(paper, payer=into)

    def passes(self, time: timedelta) -> None:
        self.now += time

    def delivery(self, ref: str) -> Delivery:
        """The webhook of the last change to this invoice."""
        place = max(place for place, entry in enumerate(self.log) if entry[0] == ref)
        body = json.dumps({"id": f"evt_{place}", "invoice": ref}).encode()
        secret = next(iter(self.webhooks.values()), "memory-secret")
        headers = {"memory-signature": sign(body, secret)}
        return Delivery(body, headers, "https://wisp.example/hook", (secret,), self.now)

    # --- what the adapter asks ------------------------------------------------------------------------

    def read(self) -> None:
        """Every call passes here first."""
        self.calls += 1
        if self._down is not None:
            raise self._down()

    def write(self, key: str, body: Document, act: Callable[[], Document]) -> Document:
        """Once under a key; the same key with another body is refused."""
        self.read()
        fault = self._due_fault()
        if fault is not None and not fault[1]:
            raise fault[0]()
        content = json.dumps(body, sort_keys=True)
        known = self._answers.get(key)
        if known is not None and self.now - known[0] < KEY_WINDOW:
            if known[1] != content:
                raise StepStuck("WB-PUSH-MISMATCH", "this key was used with other content")
            answer = known[2]
        else:
            answer = act()
            self._answers[key] = (self.now, content, answer)
        if fault is not None:
            raise fault[0]()
        return answer

    def add(self, body: Document) -> Document:
        if body["payer"] in self.payers.keys() & (self.retired | self.merged.keys()):
            raise Rejected("this customer is no more", party=PARTY, status_code=400, param="payer")
        if any(paper.number == body["number"] for paper in self.papers.values()):
            raise Rejected("the number is taken", party=PARTY, status_code=400, param="number")
        total = Money(body["total"] + self.reckons_more, body["currency"])
        paper = Paper(
            self._next("inv"), body["reference"], body["payer"], body["number"], total, body["due_on"]
        )
        self._change(paper)
        return {"ref": paper.ref, "total": total.minor}

    def issue(self, ref: str) -> Document:
        paper = self.papers[ref]
        self._change(replace(paper, status=DocStatus.OPEN, sent=paper.sent + 1))
        return {"ref": ref}

    def withdraw(self, ref: str) -> Document:
        paper = self.papers[ref]
        if paper.facts:
            raise Rejected("the invoice has payments", party=PARTY, status_code=400)
        self._change(replace(paper, status=DocStatus.VOID))
        return {"ref": ref}

    def enrol(self, body: Document) -> Document:
        ref = self._next("cus")
        self.payers[ref] = body
        return {"id": ref, "origin": "created"}

    def _due_fault(self) -> tuple[Callable[[], RemoteError], bool] | None:
        for place, (after, make, lands) in enumerate(self._faults):
            if after == 0:
                del self._faults[place]
                return make, lands
            self._faults[place] = (after - 1, make, lands)
        return None

    def _add(self, ref: str, fact: Fact) -> None:
        self._change(replace(self.papers[ref], facts=(*self.papers[ref].facts, fact)))

    def _settled(self, paper: Paper) -> Paper:
        return replace(paper, status=DocStatus.OPEN if paid(paper) < paper.total else DocStatus.PAID)

    def _change(self, paper: Paper) -> None:
        self.papers[paper.ref] = paper
        self.log.append((paper.ref, paper.status.value, self.now))

    def _next(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._count}"


def paid(paper: Paper) -> Money:
    payments = (fact.amount for fact in paper.facts if fact.kind is FactKind.PAYMENT)
    return Money.total(payments, paper.total.currency)


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
