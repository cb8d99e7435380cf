"""`wispbill status` on quotas: what is left, whether it lasts, and the command where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.model import Limit, Mode
from daemon.policy import take
from daemon.providers import provider_class
from daemon.store import apps, integrations, links, usage
from tests.cli.conftest import Shell

DAY = Limit("", 1000, 86_400, reserve=0.5, name="day")


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Stripe with a day's limit."""

    def limits_in(_kind: type, _mode: Mode) -> tuple[Limit, ...]:
        return (DAY,)

    monkeypatch.setattr(provider_class("stripe"), "limits_in", classmethod(limits_in))


def spend(shell: Shell, integration_id: str, calls: int) -> None:
    """Over the last hour."""
    desk = shell.desk()
    desk.open()
    meters: dict[str, object] = {}
    for n in range(calls):
        at = desk.now - timedelta(hours=1) * (calls - n) / calls
        meters, _ = take(meters, [DAY], "", at)  # type: ignore[arg-type, assignment]
    budget = {key: meter.dump() for key, meter in meters.items()}  # type: ignore[attr-defined]
    desk.house.store.write("test", lambda: integrations.update(integration_id, budget=budget))
    desk.close()


def test_status_says_what_is_left_and_when_it_ends(shell: Shell, day: None) -> None:
    shell.a_tenant()
    spend(shell, shell.an_integration(), 100)

    (row,) = shell.json("status", code=1)["integrations"]
    told = shell.ran("status", code=1).stdout

    (quota,) = row["quotas"]
    assert (quota["name"], quota["calls"], quota["left"], quota["backAt"]) == ("day", 800, 700, None)
    assert quota["endsAt"].startswith("2026-03-02T16:")
    assert "700 of 800 calls left (day); at this pace they end at 2026-03-02 1" in told


def test_a_pace_that_the_quota_will_not_bear_is_a_problem_with_its_command(shell: Shell, day: None) -> None:
    integration_id = shell.all_set()

    status = shell.json("status", code=1)

    (row,) = status["integrations"]
    assert (row["readsPerDay"], row["readsAllowedPerDay"]) == (1440, 400)
    commands = [problem["command"] for problem in status["problems"]]
    assert f"wispbill integrations set {integration_id} --pace hourly" in commands
    shell.ran("integrations", "set", integration_id, "--pace", "hourly")
    status = shell.json("status", code=1)
    assert "--pace" not in str(status["problems"])


def test_an_integration_that_waits_for_its_quota_says_until_when(shell: Shell, day: None) -> None:
    integration_id = shell.all_set()
    desk = shell.desk()
    desk.open()
    until = desk.now + timedelta(hours=20)
    desk.house.store.write("test", lambda: integrations.update(integration_id, resume_at=until))
    desk.close()
    shell.clock.move(hours=10)

    problems = shell.json("status", code=1)["problems"]

    (late,) = [problem for problem in problems if "was not read" in problem["sentence"]]
    assert late["sentence"].endswith("its quota is used up until 2026-03-03 05:00:00 UTC.")
    assert late["command"] == f"wispbill integrations show {integration_id}"


def test_without_named_limits_there_is_nothing_to_say(shell: Shell) -> None:
    shell.a_tenant()
    shell.an_integration()

    (row,) = shell.json("status", code=1)["integrations"]

    assert (row["quotas"], row["readsAllowedPerDay"]) == ([], None)
    assert "calls left" not in shell.ran("status", code=1).stdout


def test_what_is_followed_is_counted_by_integration(shell: Shell) -> None:
    integration_id = shell.all_set()
    desk = shell.desk()
    desk.open()

    assert links.count_followed([integration_id, "wbn_other"]) == {integration_id: 0, "wbn_other": 0}
    desk.close()


def test_an_app_s_month_is_told_and_warned_of_in_time(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    stripe = provider_class("stripe")
    reads = Limit("read", 1000, 31 * 86_400, name="reads")
    monkeypatch.setattr(stripe, "can", replace(stripe.can, app_limits=(reads,)))
    shell.a_tenant()
    app_id = an_app(shell)
    used(shell, app_id, {("reads", "2026-03"): 559, ("reads", "2026-02"): 800})
    assert "calls in" not in str(shell.json("status", code=1)["problems"])

    used(shell, app_id, {("reads", "2026-03"): 1})

    status = shell.json("status", code=1)
    (app,) = status["apps"]
    assert (app["used"], app["calls"], app["month"]) == (560, 800, "2026-03")
    (sentence,) = [x["sentence"] for x in status["problems"] if app_id in x["sentence"]]
    assert sentence.startswith(
        f"The app {app_id} has used 70 % of its calls in 2026-03; at this pace they end"
    )
    assert "560 of 800 calls used in 2026-03" in shell.ran("status", code=1).stdout
    assert shell.json("status", "--tenant", "wisp", code=1)["apps"] == []


def an_app(shell: Shell) -> str:
    desk = shell.desk()
    desk.open()

    def work() -> str:
        return apps.add(
            provider="stripe",
            mode="sandbox",
            client_id="client-1",
            redirect_uri="https://billing.example.com/oauth",
            label="",
            actor="test",
            now=desk.now,
            entropy=desk.house.entropy,
        ).id

    app_id = desk.house.store.write("test", work)
    desk.close()
    return app_id


def used(shell: Shell, app_id: str, calls: dict[tuple[str, str], int]) -> None:
    desk = shell.desk()
    desk.open()
    desk.house.store.write("test", lambda: usage.add(app_id, calls))
    desk.close()
