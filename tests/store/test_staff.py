"""Staff: one address, one person; what they were is in the audit, and their sessions go with them."""

from __future__ import annotations

import pytest

from daemon.errors import InvalidInput, NotFound
from daemon.store import audit, sessions, staff
from daemon.store.database import Store
from daemon.store.staff import Staff
from daemon.store.tokens import Role
from tests.builders import Builders


def add(
    store: Store, tenant_id: str, email: str = "office@example.com", role: Role = Role.READ_ONLY
) -> Staff:
    return store.write(
        "test",
        lambda: staff.add(
            tenant_id=tenant_id,
            email=email,
            name="",
            role=role,
            password="$argon2id$…",
            actor="test",
            now=store.clock.now(),
            entropy=store.entropy,
        ),
    )


def begin(store: Store, row: Staff) -> sessions.WebSession:
    return store.write(
        "test",
        lambda: sessions.begin(
            face=sessions.DASHBOARD,
            tenant_id=row.tenant_id,
            role=row.role,
            user_id=row.id,
            epoch=row.epoch,
            idle_s=60,
            life_s=600,
            now=store.clock.now(),
            entropy=store.entropy,
        )[0],
    )


def sign_in(store: Store, row: Staff, client: str) -> None:
    now = store.clock.now()
    store.write("test", lambda: staff.signed_in(row, client, how="password", now=now))


def test_an_address_is_one_person_s_however_it_is_written(store: Store, make: Builders) -> None:
    tenant, other = make.a_tenant(), make.a_tenant()
    row = add(store, tenant.id)
    for email in ("office@example.com", "OFFICE@Example.com"):
        with pytest.raises(InvalidInput):
            add(store, other.id, email)
    assert staff.find(" Office@EXAMPLE.com ") == row
    with pytest.raises(NotFound):
        staff.get(other.id, row.email)
    assert staff.listing(other.id) == []


def test_a_platform_admin_and_nobody_else_belongs_to_no_tenant(store: Store, make: Builders) -> None:
    tenant = make.a_tenant()
    for role, where in (
        (Role.PLATFORM_ADMIN, tenant.id),
        (Role.READ_ONLY, staff.PLATFORM),
        (Role.CUSTOMER_OWNER, tenant.id),
    ):
        with pytest.raises(InvalidInput):
            add(store, where, role=role)


def test_whoever_changes_is_another_epoch_and_out(store: Store, make: Builders) -> None:
    row = add(store, make.a_tenant().id)
    for change in ("password", "disable", "enable", "remove"):
        session = begin(store, row)
        now = store.clock.now()
        if change == "remove":
            store.write("test", lambda row=row, now=now: staff.remove(row, actor="test", now=now))
            assert staff.by_id(row.id) is None
        else:
            verb = {
                "password": lambda row=row, now=now: staff.set_password(row, "$", actor="test", now=now),
                "disable": lambda row=row, now=now: staff.disable(row, actor="test", now=now),
                "enable": lambda row=row, now=now: staff.enable(row, actor="test", now=now),
            }[change]
            changed = store.write("test", verb)
            assert changed.epoch == row.epoch + 1
            row = changed
        assert not sessions.get(session.id).is_valid(now)
    told = [one.action for one in reversed(audit.latest(tenant_id=row.tenant_id)) if "staff" in one.action]
    assert told == [
        "staff.added",
        "staff.password_changed",
        "staff.disabled",
        "staff.enabled",
        "staff.removed",
    ]


def test_the_last_addresses_are_known_again_and_none_is_stored(store: Store, make: Builders) -> None:
    row = add(store, make.a_tenant().id)
    for n in range(staff.PLACES + 3):
        sign_in(store, row, f"192.0.2.{n}")
        row = staff.get(None, row.id)
    assert [row.knows(f"192.0.2.{n}") for n in (2, 3, 10)] == [False, True, True]
    assert not any("192" in place for place in row.places)
