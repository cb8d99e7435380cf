"""Errors become one plain sentence on standard error: what happened, who acts, when it is tried again.

Exit codes: 1 a problem was found, 2 wrong use (what was given cannot be accepted), 130 after Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from daemon.errors import CATALOGUE, ConfigError, InvalidInput, WispbillError

PROBLEM, WRONG_USE, INTERRUPTED = 1, 2, 130

_ACTS = {
    "nobody": "Nobody needs to act",
    "operator": "The operator acts",
    "account owner": "The owner of the provider account acts",
    "caller": "Put it right",
    "provider": "The provider acts",
}


class Sentences(TyperGroup):
    """The root group: no error leaves it as a traceback, unless WISPBILL_DEBUG asks for one."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.TyperException):
            raise
        except (typer.Abort, EOFError, KeyboardInterrupt):
            typer.echo("Interrupted; what was finished stays.", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if _is_closed_pipe(error) or os.environ.get("WISPBILL_DEBUG"):
                raise
            error = said_plainly(error)
            typer.echo(sentence(error), err=True)
            raise typer.Exit(exit_code(error)) from None


def sentence(error: Exception) -> str:
    """`WB-CODE: what happened. Who acts; when it is tried again.`"""
    if not isinstance(error, WispbillError):
        return (
            f"WB-INTERNAL: {type(error).__name__} where none should be; WISPBILL_DEBUG=1 shows where. "
            "The operator acts; it is not tried again."
        )
    message = error.message.strip().rstrip(".")
    text = f"{error.code}: {message}{'' if message.endswith('?') else '.'}"
    entry = CATALOGUE.get(error.code)
    if entry is None:
        return text
    return f"{text} {_ACTS[entry.actor]}; tried again {entry.next_try}."


def exit_code(error: Exception) -> int:
    return WRONG_USE if isinstance(error, InvalidInput | ConfigError) else PROBLEM


def said_plainly(error: Exception) -> Exception:
    """Database trouble that met a read, in the words of the catalogue; any other error as it is."""
    if "peewee" not in sys.modules:
        return error
    from daemon.store import database

    try:
        with database.said_plainly():
            raise error
    except Exception as plain:  # noqa: BLE001 - it is the value that is asked for
        return plain


def _is_closed_pipe(error: Exception) -> bool:
    """`wispbill … | head` is no error."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE
