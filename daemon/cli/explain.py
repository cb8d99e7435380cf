"""`wispbill explain`: the whole story of an invoice in plain sentences, or what a WB- code means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import CATALOGUE, NotFound

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.cli.shapes import Shape
    from daemon.store import records
    from daemon.timeline import Entry


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="INVOICE|WB-CODE", help="Number, id, ref:…, or a code.")],
    *,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Tell the story of an invoice, or what a code means. What happened, why we believe it, what is next."""
    if what.upper().startswith("WB-") and what.upper() not in CATALOGUE:
        raise NotFound("code", what)
    if what.upper() in CATALOGUE:
        _code(what.upper(), as_json)
        return
    from daemon.store import invoices

    desk = desk_of(ctx)
    owner = desk.tenant(tenant)
    _story(desk, owner, invoices.get(owner.id, what), as_json)


def _code(code: str, as_json: bool) -> None:
    entry = CATALOGUE[code]
    if as_json:
        output.document(
            {"code": code, "sentence": entry.sentence, "actor": entry.actor, "next_try": entry.next_try}
        )
        return
    output.facts(
        {
            "code": code,
            "what happened": entry.sentence,
            "who acts": entry.actor,
            "tried again": entry.next_try,
        }
    )


def _story(desk: Desk, owner: records.Tenant, invoice: records.Invoice, as_json: bool) -> None:
    from daemon.cli import shapes
    from daemon.cli.standing import service_of
    from daemon.timeline import next_step, timeline

    shape = shapes.invoices([invoice], desk.now)[0]
    entries = timeline(invoice)
    following = next_step(invoice, desk.now)
    served = service_of(desk, owner, invoice.customer_id)
    if as_json:
        told = [_told(entry) for entry in entries]
        output.document({"invoice": shape, "timeline": told, "next": following, "service": served})
        return
    output.say(_head(shape))
    output.say("")
    for entry in entries:
        output.say(f"{output.text(entry.at)}  {entry.sentence} [{entry.proof}]")
    output.say("")
    output.say(f"Because: {shape['proof'] or 'nothing was read about it yet'}.")
    output.say(f"Next: {following}")
    output.say(f"Service: {served['service_status'].value}. {served['next']}")


def _told(entry: Entry) -> Shape:
    """`evidence` is the number of the reading, where a reading proves it."""
    from daemon.timeline import ProofKind

    proof = entry.proof
    return {
        "at": entry.at,
        "kind": entry.kind,
        "sentence": entry.sentence,
        "actor": entry.actor,
        "proof": {"kind": proof.kind.value, "ref": proof.ref, "fingerprint": proof.fingerprint},
        "evidence": int(proof.ref) if proof.kind is ProofKind.READING else None,
        "fingerprint": proof.fingerprint,
    }


def _head(shape: Shape) -> str:
    status = shape["payment_status"].value.replace("_", " ")
    late = f", {shape['overdue_days']} days late" if shape["overdue_days"] and shape["due"].minor else ""
    return (
        f"Invoice {shape['number']} ({shape['id']}) to {shape['customer_name']} "
        f"({shape['customer_reference']}) over {shape['total']}: {shape['sync'].value}, {status}, "
        f"{shape['due']} due on {shape['due_on']}{late}."
    )
