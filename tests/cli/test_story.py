"""The road of an invoice as somebody types it: entered, sent, paid, found, explained."""

from __future__ import annotations

from daemon.store import integrations
from daemon.store.locks import FileLock
from daemon.wakeup import Listener
from tests.builders import Builders
from tests.cli.conftest import Shell


def test_an_invoice_goes_out_and_its_payment_comes_back(shell: Shell) -> None:
    shell.all_set()

    assert shell.json("push")["integrations"][0]["counts"]["pushed"] == 1
    (there,) = shell.account.invoices()
    assert there.number == "1001"
    shell.account.pay(there.id)
    shell.clock.move(minutes=2)
    shell.ran("pull")

    shown = shell.json("invoices", "show", "1001")
    assert (shown["sync"], shown["paymentStatus"]) == ("synced", "paid")
    assert (shown["total"], shown["due"], shown["status"]) == ("45.00", "0.00", "paid")
    assert shown["payments"][0]["amount"] == "45.00"


def test_find_answers_whether_a_customer_has_paid_and_why_we_believe_it(shell: Shell) -> None:
    shell.all_set()
    shell.ran("push")
    shell.clock.move(minutes=2)
    owed = shell.ran("find", "subscriber0001@example.com").stdout
    assert "owes 45.00 USD: 1 open" in owed

    (there,) = shell.account.invoices()
    shell.account.pay(there.id)
    shell.clock.move(minutes=2)
    shell.ran("pull")

    paid = shell.ran("find", "Subscriber 0001").stdout
    assert "has paid everything: 1 paid" in paid
    assert "Because: payment, 45.00 USD" in paid
    transaction = shell.json("invoices", "show", "1001")["payments"][0]["transactionId"]
    assert shell.json("find", transaction)["invoices"][0]["number"] == "1001"


def test_explain_tells_the_story_in_time_order_with_its_proof_and_what_comes_next(shell: Shell) -> None:
    shell.all_set()
    shell.ran("push")
    (there,) = shell.account.invoices()
    shell.account.pay(there.id)
    shell.clock.move(minutes=2)
    shell.ran("pull")

    story = shell.json("explain", "1001")

    times = [moment["at"] for moment in story["timeline"]]
    assert times == sorted(times)
    kinds = [moment["kind"] for moment in story["timeline"]]
    assert kinds.index("invoice.added") < kinds.index("invoice.synced") < kinds.index("invoice.paid")
    reads = [moment for moment in story["timeline"] if moment["kind"] == "read"]
    assert all(len(read["fingerprint"]) == 12 for read in reads)
    assert "45.00 USD" in reads[-1]["sentence"]
    assert story["next"].startswith("Nothing more is expected")


def test_explain_knows_every_code(shell: Shell) -> None:
    said = shell.json("explain", "wb-brake")
    assert said["actor"] == "operator"
    assert "pull --release-brake" in said["nextTry"]


def test_a_refused_invoice_is_named_by_status_with_the_command_that_explains_it(shell: Shell) -> None:
    shell.a_tenant()
    shell.an_integration()
    shell.ran("customers", "add", "C-1", "--name", "Subscriber 0001")
    shell.an_invoice()

    shell.ran("push", code=0)

    status = shell.json("status", code=1)
    assert status["inAgreement"] is False
    problem = next(p for p in status["problems"] if "1001" in p["sentence"])
    assert "WB-CUSTOMER-EMAIL" in problem["sentence"]
    assert problem["command"] == "wispbill explain 1001"
    assert "WB-CUSTOMER-EMAIL" in shell.json("explain", "1001")["next"]


def test_an_invoice_that_failed_goes_out_after_the_customer_got_an_address_and_it_is_synced(
    shell: Shell,
) -> None:
    shell.a_tenant()
    shell.an_integration()
    shell.ran("customers", "add", "C-1", "--name", "Subscriber 0001")
    shell.an_invoice()
    shell.ran("push")

    shell.ran("customers", "set", "C-1", "--email", "subscriber0001@example.com")
    shell.ran("invoices", "sync", "1001")
    shell.ran("push")

    assert shell.json("invoices", "show", "1001")["sync"] == "synced"


def test_a_dry_run_of_push_prints_the_plan_and_leaves_everything_as_it_was(shell: Shell) -> None:
    shell.all_set()

    plan = shell.json("push", "--dry-run")["invoices"]

    assert [(x["number"], x["total"], x["customer"]) for x in plan] == [("1001", "45.00", "Subscriber 0001")]
    assert list(shell.account.invoices()) == []
    assert shell.json("invoices", "show", "1001")["integrationId"] is None


def test_where_a_daemon_runs_it_is_nudged_and_what_it_leaves_is_told(shell: Shell) -> None:
    shell.all_set()
    heard: list[str] = []
    listener = Listener(shell.folder, heard.append)
    lock = FileLock(shell.folder / "daemon.lock")
    assert lock.acquire()
    listener.start()
    try:
        left = shell.ran("push", code=1).stdout
    finally:
        listener.stop()
        lock.release()
    assert "push" in heard
    assert "the daemon goes on" in left
    assert list(shell.account.invoices()) == []


def test_a_plan_to_pull_says_what_would_be_read(shell: Shell) -> None:
    integration = shell.all_set()
    shell.ran("push")
    (plan,) = shell.json("pull", "--dry-run")["integrations"]
    assert (plan["id"], plan["changeFeed"], plan["hints"]) == (integration, "now", 0)
    assert shell.json("integrations", "show", integration)["polledAt"] is None


def test_the_brake_of_one_integration_is_released_and_never_that_of_all(shell: Shell) -> None:
    first = shell.all_set()
    desk = shell.desk()
    desk.open()
    second = Builders(desk.house.store).an_integration().id
    held = {"at": desk.now.isoformat(), "count": 12}
    for name in (first, second):
        desk.write("test", lambda one=name: integrations.update(one, brake=held))

    assert "name the integration" in shell.refused("pull", "--release-brake")
    assert integrations.get(None, first).brake == held


def test_what_the_brake_holds_is_applied_once_a_person_released_it(shell: Shell) -> None:
    integration = shell.all_set()
    for n in range(20):
        shell.an_invoice(str(2001 + n))
    shell.ran("push")
    shell.ran("pull")
    for invoice in list(shell.account.invoices()):
        shell.account.void(invoice.id)
    shell.clock.move(minutes=2)

    held = shell.ran("pull", code=1).stdout
    assert "WB-BRAKE" in held
    assert shell.json("invoices", "list", "--status", "void")["invoices"] == []
    command = next(p["command"] for p in shell.json("status", code=1)["problems"] if "brake" in p["sentence"])
    assert command == f"wispbill pull --integration {integration} --release-brake"
    held = shell.json("invoices", "list")["invoices"][0]["number"]
    assert command in shell.ran("explain", held).stdout

    shell.clock.move(minutes=2)
    shell.ran(*command.split()[1:])
    assert len(shell.json("invoices", "list", "--status", "void")["invoices"]) == 21


def test_a_voided_invoice_is_withdrawn_at_the_provider_too(shell: Shell) -> None:
    shell.all_set()
    shell.ran("push")

    shell.ran("invoices", "void", "1001")
    shell.ran("push")

    (there,) = shell.account.invoices()
    assert there.status == "void"
    assert shell.json("invoices", "show", "1001")["paymentStatus"] == "void"
    assert "WB-INVOICE-STATE" in shell.refused("invoices", "void", "1001")


def test_what_a_person_did_stands_in_the_audit_under_their_name(shell: Shell) -> None:
    shell.all_set()
    rows = shell.json("explain", "1001")["timeline"]
    assert any(row["sentence"].startswith("cli:") for row in rows)
