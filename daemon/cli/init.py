"""`wispbill init`: a configuration and a master key to begin with, or the systemd unit."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import data, output
from daemon.cli.context import desk_of
from daemon.errors import ConfigError

SYSTEM = Path("/etc/wispbill")


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Default: /etc/wispbill for root, else this folder."),
    ] = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Print the unit for this installation, and write nothing.")
    ] = False,
) -> None:
    """Write wispbill.toml and a master key. What is there already stays as it is."""
    folder = (folder or (SYSTEM if os.geteuid() == 0 else Path())).absolute()
    if systemd:
        _print_unit(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        _write_config(folder)
        _write_key(folder, desk_of(ctx).environ.get("CREDENTIAL_ENCRYPTION_KEY", ""))
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    _say_next(folder)


def _write_config(folder: Path) -> None:
    """The example. Outside of /etc/wispbill the state folder and the key lie beside it."""
    path, text = folder / "wispbill.toml", data.example_config()
    if folder != SYSTEM:
        text = text.replace('\nstate_dir = "/var/lib/wispbill"\n', f'\nstate_dir = "{folder}/state"\n')
        text = text.replace('\nkey_file = ""\n', f'\nkey_file = "{folder}/master.key"\n')
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        output.say(f"{path} is there already and stays as it is.")
        return
    path.chmod(0o644)
    output.say(f"{path} written: every key with its default.")


def _write_key(folder: Path, given: str) -> None:
    from daemon.clock import SystemEntropy
    from daemon.vault import KEY_FILE, MasterKeys

    path = folder / KEY_FILE
    if path.exists():
        output.say(f"{path} is there already and stays as it is.")
    elif given:
        output.say("The master key is taken from CREDENTIAL_ENCRYPTION_KEY; none was made.")
    else:
        MasterKeys.generate(SystemEntropy()).write(path)
        output.say(f"{path} written: a new master key, readable by its owner only.")
        output.say("Keep a copy of it away from this machine: no backup opens without it, and none holds it.")


def _say_next(folder: Path) -> None:
    config = "" if folder == SYSTEM else f" --config {folder}/wispbill.toml"
    output.say("Next:")
    output.say(f"  wispbill{config} doctor")
    if folder == SYSTEM:
        output.say("  wispbill init --systemd > /etc/systemd/system/wispbill.service")
        output.say("  systemctl daemon-reload && systemctl enable --now wispbill")
    else:
        output.say(f"  wispbill{config} run")
    output.say(f"  wispbill{config} tenants add NAME")


def _print_unit(folder: Path) -> None:
    program = program_path()
    text = data.unit().replace(data.UNIT_PROGRAM, str(program)).replace(data.UNIT_CONFIG, str(folder))
    output.say(text.rstrip("\n"))
    if program.is_relative_to("/home") or program.is_relative_to("/root"):
        output.note(f"{program} lies in a home folder, which the unit cannot see: install it under /opt.")


def program_path() -> Path:
    """The `wispbill` command of this installation, as systemd shall call it."""
    called = Path(sys.argv[0]).absolute()
    return called if called.name == "wispbill" else Path(sys.executable).with_name("wispbill")
