"""`wispbill customers match`: which of a provider's customers are ours already.

Without `--decisions` the provider's customers are listed, who carries our reference is taken, and everybody
else who is alike is proposed: on the terminal one after the other, or in a file that is filled in and given
back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import jobs, matchfile, output
from daemon.cli.context import desk_of
from daemon.cli.customers import group
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.jobs.matching.comparing import Survey
    from daemon.store import records
    from daemon.store.matches import Drawn, Proposal

COLUMNS = {
    "customer": "CUSTOMER",
    "name": "NAME",
    "payer": "THERE",
    "payer_name": "NAME THERE",
    "score": "SCORE",
    "kind": "KIND",
    "reasons": "WHY",
}
SHOWN = 20
YES, NONE, LATER, STOP = "y", "n", "s", "q"


def register(app: typer.Typer) -> None:
    group.command("match")(match)


def match(
    ctx: typer.Context,
    integration: Annotated[str, typer.Argument(metavar="INTEGRATION", help="Its id.")],
    *,
    dry_run: jobs.DryRun = False,
    csv_path: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the proposals to a new file.")
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Do what its column decision says: match, match:ID, create, skip."),
    ] = None,
    ask: Annotated[
        bool | None, typer.Option("--ask/--no-ask", help="Ask here, one by one; else as the terminal is.")
    ] = None,
    country: Annotated[
        str,
        typer.Option(metavar="CC", help="To read telephone numbers by; else the tenant's time zone says."),
    ] = "",
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Find which of a provider's customers are yours already. Nobody is made there while you are unsure."""
    if decisions is not None and (csv_path is not None or ask):
        raise InvalidInput("WB-INPUT", "--decisions goes with neither --csv nor --ask")
    desk = desk_of(ctx)
    row = _named(desk, tenant, integration)
    if decisions is not None:
        _decide(desk, row, decisions, country, dry_run=dry_run, as_json=as_json)
        return
    found = _listed(desk, row, country, dry_run=dry_run)
    shown = [_shape(found, one) for one in _waiting(desk, row, found, dry_run=dry_run)]
    if csv_path is not None:
        matchfile.write(csv_path, shown)
    asks = not dry_run and (ask if ask is not None else _is_terminal() and csv_path is None and not as_json)
    _print(row, found, shown, as_json, dry_run=dry_run, path=csv_path, table=csv_path is None and not asks)
    if asks:
        _ask(desk, row, found)


def _is_terminal() -> bool:
    import sys

    return sys.stdin.isatty() and sys.stdout.isatty()


def _named(desk: Desk, tenant: str | None, name: str) -> records.Integration:
    """Paused or not. Raises InvalidInput where it cannot be asked who is there."""
    from daemon.model import RUNNING, IntegrationState
    from daemon.providers import provider_class
    from daemon.store import integrations

    desk.open()
    row = integrations.get(desk.tenant_id(tenant), name)
    if row.state not in (*RUNNING, IntegrationState.PAUSED):
        raise InvalidInput("WB-INTEGRATION-STATE", f"{row.id} is {row.state}, and cannot be asked")
    kind = provider_class(row.provider)
    if not kind.can.lists_payers:
        raise InvalidInput(
            "WB-UNSUPPORTED",
            f"{kind.label} has no list of customers; say who one is there: "
            "wispbill customers set CUSTOMER --payer ID",
        )
    return row


# --- the provider's list ------------------------------------------------------------------------------


def _listed(desk: Desk, row: records.Integration, country: str, *, dry_run: bool) -> Survey:
    from daemon.jobs.matching import comparing
    from daemon.jobs.visit import Visit

    home = _country(country)
    found: list[Survey] = []
    with output.progress(f"customers at {row.provider} {row.id}") as bar:

        def work(visit: Visit) -> None:
            if dry_run:
                found.append(comparing.survey(visit, country=home, told=bar.advance))
                visit.tally.counts.clear()  # such a run is not written down
            else:
                found.append(comparing.match(visit, actor=desk.actor, country=home, told=bar.advance))

        tally = jobs.turn(desk, "match", row, work, paused=True)
    if tally is None:
        raise InvalidInput("WB-INTEGRATION-STATE", f"{row.id} is busy; try again in a minute")
    if tally.fault is not None:
        raise tally.fault
    return found[0]


def _country(text: str) -> str | None:
    code = text.strip().upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise InvalidInput("WB-INPUT", "country: two letters, like US", field="country")
    return code or None


def _waiting(
    desk: Desk, row: records.Integration, found: Survey, *, dry_run: bool
) -> Sequence[Drawn | Proposal]:
    """What a person must decide; in a dry run also what would be taken."""
    if dry_run:
        return sorted(found.drawn, key=lambda one: (-one.score, found.customers[one.customer_id].reference))
    return _open(desk, row, found)


def _open(desk: Desk, row: records.Integration, found: Survey) -> list[Proposal]:
    """Those that wait, of customers whom the integration still bills."""
    from daemon.store import matches

    with desk.house.store.session():
        rows = [one for one in matches.waiting(row.id) if one.customer_id in found.customers]
    return sorted(rows, key=lambda one: (-one.score, found.customers[one.customer_id].reference))


# --- shown --------------------------------------------------------------------------------------------


def _shape(found: Survey, one: Drawn | Proposal) -> dict[str, Any]:
    customer = found.customers[one.customer_id]
    return {
        "customer": customer.reference,
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "payer": one.external_id,
        "payer_name": one.shown.get("name"),
        "payer_email": one.shown.get("email"),
        "payer_phone": one.shown.get("phone"),
        "payer_address": one.shown.get("address"),
        "kind": one.kind,
        "score": one.score,
        "reasons": list(one.reasons),
        "others": [_other(each) for each in one.others],
        "proof": one.proof,
    }


def _other(one: dict[str, Any]) -> dict[str, Any]:
    told = {f"payer_{name}": one["shown"].get(name) for name in ("name", "email", "phone", "address")}
    return {"payer": one["payer"], **told, "score": one["score"], "reasons": one["reasons"]}


def _print(
    row: records.Integration,
    found: Survey,
    shown: Sequence[dict[str, Any]],
    as_json: bool,
    *,
    dry_run: bool,
    path: Path | None,
    table: bool,
) -> None:
    certain = sum(one.kind == "certain" for one in found.drawn)
    told = {
        "integration_id": row.id,
        "provider": row.provider,
        "payers": len(found.payers),
        "known": found.known,
        "certain": certain,
        "to_decide": len(shown) - (certain if dry_run else 0),
        "nobody": len(found.none),
    }
    if as_json:
        output.document(told | {"dry_run": dry_run, "csv": path and str(path), "proposals": list(shown)})
        return
    if table:
        output.listing("proposals", shown, COLUMNS, as_json=False, empty="Nobody is left to decide about.")
    output.note(
        f"{told['payers']} customers at {row.provider}; of yours {told['known']} were known there, "
        f"{certain} carry your reference, {told['to_decide']} are for you to decide, "
        f"{told['nobody']} are like nobody there and are made when they are billed."
    )
    if dry_run:
        output.note("Nothing was written: this is a dry run.")
    elif path is not None:
        output.note(
            f"Fill in its column decision, then: wispbill customers match {row.id} --decisions {path}"
        )


# --- what was decided in a file ------------------------------------------------------------------------


def _decide(
    desk: Desk, row: records.Integration, path: Path, country: str, *, dry_run: bool, as_json: bool
) -> None:
    """The customers are listed anew first, so that what changed there since is seen."""
    from daemon.jobs.matching.deciding import checked, settle, shared

    wishes = list(matchfile.read(path))
    there = None if dry_run else frozenset(_listed(desk, row, country, dry_run=False).payers)
    with desk.house.store.session():
        given = checked(row, wishes, there=there)
        households = shared(row, given.decided)
    for problem in given.problems[:SHOWN]:
        output.note(f"line {problem.wish.line}: {problem.code}: {problem.message}")
    if len(given.problems) > SHOWN:
        output.note(f"And {len(given.problems) - SHOWN} more.")
    for payer, names in households.items():
        output.note(f"{payer} is billed for {', '.join(names)}: one household?")
    if given.problems:
        raise InvalidInput(
            given.problems[0].code,
            f"{output.counted(len(given.problems), 'row')} cannot be done; nothing was decided",
        )
    done = 0 if dry_run else settle(desk.house, row, given.decided, actor=desk.actor)
    desk.house.wake("push")
    told = {
        "integration_id": row.id,
        "dry_run": dry_run,
        "decided": len(given.decided) if dry_run else done,
        "already": given.already,
        "skipped": given.skipped,
    }
    if as_json:
        output.document(told)
    else:
        verb = "would be decided" if dry_run else "decided"
        output.say(
            f"{told['decided']} {verb}, {told['already']} were decided before, {told['skipped']} left open."
        )


# --- one by one ---------------------------------------------------------------------------------------


def _ask(desk: Desk, row: records.Integration, found: Survey) -> None:
    """Each answer is written at once; who stops goes on with the next `match`."""
    rows = _open(desk, row, found)
    with suppress(typer.Abort):
        for place, one in enumerate(rows, start=1):
            output.say("")
            output.say(f"{place} of {len(rows)}: {_line(_shape(found, one))}")
            choices = _choices(one)
            for number, text in enumerate(choices.values(), start=1):
                output.say(f"  {number}  {text}")
            if not _answered(desk, row, found, one, list(choices)):
                break
    left = len(_open(desk, row, found))
    if left:
        output.note(f"{left} are left to decide; wispbill customers match {row.id} goes on.")
    else:
        output.note("Nobody is left to decide about.")


def _line(shape: dict[str, Any]) -> str:
    told = (shape["customer"], shape["name"], shape["email"], shape["phone"])
    return "  ".join(text for text in told if text)


def _choices(one: Proposal) -> dict[str, str]:
    """What is told of each candidate, by its id."""
    first = {one.external_id: (one.shown, one.score, one.reasons)} if one.external_id else {}
    others = {str(x["payer"]): (x["shown"], x["score"], x["reasons"]) for x in one.others}
    return {
        ref: "  ".join([ref, *_facts(shown), f"{score}: {', '.join(reasons)}"])
        for ref, (shown, score, reasons) in (first | others).items()
    }


def _facts(shown: dict[str, Any]) -> list[str]:
    return [shown[name] for name in ("name", "email", "phone", "address") if name in shown]


def _answered(
    desk: Desk, row: records.Integration, found: Survey, one: Proposal, refs: Sequence[str]
) -> bool:
    """Ask until the answer can be done; False where the person stops."""
    from daemon.jobs.matching.deciding import Wish, checked, settle, shared

    reference = found.customers[one.customer_id].reference
    same = f"{YES} or a number: the same; " if refs else ""
    while True:
        answer = typer.prompt(f"{same}{NONE}: none of them, make a new one; {LATER}: later; {STOP}: stop")
        decision = _decision(answer.strip().casefold(), refs)
        if decision is None:
            output.say("That is no answer.")
            continue
        if decision == STOP:
            return False
        with desk.house.store.session():
            given = checked(row, [Wish(reference, decision, one.proof)])
            households = shared(row, given.decided)
        for payer, names in households.items():
            output.note(f"{payer} is billed for {', '.join(names)}: one household?")
        if given.problems:
            output.note(f"{given.problems[0].code}: {given.problems[0].message}")
        else:
            settle(desk.house, row, given.decided, actor=desk.actor)
            desk.house.wake("push")
        return True


def _decision(answer: str, refs: Sequence[str]) -> str | None:
    if answer in (NONE, LATER, STOP):
        return {NONE: "create", LATER: "skip", STOP: STOP}[answer]
    number = 1 if answer == YES else int(answer) if answer.isdecimal() else 0
    return f"match:{refs[number - 1]}" if 1 <= number <= len(refs) else None
