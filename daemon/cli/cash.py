"""`wispbill invoices pay` and `unpay`: payments that were made outside, in cash or at the bank's counter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.cli.invoices import Name, group

if TYPE_CHECKING:
    from daemon.store.receipts import Receipt

FURTHER = {
    "waiting": "It is recorded at the provider as soon as the daemon comes to it.",
    "recorded": "The provider has it in its books.",
    "here": "The provider cannot record it: close the invoice there (wispbill exceptions).",
    "taken_back": "It counts no more.",
}


def register(app: typer.Typer) -> None:
    group.command("pay")(pay)
    group.command("unpay")(unpay)


def pay(
    ctx: typer.Context,
    name: Name,
    *,
    amount: Annotated[str, typer.Option(help="Like 12.50, in the invoice's currency.")],
    method: Annotated[str, typer.Option(help="cash, check, bank_transfer or other.")] = "cash",
    on: Annotated[str, typer.Option("--on", metavar="YYYY-MM-DD", help="Else today.")] = "",
    note: Annotated[str, typer.Option(help="Such as the number of the slip.")] = "",
    reference: Annotated[str | None, typer.Option(help="Yours: the same again is the same payment.")] = None,
    currency: Annotated[str | None, typer.Option(help="Refuse an invoice in another one.")] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Enter a payment that was made outside. It counts at once, and is recorded at the provider where that is
    possible."""
    from daemon.cli.given import printable
    from daemon.cli.subscriptions import day
    from daemon.jobs import receipts
    from daemon.store import invoices

    desk = desk_of(ctx)
    invoice = invoices.get(desk.tenant(tenant).id, name)
    given = receipts.Given(
        amount,
        method,
        day("on", on) if on else None,
        currency,
        printable("note", note, most=receipts.LONGEST_NOTE) if note else "",
        printable("reference", reference) if reference else None,
    )
    made, is_new = receipts.enter(desk.house, invoice, given, actor=desk.actor)
    if as_json:
        output.document(shape(made) | {"is_new": is_new})
        return
    invoice = invoices.get(None, invoice.id)
    there = "is entered" if is_new else "was there already"
    status = invoice.payment_status.replace("_", " ")
    output.say(f"{made.amount} {there}: {made.id}. Invoice {invoice.number} is {status}.")
    output.note(FURTHER[made.state])


def unpay(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="PAYMENT", help="wbq_…, as `pay` or `invoices show` says.")],
    *,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Take back a payment that was entered by mistake. What the provider has in its books is taken back
    there."""
    from daemon.jobs import receipts as entering
    from daemon.store import invoices, receipts

    desk = desk_of(ctx)
    desk.open()
    made = entering.take_back(desk.house, receipts.get(desk.tenant_id(tenant), name), actor=desk.actor)
    if as_json:
        output.document(shape(made))
        return
    invoice = invoices.get(None, made.invoice_id)
    status = invoice.payment_status.replace("_", " ")
    output.say(f"{made.amount} is taken back: invoice {invoice.number} is {status} again.")


def shape(row: Receipt) -> dict[str, Any]:
    return {
        "id": row.id,
        "invoice_id": row.invoice_id,
        "amount": row.amount,
        "method": row.method,
        "paid_on": row.paid_on,
        "note": row.note,
        "reference": row.reference,
        "state": row.state,
        "fault": {"code": row.fault_code, "text": row.fault_text} if row.fault_code else None,
        "entered_at": row.entered_at,
        "entered_by": row.entered_by,
        "settled_at": row.settled_at,
    }
