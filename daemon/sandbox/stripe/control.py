"""The control of Stripe's double: besides the hands that every double has, those of `Account`, which name an
invoice as `invoice_id`; `POST /control/seed` and `GET /control/invoices` serve benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.sandbox import control
from daemon.sandbox.control import Doc, Hook
from daemon.sandbox.stripe.app import StripeDouble
from daemon.sandbox.stripe.hands import StripeHands
from daemon.sandbox.stripe.world import Account

VERBS = frozenset(
    {
        "pay",
        "settle",
        "fail",
        "pay_out_of_band",
        "refund",
        "settle_refund",
        "fail_refund",
        "dispute",
        "close_dispute",
        "credit",
        "void",
        "mark_uncollectible",
        "delete_draft",
        "edit",
        "revise",
        "discount_customer",
        "add_tax_rate",
        "loose_intent",
    }
)


class StripeControl(control.ControlApp):
    def __init__(self, double: StripeDouble, hook: Hook | None = None) -> None:
        super().__init__(double, hook)
        self._stripe = double

    def read(self, steps: list[str], query: Mapping[str, str]) -> Any:
        match steps:
            case ["accounts"]:
                return [
                    {"id": account.id, "livemode": account.livemode} for account in self._stripe.accounts()
                ]
            case ["invoices"]:
                return self._invoices(query)
        return super().read(steps, query)

    def act(self, steps: list[str], given: Doc) -> Any:
        match steps:
            case ["seed"]:
                return {"invoices": self._stripe.seed_invoices(given.pop("key"), given.pop("count"), **given)}
            case [account_id, verb] if verb in VERBS and "ref" not in given:
                return getattr(self._account(account_id, given), verb)(**given)
        return super().act(steps, given)

    def hands(self, account_id: str) -> StripeHands:
        """Of the account in whichever mode it has; in test mode where it has both."""
        modes = {account.livemode for account in self._stripe.accounts() if account.id == account_id}
        return StripeHands(self._stripe.account(account_id, livemode=modes == {True}))

    def _account(self, account_id: str, given: Doc) -> Account:
        return self._stripe.account(account_id, livemode=bool(given.pop("livemode", False)))

    def _invoices(self, query: Mapping[str, str]) -> list[Doc]:
        """What a check needs of each invoice, oldest first; `account` narrows it."""
        wanted = query.get("account")
        return [
            {
                "id": invoice.id,
                "account": account.id,
                "customer": invoice.customer,
                "number": invoice.number,
                "status": invoice.status,
                "currency": invoice.currency,
                "total": invoice.total,
                "amount_due": invoice.amount_due,
                "amount_paid": invoice.amount_paid,
                "due_date": invoice.due_date,
                "metadata": dict(invoice.metadata),
            }
            for account in self._stripe.accounts()
            if wanted in (None, account.id)
            for invoice in account.invoices()
        ]
