"""wispbill as a process: quick to answer, quiet in a pipe, leaving no file that the daemon cannot write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def wispbill(*words: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", *words]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(command, cwd=cwd, env=environment, text=True, capture_output=True, check=False)


def test_help_loads_nothing_heavy() -> None:
    heavy = ("httpx", "peewee", "pydantic", "rich", "stripe", "apscheduler", "cryptography", "structlog")
    code = (
        "import sys; from typer.main import get_command; from daemon.cli import app; get_command(app);"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version_and_wrong_use_have_their_exit_codes() -> None:
    assert wispbill("--version").stdout.startswith("wispbill ")
    wrong = wispbill("nonsense")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wispbill("--config", "/nowhere.toml", "status").returncode == 2


def test_json_stays_one_document_whatever_is_logged(shell: Shell) -> None:
    shell.a_tenant()
    done = wispbill("--config", str(shell.config), "tenants", "list", "--json")
    assert json.loads(done.stdout)["tenants"][0]["reference"] == "wisp"
    assert done.stderr == ""


def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    shell.a_tenant()
    shell.a_customer()
    for n in range(3):
        shell.an_invoice(str(n + 1))
    command = f"{sys.executable} -m daemon --config {shell.config} invoices list --json | head -c 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_owner_of_the_state_folder_before_it_opens_the_database(
    shell: Shell, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = _owned_by_nobody(shell)
    done = wispbill("--config", str(folder / "wispbill.toml"), "tenants", "add", "wisp")
    assert done.returncode == 0, done.stderr
    owners = {path.name: path.stat().st_uid for path in folder.iterdir()}
    assert owners.pop("master.key") == 0, "root reads it before it becomes somebody else"
    assert set(owners.values()) == {NOBODY}
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_database_that_cannot_be_written_is_said_to_be_read_only(shell: Shell) -> None:
    folder = _owned_by_nobody(shell)
    for path in folder.glob("wispbill.db*"):
        path.chmod(0o400)
    done = wispbill("--config", str(folder / "wispbill.toml"), "tenants", "add", "wisp")
    assert done.returncode == 1
    assert done.stderr.startswith("WB-DB-READONLY: ")
    assert len(done.stderr.strip().splitlines()) == 1
    shutil.rmtree(folder)


def _owned_by_nobody(shell: Shell) -> Path:
    """A copy of the state folder where somebody else can reach it; the master key stays root's."""
    folder = Path("/var/tmp") / f"wispbill-test-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(shell.folder, folder)
    (folder / "wispbill.toml").write_text(f'[daemon]\nstate_dir = "{folder}"\n')
    for path in (folder, *folder.iterdir()):
        if path.name != "master.key":
            os.chown(path, NOBODY, NOBODY)
    folder.chmod(0o700)
    return folder
