"""The quick start of docs/api.md: every line of it runs as it stands, against the server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.web.api.routing import Found, Table
from daemon.web.api.table import ROUTES
from tests.api.asking import Office
from tests.api.test_flow import STRIPE
from tests.api.test_served import server

__all__ = ["server"]

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
QUICK_START = PAGE.partition("## Quick start")[2].partition("\n## ")[0]
LINES = [
    line for block in re.findall(r"```sh\n(.*?)```", QUICK_START, re.DOTALL) for line in block.splitlines()
]


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="curl and bash are needed")
def test_every_line_of_the_quick_start_runs(server: tuple[Office, int], tmp_path: Path) -> None:
    office, port = server
    folder = tmp_path / "somewhere"
    folder.mkdir()
    (folder / "stripe.json").write_text(json.dumps(STRIPE))
    script = ["set -euo pipefail", f"wispbill() {{ echo {office.tokens['tenant_admin']}; }}"]
    for line in LINES:
        script += [line.replace("127.0.0.1:8470", f"127.0.0.1:{port}"), "echo"]

    ran = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    answers = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert len(answers) == sum(line.startswith("curl ") for line in LINES)
    assert answers[4]["status"] == "pending"
    assert (folder / "auth.txt").stat().st_mode & 0o077 == 0


def test_the_page_names_addresses_that_there_are() -> None:
    named = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/api/[^`]+)`", PAGE)
    assert named
    for method, path in named:
        assert isinstance(Table(ROUTES).find(method, path.partition("?")[0]), Found), path
