"""Check: each planted corruption is found by the invariant that it breaks, and by its name."""

from __future__ import annotations

import pytest

from daemon.house import House
from daemon.jobs.tidy import tidy
from daemon.store import events, invariants, links, records
from daemon.store.tables import database
from tests.builders import Builders
from tests.fakes import FrozenClock, Shop
from tests.jobs.running import run_pull, run_push


@pytest.fixture
def paid(house: House, make: Builders, shop: Shop) -> records.Link:
    """Of three invoices one was paid, one is open, one waits."""
    integration = make.an_integration()
    first, _second = make.links(integration, 2)
    run_push(house, integration)
    shop.accounts[integration.id].pays(str(links.get(first.id).external_id))
    house.clock.move(hours=1)  # type: ignore[attr-defined]
    run_pull(house, integration)
    make.a_link(integration)
    return links.get(first.id)


def broken() -> set[str]:
    return {one.name for one in invariants.check()}


def planted(sql: str) -> None:
    database.execute_sql("PRAGMA foreign_keys = 0")
    for statement in sql.split("; "):
        database.execute_sql(statement)
    database.execute_sql("PRAGMA foreign_keys = 1")


def test_a_sound_database_keeps_all_of_them(paid: records.Link) -> None:
    assert invariants.check() == []


def test_their_names_are_told_apart() -> None:
    names = [one.name for one in invariants.ALL]
    assert len(set(names)) == len(names) >= 15


CORRUPTIONS: dict[str, tuple[str, str]] = {
    "a service that nobody was told of": (
        "UPDATE customer SET service_status = 'throttled'",
        "service is as it was last said to be",
    ),
    "a cut-off without a debt": (
        "UPDATE customer SET service_status = 'suspended'; DELETE FROM service_check",
        "nobody without a debt is cut off",
    ),
    "the link is gone": ("DELETE FROM link WHERE id = '{link}'", "every invoice has a link"),
    "the invoice is gone": ("DELETE FROM invoice WHERE id = '{invoice}'", "every link has its invoice"),
    "a line is another": (
        "UPDATE line SET net_minor = net_minor + 1 WHERE invoice_id = '{invoice}'",
        "lines add up to the total",
    ),
    "a line's words are others": (
        "UPDATE line SET description = 'Something else' WHERE invoice_id = '{invoice}'",
        "an invoice is as it was entered",
    ),
    "the status is another": (
        "UPDATE invoice SET payment_status = 'open' WHERE id = '{invoice}'",
        "payments fold to the invoice's columns",
    ),
    "what is owed is another": (
        "UPDATE invoice SET due_minor = 100 WHERE id = '{invoice}'",
        "payments fold to the invoice's columns",
    ),
    "a payment is gone": (
        "DELETE FROM payment WHERE invoice_id = '{invoice}'",
        "payments fold to the invoice's columns",
    ),
    "an open one is paid": (
        "UPDATE invoice SET paid_minor = 1 WHERE payment_status = 'open'",
        "payments fold to the invoice's columns",
    ),
    "a payment in another currency": (
        "UPDATE payment SET currency = 'USD' WHERE invoice_id = '{invoice}'",
        "a payment is in its invoice's currency",
    ),
    "sent, and no document": (
        "UPDATE link SET external_id = NULL WHERE id = '{link}'",
        "no two states that exclude one another",
    ),
    "sent and pending": (
        "UPDATE link SET state = 'pending' WHERE id = '{link}'",
        "no two states that exclude one another",
    ),
    "a state nobody knows": (
        "UPDATE link SET state = 'lost' WHERE id = '{link}'",
        "no two states that exclude one another",
    ),
    "removed and not": (
        "UPDATE integration SET state = 'removed'",
        "an integration is removed or it is not",
    ),
    "a step about nothing": (
        "UPDATE step SET subject = subject || '-nothing' WHERE subject LIKE 'invoice:%'",
        "a step belongs to an invoice or a customer",
    ),
    "the journal is gone": ("DELETE FROM step", "what was sent is in the journal"),
    "another tenant's link": (
        "UPDATE link SET tenant_id = 'wbt_other' WHERE id = '{link}'",
        "tenants are never mixed",
    ),
    "another customer's link": (
        "UPDATE link SET customer_id = (SELECT id FROM customer WHERE id <> link.customer_id LIMIT 1) "
        "WHERE id = '{link}'",
        "tenants are never mixed",
    ),
    "another tenant's payment": ("UPDATE payment SET tenant_id = 'wbt_other'", "tenants are never mixed"),
    "another tenant's reading": ("UPDATE observation SET tenant_id = 'wbt_other'", "tenants are never mixed"),
    "another tenant's payer": ("UPDATE payer SET tenant_id = 'wbt_other'", "tenants are never mixed"),
    "another tenant's event": (
        "UPDATE event SET tenant_id = 'wbt_other' WHERE invoice_id = '{invoice}'",
        "tenants are never mixed",
    ),
    "lines of nothing": (
        "UPDATE line SET invoice_id = 'wbi_none' WHERE invoice_id = '{invoice}'",
        "nothing lost its parent",
    ),
    "readings of nothing": ("UPDATE observation SET link_id = 'wbl_none'", "nothing lost its parent"),
    "the evidence is gone": ("DELETE FROM observation", "a payment rests on a reading"),
    "the event is gone": (
        "DELETE FROM event WHERE invoice_id = '{invoice}' AND type = 'invoice.paid'",
        "each change of status has its event",
    ),
    "the event says another": (
        "UPDATE event SET data = '{{\"to\": \"void\"}}' WHERE type = 'invoice.paid'",
        "each change of status has its event",
    ),
    "billed for another customer": (
        "INSERT INTO subscription SELECT 'wbs_1', tenant_id, 'wbc_2', 'wbf_1', 'S-1', '2026-03-01', NULL, "
        "'2026-03-01', 1, 1, NULL, NULL, '2026-04-01', NULL, NULL, NULL, NULL, 0 FROM invoice LIMIT 1; "
        "INSERT INTO billed_period SELECT 'wbs_1', '2026-03-01', '2026-03-31', tenant_id, id, 0 FROM invoice "
        "WHERE id = '{invoice}'",
        "a billed period and its invoice are one tenant's",
    ),
    "a number beyond the counter": (
        "INSERT INTO billed_period SELECT 'wbs_1', '2026-03-01', '2026-03-31', tenant_id, id, 0 FROM invoice "
        "WHERE id = '{invoice}'; "
        "INSERT INTO numbering SELECT tenant_id, '{{year}}-{{counter:05d}}' FROM invoice LIMIT 1; "
        "INSERT INTO counter SELECT tenant_id, 2026, 7 FROM invoice LIMIT 1; "
        "UPDATE invoice SET number = '2026-00008' WHERE id = '{invoice}'",
        "numbers do not overtake their counter",
    ),
    "the audit was changed": (
        "DROP TRIGGER audit_no_update; UPDATE audit SET actor = 'nobody' WHERE seq = 2",
        "the audit chains hold",
    ),
}


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_a_planted_corruption_is_found(paid: records.Link, what: str) -> None:
    sql, name = CORRUPTIONS[what]
    planted(sql.format(link=paid.id, invoice=paid.invoice_id))

    assert name in broken()


def test_a_violation_names_its_row_and_says_what_to_do(paid: records.Link) -> None:
    planted(f"UPDATE invoice SET due_minor = 100 WHERE id = '{paid.invoice_id}'")

    (found,) = invariants.check()

    assert found.subject == paid.invoice_id and "pull" in found.remedy
    assert found.sentence.endswith("are paid/4500/100/0, its payments say paid/4500/0/0")


def test_a_cause_of_many_rows_is_told_by_a_few(house: House, make: Builders) -> None:
    integration = make.an_integration()
    make.links(integration, invariants.SHOWN + 10)
    planted("UPDATE invoice SET due_minor = 1")

    assert len(invariants.check()) == invariants.SHOWN + 1


def test_every_night_a_violation_becomes_an_event(
    house: House, paid: records.Link, clock: FrozenClock
) -> None:
    clock.move(days=1)
    tidy(house)
    assert events.latest(types=["tidy.invariants.failed"]) == []
    planted(f"UPDATE invoice SET due_minor = 100 WHERE id = '{paid.invoice_id}'")
    clock.move(days=1)

    tidy(house)

    (told,) = events.latest(types=["tidy.invariants.failed"])
    assert told.data["code"] == "WB-DB-INCONSISTENT" and paid.invoice_id in told.data["sentence"]
