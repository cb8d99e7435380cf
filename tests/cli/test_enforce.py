"""Service at the command line: who is cut off next, why not, and what people say."""

from __future__ import annotations

import pytest

from daemon.store import service, tenants
from tests.cli.conftest import Shell


@pytest.fixture
def wisp(shell: Shell) -> Shell:
    """An invoice over 45.00 USD, sent, and due on 2026-04-01 (a Wednesday)."""
    shell.all_set()
    shell.ran("push")
    shell.ran("pull")
    return shell


def at(shell: Shell, when: str) -> None:
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    shell.clock.wait((moment - shell.clock.now()).total_seconds())


def ref(shell: Shell) -> str:
    return str(shell.json("invoices", "show", "1001")["externalId"])


def run_on(shell: Shell, *days: str) -> None:
    for day in days:
        at(shell, f"2026-04-{day} 10:00")
        shell.ran("enforce")


def throttled(shell: Shell) -> Shell:
    """Warned on the 6th (the 4th is a Saturday), asked about and throttled on the 13th."""
    run_on(shell, "02", "06", "13")
    shell.ran("pull")
    shell.ran("enforce")
    return shell


def test_a_customer_shows_status_reason_and_what_comes_next(wisp: Shell) -> None:
    run_on(wisp, "02", "03")
    shown = wisp.ran("customers", "show", "C-1").output
    assert "active" in shown
    assert "A reminder is due on 2026-04-06 at 09:00, unless 45.00 USD for invoice 1001" in shown

    service = throttled(wisp).json("customers", "show", "C-1")["service"]
    assert service["serviceStatus"] == "throttled"
    assert service["why"] == "Overdue: 1001 (45.00 USD, due 2026-04-01)."
    assert service["nextStatus"] == "suspended"
    assert service["nextAt"] == "2026-04-23T09:00"


def test_a_cut_off_waits_for_a_read_and_is_listed_with_its_reason(wisp: Shell) -> None:
    run_on(wisp, "02", "06")
    at(wisp, "2026-04-13 10:00")

    assert "wispbill enforce --held" in wisp.ran("enforce").output
    (held,) = wisp.json("enforce", "--held")["held"]
    assert (held["customer"], held["invoice"], held["status"], held["code"]) == (
        "C-1",
        "1001",
        "throttled",
        "read",
    )
    wisp.ran("pull")
    wisp.ran("enforce")
    assert wisp.json("enforce", "--held")["held"] == []


def test_a_dry_run_changes_nothing(wisp: Shell) -> None:
    run_on(wisp, "02")
    at(wisp, "2026-04-06 10:00")
    (planned,) = wisp.json("enforce", "--dry-run")["customers"]
    assert (planned["was"], planned["becomes"]) == ("active", "warned")
    assert wisp.json("customers", "show", "C-1")["serviceStatus"] == "active"


def test_the_preview_shows_tomorrow_and_leaves_out_whom_one_names(wisp: Shell) -> None:
    run_on(wisp, "02")
    at(wisp, "2026-04-05 10:00")
    (planned,) = wisp.json("dunning", "preview")["customers"]
    assert (planned["customer"], planned["becomes"], planned["spared"]) == ("C-1", "warned", None)
    assert wisp.json("dunning", "preview", "--date", "2026-04-05")["customers"] == []

    (planned,) = wisp.json("dunning", "preview", "--exclude", "C-1")["customers"]
    assert planned["spared"] == "hold: left out of 2026-04-06 in its preview"
    run_on(wisp, "06")
    assert wisp.json("customers", "show", "C-1")["serviceStatus"] == "active"
    run_on(wisp, "07")
    assert wisp.json("customers", "show", "C-1")["serviceStatus"] == "warned"


def test_the_preview_reaches_over_the_steps_between(wisp: Shell) -> None:
    (planned,) = wisp.json("dunning", "preview", "--date", "2026-04-23")["customers"]
    assert (planned["was"], planned["becomes"]) == ("throttled", "suspended")


def test_a_promise_restores_at_once_and_a_release_takes_it_back(wisp: Shell) -> None:
    throttled(wisp)
    said = wisp.ran("customers", "promise", "C-1", "--until", "2026-04-17").output
    assert said.startswith("Customer C-1: service active. A promise to pay by 2026-04-17 is noted.")

    said = wisp.ran("customers", "release", "C-1").output
    assert said.startswith("Customer C-1: service throttled.")
    assert "nothing was said" in wisp.refused("customers", "release", "C-1")


@pytest.mark.parametrize("verb", ["hold", "exempt", "close"])
def test_what_people_say_is_shown_with_who_said_it(wisp: Shell, verb: str) -> None:
    wisp.ran("customers", verb, "C-1", "--reason", "a baby was born")
    service = wisp.json("customers", "show", "C-1")["service"]
    assert service["said"][0]["reason"] == "a baby was born"
    assert service["said"][0]["actor"].startswith("cli:")
    assert "a baby was born" in service["next"]


def test_a_day_that_is_over_is_no_promise(wisp: Shell) -> None:
    assert "is over already" in wisp.refused("customers", "promise", "C-1", "--until", "2026-03-01")
    assert "written like" in wisp.refused("customers", "promise", "C-1", "--until", "soon")


@pytest.mark.parametrize("verb", ["pull", "sweep"])
def test_who_pays_is_restored_by_the_run_that_sees_the_money(wisp: Shell, verb: str) -> None:
    throttled(wisp)
    wisp.account.pay(ref(wisp))
    wisp.clock.wait(120)
    assert "Service restored: 1." in wisp.ran(verb).stderr
    assert wisp.json("customers", "show", "C-1")["serviceStatus"] == "active"


def test_nobody_is_cut_off_by_a_command_that_reads(wisp: Shell) -> None:
    run_on(wisp, "02", "06", "13")
    wisp.ran("pull")
    assert wisp.json("customers", "show", "C-1")["serviceStatus"] == "warned"
    wisp.ran("enforce")
    assert wisp.json("customers", "show", "C-1")["serviceStatus"] == "throttled"


def test_the_verbs_do_not_go_together(wisp: Shell) -> None:
    assert "do not go together" in wisp.refused("enforce", "--held", "--dry-run")


def test_where_no_brake_holds_anything_it_says_so(wisp: Shell) -> None:
    assert "No brake holds anything." in wisp.ran("enforce", "--release-brake").output


def test_the_brake_of_one_tenant_is_released_and_never_that_of_all(wisp: Shell) -> None:
    wisp.ran("tenants", "add", "other")
    desk = wisp.desk()
    desk.open()
    for tenant in tenants.everyone():
        desk.write("test", lambda one=tenant: service.apply_brake(one.id, 9, 20, desk.now))

    assert "name the tenant: a brake is on at other, wisp" in wisp.refused("enforce", "--release-brake")
    said = wisp.ran("enforce", "--release-brake", "--tenant", "other").output

    assert "Released for a day: other." in said
    assert [row.released_at is None for row in service.brakes()].count(True) == 1


def test_status_counts_what_is_held_and_names_a_brake_as_a_problem(wisp: Shell) -> None:
    wisp.config.write_text(wisp.config.read_text() + "[enforce]\nbrake_at_least = 1\nbrake_share = 0.5\n")
    run_on(wisp, "02", "06", "13")
    wisp.ran("pull")
    wisp.ran("enforce")

    shown = wisp.json("status", code=1)
    assert shown["heldCutoffs"] == {"brake": 1}
    assert {
        "sentence": "The brake holds the cut-offs of 1 of 1 customers of wisp.",
        "command": "wispbill enforce --held",
    } in shown["problems"]
    assert "too many customers" in wisp.ran("enforce", "--held").output

    (found,) = [x for x in wisp.json("doctor", code=1)["findings"] if x["about"] == "cut-offs"][:1]
    assert (found["level"], found["type"]) == ("bad", "wispbill enforce --tenant wisp --held")

    wisp.ran("enforce", "--release-brake")
    assert wisp.json("customers", "show", "C-1")["serviceStatus"] == "throttled"


def test_a_plan_for_a_tenant_that_is_not_there_is_found_by_the_doctor(wisp: Shell) -> None:
    wisp.config.write_text(wisp.config.read_text() + '[[dunning.tenants]]\ntenant = "wips"\nsteps = []\n')
    said = [x["sentence"] for x in wisp.json("doctor", code=1)["findings"] if x["about"] == "dunning"]
    assert said == ["[[dunning.tenants]] names 'wips', and there is no such tenant"]


def test_an_explained_invoice_says_what_becomes_of_the_service(wisp: Shell) -> None:
    throttled(wisp)
    told = wisp.ran("explain", "1001").output
    assert "Invoice 1001 is overdue: 45.00 USD since 2026-04-01." in told
    assert "the step of 10 days was taken, throttled" in told
    assert "Service: throttled. The service is suspended on 2026-04-23 at 09:00, unless 45.00 USD" in told
