"""Master keys: rotation, quarantine and loss reach the secrets of apps and grants too."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from daemon.errors import VaultError
from daemon.jobs.remedies import giving_again, settling
from daemon.store import apps, integrations, secrets
from daemon.store.secrets import CLIENT_SECRET, TOKENS
from daemon.store.tables import Secret
from tests.connect.conftest import Office
from tests.tokens.ledger import SECRET


@pytest.fixture
def joined(office: Office) -> Office:
    office.consent()
    return office


def test_a_rotation_seals_every_owner_s_secrets_again(joined: Office) -> None:
    house = joined.house
    house.safe.vault._keys = house.safe.vault._keys.add_key(house.entropy)
    house.safe.vault.activate(2)
    now = joined.clock.now()
    house.store.write(
        "test", lambda: secrets.note_key(2, house.safe.vault.check_value(2), active=True, now=now)
    )
    kinds = {secrets.kind_of(sealed.owner_id) for sealed in secrets.not_under(2, limit=100)}
    assert kinds == {"wba", "wbg", "wbn"}

    for sealed in secrets.not_under(2, limit=100):
        assert house.store.write("test", lambda one=sealed: house.safe.reseal(one))

    assert set(secrets.count_by_key()) == {2}
    joined.clock.move(hours=1)
    assert house.providers(joined.rows()[0]).check().account_id == "realm-1"


@pytest.mark.parametrize("field", [TOKENS, CLIENT_SECRET])
def test_a_secret_that_does_not_open_stops_what_needs_it_and_names_the_way_out(
    joined: Office, field: str
) -> None:
    house = joined.house
    [sealed] = [one for one in secrets.everything() if one.field == field]
    damaged = Secret.update(blob=sealed.blob[:-1] + bytes([sealed.blob[-1] ^ 1])).where(
        Secret.id == sealed.id
    )
    house.store.write("test", damaged.execute)
    [broken] = [one for one in secrets.everything() if one.field == field]

    house.store.write("test", lambda: secrets.give_up(broken, VaultError(), now=joined.clock.now()))

    [row] = joined.rows()
    assert row.state == "error"
    assert secrets.quarantined() == [sealed.owner_id]
    assert "wispbill integrations authorize ledger" in settling(row)
    way_out = {TOKENS: "integrations authorize ledger", CLIENT_SECRET: f"apps secret {joined.app.id}"}
    assert way_out[field] in giving_again(sealed.owner_id)


def test_a_new_secret_of_an_app_heals_what_its_broken_one_stopped(joined: Office) -> None:
    house, now = joined.house, joined.clock.now()
    [sealed] = [one for one in secrets.everything() if one.field == CLIENT_SECRET]
    house.store.write("test", lambda: secrets.give_up(sealed, VaultError(), now=now))
    assert joined.rows()[0].state == "error"

    house.store.write(
        "test", lambda: apps.replace_secret(house.safe, joined.app, SecretStr(SECRET), now=now, actor="test")
    )

    assert (joined.rows()[0].state, secrets.quarantined()) == ("active", [])


def test_a_lost_key_stops_what_needs_it_and_a_new_consent_heals_it(joined: Office) -> None:
    house = joined.house
    ids = house.store.write("test", lambda: secrets.lose(1, now=joined.clock.now()))

    assert set(ids) == {joined.rows()[0].id, joined.app.id}
    assert joined.rows()[0].state == "error"
    assert secrets.count_by_key() == {}

    now = joined.clock.now()
    house.store.write(
        "test", lambda: apps.replace_secret(house.safe, joined.app, SecretStr(SECRET), now=now, actor="test")
    )
    joined.consent()
    assert integrations.get(None, joined.rows()[0].id).state == "active"
