"""`wispbill integrations switch`: another account in the place of the one that serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import credentials, output
from daemon.cli.context import desk_of
from daemon.cli.integrations import Name, group, named
from daemon.errors import InvalidInput
from daemon.model.states import Mode

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.connect.switching import Plan
    from daemon.store import records

SENTENCES = {
    "moves": (
        "moves to the new one: nothing of it was sent",
        "move to the new one: nothing of them was sent",
    ),
    "stays": ("stays: the old one finds out whether it landed", "stay: the old one finds out what landed"),
    "parked": ("stays, parked until the old one works again", "stay, parked until the old one works again"),
    "stopped": ("stays: the old one refused it halfway", "stay: the old one refused them halfway"),
    "drains": ("drains: followed there until it closes", "drain: followed there until they close"),
    "closed": ("is closed there", "are closed there"),
}


def register(app: typer.Typer) -> None:
    group.command("switch")(switch)


def switch(
    ctx: typer.Context,
    name: Name,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="INTEGRATION or PROVIDER", help="One that stands by; or connect it in this step."
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Until something was sent to the new one.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be; change nothing.")] = False,
    source: credentials.Source = None,
    mode: Annotated[Mode | None, typer.Option(help="Refuse credentials of the other mode.")] = None,
    label: Annotated[str, typer.Option(help="A name for people.")] = "",
    settings: Annotated[
        str, typer.Option(metavar="JSON", help="The provider's settings, without secrets.")
    ] = "",
    as_json: output.Json = False,
) -> None:
    """Put another account in its place. What is new goes there, and what was not sent yet; what was sent
    stays where it is, and the old one drains."""
    desk = desk_of(ctx)
    old = named(desk, name)
    if undo == (to is not None) or (undo and dry_run):
        raise InvalidInput("WB-INPUT", "give --to (and perhaps --dry-run), or --undo")
    if undo:
        _undo(desk, old, as_json)
    elif to is not None:
        asked = {"source": source, "mode": mode, "label": label, "settings": settings}
        made = _made(desk, old, to, asked, dry_run=dry_run)
        _print(made, dry_run, as_json)
        if made.refused_count:
            raise typer.Exit(1)


def _made(desk: Desk, old: records.Integration, to: str, asked: dict[str, Any], *, dry_run: bool) -> Plan:
    from daemon.connect import switching
    from daemon.model.ids import INTEGRATION
    from daemon.store import integrations

    if not to.startswith(f"{INTEGRATION}_"):
        return _connected(desk, old, to, asked, dry_run=dry_run)
    if asked["source"] is not None:
        raise InvalidInput("WB-INPUT", f"--credentials: {to} has its own; rotate replaces them")
    new = integrations.get(old.tenant_id, to)
    if dry_run:
        return switching.plan(desk.house, old, new)
    return switching.switch(desk.house, old, new, actor=desk.actor)


def _connected(
    desk: Desk, old: records.Integration, provider: str, asked: dict[str, Any], *, dry_run: bool
) -> Plan:
    """With the account connected in the same step. Raises InvalidInput."""
    from dataclasses import replace

    from daemon.cli.given import as_document
    from daemon.connect import switching
    from daemon.providers import provider_class

    kind = provider_class(provider)
    if kind.oauth is not None and not kind.mints:
        raise InvalidInput(
            "WB-INPUT",
            f"{kind.label} is connected by consent: wispbill integrations authorize {kind.name} "
            f"--beside {old.id}, then switch --to what it prints",
        )
    own = as_document(asked["settings"], "--settings") if asked["settings"] else {}
    document = credentials.given(asked["source"])
    new, adapter = credentials.new_account(
        desk,
        kind,
        document,
        asked["mode"],
        tenant_id=old.tenant_id,
        customer_id=old.customer_id,
        settings=own,
    )
    new = replace(new, label=asked["label"])
    if dry_run:
        return switching.plan_for(desk.house, old, new, adapter)
    return switching.connect_and_switch(desk.house, old, new, adapter, approves=True, actor=desk.actor)


def _undo(desk: Desk, old: records.Integration, as_json: bool) -> None:
    from daemon.cli import shapes
    from daemon.connect import switching

    serving, waiting, moved = switching.undo(desk.house, old, actor=desk.actor)
    if as_json:
        both = {"old": shapes.integration(serving), "new": shapes.integration(waiting)}
        output.document(both | {"moved": moved})
        return
    output.say(
        f"{serving.id} serves again, {output.counted(moved, 'invoice')} with it; {waiting.id} stands by."
    )
    output.note(f"Not wanted any more: wispbill integrations remove {waiting.id}")


# --- what is told -------------------------------------------------------------------------------------


def shape_of(made: Plan, dry_run: bool) -> dict[str, Any]:
    from daemon.cli.output import Named

    return {
        "dry_run": dry_run,
        "from": made.old.id,
        "to": made.new.id if made.new else None,
        "provider": made.provider,
        "account": made.account,
        "waits": made.waits,
        "invoices": Named(
            {
                pile.lot.value: {
                    "count": pile.count,
                    "due": [{"currency": due.currency, "amount": due.text} for due in pile.due],
                }
                for pile in made.piles
            }
        ),
        "refused_count": made.refused_count,
        "refused": [
            {
                "invoice_id": one.invoice_id,
                "number": one.number,
                "total": one.total,
                "code": one.code,
                "sentence": one.sentence,
            }
            for one in made.refused
        ],
    }


def _print(made: Plan, dry_run: bool, as_json: bool) -> None:
    if as_json:
        output.document(shape_of(made, dry_run))
        return
    verb = "would take over from" if dry_run else "takes over from"
    output.say(f"{made.provider} ({made.account}) {verb} {made.old.provider} ({made.old.account_name}).")
    for pile in made.piles:
        if pile.count:
            due = f", {' and '.join(str(one) for one in pile.due)} due" if pile.due else ""
            output.say(
                f"  {output.counted(pile.count, 'invoice')} {SENTENCES[pile.lot][pile.count > 1]}{due}"
            )
    if made.waits:
        output.say("  What moves is sent when somebody syncs it: the new one does not create automatically.")
    for one in made.refused:
        output.note(f"Invoice {one.number} ({one.total}): {one.code}: {one.sentence}")
    if made.refused_count:
        will = "would" if dry_run else "will"
        output.note(
            f"{output.counted(made.refused_count, 'invoice')} that {made.provider} {will} not take: "
            "void each and enter it anew, or put right what is said; wispbill exceptions lists them."
        )
    if dry_run:
        output.say("Nothing was changed.")
    elif made.new is not None:
        output.say(
            f"Until something is sent there: wispbill integrations switch {made.old.id} --undo takes it back."
        )
        if made.old.webhook_id and not made.new.webhook_id:
            output.note(f"Its webhook is not registered yet: wispbill integrations webhook {made.new.id}")
