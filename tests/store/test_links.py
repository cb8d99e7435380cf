"""Links and integrations: where an invoice goes, and what becomes of it when that is down."""

from __future__ import annotations

import pytest

from daemon.errors import InvalidInput, NotFound
from daemon.model import AccountInfo, IntegrationState, Mode, SyncState
from daemon.store import events, integrations, invoices, leases, links, records, tenants
from daemon.store.database import Store
from daemon.store.tables import Link
from tests.builders import Builders
from tests.fakes import FrozenClock

S = IntegrationState


def assign(store: Store) -> int:
    return store.write("test", lambda: links.assign(store.clock.now()))


def put(store: Store, link: records.Link, **values: object) -> None:
    store.write("test", lambda: Link.update(values).where(Link.id == link.id).execute())


def alter(store: Store, integration: records.Integration, **values: object) -> None:
    store.write("test", lambda: integrations.update(integration.id, **values))


def move(
    store: Store, integration: records.Integration, state: IntegrationState, *, code: str | None = None
) -> None:
    current, now = integrations.get(None, integration.id), store.clock.now()
    store.write("test", lambda: integrations.set_state(current, state, now=now, code=code))


def goes_to(invoice: records.Invoice) -> str | None:
    return links.of_invoice(invoice.id).integration_id


# --- where it goes ------------------------------------------------------------------------------------


def test_an_invoice_goes_to_the_tenant_s_default(store: Store, make: Builders) -> None:
    tenant = make.a_tenant()
    default = make.an_integration(tenant)
    mine, strange = make.an_invoice(make.a_customer(tenant)), make.an_invoice()

    assert assign(store) == 1

    assert goes_to(mine) == default.id
    assert goes_to(strange) is None
    assert links.unassigned(tenant.id) == 0
    assert links.unassigned() == 1


def test_a_customer_s_own_approved_integration_comes_first(store: Store, make: Builders) -> None:
    tenant = make.a_tenant()
    customer = make.a_customer(tenant)
    make.an_integration(tenant)
    own = make.an_integration(customer=customer)
    invoice = make.an_invoice(customer)

    assign(store)
    assert goes_to(invoice) is None, "its own is there, and waits to be approved"

    alter(store, own, approved=True)
    assign(store)
    assert goes_to(invoice) == own.id


@pytest.mark.parametrize("state", [S.DRAINING, S.REMOVED])
def test_the_default_serves_a_customer_whose_own_is_on_its_way_out(
    store: Store, make: Builders, state: IntegrationState
) -> None:
    tenant = make.a_tenant()
    customer = make.a_customer(tenant)
    default, own = make.an_integration(tenant), make.an_integration(customer=customer)
    alter(store, own, approved=True)
    move(store, own, state)
    invoice = make.an_invoice(customer)

    assign(store)

    assert goes_to(invoice) == default.id


@pytest.mark.parametrize("state", [S.TESTING, S.PAUSED, S.NEEDS_RECONNECT, S.ERROR, S.DRAINING, S.REMOVED])
def test_nothing_new_goes_where_nothing_runs(store: Store, make: Builders, state: IntegrationState) -> None:
    tenant = make.a_tenant()
    move(store, make.an_integration(tenant), state)
    invoice = make.an_invoice(make.a_customer(tenant))

    assert assign(store) == 0
    assert goes_to(invoice) is None


def test_where_it_goes_is_fixed(store: Store, make: Builders) -> None:
    tenant = make.a_tenant()
    customer = make.a_customer(tenant)
    default = make.an_integration(tenant)
    invoice = make.an_invoice(customer)
    assign(store)

    alter(store, make.an_integration(customer=customer), approved=True)
    assign(store)

    assert goes_to(invoice) == default.id


def test_without_create_automatically_it_waits_until_somebody_asks(store: Store, make: Builders) -> None:
    integration = make.an_integration()
    alter(store, integration, create_automatically=False)
    link = make.a_link(integration)
    now = store.clock.now()
    assert links.due_for_push(integration.id, now, limit=9) == []
    assert integrations.due_for_push(now) == []

    store.write("test", lambda: links.ask_again(link, invoices.get(None, link.invoice_id).reference, now=now))

    assert [due.id for due in links.due_for_push(integration.id, now, limit=9)] == [link.id]
    assert integrations.due_for_push(now) == [integration.id]


def test_a_wish_to_void_outlives_the_assignment(store: Store, make: Builders) -> None:
    integration = make.an_integration()
    alter(store, integration, create_automatically=False)
    invoice = make.an_invoice(make.a_customer(tenants.get(integration.tenant_id)))
    link, now = links.of_invoice(invoice.id), store.clock.now()
    store.write("test", lambda: links.request_void(link, now=now))

    assign(store)

    assert [due.id for due in links.due_for_push(integration.id, now, limit=9)] == [link.id]
    with pytest.raises(InvalidInput):
        store.write("test", lambda: links.request_void(links.get(link.id), now=now))


# --- parking and draining -----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [S.NEEDS_RECONNECT, S.ERROR])
def test_what_waits_is_parked_and_drains_when_it_runs_again(
    store: Store, make: Builders, state: IntegrationState
) -> None:
    integration = make.an_integration()
    waiting, doubtful, done, failed = make.links(integration, 4)
    put(store, doubtful, state=SyncState.UNCONFIRMED)
    put(store, done, state=SyncState.SYNCED, next_push_at=None)
    put(store, failed, state=SyncState.FAILED, next_push_at=None)

    move(store, integration, state, code="WB-REMOTE-UNAUTHORISED")
    states = {link.id: links.get(link.id).state for link in (waiting, doubtful, done, failed)}
    assert list(states.values()) == ["parked", "parked", "synced", "failed"]

    move(store, integration, S.ACTIVE)
    due = links.due_for_push(integration.id, store.clock.now(), limit=9)
    assert {link.id for link in due} == {waiting.id, doubtful.id}
    assert integrations.count_by_state([integration.id])[integration.id] == {
        "pending": 2,
        "synced": 1,
        "failed": 1,
    }


def test_a_state_is_told_and_audited_once(store: Store, make: Builders) -> None:
    integration = make.an_integration()

    move(store, integration, S.NEEDS_RECONNECT, code="WB-REMOTE-UNAUTHORISED")
    move(store, integration, S.NEEDS_RECONNECT, code="WB-REMOTE-UNAUTHORISED")

    assert len(events.latest(types=["integration.needs_reconnect"])) == 1


def test_only_running_integrations_are_due(store: Store, make: Builders, clock: FrozenClock) -> None:
    integration = make.an_integration()
    make.a_link(integration)
    now = clock.now()
    assert integrations.due_for_push(now) == integrations.due_for_pull(now) == [integration.id]

    alter(store, integration, resume_at=clock.move(60))
    assert integrations.due_for_push(now) == integrations.due_for_pull(now) == []
    assert integrations.due_for_push(clock.now()) == [integration.id]

    move(store, integration, S.PAUSED)
    assert integrations.due_for_push(clock.now()) == integrations.due_for_pull(clock.now()) == []

    move(store, integration, S.DRAINING)
    assert integrations.due_for_push(clock.now()) == [integration.id]


def test_who_holds_the_lease_is_told_what_else_is_due(store: Store, make: Builders) -> None:
    integration, now = make.an_integration(), store.clock.now()
    make.a_link(integration)
    leases.claim(store, integration.id, "host:1")

    assert integrations.due_for_push(now) == integrations.due_for_push(now, mine="host:2") == []
    assert integrations.due_for_push(now, mine="host:1") == [integration.id]
    assert integrations.due_for_pull(now, mine="host:1") == [integration.id]


# --- accounts -----------------------------------------------------------------------------------------


def test_one_account_serves_once(store: Store, make: Builders) -> None:
    first, second = make.an_integration(), make.an_integration(tested=False)
    account = AccountInfo(first.account_id or "", "Account", Mode.SANDBOX)

    def tested() -> None:
        integrations.tested(second, account, now=store.clock.now(), actor="test")

    with pytest.raises(InvalidInput) as caught:
        store.write("test", tested)
    assert caught.value.code == "WB-ACCOUNT-TAKEN"

    move(store, first, S.REMOVED)
    store.write("test", tested)
    assert integrations.get(None, second.id).state == S.ACTIVE


def test_credentials_of_another_account_are_refused(store: Store, make: Builders) -> None:
    integration = make.an_integration()
    other = AccountInfo("acct_other", "Other", Mode.SANDBOX)

    with pytest.raises(InvalidInput) as caught:
        store.write(
            "test", lambda: integrations.tested(integration, other, now=store.clock.now(), actor="test")
        )
    assert caught.value.code == "WB-ACCOUNT-DIFFERS"


def test_a_permission_that_is_missing_keeps_it_from_running(store: Store, make: Builders) -> None:
    integration = make.an_integration(tested=False)
    lacking = AccountInfo("acct_9", "Nine", Mode.SANDBOX, missing=("Invoices: write",))

    store.write("test", lambda: integrations.tested(integration, lacking, now=store.clock.now(), actor="t"))

    after = integrations.get(None, integration.id)
    assert (after.state, after.test_missing) == (S.TESTING, ["Invoices: write"])


def test_a_tenant_has_one_default_at_a_time(store: Store, make: Builders) -> None:
    tenant = make.a_tenant()
    first = make.an_integration(tenant)
    with pytest.raises(InvalidInput):
        make.an_integration(tenant)

    move(store, first, S.DRAINING)
    assert make.an_integration(tenant).state == S.ACTIVE


def test_an_integration_of_another_tenant_is_not_there(make: Builders) -> None:
    integration, stranger = make.an_integration(), make.a_tenant()

    with pytest.raises(NotFound):
        integrations.get(stranger.id, integration.id)
    assert integrations.listing(stranger.id) == []
    assert [one.id for one in integrations.listing(integration.tenant_id)] == [integration.id]


def test_what_was_marked_after_its_integration_was_parked_comes_back(store: Store, make: Builders) -> None:
    """The daemon dies between that mark and the word of what became of it."""
    tenant = make.a_tenant()
    integration = make.an_integration(tenant)
    link = links.of_invoice(make.an_invoice(make.a_customer(tenant)).id)
    assign(store)
    move(store, integration, S.NEEDS_RECONNECT, code="WB-GRANT-DEAD")
    assert links.of_invoice(link.invoice_id).state == SyncState.PARKED

    store.write("test", lambda: links.sending(link.id, integration.id, store.clock.now()))
    move(store, integration, S.ACTIVE)

    due = links.due_for_push(integration.id, store.clock.now(), limit=10)
    assert [one.id for one in due] == [link.id]
