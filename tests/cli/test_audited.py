"""The audit covers every change by a person: whatever a command changed, a row says who typed it.

Each command has its place here: it only reads, it is typed below, or tests of its own follow it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from daemon.cli import app
from daemon.cli.context import Desk
from daemon.store import audit, customers, tenants, tickets
from daemon.store.tickets import Author
from tests.books import audit_rows, audited_since, books
from tests.cli.conftest import KEY, Shell

READS = """
doctor, status, report, check, find, explain, providers, events, openapi, exceptions, dunning preview,
tenants list, tenants show, customers list, customers show, apps list, apps show, integrations list,
integrations show, integrations preview, invoices list, invoices show, invoices pdf, plans list, plans show,
plans subscriptions, plans subscription, inbox list, inbox show, endpoints list, endpoints show,
endpoints deliveries, alerts list, alerts test, tickets list, tickets show, audit verify, audit list,
tokens list, staff list, keys list, backup list, recovery show, db version, db check
"""

THE_DAEMON_S = "run, push, pull, sweep, bill, enforce, sandbox, demo"
"""Jobs by hand: what they find out at the provider is the daemon's word, and stands in the audit as such."""

ELSEWHERE = """
init, restore, backup, db upgrade, keys new, keys rotate, keys retire, keys lost, recovery begin,
recovery end, apps secret, apps remove, integrations authorize, integrations switch, integrations test,
customers match, invoices import, invoices unpay, plans import, inbox replay, endpoints resend,
endpoints test, exceptions settle, staff passwd
"""
"""They need more of a world than there is here: other tests follow them."""

PASSWORD = "correct horse battery staple 42"
CREDENTIALS = json.dumps({"secret_key": KEY})
APP = json.dumps({"client_secret": "a-secret-of-the-app"})

TYPED = """
tenants letterhead wisp --tax-number 00-000
customers add C-2 --name 'Subscriber 0002'
customers set C-1 --phone '+1 555 0100'
customers promise C-1 --until 2026-03-20
customers hold C-1 --reason complaint
customers exempt C-1 --reason friend
customers release C-1
customers close C-1 --reason moved
apps add xero --client-id AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA --mode sandbox --credentials -
integrations set {integration} --pace hourly
integrations pause {integration}
integrations resume {integration}
integrations rotate {integration} --credentials -
integrations approve {integration}
integrations webhook {integration}
integrations remove {integration}
integrations add stripe --credentials -
invoices add --number 1002 --customer C-1 --due-on 2026-04-01 --description Internet --amount 9.00
invoices sync 1001
invoices pay 1001 --amount 1.00
invoices void 1002
plans add home --description Home --amount 30.00
plans change home --amount 31.00
plans numbering --format R{{counter}}
plans subscribe C-1 home --reference S-1
plans adjust S-1 --quantity 2
plans skip S-1 2026-06-01
plans pause S-1
plans resume S-1
plans unsubscribe S-1
plans end home
endpoints add https://platform.example.com/hooks
endpoints pause {endpoint}
endpoints resume {endpoint}
endpoints rotate {endpoint}
endpoints remove {endpoint}
tickets answer {ticket} 'We look into it.'
tickets close {ticket}
portal link C-1
portal end C-1
tokens add read_only --label books
tokens revoke {token}
staff add staff1@example.com tenant_staff --password-stdin
staff disable staff1@example.com
staff enable staff1@example.com
staff remove staff1@example.com
tenants add wisp-2 --zone UTC --currency EUR
"""
"""In this order, one after the other."""


def commands() -> Iterator[str]:
    """Every command that there is."""
    todo: list[tuple[str, Any]] = [("", get_command(app))]
    while todo:
        name, one = todo.pop()
        inner = getattr(one, "commands", {})
        todo += [(f"{name} {word}".strip(), child) for word, child in inner.items()]
        if name and (not inner or getattr(one, "invoke_without_command", False)):
            yield name


def named(text: str) -> set[str]:
    return {" ".join(name.split()) for name in text.split(",")}


def typed() -> set[str]:
    """`customers add`, of each line."""
    return {" ".join(line.split()[:2]) for line in TYPED.strip().splitlines()}


def test_every_command_reads_or_is_typed_here_or_is_followed_elsewhere() -> None:
    places = [named(READS), named(THE_DAEMON_S), named(ELSEWHERE), typed()]
    assert set().union(*places) == set(commands())
    assert sum(map(len, places)) == len(set().union(*places))


GIVEN = {
    "apps add": APP,
    "integrations add": CREDENTIALS,
    "integrations rotate": CREDENTIALS,
    "staff add": f"{PASSWORD}\n",
}


def test_what_a_command_changed_is_in_the_audit_under_the_name_of_who_typed_it(shell: Shell) -> None:
    names: dict[str, str] = {"integration": shell.all_set()}
    desk = shell.desk()
    with desk.house.store.session():
        names["ticket"] = _a_ticket(desk)
        changed_something = set()
        for line in TYPED.strip().splitlines():
            words = shlex.split(line.format(**names))
            command = " ".join(words[:2])
            before, rows = books(), audit_rows()
            said = shell.ran(*words, given=GIVEN.get(command)).stdout
            if books() != before:
                changed_something.add(command)
                told = audited_since(rows)
                assert any(actor.startswith("cli:") for actor in told), f"{line}: {told}"
            _remember(shell, command, said, names)
        assert typed() - changed_something <= {"integrations approve"}  # it was, from the beginning
        assert audit.verify()[1] == []
    desk.close()


def _a_ticket(desk: Desk) -> str:
    """A subscriber's: they ask over the portal."""
    house, customer = desk.house, customers.get(tenants.only().id, "C-1")
    opened = house.store.write(
        "test",
        lambda: tickets.open_(
            customer,
            "Slow",
            "It is slow.",
            author=Author.SUBSCRIBER,
            invoice_id=None,
            actor="portal",
            now=desk.now,
            entropy=house.entropy,
        ),
    )
    return opened.id


def _remember(shell: Shell, command: str, said: str, names: dict[str, str]) -> None:
    """The ids that later lines name."""
    if command == "endpoints add":
        names["endpoint"] = shell.json("endpoints", "list")["endpoints"][0]["id"]
    if command == "tokens add":
        names["token"] = shell.json("tokens", "list")["tokens"][0]["id"]
