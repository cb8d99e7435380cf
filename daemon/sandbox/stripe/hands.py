"""A Stripe account by the hands that every double has; `Account` has more of them."""

from __future__ import annotations

from daemon.model import DocStatus
from daemon.model.ids import is_our_reference
from daemon.sandbox.double import Hands, Standing
from daemon.sandbox.stripe.records import Invoice
from daemon.sandbox.stripe.world import Account


class StripeHands(Hands):
    """What Stripe does not let anybody do raises Unsupported: a card payment is never deleted, a live
    invoice never edited."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.id = account.id

    # --- what stands there ----------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        mailed = [event.subject.id for event in self.account.events() if event.type == "invoice.sent"]
        return [self._standing(one, mailed.count(one.id)) for one in self.account.invoices()]

    def _standing(self, one: Invoice, sent: int) -> Standing:
        """Paid outside of Stripe counts as paid."""
        paid = [payment for payment in self.account.payments(one.id) if payment.status == "paid"]
        return Standing(
            ref=one.id,
            number=one.number or "",
            reference=next((text for text in one.metadata.values() if is_our_reference(text)), ""),
            payer=one.customer,
            currency=one.currency.upper(),
            total=one.total,
            paid=sum(payment.amount for payment in paid) + one.paid_off,
            refunded=sum(payment.refunded for payment in paid),
            status=DocStatus(one.status),
            sent=sent,
        )

    def payers(self) -> int:
        return len(list(self.account.customers()))

    def enrol(self, name: str, *, email: str = "", phone: str = "", reference: str = "") -> str:
        return self.account.enrol(
            {"name": name, "email": email or None, "phone": phone or None}
            | ({"metadata": {"id": reference}} if reference else {})
        )

    def retire(self, payer: str) -> None:
        """There is no archive, and no merging."""
        self.account.delete_customer(payer)

    # --- payers, banks, the dashboard -----------------------------------------------------------------

    def pay(self, ref: str, amount: int | None = None) -> str:
        return self.account.pay(ref, amount).id

    def overpay(self, ref: str, amount: int) -> str:
        return self.account.pay(ref, self.account.invoice(ref).amount_remaining + amount).id

    def refund(self, ref: str, amount: int | None = None) -> None:
        self.account.refund(ref, amount)

    def credit(self, ref: str, amount: int) -> None:
        self.account.credit(ref, amount)

    def dispute(self, ref: str) -> None:
        self.account.dispute(ref)

    def close_dispute(self, ref: str, *, won: bool) -> None:
        disputes = self.account.disputes(ref)
        if not disputes:
            raise ValueError(f"invoice {ref} has no dispute")
        self.account.close_dispute(disputes[-1].id, won)

    def void(self, ref: str) -> None:
        self.account.void(ref)

    def delete(self, ref: str) -> None:
        """Drafts only."""
        self.account.delete_draft(ref)
