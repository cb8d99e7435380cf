"""Endpoints and the event feed at the command line; one telling over real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from daemon import app
from daemon.clock import SystemClock
from daemon.jobs.notify import deliver, notify
from daemon.settings import load
from daemon.store import events
from tests.cli.conftest import Shell
from tests.platform import Platform, verified

URL = "https://platform.example.com/hooks?token=hidden-from-lists"


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def served() -> Iterator[tuple[Platform, int]]:
    """A platform on a port of its own."""
    platform = Platform()
    server = make_server("127.0.0.1", 0, platform, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield platform, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_secret_is_shown_once_and_never_again(shell: Shell) -> None:
    shell.a_tenant()
    added = shell.json("endpoints", "add", URL, "--type", "invoice.*", "--type", "service.suspended")
    secret = added["secret"]

    assert secret.startswith("whsec_") and added["state"] == "active"
    for words in (["list"], ["show", added["id"]], ["deliveries"]):
        for said in (shell.ran("endpoints", *words).output, shell.ran("endpoints", *words, "--json").output):
            assert secret not in said and "hidden-from-lists" not in said
    database = b"".join(path.read_bytes() for path in shell.folder.glob("wispbill.db*"))
    assert secret.encode() not in database and secret.removeprefix("whsec_").encode() not in database


@pytest.mark.parametrize(
    "url",
    [
        "http://platform.example.com/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://user:word@platform.example.com/",
        "ftp://platform.example.com/",
        "nothing",
    ],
)
def test_an_address_that_nothing_would_be_sent_to_is_refused(shell: Shell, url: str) -> None:
    shell.a_tenant()
    assert "[network] allow" in shell.refused("endpoints", "add", url)


@pytest.mark.parametrize("wrong", ["Invoice", "invoice.", "invoice*", "*.paid", ""])
def test_a_type_that_is_none_is_refused(shell: Shell, wrong: str) -> None:
    shell.a_tenant()
    assert "type" in shell.refused("endpoints", "add", URL, "--type", wrong)


def test_rotate_gives_a_new_secret_and_settled_ends_the_old_one(shell: Shell) -> None:
    shell.a_tenant()
    added = shell.json("endpoints", "add", URL)
    fresh = shell.json("endpoints", "rotate", added["id"])
    assert fresh["secret"] != added["secret"]
    assert "secret" not in shell.json("endpoints", "rotate", added["id"], "--settled")


def test_pause_resume_and_remove(shell: Shell) -> None:
    shell.a_tenant()
    name = shell.json("endpoints", "add", URL)["id"]
    assert shell.json("endpoints", "pause", name)["state"] == "paused"
    assert shell.json("endpoints", "resume", name)["state"] == "active"
    assert shell.json("endpoints", "remove", name)["state"] == "removed"
    assert "removed" in shell.refused("endpoints", "resume", name)
    assert shell.json("endpoints", "list")["endpoints"] == []
    assert len(shell.json("endpoints", "list", "--removed")["endpoints"]) == 1


def test_the_feed_is_read_from_a_place_on_and_skips_nothing(shell: Shell) -> None:
    shell.all_set()
    first = shell.json("events", "--after", "0", "--limit", "1")
    rest = shell.json("events", "--after", first["next"])
    latest = shell.json("events", "--limit", "1")

    rows = first["events"] + rest["events"]
    assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
    assert {"integration.active", "invoice.added"} & {row["type"] for row in rows}
    assert latest["events"] == rows[-1:]
    assert shell.json("events", "--after", rest["next"])["events"] == []
    assert "invoice.added" in shell.ran("events").output
    assert "the feed ends at" in shell.refused("events", "--after", "999")


def test_follow_goes_on_with_a_line_for_each_event(shell: Shell) -> None:
    shell.all_set()
    shell.an_invoice("1002")
    desk = shell.desk()
    desk.house.stop.set()  # as a signal would, after the first look
    shell.desk = lambda: desk  # type: ignore[method-assign]

    lines = shell.ran("events", "--after", "0", "--follow", "--json").stdout.splitlines()

    assert [json.loads(line)["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) > 1


def test_resend_wants_to_know_what(shell: Shell) -> None:
    shell.a_tenant()
    name = shell.json("endpoints", "add", URL)["id"]
    assert "say which" in shell.refused("endpoints", "resend", name)


def test_an_event_crosses_real_sockets_and_its_delivery_is_logged(
    shell: Shell, served: tuple[Platform, int]
) -> None:
    platform, port = served
    with shell.config.open("a") as file:
        file.write(f'[network]\nallow = ["127.0.0.1:{port}"]\n')
    shell.a_tenant()
    added = shell.json("endpoints", "add", f"http://127.0.0.1:{port}/hooks")
    shell.a_customer()
    shell.an_integration()
    shell.an_invoice()
    house = app.build(load(shell.config, {}), clock=SystemClock(), environ={})
    try:
        tried = []
        for endpoint_id in notify(house):
            tried.append(deliver(house, endpoint_id))
    finally:
        house.close()

    assert tried and {"invoice.added"} <= {told.document["type"] for told in platform.told}
    assert all(verified(told, added["secret"]) for told in platform.told)
    log = shell.json("endpoints", "deliveries", added["id"])["deliveries"]
    assert {row["state"] for row in log} == {"delivered"} and {row["lastStatus"] for row in log} == {204}
    again = shell.json("endpoints", "resend", added["id"], "--seq", str(log[0]["sequence"]))
    assert again["resent"] == 1


def test_every_type_that_the_code_makes_is_in_the_catalogue() -> None:
    """Read from the calls themselves: a new event needs a row, and docs/events.md says so."""
    import ast

    from daemon.model.event_types import CATALOGUE, type_of

    root = Path(events.__file__).parents[1]
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "events.append":
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    assert len(found) > 8
    assert {name for name in found if type_of(str(name)) is CATALOGUE[-1]} == set()


def test_endpoints_test_says_what_came_back(shell: Shell, served: tuple[Platform, int]) -> None:
    platform, port = served
    with shell.config.open("a") as file:
        file.write(f'[network]\nallow = ["127.0.0.1:{port}"]\n')
    shell.a_tenant()
    name = shell.json("endpoints", "add", f"http://127.0.0.1:{port}/hooks")["id"]
    desk = shell.desk()
    desk._options.pop("make_wire")
    shell.desk = lambda: desk  # type: ignore[method-assign]
    platform.answers(503, body=b"not now")

    said = json.loads(shell.ran("endpoints", "test", name, "--json", code=1).stdout)

    assert said == {"ok": False, "status": 503, "answer": "not now"}
