"""A party that is known by its account's hands alone: what stands there, and what people do."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx

from daemon.errors import Unsupported
from daemon.model import DocStatus, FactKind
from daemon.model.ids import is_our_reference
from daemon.reconcile import effective
from daemon.sandbox.double import BaseDouble, Hands, Standing
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.transport import SandboxTransport
from daemon.store import changes, records
from tests.simulation.chance import Chance, TrueTime
from tests.simulation.parties.party import HOOK_FAULTS, PROVIDER_FAULTS, Party, Record
from tests.simulation.points import Plan

ENDED = (DocStatus.VOID, DocStatus.PAID, DocStatus.UNCOLLECTIBLE)


class HandsParty(Party):
    """A subclass gives the double and how it is connected."""

    faults_of: ClassVar[tuple[FaultKind, ...]] = (
        *PROVIDER_FAULTS,
        FaultKind.HTML,
        FaultKind.EMPTY,
        FaultKind.REDIRECT,
    )
    feed_path: ClassVar[str] = ""
    """What the change feed's address holds, "" where there is none."""
    stale_path: ClassVar[str] = ""
    """The operation whose lists lag behind at times, as the provider's documentation allows."""
    keeps_payers: ClassVar[bool] = True

    def __init__(self, time: TrueTime, entropy: Chance, people: Chance) -> None:
        super().__init__(time, entropy, people)
        self.double, self.hands = self.found()
        self.transport = SandboxTransport(self.double, time)
        self._stranger: str | None = None
        self._stale = 0.0
        self._hooked = False

    @abstractmethod
    def found(self) -> tuple[BaseDouble, Hands]:
        """The double and our account in it: credentials and ids are the same in every world."""

    def hook(self) -> None:
        """Register our webhook there, where people would do that by hand."""

    def unhook(self) -> None:
        """And take it away."""

    # --- bad days -------------------------------------------------------------------------------------

    def misbehave(self, plan: Plan) -> None:
        people = self.people
        most = people.choice((0.0, 0.02, 0.08))
        if plan.needs("push.fault", "push.fell_short"):
            most = 0.15
        if plan.needs("pull.hold"):
            most = 0.0
        self.faults.set_odds({kind: people.between(0, most) for kind in self.faults_of + HOOK_FAULTS})
        self._stale = 0.0 if plan.needs("pull.hold") else people.choice((0.0, 0.4))
        if people.happens(0.5):
            self._hooked = True
            self.hook()
        if people.happens(0.3) or plan.needs("pull.foreign"):
            self._meet_stranger()

    def _meet_stranger(self) -> None:
        """Somebody of whom we know nothing has an invoice of the merchant's own."""
        try:
            self._stranger = self.hands.strangers("FOREIGN-1", 4500)
        except Unsupported:
            self._stranger = None

    def behave(self) -> None:
        self.faults.clear()
        if self._hooked:
            self._hooked = False
            self.unhook()

    # --- what people do -------------------------------------------------------------------------------

    def act(self, plan: Plan) -> Iterator[str]:
        if self.stale_path and self.people.happens(self._stale):
            self.faults.add(Fault(FaultKind.STALE_LIST, on=self.stale_path))
        stranger = self._stranger
        if stranger and self.people.happens(0.9 if plan.needs("pull.foreign") else 0.3):
            yield from self.deed("a stranger pays", lambda: self.hands.pay(stranger, 500))
        ours = [one for one in self._ours() if one.status is not DocStatus.DRAFT]
        if plan.needs("pull.hold"):
            live = [one for one in ours if one.status is DocStatus.OPEN and one.sent]
            for one in live if len(live) > 1 else ():
                yield from self.deed(f"{one.ref} voided", lambda ref=one.ref: self.hands.void(ref))
            return
        if ours:
            one = self.people.choice(ours)
            others = [
                x for x in ours if x.payer == one.payer and x.ref != one.ref and x.status is DocStatus.OPEN
            ]
            name, do = self.people.choice(self._deeds(one, others))
            yield from self.deed(f"{one.ref} {name}", do)

    def deed(self, what: str, do: Callable[[], object]) -> Iterator[str]:
        try:
            do()
        except (ValueError, LookupError, Unsupported):
            return
        yield what

    def _deeds(self, one: Standing, others: Sequence[Standing]) -> list[tuple[str, Callable[[], object]]]:
        hands, ref = self.hands, one.ref
        rest = max(1, one.total - one.paid)
        deeds: list[tuple[str, Callable[[], object]]] = [
            ("paid", lambda: hands.pay(ref)),
            ("paid", lambda: hands.pay(ref)),
            ("paid in part", lambda: hands.pay(ref, max(1, rest // 3))),
            ("refunded", lambda: hands.refund(ref)),
            ("refunded in part", lambda: hands.refund(ref, max(1, one.paid // 4))),
            ("payment reversed", lambda: hands.reverse(ref)),
        ]
        if others and one.status is DocStatus.OPEN:
            both = {x.ref: x.total - x.paid for x in (one, others[0])}
            deeds += [("paid with another", lambda: hands.pay_several(both))] * 2
        if one.sent:
            deeds.append(("voided", lambda: hands.void(ref)))
        return deeds

    def pay_by_number(self, number: str) -> Iterator[str]:
        for one in self._ours():
            if one.number == number and one.status is DocStatus.OPEN:
                yield from self.deed(f"{one.ref} paid", lambda ref=one.ref: self.hands.pay(ref))

    # --- webhooks -------------------------------------------------------------------------------------

    def deliveries(self) -> Iterator[tuple[dict[str, Any], Callable[[bool], None]]]:
        for _ in range(6):
            posting = self.double.next_delivery()
            if posting is None:
                return
            environ = environ_of(posting)

            def report(ok: bool, posting: Any = posting) -> None:
                (self.double.delivered if ok else self.double.failed)(posting)

            yield environ, report

    # --- the truth ------------------------------------------------------------------------------------

    def writes(self, request: httpx.Request) -> bool:
        path = urlsplit(str(request.url)).path
        if "token" in path:
            return False
        segments = path.split("/")
        for route in self.double.routes:
            if route.match(request.method, segments) is not None:
                return route.writes
        return False

    def feeds(self, request_url: str) -> str | None:
        return "feed:page-1" if self.feed_path and self.feed_path in request_url else None

    def _ours(self) -> list[Standing]:
        named = [replace(one, reference=reference_in(one.reference)) for one in self.hands.standing()]
        return [one for one in named if one.reference]

    def records(self) -> list[Record]:
        return [
            Record(
                ref=one.ref,
                number=one.number,
                reference=one.reference,
                payer=one.payer,
                status=one.status,
                total=one.total,
                sent=one.sent,
                settled=one.status in ENDED or one.paid > 0,
            )
            for one in self._ours()
        ]

    def payers(self, reference: str) -> list[str] | None:
        return None

    def difference(self, invoice: records.Invoice, record: Record) -> str | None:
        one = next(one for one in self._ours() if one.ref == record.ref)
        facts = effective(changes.facts_of([invoice.id]).get(invoice.id, ()))

        def add(kind: FactKind) -> int:
            return sum(fact.amount.minor for fact in facts if fact.kind is kind)

        here = (add(FactKind.PAYMENT) - add(FactKind.REVERSAL), add(FactKind.REFUND))
        if here != (one.paid, one.refunded):
            return f"{(one.paid, one.refunded)} (paid, refunded) there, {here} here"
        status = _status(one)
        return None if invoice.payment_status == status else f"{status} there, {invoice.payment_status} here"


def environ_of(posting: Any) -> dict[str, Any]:
    """The POST of a webhook as a WSGI server hands it on."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(posting.body)),
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": io.BytesIO(posting.body),
    }
    for name, value in posting.headers.items():
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def reference_in(text: str) -> str:
    """Our reference among the words of a note; "" where there is none."""
    return next((word for word in text.replace("Voided", " ").split() if is_our_reference(word)), "")


def _status(one: Standing) -> str:
    if one.status is DocStatus.VOID and not one.paid:
        return "void"
    if one.paid >= one.total and one.refunded >= one.paid:
        return "refunded"
    if one.paid - one.refunded > one.total:
        return "overpaid"
    if one.paid and one.paid >= one.total:
        return "paid"
    if one.status is DocStatus.VOID:
        return "void"
    return "partially_paid" if one.paid else "open"
