"""The commands: a module per noun, each registering itself; what is heavy is imported when a command runs."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from daemon import __version__
from daemon.cli.context import Desk, find_config
from daemon.cli.errors import Sentences

MODULES = (
    "init",
    "run",
    "doctor",
    "status",
    "jobs",
    "sweep",
    "exceptions",
    "report",
    "check",
    "bill",
    "enforce",
    "dunning",
    "find",
    "explain",
    "providers",
    "tenants",
    "customers",
    "matching",
    "standing",
    "apps",
    "integrations",
    "preview",
    "authorize",
    "switching",
    "invoices",
    "cash",
    "papers",
    "plans",
    "inbox",
    "events",
    "endpoints",
    "alerts",
    "tickets",
    "portal",
    "audit",
    "tokens",
    "staff",
    "keys",
    "openapi",
    "backup",
    "restore",
    "db",
    "sandbox",
    "demo",
)
"""Each has a `register(app)`; `wispbill --help` lists their commands in this order."""

app = typer.Typer(
    name="wispbill",
    cls=Sentences,
    help="Billing sync for wireless internet providers: invoices out, payment status back.",
    epilog="Exit codes: 0 well, 1 a problem was found, 2 used wrongly. Codes: wispbill explain WB-….",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wispbill {__version__}")
        raise typer.Exit


@app.callback()
def main(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The configuration; else $WISPBILL_CONFIG, ./wispbill.toml, /etc/wispbill/wispbill.toml.",
            metavar="FILE",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if ctx.obj is None:
        ctx.obj = Desk(find_config(config))
    ctx.call_on_close(ctx.obj.close)


for _name in MODULES:
    import_module(f"daemon.cli.{_name}").register(app)
