"""`wispbill report …`: what the books say, as a table, CSV, JSON, XLSX or a picture."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.reports import Report, Wish
    from daemon.reports.shape import Row
    from daemon.store import records


class Form(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    SVG = "svg"


def register(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which; left out: lists them.")] = None,
    *,
    tenant: output.Tenant = None,
    month: Annotated[str | None, typer.Option(metavar="2026-03", help="The month.")] = None,
    as_of: Annotated[str | None, typer.Option(metavar="DAY", help="At the end of this day.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="MONTH|DAY", help="From here on.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="MONTH|DAY", help="Up to here.")] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="Else as --out's name ends, else a table.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Into this file, not the screen.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="close: close the month with the sums that it has now.")
    ] = False,
    note: Annotated[str | None, typer.Option(help="close --record: a word about it.")] = None,
    reopen: Annotated[
        str | None, typer.Option(metavar="REASON", help="close: take the closing back, and why.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Say what the books say. Exit code 1 where it found something to put right."""
    from daemon.reports import REPORTS, Wish, make

    if name is None:
        shapes = [
            {"name": one.name, "about": one.summary, "takes": [f"--{x}" for x in one.options]}
            for one in REPORTS.values()
        ]
        columns = {"name": "name", "about": "about", "takes": "takes"}
        output.listing("reports", shapes, columns, as_json=as_json, empty="There are none.")
        return
    desk = desk_of(ctx)
    wanted = _form(form, out, as_json)
    owner, wish = desk.tenant(tenant), Wish(month, as_of, since, until)
    _closing(desk, owner, name, wish, record=record, note=note, reopen=reopen)
    made = make(desk.house, owner, name, wish)
    _give(made, wanted, out)
    if not made.well:
        raise typer.Exit(1)


def _closing(
    desk: Desk,
    owner: records.Tenant,
    name: str,
    wish: Wish,
    *,
    record: bool,
    note: str | None,
    reopen: str | None,
) -> None:
    """Close or reopen the month, where that is asked for. Raises InvalidInput."""
    if not record and reopen is None:
        if note is not None:
            raise InvalidInput("WB-INPUT", "--note goes with --record", field="note")
        return
    from daemon.cli import given
    from daemon.reports import Asked, close

    if name != "close" or wish.month is None:
        verb = "--record" if record else "--reopen"
        raise InvalidInput("WB-INPUT", f"{verb} goes with: report close --month 2026-03", field="month")
    asked = Asked(owner, wish, desk.now)
    if reopen is not None:
        reason = given.printable("reopen", reopen, most=200)
        close.reopen(desk.house, asked, reason=reason, actor=desk.actor)
    if record:
        said = given.printable("note", note, most=200) if note is not None else None
        close.record(desk.house, asked, note=said, actor=desk.actor)


def _form(form: Form | None, out: Path | None, as_json: bool) -> Form:
    """Raises InvalidInput where two of them contradict each other."""
    if as_json and form not in (None, Form.JSON):
        raise InvalidInput("WB-INPUT", f"--json and --format {form} contradict each other", field="format")
    if as_json:
        return Form.JSON
    if form is not None:
        return form
    ending = out.suffix.removeprefix(".").lower() if out else ""
    return Form(ending) if ending in list(Form) else Form.TABLE


def _give(made: Report, form: Form, out: Path | None) -> None:
    from daemon.reports.writing import FORMATS, written

    if form is Form.TABLE:
        if out is not None:
            text = "a table goes to the screen: --format csv, json, xlsx or svg goes into a file"
            raise InvalidInput("WB-INPUT", text, field="out")
        show(made)
        return
    if out is None and not FORMATS[form].is_text and sys.stdout.isatty():
        raise InvalidInput("WB-INPUT", f"{form} is no text: name a file with --out", field="out")
    content = written(made, form)
    if out is None:
        typer.echo(content, nl=False)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise InvalidInput("WB-INPUT", f"{out} cannot be written: {error.strerror}", field="out") from None
    output.note(f"Written: {out}")


def show(made: Report) -> None:
    """As tables, with sums, its answer and its notes."""
    from daemon.reports.writing.cells import shown

    asked = ", ".join(f"{name} {value}" for name, value in made.parameters.items())
    output.say(f"{made.title}: {made.tenant.reference}{', ' if asked else ''}{asked}")
    output.say("")
    if made.rows:
        sums: list[Row] = [{made.columns[0].key: "Total", **row} for row in made.totals]
        lines = [_line(made, row) for row in (*made.rows, *sums)]
        output.table(lines, [column.heading.upper() for column in made.columns])
    else:
        output.say("There is nothing in it.")
    for part in made.parts:
        if part.rows:
            output.say(f"\n{part.title}\n")
            lines = [[shown(row.get(one.key)) for one in part.columns] for row in part.rows]
            output.table(lines, [column.heading.upper() for column in part.columns])
    if made.verdict:
        output.say(f"\n{made.verdict}")
    for note in made.notes:
        output.note(note)


def _line(made: Report, row: Row) -> list[str]:
    """What a sum does not have stays empty."""
    from daemon.reports.writing.cells import shown

    return [shown(row[one.key]) if one.key in row else "" for one in made.columns]
