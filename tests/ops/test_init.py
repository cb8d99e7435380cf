"""Init: a configuration and a key to begin with; what is there is never touched."""

from __future__ import annotations

import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from daemon.cli import data
from tests.ops.conftest import Installation

ROOT = Path(__file__).parents[2]


def test_it_writes_the_example_and_a_key_that_only_its_owner_can_read(blank: Installation) -> None:
    said = blank.run("init", "--dir", str(blank.folder))

    assert said.code == 0
    assert blank.settings.daemon.state_dir == blank.folder / "state"
    assert stat.S_IMODE(blank.key.stat().st_mode) == 0o600
    assert f"wispbill --config {blank.config} doctor" in said.text


def test_the_key_itself_is_never_shown(blank: Installation) -> None:
    said = blank.run("init", "--dir", str(blank.folder))

    assert blank.key.read_text().split(":")[1].strip() not in said.text


def test_a_second_time_changes_nothing(blank: Installation) -> None:
    blank.run("init", "--dir", str(blank.folder))
    blank.config.write_text("# mine\n")
    key = blank.key.read_bytes()

    said = blank.run("init", "--dir", str(blank.folder))

    assert said.code == 0
    assert blank.config.read_text() == "# mine\n"
    assert blank.key.read_bytes() == key
    assert said.text.count("stays as it is") == 2


def test_a_key_in_the_environment_is_not_doubled_by_a_file(blank: Installation) -> None:
    blank.environ["CREDENTIAL_ENCRYPTION_KEY"] = "ab" * 32

    blank.run("init", "--dir", str(blank.folder))

    assert not blank.key.exists()


def test_the_unit_is_printed_for_this_installation_and_nothing_is_written(blank: Installation) -> None:
    said = blank.run("init", "--systemd", "--dir", str(blank.folder))

    assert said.code == 0
    assert f"LoadCredential=master.key:{blank.folder}/master.key" in said.text
    assert f"--config {blank.folder}/wispbill.toml run" in said.text
    assert list(blank.folder.iterdir()) == []


def test_what_is_left_to_the_example_is_what_the_program_takes_by_default(installed: Installation) -> None:
    assert data.example_config() == (ROOT / "config" / "wispbill.example.toml").read_text()
    assert data.unit() == (ROOT / "wispbill.service").read_text()


@pytest.mark.long
def test_an_installed_wheel_carries_the_example_and_the_unit(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "-q",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
    ]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    wheel = next(tmp_path.glob("wispbill-*.whl"))
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    script = "from daemon.cli import data; print(data.__file__); print(data.example_config() + data.unit())"

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=site,
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.startswith(str(site)), done.stderr
    assert "[tidy]" in done.stdout
    assert "WatchdogSec=60" in done.stdout
