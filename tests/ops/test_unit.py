"""The unit: systemd understands it, and finds little to object to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ANALYZE = shutil.which("systemd-analyze")

pytestmark = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on this machine")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A copy whose program is there: this interpreter in place of /opt/wispbill."""
    text = (ROOT / "wispbill.service").read_text()
    assert "/opt/wispbill/.venv/bin/wispbill" in text
    path = tmp_path / "wispbill.service"
    path.write_text(text.replace("/opt/wispbill/.venv/bin/wispbill", f"{sys.executable} -m daemon"))
    return path


def analyze(*args: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE
    return subprocess.run([ANALYZE, *args], capture_output=True, text=True, check=False)


def test_systemd_has_nothing_to_say_about_it(unit: Path) -> None:
    done = analyze("verify", str(unit))

    said = [line for line in done.stderr.splitlines() if "wispbill.service" in line]
    assert (done.returncode, said) == (0, [])


def test_it_is_exposed_by_no_more_than_one_point_one(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=11", "--no-pager", str(unit))

    assert done.returncode == 0, done.stdout[-200:]
