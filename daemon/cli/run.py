"""`wispbill run`: the daemon itself, in the foreground, as systemd wants it."""

from __future__ import annotations

import os

import typer


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(ctx: typer.Context) -> None:
    """Run the daemon until SIGTERM. SIGHUP reads the configuration again."""
    from daemon import log
    from daemon.service import Service
    from daemon.settings import load

    os.umask(0o077)
    path = ctx.obj.path
    settings = load(path, os.environ)
    log.configure(settings.daemon.log_level, settings.daemon.log_format)
    service = Service(settings, environ=os.environ, reload=lambda: load(path, os.environ))
    raise typer.Exit(service.run())
