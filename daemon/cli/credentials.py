"""Credentials on their way in: prompted for without echo, on standard input, or in a private file; never
a flag. The prompts are made from the adapter's model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.model import AccountInfo, Mode
    from daemon.providers.base import Credentials, Provider

Source = Annotated[
    str | None,
    typer.Option(
        "--credentials",
        metavar="- or FILE",
        help="JSON on standard input (-), or in a file that only its owner can read; else prompts.",
    ),
]


def given(source: str | None) -> dict[str, Any] | None:
    """The document of --credentials; None where they are to be prompted for. Raises InvalidInput."""
    from daemon.cli import given as read

    if source == "-":
        return read.stdin_document()
    return read.private_document(Path(source)) if source else None


def prompted(kind: type[Credentials]) -> dict[str, Any]:
    """Ask for each field of the adapter's model, secrets without echo. Raises InvalidInput where nobody
    can be asked."""
    if not sys.stdin.isatty():
        raise InvalidInput("WB-INPUT", "nobody can be asked here: give --credentials - or --credentials FILE")
    document: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if field.description:
            typer.echo(field.description, err=True)
        required = field.is_required()
        answer = typer.prompt(
            field.title or name,
            default=None if required else "",
            hide_input=is_secret(field.annotation),
            show_default=False,
            err=True,
        )
        if answer or required:
            document[name] = answer
    return document


def is_secret(annotation: Any) -> bool:
    from pydantic import SecretStr

    return annotation is SecretStr or SecretStr in getattr(annotation, "__args__", ())


def mode_of(credentials: Credentials, wanted: Mode | None) -> Mode:
    """The mode that the credentials are of, or the one wanted where they do not tell; raises InvalidInput
    where another one is wanted, or nobody says."""
    found = credentials.mode or wanted
    if found is None:
        raise InvalidInput(
            "WB-CREDENTIALS-MODE",
            "these credentials do not tell whether they are live: give --mode live or --mode sandbox",
            field="mode",
        )
    if wanted is not None and wanted is not found:
        raise InvalidInput(
            "WB-CREDENTIALS-MODE",
            f"these credentials are for {found.value}, and {wanted.value} was asked for",
            field="mode",
        )
    return found


def tested(provider: Provider) -> AccountInfo:
    """The connection test, told on standard error: account, currencies, each missing permission."""
    from daemon.cli import output

    try:
        account = provider.check()
    finally:
        provider.close()
    if account.account_id:
        output.note(f"{provider.label} answers: {account.name} ({account.account_id}).")
    else:
        output.note(f"{provider.label} answers, but does not say which account this is.")
    if account.currencies:
        output.note(f"Its currencies: {', '.join(account.currencies)}.")
    for missing in account.missing:
        output.note(f"WB-PERMISSION-MISSING: {missing}")
    for remark in account.notes:
        output.note(remark)
    return account
