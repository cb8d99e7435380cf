"""Matching at each provider, from the command line: who is there already is found in its own list, decided,
billed, and followed where the office merges them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from daemon import log
from daemon.cli import app
from daemon.cli.context import Desk
from daemon.errors import Unsupported
from daemon.sandbox.seats import SEATED
from daemon.store import customers, links, matches, payers, records
from tests.cli.conftest import Shell
from tests.jobs.sweeping import Office

LISTING = ("stripe", "square", "quickbooks", "xero")
MERGING = ("square", "quickbooks", "xero")
OURS = "subscriber0001@example.com"

MakeOffice = Callable[[str], Office]


class OfficeDesk(Desk):
    """A desk in an office that stays open when the command is over."""

    def __init__(self, office: Office) -> None:
        super().__init__(None, environ={})
        self.__dict__["house"] = office.house
        self.__dict__["settings"] = office.house.settings
        log.configure("warning", "json")  # as a command of its own does

    def close(self) -> None: ...


@pytest.fixture
def office_at(tmp_path: Path, empty_database: Path) -> Iterator[MakeOffice]:
    made: list[Office] = []

    def make(provider: str) -> Office:
        made.append(Office(provider, tmp_path, empty_database))
        return made[-1]

    yield make
    for office in made:
        office.house.close()


def run(office: Office, *words: str, given: str | None = None, code: int = 0) -> Result:
    words = ("customers", "match", office.id, *words)
    result = CliRunner().invoke(app, list(words), input=given, obj=OfficeDesk(office), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def told(office: Office, *words: str) -> Any:
    return json.loads(run(office, *words, "--json").stdout)


def push(office: Office) -> None:
    """Until nothing is due, with time passing in between."""
    for _ in range(10):
        done = CliRunner().invoke(app, ["push"], obj=OfficeDesk(office), catch_exceptions=False)
        assert done.exit_code in (0, 1), done.output
        office.clock.move(minutes=2)


def enrol(office: Office, name: str, **told: str) -> str:
    """A customer that the office makes; its lists show it after a while."""
    made = str(office.hands.enrol(name, **told))
    office.clock.move(minutes=2)
    return made


def a_link(office: Office, customer: records.Customer) -> records.Link:
    office.make.an_invoice(customer, total="45.00 USD")
    (link,) = [x for x in records.Link.select() if x.customer_id == customer.id and x.external_id is None]
    return link


def payer_of(office: Office, link: records.Link) -> str:
    after = links.get(link.id)
    assert after.state == "synced", after.fault_text
    return next(one.payer for one in office.hands.standing() if one.ref == after.external_id)


def a_file(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("provider", [name for name in SEATED if name not in LISTING])
def test_who_has_no_list_says_so(office_at: MakeOffice, provider: str) -> None:
    assert "has no list of customers" in run(office_at(provider), code=2).stderr


@pytest.mark.parametrize("provider", LISTING)
def test_a_file_of_proposals_is_filled_in_and_done(
    office_at: MakeOffice, provider: str, tmp_path: Path
) -> None:
    office = office_at(provider)
    tenant = office.tenant
    known, new, later = (office.make.a_customer(tenant) for _ in range(3))
    theirs = enrol(office, known.name, email=OURS, phone="+13035550109")
    for one in (new, later):
        enrol(office, one.name, email=f"other-{one.reference}@example.com")
    waits = [a_link(office, one) for one in (known, new, later)]

    run(office, "--csv", str(tmp_path / "out.csv"))
    push(office)

    assert {links.get(link.id).fault_code for link in waits} == {"WB-PAYER-UNDECIDED"}
    before = office.hands.payers()
    rows = {row["customer"]: row for row in rows_of(tmp_path / "out.csv")}
    mine = rows[known.reference]
    assert (mine["payer"], mine["kind"], mine["decision"]) == (theirs, "likely", "")
    assert mine["payer_phone"] == "'+13035550109"
    mine["decision"], rows[new.reference]["decision"] = "match", "create"
    filled = a_file(tmp_path / "in.csv", list(rows.values()))
    said = run(office, "--decisions", str(filled)).stdout
    push(office)

    assert said.startswith("2 decided, 0 were decided before, 1 left open")
    assert payer_of(office, waits[0]) == theirs
    assert payer_of(office, waits[1]) not in {row["payer"] for row in rows.values()}
    assert links.get(waits[2].id).state == "parked"
    assert office.hands.payers() == before + 1
    again = run(office, "--decisions", str(filled)).stdout
    assert again.startswith("0 decided, 2 were decided before, 1 left open")


@pytest.mark.parametrize("provider", LISTING)
def test_what_changed_there_since_the_file_was_written_is_refused_by_line(
    office_at: MakeOffice, provider: str, tmp_path: Path
) -> None:
    office = office_at(provider)
    first, second = (office.make.a_customer(office.tenant) for _ in range(2))
    for one in (first, second):
        enrol(office, one.name, email=one.email or "")
    run(office, "--csv", str(tmp_path / "out.csv"))
    rows = rows_of(tmp_path / "out.csv")
    for row in rows:
        row["decision"] = "match"
    office.hands.retire(next(row["payer"] for row in rows if row["customer"] == second.reference))
    office.clock.move(minutes=2)
    line = next(n for n, row in enumerate(rows, start=2) if row["customer"] == second.reference)

    stderr = run(office, "--decisions", str(a_file(tmp_path / "in.csv", rows)), code=2).stderr

    assert f"line {line}: " in stderr and "nothing was decided" in stderr
    assert payers.at(office.id) == {}


@pytest.mark.parametrize("provider", LISTING)
def test_our_reference_there_needs_no_person(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    (link,) = office.pushed(1)
    customer = customers.by_ids({link.customer_id})[link.customer_id]
    mine = payers.at(office.id)[customer.id]
    office.house.store.write("test", lambda: payers.forget(office.id, customer.id))

    shape = told(office)

    assert (shape["certain"], shape["toDecide"], shape["proposals"]) == (1, 0, [])
    assert payers.at(office.id) == {customer.id: mine}


@pytest.mark.parametrize("provider", LISTING)
def test_a_dry_run_shows_all_and_writes_nothing(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    customer = office.make.a_customer(office.tenant)
    enrol(office, customer.name, email=OURS)

    shape = told(office, "--dry-run")

    (row,) = shape["proposals"]
    assert (row["customer"], row["kind"], row["score"]) == (customer.reference, "likely", 80)
    assert row["reasons"] == ["same e-mail", "same name"]
    assert (matches.begun(office.id), matches.waiting(office.id)) == (None, [])


@pytest.mark.parametrize("provider", LISTING)
def test_the_reference_of_the_platform_counts(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    customer = office.make.a_customer(office.tenant)
    theirs = enrol(office, "Another Name Altogether", reference=customer.reference)

    (row,) = told(office)["proposals"]

    assert (row["payer"], row["kind"]) == (theirs, "unsure")
    assert row["reasons"][0] == "same reference"


@pytest.mark.parametrize("provider", MERGING)
def test_a_merge_there_is_followed(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    (first,) = office.pushed(1)
    customer = customers.by_ids({first.customer_id})[first.customer_id]
    old = payers.at(office.id)[customer.id]
    heir = enrol(office, "Household", email="household@example.com")
    office.hands.merge(old, heir)
    link = a_link(office, customer)

    push(office)

    now = payers.at(office.id)[customer.id]
    assert now != old
    assert payer_of(office, link) == now == payer_of(office, first)


@pytest.mark.parametrize("provider", MERGING)
def test_a_merge_is_followed_at_night_and_is_no_difference(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    (first,) = office.pushed(1)
    old = payers.at(office.id)[first.customer_id]
    heir = enrol(office, "Household", email="household@example.com")
    assert office.sweep().fault is None
    office.hands.merge(old, heir)
    office.clock.move(minutes=2)

    tally = office.sweep()

    assert (tally.fault, office.waiting()) == (None, [])
    assert payers.at(office.id)[first.customer_id] == payer_of(office, first) != old


@pytest.mark.parametrize("provider", LISTING)
def test_a_customer_that_is_gone_there_waits_for_a_person(office_at: MakeOffice, provider: str) -> None:
    office = office_at(provider)
    (first,) = office.pushed(1)
    customer = customers.by_ids({first.customer_id})[first.customer_id]
    office.hands.retire(payers.at(office.id)[customer.id])
    link = a_link(office, customer)

    push(office)

    waits = links.get(link.id)
    assert (waits.state, waits.fault_code) == ("parked", "WB-PAYER-GONE")
    theirs = enrol(office, customer.name + " again", email=customer.email or "")
    run(office, "--ask", given="y\n")
    push(office)
    assert payer_of(office, link) == theirs


def test_no_provider_merges_where_none_can(office_at: MakeOffice) -> None:
    with pytest.raises(Unsupported):
        office_at("stripe").hands.merge("cus_1", "cus_2")


# --- a file, and the prompt ---------------------------------------------------------------------------


@pytest.fixture
def office(office_at: MakeOffice) -> Office:
    return office_at("stripe")


def test_a_cell_that_a_spreadsheet_would_run_is_text_and_is_read_back(office: Office, tmp_path: Path) -> None:
    store = office.house.store
    evil = store.write(
        "test",
        lambda: customers.add(
            tenant_id=office.tenant.id,
            reference="-17",
            name='=HYPERLINK("https://evil.example")',
            email=OURS,
            actor="test",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    )
    theirs = enrol(office, "@SUM(A1)", email=OURS)
    out = tmp_path / "out.csv"

    run(office, "--csv", str(out))

    (row,) = rows_of(out)
    assert (row["customer"], row["name"][:2], row["payer_name"]) == ("'-17", "'=", "'@SUM(A1)")
    row["decision"] = f"match:{theirs}"
    run(office, "--decisions", str(a_file(tmp_path / "in.csv", [row])))
    assert payers.at(office.id) == {evil.id: theirs}


def test_a_file_that_is_there_is_not_written_over(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("half filled in")

    assert "is there already" in run(office, "--csv", str(out), code=2).stderr
    assert out.read_text() == "half filled in"


def test_each_bad_row_is_named_by_its_line_and_nothing_is_lost(office: Office, tmp_path: Path) -> None:
    people = [office.make.a_customer(office.tenant) for _ in range(3)]
    for one in people:
        enrol(office, one.name, email=one.email or "")
    run(office, "--csv", str(tmp_path / "out.csv"))
    rows = sorted(rows_of(tmp_path / "out.csv"), key=lambda row: row["customer"])
    rows[0]["decision"], rows[1]["decision"], rows[2]["decision"] = "match", "perhaps", "match:cus_nobody"
    stranger = rows[0] | {"customer": "S-99"}

    said = run(office, "--decisions", str(a_file(tmp_path / "in.csv", [*rows, stranger])), code=2).stderr

    assert "line 2" not in said
    for line in ("line 3: WB-INPUT: a decision is", "line 4: WB-INPUT: cus_nobody", "line 5: WB-NOT-FOUND"):
        assert line in said
    assert "3 rows cannot be done; nothing was decided" in said
    assert len(matches.waiting(office.id)) == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("customer,verdict\n", "there is no column 'verdict'"),
        ("customer\n", "the columns decision are missing"),
        ("", "the columns customer, decision are missing"),
        ('customer,decision\n"C-1,match\n', "line 2"),
    ],
)
def test_a_file_that_is_none_is_refused_before_anybody_is_asked(
    office: Office, tmp_path: Path, content: str, says: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(content)
    before = sum(office.seat.double.stats.values())

    assert says in run(office, "--decisions", str(path), code=2).stderr
    assert sum(office.seat.double.stats.values()) == before


def test_a_dry_run_of_decisions_checks_them_and_decides_nothing(office: Office, tmp_path: Path) -> None:
    one = office.make.a_customer(office.tenant)
    enrol(office, one.name, email=one.email or "")
    run(office)
    path = a_file(tmp_path / "in.csv", [{"customer": one.reference, "decision": "match"}])

    assert run(office, "--decisions", str(path), "--dry-run").stdout.startswith("1 would be decided")
    assert payers.at(office.id) == {}


def test_the_prompt_decides_one_by_one_and_goes_on_where_it_stopped(office: Office) -> None:
    people = [office.make.a_customer(office.tenant) for _ in range(4)]
    theirs = {one.id: enrol(office, one.name, email=one.email or "") for one in people}

    said = run(office, "--ask", given="what\ny\nn\ns\nq\n")

    assert "That is no answer." in said.stdout
    assert "1 of 4: " in said.stdout and "same e-mail, same name" in said.stdout
    assert "2 are left to decide" in said.stderr
    assert payers.at(office.id) == {people[0].id: theirs[people[0].id]}
    decided = {row.customer_id for row in matches.listing(office.id, limit=9, decided=True)}
    assert decided == {people[0].id, people[1].id}

    said = run(office, "--ask", given="y\n1\n")
    assert "Nobody is left to decide about." in said.stderr
    assert len(payers.at(office.id)) == 3


def test_an_end_of_input_stops_the_prompt_and_keeps_what_was_said(office: Office) -> None:
    for _ in range(2):
        one = office.make.a_customer(office.tenant)
        enrol(office, one.name, email=one.email or "")

    assert "1 are left to decide" in run(office, "--ask", given="y\n").stderr


def test_a_preset_payer_lets_the_invoice_go_on(office: Office) -> None:
    one = office.make.a_customer(office.tenant)
    theirs = enrol(office, one.name, email=one.email or "")
    run(office)
    link = a_link(office, one)
    push(office)
    assert links.get(link.id).state == "parked"

    done = CliRunner().invoke(
        app, ["customers", "set", one.reference, "--payer", theirs], obj=OfficeDesk(office)
    )
    assert done.exit_code == 0, done.output
    push(office)

    assert payer_of(office, link) == theirs
    assert matches.waiting(office.id) == []


def test_while_the_integration_is_paused_nothing_is_sent_and_all_can_be_decided(office: Office) -> None:
    one = office.make.a_customer(office.tenant)
    theirs = enrol(office, one.name, email=one.email or "")
    said = CliRunner().invoke(app, ["integrations", "pause", office.id], obj=OfficeDesk(office))
    assert said.exit_code == 0, said.output
    link = a_link(office, one)

    run(office, "--ask", given="y\n")
    push(office)
    assert links.get(link.id).external_id is None

    said = CliRunner().invoke(app, ["integrations", "resume", office.id], obj=OfficeDesk(office))
    assert said.exit_code == 0, said.output
    push(office)
    assert payer_of(office, link) == theirs


def test_an_account_that_stands_by_is_matched_before_it_serves(shell: Shell) -> None:
    old = shell.all_set()
    there = shell.double.add_account(key="sk_test_bbbbbbbbbbbbbbbb")
    theirs = there.enrol({"name": "Subscriber 0001", "email": "subscriber0001@example.com"})
    keys = json.dumps({"secret_key": "sk_test_bbbbbbbbbbbbbbbb"})
    new = shell.json("integrations", "add", "stripe", "--beside", old, "--credentials", "-", given=keys)["id"]

    shell.ran("customers", "match", new, "--ask", given="y\n")
    shell.ran("integrations", "switch", old, "--to", new)
    shell.ran("push", "--integration", new)

    (sent,) = there.invoices()
    assert sent.customer == theirs


def test_a_removed_integration_is_asked_nothing(office: Office) -> None:
    said = CliRunner().invoke(app, ["integrations", "remove", office.id, "--force"], obj=OfficeDesk(office))
    assert said.exit_code == 0, said.output

    assert run(office, code=2).stderr


def test_what_waits_is_among_the_exceptions(office: Office) -> None:
    one = office.make.a_customer(office.tenant)
    enrol(office, one.name, email=one.email or "")
    run(office)

    said = CliRunner().invoke(app, ["exceptions"], obj=OfficeDesk(office)).stdout

    assert f"wispbill customers match {office.id}" in said


@pytest.mark.parametrize(
    "words",
    [("--country", "USA"), ("--decisions", "x.csv", "--csv", "y.csv"), ("--decisions", "nowhere.csv")],
)
def test_wrong_use_says_so(office: Office, words: tuple[str, ...]) -> None:
    assert run(office, *words, code=2).stderr
