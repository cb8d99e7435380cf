"""A seller's account as the world outside acts on it: payers, banks, the Square Dashboard."""

from __future__ import annotations

from daemon.model import DocStatus
from daemon.sandbox.double import Hands, Standing
from daemon.sandbox.square.reckoning import reckon
from daemon.sandbox.square.tables import Doc
from daemon.sandbox.square.world import CLOSED, Switches, World, stamped

_STATUS = {
    "DRAFT": DocStatus.DRAFT,
    "PAID": DocStatus.PAID,
    "REFUNDED": DocStatus.PAID,
    "CANCELED": DocStatus.VOID,
    "FAILED": DocStatus.VOID,
}
_PAYABLE = ("UNPAID", "PARTIALLY_PAID", "SCHEDULED")


class SquareAccount(Hands):
    """One seller. `world` is what stands there."""

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.id = world.id
        self.token = token

    @property
    def location_id(self) -> str:
        return str(self.world.locations[0]["id"])

    @property
    def switches(self) -> Switches:
        return self.world.switches

    # --- what stands there ----------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        gone = [self._standing(one, DocStatus.MISSING) for one in self.world.invoices.gone()]
        rows = [
            self._standing(one, _STATUS.get(one["status"], DocStatus.OPEN))
            for one in self.world.invoices.all()
        ]
        return gone + rows

    def payers(self) -> int:
        return len(self.world.customers.all())

    def enrol(self, name: str, *, email: str = "", phone: str = "", reference: str = "") -> str:
        given, _, family = name.partition(" ")
        told = {
            "given_name": given,
            "family_name": family,
            "email_address": email,
            "phone_number": phone,
            "reference_id": reference,
        }
        return self._enrolled({key: text for key, text in told.items() if text})

    def _enrolled(self, told: Doc) -> str:
        doc = {"id": self.world.new_id("CU"), "created_at": self.world.stamp(), **told}
        return str(self.world.keep(self.world.customers, doc)["id"])

    def retire(self, payer: str) -> None:
        self.world.customers.drop(payer, self.world.moment)

    def merge(self, payer: str, into: str) -> None:
        """Both become a new profile; Square changes the customer's id on their invoices, and nothing else
        (InvoiceRecipient)."""
        world, kept = self.world, self.world.customers.get(into) or {}
        new = self._enrolled(
            {key: kept[key] for key in kept if key not in ("id", "created_at", "updated_at", "version")}
            | {"creation_source": "MERGE"}
        )
        for one in world.invoices.all():
            if one["primary_recipient"].get("customer_id") in (payer, into):
                moved = dict(world.invoices.get(one["id"]) or {})
                moved["primary_recipient"] = {**moved["primary_recipient"], "customer_id": new}
                world.invoices.put(moved["id"], moved, world.moment)
        for old in (payer, into):
            self.retire(old)

    def _standing(self, invoice: Doc, status: DocStatus) -> Standing:
        order = self.world.orders.get(invoice["order_id"]) or {}
        paid = [one for one in self.world.payments_of(invoice) if one["status"] == "COMPLETED"]
        money = invoice["payment_requests"][0]["computed_amount_money"]
        return Standing(
            ref=invoice["id"],
            number=invoice["invoice_number"],
            reference=order.get("reference_id", ""),
            payer=invoice["primary_recipient"]["customer_id"],
            currency=money["currency"],
            total=money["amount"],
            paid=sum(one["amount_money"]["amount"] for one in paid),
            refunded=sum(one.get("refunded_money", {}).get("amount", 0) for one in paid),
            status=status,
            sent=invoice.get("_sent", 0),
        )

    def invoice(self, ref: str) -> Doc:
        found = self.world.invoices.get(ref)
        if found is None:
            raise KeyError(ref)
        return found

    # --- money ----------------------------------------------------------------------------------------

    def pay(self, ref: str, amount: int | None = None) -> str:
        """By card on the pay page; a part is what the seller records (cash)."""
        due = self.invoice(ref)["next_payment_amount_money"]["amount"]
        kind = "CARD" if amount in (None, due) else "CASH"
        return self.take(ref, kind, due if amount is None else amount)

    def take(self, ref: str, kind: str, amount: int, *, tip: int = 0, status: str = "COMPLETED") -> str:
        """A payment of this tender type; BANK_ACCOUNT starts as PENDING where `status` says so."""
        invoice, world = self.invoice(ref), self.world
        due = invoice["next_payment_amount_money"]
        if invoice["status"] not in _PAYABLE or not 0 < amount <= due["amount"]:
            raise ValueError(f"{invoice['status']}: {amount} of {due['amount']} cannot be paid")
        payment: Doc = {
            "id": world.new_id("pay"),
            "created_at": world.stamp(),
            "amount_money": {**due, "amount": amount},
            "total_money": {**due, "amount": amount + tip},
            "status": status,
            "source_type": kind if kind in ("CARD", "CASH", "BANK_ACCOUNT") else "EXTERNAL",
            "location_id": invoice["location_id"],
            "order_id": invoice["order_id"],
            "customer_id": invoice["primary_recipient"]["customer_id"],
            "_type": kind,
        }
        if tip:
            payment["tip_money"] = {**due, "amount": tip}
        self._keep_payment(payment)
        world.emit_invoice("invoice.payment_made", world.settle(self.invoice(ref)))
        return str(payment["id"])

    def round_cash(self, ref: str, rounding: int) -> str:
        """The rest in cash, rounded by the shop's till: `rounding` is what the payer gave more, or less."""
        invoice = self.invoice(ref)
        due = invoice["next_payment_amount_money"]
        request = invoice["payment_requests"][0]
        request["rounding_adjustment_included_money"] = {**due, "amount": rounding}
        invoice["next_payment_amount_money"] = {**due, "amount": due["amount"] + rounding}
        self.world.keep(self.world.invoices, invoice)
        return self.take(ref, "CASH", due["amount"] + rounding)

    def finish_debit(self, ref: str, *, paid: bool) -> None:
        """The bank answers to a payment that was pending, or takes one back that was not."""
        payment = self._newest(ref, "PENDING", "COMPLETED")
        payment["status"] = "COMPLETED" if paid else "FAILED"
        self._keep_payment(payment)
        self.world.emit_invoice("invoice.updated", self.world.settle(self.invoice(ref)))

    def reverse(self, ref: str) -> None:
        """A bank debit comes back, or the office deletes the cash that it recorded."""
        payment = self._newest(ref, "COMPLETED")
        payment["status"] = "FAILED" if payment["_type"] == "BANK_ACCOUNT" else "CANCELED"
        self._keep_payment(payment)
        self.world.emit_invoice("invoice.updated", self.world.settle(self.invoice(ref)))

    def refund(self, ref: str, amount: int | None = None) -> None:
        world, payment = self.world, self._newest(ref, "COMPLETED")
        before = payment.get("refunded_money", {}).get("amount", 0)
        money = payment["amount_money"]
        amount = money["amount"] - before if amount is None else amount
        if not 0 < amount <= money["amount"] - before:
            raise ValueError(f"{amount} cannot be refunded")
        refund: Doc = {
            "id": f"{payment['id']}_{world.new_id('rf')}",
            "created_at": world.stamp(),
            "status": "COMPLETED",
            "amount_money": {**money, "amount": amount},
            "payment_id": payment["id"],
            "order_id": self._return_order(payment)["id"],
            "location_id": payment["location_id"],
            "reason": "Returned goods",
        }
        world.keep(world.refunds, refund)
        payment["refunded_money"] = {**money, "amount": before + amount}
        payment["refund_ids"] = [*payment.get("refund_ids", ()), refund["id"]]
        self._keep_payment(payment)
        world.emit("refund.created", "refund", refund["id"], {"refund": refund})
        world.emit_invoice("invoice.refunded", world.settle(self.invoice(ref)))

    def fail_refund(self, ref: str) -> None:
        """The newest refund bounces: the money stays with the seller."""
        payment = self._newest(ref, "COMPLETED")
        refund = self.world.refunds.get(payment["refund_ids"][-1]) or {}
        refund["status"] = "FAILED"
        payment["refunded_money"]["amount"] -= refund["amount_money"]["amount"]
        self.world.keep(self.world.refunds, refund)
        self._keep_payment(payment)
        self.world.settle(self.invoice(ref))

    def dispute(self, ref: str, amount: int | None = None) -> None:
        payment, world = self._newest(ref, "COMPLETED"), self.world
        money = payment["total_money"]
        dispute: Doc = {
            "id": world.new_id("dp"),
            "amount_money": {**money, "amount": amount or money["amount"]},
            "reason": "NO_KNOWLEDGE",
            "state": "EVIDENCE_REQUIRED",
            "due_at": world.stamp(),
            "disputed_payment": {"payment_id": payment["id"]},
            "card_brand": "VISA",
            "created_at": world.stamp(),
            "location_id": payment["location_id"],
        }
        world.keep(world.disputes, dispute)
        world.emit("dispute.created", "dispute", dispute["id"], {"dispute": dispute})

    def close_dispute(self, ref: str, *, won: bool) -> None:
        self.move_dispute(ref, "WON" if won else "LOST")

    def move_dispute(self, ref: str, state: str) -> None:
        world, payments = self.world, {one["id"] for one in self.world.payments_of(self.invoice(ref))}
        rows = [one for one in world.disputes.all() if one["disputed_payment"]["payment_id"] in payments]
        if not rows:
            raise KeyError(ref)
        dispute = {**rows[-1], "state": state}
        world.keep(world.disputes, dispute)
        world.emit("dispute.state.updated", "dispute", dispute["id"], {"dispute": dispute})

    # --- the Dashboard --------------------------------------------------------------------------------

    def void(self, ref: str) -> None:
        invoice = self.invoice(ref)
        if invoice["status"] not in (*_PAYABLE, "PAYMENT_PENDING"):
            raise ValueError(invoice["status"])
        self.close(invoice, "CANCELED")

    def fail(self, ref: str) -> None:
        """Square cancels it for suspicious activity."""
        self.close(self.invoice(ref), "FAILED")

    def close(self, invoice: Doc, status: str) -> Doc:
        invoice["status"] = status
        invoice["next_payment_amount_money"]["amount"] = 0
        self.world.keep(self.world.invoices, invoice)
        self.world.cancel_order(invoice["order_id"])
        self.world.emit_invoice("invoice.canceled", invoice)
        return invoice

    def delete(self, ref: str) -> None:
        """A published invoice cannot be deleted at Square; a draft can."""
        invoice = self.invoice(ref)
        if invoice["status"] != "DRAFT":
            raise ValueError(invoice["status"])
        self.world.invoices.drop(ref, self.world.moment)
        self.world.cancel_order(invoice["order_id"])
        self.world.emit_invoice("invoice.deleted", invoice)

    def edit(self, ref: str, total: int) -> None:
        invoice, world = self.invoice(ref), self.world
        if invoice["status"] in (*CLOSED, "PAYMENT_PENDING"):
            raise ValueError(invoice["status"])
        order = world.orders.get(invoice["order_id"]) or {}
        currency = order["total_money"]["currency"]
        price = {"amount": total, "currency": currency}
        lines = [{"name": "Edited", "quantity": "1", "base_price_money": price}]
        plain = {name: one for name, one in order.items() if name not in ("taxes", "discounts")}
        world.keep(world.orders, reckon({**plain, "line_items": lines}, currency, per_line=True))
        invoice["payment_requests"][0]["computed_amount_money"]["amount"] = total
        world.emit_invoice("invoice.updated", world.settle(invoice))

    def touch(self, ref: str, **changed: object) -> None:
        """The office changes something else; the version moves on."""
        self.world.keep(self.world.invoices, {**self.invoice(ref), **changed})

    def strangers(self, number: str, total: int) -> str:
        world, location = self.world, self.world.locations[0]
        price = {"amount": total, "currency": location["currency"]}
        customer = world.keep(world.customers, {"id": world.new_id("CU"), "given_name": "Walk-in"})
        lines = [{"uid": "1", "name": "Sale", "quantity": "1", "base_price_money": price}]
        bare = {"id": world.new_id("OR"), "location_id": location["id"], "line_items": lines, "state": "OPEN"}
        bare |= {
            "created_at": world.stamp(),
            "customer_id": customer["id"],
            "source": {"name": "Square Invoices"},
        }
        order = world.keep(world.orders, reckon(bare, location["currency"], per_line=True))
        request: Doc = {"uid": world.new_id(), "request_type": "BALANCE", "due_date": "2099-01-01"}
        request |= {"computed_amount_money": price, "total_completed_amount_money": {**price, "amount": 0}}
        invoice = {
            "id": world.new_id("inv:0-Ch"),
            "location_id": location["id"],
            "order_id": order["id"],
            "primary_recipient": {"customer_id": customer["id"]},
            "payment_requests": [request],
            "invoice_number": number,
            "status": "UNPAID",
            "next_payment_amount_money": dict(price),
            "timezone": location["timezone"],
            "created_at": world.stamp(),
            "_sorted_by": world.stamp(),
        }
        return str(world.keep(world.invoices, invoice)["id"])

    # --- the owner ------------------------------------------------------------------------------------

    def add_token(self, token: str, scopes: frozenset[str] | None = None) -> None:
        """Another token: a personal one, or one of OAuth with these scopes."""
        self.world.tokens[token] = type(self.world.tokens[self.token])(scopes)

    def revoke(self, token: str) -> None:
        self.world.tokens[token].revoked = True

    def _newest(self, ref: str, *statuses: str) -> Doc:
        rows = [one for one in self.world.payments_of(self.invoice(ref)) if one["status"] in statuses]
        if not rows:
            raise ValueError("nothing was paid")
        return self.world.payments.get(rows[-1]["id"]) or {}

    def _keep_payment(self, payment: Doc) -> None:
        self.world.keep(self.world.payments, payment)
        self.world.emit("payment.updated", "payment", payment["id"], {"payment": payment})

    def _return_order(self, payment: Doc) -> Doc:
        """A refund makes an order of its own; the sale's order stays as it is."""
        world = self.world
        zero = {**payment["amount_money"], "amount": 0}
        order = {
            "id": world.new_id("OR"),
            "location_id": payment["location_id"],
            "state": "COMPLETED",
            "created_at": stamped(world.clock.now()),
            "source": {"name": "Square Dashboard"},
            "returns": [{"source_order_id": payment["order_id"]}],
            "total_money": zero,
        }
        return world.keep(world.orders, order)
