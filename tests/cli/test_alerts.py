"""Alerts at the command line: what is wrong now, and whether the channels work."""

from __future__ import annotations

import pytest

from daemon.alerts import Sender
from daemon.store import alerts
from daemon.store.alerts import Cause, Concern
from tests.cli.conftest import Shell

SECRET = "tokentokentoken1"


@pytest.fixture
def addressed(shell: Shell) -> Shell:
    path = shell.folder / "alerts.urls"
    path.touch(mode=0o600)
    path.write_text(f"json://user:{SECRET}@127.0.0.1:1/{SECRET}\n")
    with shell.config.open("a") as file:
        file.write(f'[alerts]\nurls_file = "{path}"\n')
    return shell


def test_nothing_open_is_said_and_something_open_is_an_exit_code(shell: Shell) -> None:
    assert "All is well." in shell.ran("alerts", "list").output
    desk = shell.desk()
    concern = Concern(3, {"EUR": "45.00"})
    cause = Cause("stale:1", "*", "stale", "Status is old", "Look.", 2, concern)
    desk.write("test", lambda: alerts.note([cause], desk.now))
    desk.close()

    said = shell.ran("alerts", "list", code=1).output
    assert "Status is old" in said and "EUR 45.00" in said
    (row,) = shell.json("alerts", "list", code=1)["alerts"]
    assert (row["count"], row["customers"], row["money"]) == (2, 3, {"EUR": "45.00"})


def test_a_test_says_which_channel_took_it_and_shows_no_address(
    addressed: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sender, "send", lambda self, title, body: [True])
    assert "1. json: it took it" in addressed.ran("alerts", "test").output
    monkeypatch.setattr(Sender, "send", lambda self, title, body: [False])
    result = addressed.ran("alerts", "test", code=1)
    assert "NOT" in result.output and SECRET not in result.output


def test_without_a_channel_or_with_an_unusable_file_a_test_says_what_to_do(addressed: Shell) -> None:
    path = addressed.folder / "alerts.urls"
    path.chmod(0o644)
    assert "chmod 600" in addressed.refused("alerts", "test")
    path.chmod(0o600)
    path.write_text(f"exec://{SECRET}")
    said = addressed.refused("alerts", "test")
    assert "line 1" in said and SECRET not in said
    path.write_text("")
    assert "there is no channel" in addressed.refused("alerts", "test")
