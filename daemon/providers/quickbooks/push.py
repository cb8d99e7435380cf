"""Invoices on their way to QuickBooks, thirty at a time: payers, invoices, compare, send.

An invoice is live as soon as it exists, so that its total is compared before it is mailed, and it is voided
where QuickBooks reckons otherwise. Each step has a look of its own: a customer by name and notes, an invoice
by number (or customer and day) and private note, a mail by the invoice's own state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daemon.errors import Missing, OutcomeUnknown, Rejected, RemoteError, StepStuck, WispbillError
from daemon.model import (
    Document,
    InvoiceDraft,
    Journal,
    Journals,
    PayerCreated,
    Pushed,
)
from daemon.providers.base import PushResult
from daemon.providers.quickbooks import read
from daemon.providers.quickbooks.api import Api, entity_in
from daemon.providers.quickbooks.drafts import accepts, invoice_body
from daemon.providers.quickbooks.finding import Finder, made, mismatch, taken
from daemon.providers.quickbooks.payers import Payers
from daemon.providers.quickbooks.sending import Outcome, Sender, each, looked, one, requestid
from daemon.providers.quickbooks.setup import QuickBooksSettings
from daemon.providers.quickbooks.shapes import part
from daemon.providers.quickbooks.words import EMAIL_SENT, NUMBER_IN_USE, PARTY, STALE

SENT_LAG_S = 0.0
"""An invoice read by its id tells its own state at once."""


@dataclass(slots=True)
class _Item:
    """A draft on its way; `fault` is why it goes no further, `fresh` whether this run made its invoice."""

    draft: InvoiceDraft
    journal: Journal
    payer: PayerCreated | None = None
    made: Document | None = None
    fresh: bool = False
    fault: Exception | None = None


class Pusher:
    def __init__(self, api: Api, settings: QuickBooksSettings, view: read.View) -> None:
        self._api, self._settings, self._view = api, settings, view
        self._payers = Payers(api, settings)
        self._sender = Sender(api, "Invoice")
        self._finder = Finder(api)

    def push(self, drafts: Sequence[InvoiceDraft], journals: Journals) -> Iterator[PushResult]:
        """Raises nothing: errors are answers, one for each draft."""
        items = [_Item(draft, journals(draft)) for draft in drafts]
        for item in items:
            self._accept(item)
        self._find_payers([item for item in items if item.fault is None], journals)
        self._make([item for item in items if item.fault is None], journals)
        for item in items:
            yield self._finish(item, journals)

    def _accept(self, item: _Item) -> None:
        try:
            accepts(item.draft, self._settings)
        except WispbillError as error:
            item.fault = error

    # --- payers ---------------------------------------------------------------------------------------

    def _find_payers(self, items: Sequence[_Item], journals: Journals) -> None:
        """Those known already are taken as they are: a customer that is gone is told by the invoice's
        refusal, without a metered read. The others once each."""
        unknown: dict[str, _Item] = {}
        for item in items:
            if item.draft.payer.external_id:
                item.payer = PayerCreated(item.draft.payer.external_id, "preset")
            else:
                unknown.setdefault(item.draft.payer.reference, item)
        if not unknown:
            return
        answers = self._payers.of(
            [
                (item.journal.payer(reference), item.draft.payer, item.draft.currency)
                for reference, item in unknown.items()
            ],
            journals,
        )
        found = dict(zip(unknown, answers, strict=True))
        for item in items:
            if item.payer is None:
                answer = found[item.draft.payer.reference]
                if isinstance(answer, Exception):
                    item.fault = answer
                else:
                    item.payer = PayerCreated(answer["id"], answer["origin"])

    # --- invoices -------------------------------------------------------------------------------------

    def _make(
        self, items: Sequence[_Item], journals: Journals, attempt: int = 1, but: Sequence[str] = ()
    ) -> None:
        """Create the invoices of these drafts; `but` are ids of earlier attempts that were voided."""
        if not items:
            return
        fresh: set[str] = set()
        bodies = [(item.journal, self._body(item, but)) for item in items]
        answers = each(
            journals,
            _step("create", attempt),
            bodies,
            lambda sends: _noted(fresh, sends, self._create(sends)),
            lambda looks: _noted(fresh, [(body, "") for body in looks], self._finder.find(looks)),
            lines=lambda body: len(body["invoice"]["Line"]),
        )
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, Exception):
                item.fault = answer
            else:
                item.made, item.fresh = answer, item.draft.reference in fresh

    def _body(self, item: _Item, but: Sequence[str]) -> Document:
        assert item.payer is not None  # noqa: S101 - found before
        body = invoice_body(item.draft, item.payer.external_id, self._settings)
        return body | ({"but": list(but)} if but else {})

    def _create(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        answers = self._sender.create([(body["invoice"], key) for body, key in sends])
        outcomes = [_refused_for_good(answer) for answer in answers]
        in_use = [n for n, answer in enumerate(answers) if _number_in_use(answer)]
        found = looked(self._finder.find, [sends[n][0] for n in in_use])
        for n, seen in zip(in_use, found, strict=True):
            outcomes[n] = seen if seen is not None else taken(sends[n][0])
        for n, answer in enumerate(outcomes):
            if n not in in_use and not isinstance(answer, Exception):
                outcomes[n] = one(lambda doc=answer, body=sends[n][0]: made(body, doc))  # type: ignore[misc]
        return outcomes

    # --- what follows for each ------------------------------------------------------------------------

    def _finish(self, item: _Item, journals: Journals) -> PushResult:
        if item.fault is None:
            try:
                return PushResult(item.draft, pushed=self._finished(item, journals))
            except Exception as error:  # noqa: BLE001 - errors are answers here
                item.fault = error
        return PushResult(item.draft, error=item.fault)

    def _finished(self, item: _Item, journals: Journals) -> Pushed:
        assert item.made is not None and item.payer is not None  # noqa: S101 - made before
        attempt, voided = 1, []
        while item.made["differences"]:
            self._withdraw(item, attempt)
            attempt += 1
            voided.append(item.made["invoice"]["Id"])
            self._make([item], journals, attempt, voided)
            if item.fault is not None:
                raise item.fault
        doc: Document = item.made["invoice"]
        if self._settings.send_email:
            sent = {"invoice": doc["Id"], "since": part(doc, "MetaData").get("CreateTime")}
            (answer,) = journals.each(
                _step("send", attempt), [(item.journal, sent)], self._send, self._were_sent, lag_s=SENT_LAG_S
            )
            if isinstance(answer, Exception):
                raise answer
            doc = answer
        doc = doc | self._pay_link(doc["Id"])
        return Pushed(doc["Id"], item.payer, read.observe(doc, self._view, {}))

    def _withdraw(self, item: _Item, attempt: int) -> None:
        """Void what QuickBooks reckons otherwise, and stop; once a person says so, make room for another."""
        assert item.made is not None  # noqa: S101 - made before
        why = "; ".join(item.made["differences"])
        body = {"invoice": item.made["invoice"]["Id"]}
        item.journal.once(_step("withdraw", attempt), body, self._void, self._is_void, lag_s=0)
        item.journal.once(_step("stop", attempt), {"why": why}, _stop, _go_on, lag_s=0)
        if item.fresh:  # after a restore every step looks first, and `stop` has nothing to look at
            raise StepStuck("WB-PUSH-TOTAL", why)
        if self._settings.numbering == "ours":  # a void invoice keeps its number
            item.journal.once(_step("free", attempt), body, self._delete, self._is_gone, lag_s=0)

    def _void(self, body: Document, key: str) -> Document:
        """Only one that nobody paid or mailed meanwhile."""
        doc = self._invoice(body["invoice"])
        if not read.is_void(doc):
            if read.linked_payments(doc) or doc.get("EmailStatus") == EMAIL_SENT:
                raise mismatch("the invoice was paid or sent at QuickBooks although its total is not ours")
            void_invoice(self._api, doc, key)
        return {"void": True}

    def _is_void(self, body: Document) -> Document | None:
        return {"void": True} if read.is_void(self._invoice(body["invoice"])) else None

    def _delete(self, body: Document, key: str) -> Document:
        try:
            doc = self._api.entity("Invoice", body["invoice"])
            if not read.is_void(doc):
                raise mismatch("the invoice was voided, and is no longer: somebody at QuickBooks uses it")
            named = requestid(key, str(doc.get("SyncToken")))
            self._api.write("invoice", _version(doc), named, operation="delete")
        except Missing:
            pass
        return {"deleted": True}

    def _is_gone(self, body: Document) -> Document | None:
        try:
            self._api.entity("Invoice", body["invoice"])
        except Missing:
            return {"deleted": True}
        return None

    # --- sending --------------------------------------------------------------------------------------

    def _send(self, sends: Sequence[tuple[Document, str]]) -> list[Outcome]:
        return [one(lambda body=body: self._mail(body)) for body, _key in sends]  # type: ignore[misc]

    def _mail(self, body: Document) -> Document:
        try:
            doc = entity_in(self._api.send(body["invoice"]), "Invoice", body["invoice"])
        except Rejected as error:
            if isinstance(error, Missing) or error.provider_code == STALE:
                self._invoice(body["invoice"])
            raise
        return read.remembered(doc)

    def _were_sent(self, bodies: Sequence[Document]) -> list[Outcome | None]:
        return [self._was_sent(body) for body in bodies]

    def _was_sent(self, body: Document) -> Outcome | None:
        """Mailed since it was made: QuickBooks tells the last mail."""
        try:
            doc = self._invoice(body["invoice"])
        except StepStuck as error:
            return error
        if read.is_void(doc):
            return mismatch("the invoice was voided at QuickBooks before it was sent")
        at = read.moment(part(doc, "DeliveryInfo").get("DeliveryTime"))
        since = read.moment(body.get("since"))
        if doc.get("EmailStatus") != EMAIL_SENT or (at and since and at < since):
            return None
        return read.remembered(doc)

    def _invoice(self, ref: str) -> Document:
        try:
            return self._api.entity("Invoice", ref)
        except Missing as error:
            raise mismatch("the invoice was deleted at QuickBooks before it was sent") from error

    def _pay_link(self, ref: str) -> Document:
        """The page to pay on, where there is one; the invoice is out already, with or without."""
        if not self._settings.online_payment:
            return {}
        try:
            doc = self._api.entity("Invoice", ref, include="invoiceLink")
        except RemoteError:
            return {}
        return {"InvoiceLink": doc["InvoiceLink"]} if doc.get("InvoiceLink") else {}


def void_invoice(api: Api, doc: Document, key: str) -> None:
    """Void the invoice in the version that was read; one that changed under us meanwhile is left for the
    next try (OutcomeUnknown), which reads it anew. Raises Missing."""
    try:
        # A request id of its own for each version: a stored refusal of the one before would come back.
        api.write("invoice", _version(doc), requestid(key, str(doc.get("SyncToken"))), operation="void")
    except Rejected as error:
        if error.provider_code == STALE:
            raise OutcomeUnknown(error.message, party=PARTY, provider_code=STALE) from error
        raise


def _version(doc: Document) -> Document:
    return {"Id": doc["Id"], "SyncToken": doc.get("SyncToken")}


def _noted(
    fresh: set[str], asked: Sequence[tuple[Document, str]], answers: Sequence[Outcome | None]
) -> list[Outcome]:
    """The answers; those that this run has got itself are noted by their reference."""
    for (body, _key), answer in zip(asked, answers, strict=True):
        if isinstance(answer, dict):
            fresh.add(body["reference"])
    return list(answers)  # type: ignore[arg-type]  # looks may answer None


def _refused_for_good(answer: Outcome) -> Outcome:
    """What an invoice names and QuickBooks does not have (any more) is no missing invoice."""
    if isinstance(answer, Missing):
        return Rejected(
            f"{answer.message}: the customer, the item or a code that it names is gone or inactive",
            party=PARTY,
            ref=answer.ref,
            status_code=answer.status_code,
            provider_code=answer.provider_code,
        )
    return answer


def _number_in_use(answer: Outcome) -> bool:
    return isinstance(answer, Rejected) and answer.provider_code == NUMBER_IN_USE


def _stop(body: Document, key: str) -> Document:
    raise StepStuck("WB-PUSH-TOTAL", body["why"])


def _go_on(body: Document) -> Document | None:
    """Asked only after a person had the invoice tried again."""
    return {"again": True}


def _step(name: str, attempt: int) -> str:
    return name if attempt == 1 else f"{name}-{attempt}"
