"""`wispbill doctor`: what is wrong, and what to type."""

from __future__ import annotations

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.cli.doctor.finding import BAD, Finding


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(ctx: typer.Context, as_json: output.Json = False) -> None:
    """Examine this installation: a line for each finding. Exit code 1 where one is bad."""
    from daemon.cli.doctor import records, store, surroundings

    desk = desk_of(ctx)
    findings: list[Finding] = list(surroundings.configuration(desk))
    if not any(finding.level == BAD for finding in findings):
        findings += surroundings.examine(desk)
        findings += store.examine(desk, records.examine)
    _print(findings, as_json)
    if any(finding.level == BAD for finding in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding], as_json: bool) -> None:
    if as_json:
        items = [
            {"level": x.level, "about": x.about, "sentence": x.sentence, "type": x.remedy} for x in findings
        ]
        output.document({"findings": items})
        return
    width = max(len(finding.about) for finding in findings)
    for finding in findings:
        remedy = f"  → {finding.remedy}" if finding.remedy else ""
        output.say(f"{finding.level.ljust(4)}  {finding.about.ljust(width)}  {finding.sentence}{remedy}")
