"""The adapter to an account in memory."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import SecretStr

from daemon.errors import (
    CursorLost,
    HintRejected,
    Missing,
    Rejected,
    StepStuck,
)
from daemon.model import (
    AccountInfo,
    Asked,
    Capabilities,
    Changes,
    Delivery,
    DocStatus,
    Document,
    Hint,
    InvoiceDraft,
    Journal,
    Links,
    Mode,
    Observation,
    PayerCreated,
    PayerPage,
    PayerSeen,
    PayerState,
    Pushed,
    Webhook,
)
from daemon.money import Money
from daemon.providers.base import Context, Credentials, Provider
from daemon.providers.memory.account import KEY_WINDOW, PARTY, MemoryAccount, Paper, paid, sign


class MemoryCredentials(Credentials):
    token: SecretStr = SecretStr("memory-token")

    @property
    def mode(self) -> Mode:
        return Mode.SANDBOX


class Memory(Provider):
    name: ClassVar[str] = "memory"
    label: ClassVar[str] = "Memory"
    live_url: ClassVar[str] = "memory:"
    sandbox_url: ClassVar[str] = "memory:"
    credentials: ClassVar[type[Credentials]] = MemoryCredentials
    page: ClassVar[int] = 100
    can: ClassVar[Capabilities] = Capabilities(
        key_window_s=KEY_WINDOW.total_seconds(),
        settle_s=60,
        change_feed=True,
        feed_reach_days=25,
        partial_payments=True,
        refunds=True,
        credits=True,
        disputes=True,
        void=True,
        record_payment=True,
        pdf=True,
        pay_page=True,
        webhooks=True,
        registers_webhook=True,
        lists_payers=True,
    )

    def __init__(self, context: Context, account: MemoryAccount) -> None:
        super().__init__(context)
        self.account = account

    def check(self) -> AccountInfo:
        self.account.read()
        return AccountInfo(self.account.account_id, "In memory", self.mode, currencies=("USD",))

    def accepts(self, draft: InvoiceDraft) -> None:
        if not draft.payer.email and not draft.payer.external_id:
            error = Rejected("this customer has no e-mail address", party=PARTY)
            error.code = "WB-CUSTOMER-EMAIL"
            raise error

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        self.accepts(draft)
        payer = self._payer(draft, journal.payer(draft.payer.reference))
        body = {
            "reference": draft.reference,
            "payer": payer.external_id,
            "number": draft.number,
            "total": draft.total.minor,
            "currency": draft.currency,
            "due_on": draft.due_on.isoformat(),
        }
        made = journal.once("create", body, self._create, self._find)
        ref = str(made["ref"])
        if made["total"] != draft.total.minor:
            journal.once("withdraw", {"ref": ref}, self._withdraw, self._is_withdrawn)
            theirs = Money(made["total"], draft.currency)
            raise StepStuck("WB-PUSH-TOTAL", f"the total is {draft.total} here and {theirs} there")
        journal.once("send", {"ref": ref}, self._send, self._was_sent)
        return Pushed(ref, payer, self._observe(self.account.papers[ref]))

    def changed(self, cursor: Document | None) -> Changes:
        self.account.read()
        log = self.account.log
        if cursor is None:
            return Changes({"seen": len(log)})
        seen = cursor.get("seen")
        if not isinstance(seen, int) or (seen < len(log) and self._too_old(log[seen][2])):
            raise CursorLost
        end = min(seen + self.page, len(log))
        hints = tuple(Hint(f"evt_{i}", log[i][0], log[i][2], log[i][1]) for i in range(seen, end))
        return Changes({"seen": end}, hints=hints, more=end < len(log))

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        for ref in dict.fromkeys(one.ref for one in asked):
            self.account.read()
            paper = self.account.papers.get(ref)
            yield Observation.missing(ref) if paper is None else self._observe(paper)

    def payers(self, cursor: str | None) -> PayerPage:
        self.account.read()
        refs = sorted(self.account.payers)
        start = int(cursor or 0)
        end = start + self.page
        shown = tuple(self._payer_seen(ref) for ref in refs[start:end])
        return PayerPage(shown, str(end) if end < len(refs) else None)

    def payer(self, ref: str) -> PayerSeen:
        self.account.read()
        return self._payer_seen(ref) if ref in self.account.payers else PayerSeen.gone(ref)

    def _payer_seen(self, ref: str) -> PayerSeen:
        body, into = self.account.payers[ref], self.account.merged.get(ref)
        retired = PayerState.INACTIVE if ref in self.account.retired else PayerState.ACTIVE
        return PayerSeen(
            ref,
            PayerState.MERGED if into else retired,
            name=body.get("name") or "",
            email=body.get("email"),
            phone=body.get("phone"),
            references=(body["reference"],) if body.get("reference") else (),
            merged_into=into,
        )

    def void(self, ref: str, journal: Journal) -> Observation:
        journal.once("void", {"ref": ref}, self._withdraw, self._is_withdrawn)
        return self._observe(self.account.papers[ref])

    def record_payment(self, ref: str, amount: Money, note: str, journal: Journal) -> Observation:
        body = {"ref": ref, "amount": amount.minor, "currency": amount.currency, "note": note}
        journal.once("record_payment", body, self._record, self._find_payment)
        return self._observe(self.account.papers[ref])

    def document(self, ref: str) -> bytes:
        self.account.read()
        if ref not in self.account.papers:
            raise Missing(party=PARTY, status_code=404)
        return b"%PDF-1.4 " + ref.encode()

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        given = delivery.headers.get("memory-signature", "")
        if not any(
            hmac.compare_digest(given.encode(), sign(delivery.body, secret).encode())
            for secret in delivery.secrets
        ):
            raise HintRejected
        event = json.loads(delivery.body)
        return [Hint(event["id"], event["invoice"], delivery.received_at)]

    def register_webhook(self, url: str) -> Webhook:
        self.account.read()
        self.account.webhooks = {"hook_1": "memory-secret"}
        return Webhook("hook_1", "memory-secret")

    def remove_webhook(self, external_id: str) -> None:
        self.account.read()
        self.account.webhooks.pop(external_id, None)

    # --- steps ----------------------------------------------------------------------------------------

    def _payer(self, draft: InvoiceDraft, journal: Journal) -> PayerCreated:
        if draft.payer.external_id:
            return PayerCreated(draft.payer.external_id, "preset")
        who = draft.payer
        body = {"reference": who.reference, "email": who.email, "name": who.name, "phone": who.phone}
        done = journal.once("payer", body, self._enrol, self._find_payer, look_first=True)
        return PayerCreated(done["id"], done["origin"])

    def _enrol(self, body: Document, key: str) -> Document:
        return self.account.write(key, body, lambda: self.account.enrol(body))

    def _find_payer(self, body: Document) -> Document | None:
        self.account.read()
        for ref, payer in self.account.payers.items():
            if payer["reference"] == body["reference"]:
                return {"id": ref, "origin": "found"}
        return None

    def _create(self, body: Document, key: str) -> Document:
        try:
            return self.account.write(key, body, lambda: self.account.add(body))
        except Rejected as error:
            if error.param != "number":
                raise
            found = self._find(body)
            if found is None:
                raise StepStuck("WB-PUSH-NUMBER-TAKEN", error.message) from error
            return found

    def _find(self, body: Document) -> Document | None:
        self.account.read()
        for paper in self.account.papers.values():
            if paper.reference == body["reference"] and paper.status is not DocStatus.VOID:
                if paper.payer != body["payer"]:
                    raise StepStuck("WB-PUSH-MISMATCH", "our reference is on another customer's invoice")
                return {"ref": paper.ref, "total": paper.total.minor}
        return None

    def _send(self, body: Document, key: str) -> Document:
        return self.account.write(key, body, lambda: self.account.issue(body["ref"]))

    def _was_sent(self, body: Document) -> Document | None:
        self.account.read()
        return {"ref": body["ref"]} if self.account.papers[body["ref"]].sent else None

    def _withdraw(self, body: Document, key: str) -> Document:
        return self.account.write(key, body, lambda: self.account.withdraw(body["ref"]))

    def _is_withdrawn(self, body: Document) -> Document | None:
        self.account.read()
        void = self.account.papers[body["ref"]].status is DocStatus.VOID
        return {"ref": body["ref"]} if void else None

    def _record(self, body: Document, key: str) -> Document:
        amount = Money(body["amount"], body["currency"])
        note = body["note"]
        return self.account.write(
            key, body, lambda: {"id": self.account.pays(body["ref"], amount, method=note)}
        )

    def _find_payment(self, body: Document) -> Document | None:
        """The note is what tells two payments of one amount apart."""
        self.account.read()
        for fact in self.account.papers[body["ref"]].facts:
            if fact.method == body["note"]:
                return {"id": fact.external_id}
        return None

    def _observe(self, paper: Paper) -> Observation:
        return Observation(
            ref=paper.ref,
            status=paper.status,
            total=paper.total,
            paid_total=paid(paper),
            facts=paper.facts,
            number=paper.number,
            our_reference=paper.reference,
            payer_ref=paper.payer,
            due_on=datetime.fromisoformat(paper.due_on).date(),
            links=Links(view_url=f"https://memory.example/{paper.ref}"),
            raw={"ref": paper.ref, "status": paper.status.value},
        )

    def _too_old(self, moment: datetime) -> bool:
        return self.account.now - moment > timedelta(days=self.can.feed_reach_days or 0)
