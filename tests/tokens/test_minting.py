"""Minted tokens: one for all processes, fetched by one thread, for the credentials they came from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

import pytest
from pydantic import SecretStr

from daemon.errors import Missing, StoreError, Unauthorised, Unreachable
from daemon.providers.oauth import TokenKeeper, TokenSet
from daemon.store import records, secrets
from daemon.store.secrets import CREDENTIALS, TOKENS
from daemon.store.tables import Secret
from tests.tokens.conftest import Bench
from tests.tokens.ledger import ACCESS_S


class Mint:
    """Strikes one token after another."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.struck = 0
        self.fault: Exception | None = None

    def __call__(self) -> TokenSet:
        if self.fault is not None:
            raise self.fault
        self.struck += 1
        return TokenSet(SecretStr(f"minted-{next(self.numbers)}"), ACCESS_S)


@pytest.fixture
def owner(bench: Bench) -> records.Integration:
    row = bench.an_integration()
    bench.write(lambda: bench.safe.put(row, CREDENTIALS, {"client_secret": "one"}))
    return row


@pytest.fixture
def mint() -> Mint:
    return Mint()


def keeper(bench: Bench, owner: records.Integration | None, mint: Mint, name: str = "test:1") -> TokenKeeper:
    return bench.desk(name).minting(owner, mint)


def test_a_token_is_minted_once_and_used_for_four_fifths_of_its_life(
    bench: Bench, owner: records.Integration, mint: Mint
) -> None:
    one = keeper(bench, owner, mint)
    first = one.access()
    bench.clock.move(ACCESS_S * 0.79)
    assert one.access() == first
    bench.clock.move(ACCESS_S * 0.02)
    assert one.access() != first
    assert mint.struck == 2


def test_another_process_uses_what_the_first_one_sealed(
    bench: Bench, owner: records.Integration, mint: Mint
) -> None:
    first = keeper(bench, owner, mint).access()

    assert keeper(bench, owner, mint, "other:2").access() == first
    assert mint.struck == 1
    assert b"minted-1" not in bytes(Secret.get(Secret.field == TOKENS).blob)


def test_threads_that_race_mint_once(bench: Bench, owner: records.Integration, mint: Mint) -> None:
    one, start = keeper(bench, owner, mint), Barrier(8)

    def race() -> SecretStr:
        with bench.store.session():
            start.wait()
            return one.access()

    with ThreadPoolExecutor(8) as pool:
        got = [future.result() for future in [pool.submit(race) for _ in range(8)]]

    assert len({token.get_secret_value() for token in got}) == mint.struck == 1


def test_a_refused_token_is_minted_anew_once(bench: Bench, owner: records.Integration, mint: Mint) -> None:
    one, other = keeper(bench, owner, mint), keeper(bench, owner, mint, "other:2")
    refused = one.access()
    assert other.access() == refused

    fresh = one.renewed(refused)

    assert fresh != refused
    assert one.renewed(refused) == other.renewed(refused) == fresh
    assert mint.struck == 2


def test_new_credentials_mint_their_own(bench: Bench, owner: records.Integration, mint: Mint) -> None:
    first = keeper(bench, owner, mint).access()
    bench.clock.move(1)
    bench.write(lambda: bench.safe.put(owner, CREDENTIALS, {"client_secret": "two"}))

    assert keeper(bench, owner, mint, "other:2").access() != first


def test_credentials_that_are_not_stored_yet_leave_nothing_behind(bench: Bench, mint: Mint) -> None:
    before = Secret.select().count()

    assert keeper(bench, None, mint).access().get_secret_value() == "minted-1"
    assert Secret.select().count() == before


def test_what_the_provider_refuses_is_passed_on(bench: Bench, owner: records.Integration, mint: Mint) -> None:
    mint.fault = Unauthorised()
    with pytest.raises(Unauthorised):
        keeper(bench, owner, mint).access()


def test_a_database_that_cannot_be_written_stops_no_call(
    bench: Bench, owner: records.Integration, mint: Mint
) -> None:
    """A minted token is not the only one of its kind: nothing is lost with it."""

    def full(point: str) -> None:
        raise StoreError("WB-DB-FULL", "the disk is full")

    bench.store.probe = full
    assert keeper(bench, owner, mint).access().get_secret_value() == "minted-1"


def test_a_sealed_token_that_does_not_open_is_minted_anew(
    bench: Bench, owner: records.Integration, mint: Mint
) -> None:
    keeper(bench, owner, mint).access()
    damaged = Secret.update(blob=b"WB\x01\x00\x00\x00\x01" + bytes(40)).where(Secret.field == TOKENS)
    bench.write(damaged.where(Secret.owner_id == owner.id).execute)

    assert keeper(bench, owner, mint, "other:2").access().get_secret_value() == "minted-2"
    assert secrets.quarantined() == []


def test_a_token_that_is_not_given_out_refuses_no_invoice(
    bench: Bench, owner: records.Integration, mint: Mint
) -> None:
    mint.fault = Missing("no such address", party="ledger", status_code=404)
    with pytest.raises(Unreachable):
        keeper(bench, owner, mint).access()
