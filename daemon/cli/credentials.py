"""Credentials on their way in: prompted for without echo, on standard input, or in a private file; never
a flag. The prompts are made from the adapter's model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.connect.accounts import NewAccount
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


def adapter_of(
    desk: Desk,
    provider: str,
    document: dict[str, Any],
    wanted: Mode | None,
    settings: dict[str, Any],
    *,
    base_url: str | None = None,
) -> Provider:
    """The adapter of credentials that are not stored yet. Raises InvalidInput."""
    from daemon.app import read_credentials
    from daemon.connect import accounts

    mode = accounts.mode_of(read_credentials(provider, document), wanted)
    return desk.house.providers.build(provider, document, settings=settings, mode=mode, base_url=base_url)


def new_account(
    desk: Desk,
    kind: type[Provider],
    document: dict[str, Any] | None,
    mode: Mode | None,
    *,
    tenant_id: str,
    customer_id: str | None,
    settings: dict[str, Any],
) -> tuple[NewAccount, Provider]:
    """An account, tested, with its (closed) adapter; what is not given is prompted for. Raises InvalidInput
    or RemoteError."""
    from daemon.connect.accounts import NewAccount

    if document is None:
        document = prompted(kind.credentials)
    adapter = adapter_of(desk, kind.name, document, mode, settings)
    account = tested(adapter)
    return NewAccount(tenant_id, customer_id, kind, document, account, settings), adapter


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
