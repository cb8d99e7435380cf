"""PayPal: the access token that its credentials make is shared by the whole house."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import app as wiring
from daemon.house import House
from daemon.model import Mode
from daemon.sandbox.paypal import PayPalDouble
from daemon.sandbox.transport import SandboxTransport
from daemon.settings import load
from daemon.store import integrations, records
from daemon.store.secrets import CREDENTIALS
from daemon.vault import MasterKeys
from daemon.wire import Gate, HttpWire, Wire
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy
from tests.providers.paypal_bench import CLIENT_ID, SECRET

CREDENTIALS_GIVEN = {"client_id": CLIENT_ID, "client_secret": SECRET}


class Merchant:
    """A house with one PayPal account, and a count of what it asks there."""

    def __init__(self, folder: Path, clock: FrozenClock, entropy: SeededEntropy) -> None:
        self.clock = clock
        self.double = PayPalDouble(clock, entropy, rates=False)
        self.double.add_account(CLIENT_ID, SECRET)
        self.asked: Counter[str] = Counter()
        self.keys = MasterKeys.generate(entropy)
        self.folder, self.entropy = folder, entropy
        self.house = self.a_house()
        build = self.house.providers.build
        info = build("paypal", CREDENTIALS_GIVEN, settings={}, mode=Mode.SANDBOX, base_url=None).check()
        tenant = Builders(self.house.store).a_tenant(currency="USD")

        def work() -> records.Integration:
            row = integrations.add(
                tenant_id=tenant.id,
                customer_id=None,
                provider="paypal",
                mode="sandbox",
                label="",
                settings={},
                account=info,
                base_url=None,
                pace="realtime",
                actor="test",
                now=clock.now(),
                entropy=entropy,
            )
            self.house.safe.put(row, CREDENTIALS, CREDENTIALS_GIVEN)
            return row

        self.row = self.house.store.write("test", work)
        self.asked.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked[environ["PATH_INFO"]] += 1
        return self.double(environ, start_response)

    def wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        transport = SandboxTransport(self)
        return HttpWire(party, gate=gate, clock=self.clock, deadline_s=deadline_s, transport=transport)

    def a_house(self) -> House:
        """As a process builds it."""
        environ = {
            "WISPBILL_DAEMON__STATE_DIR": str(self.folder),
            "WISPBILL_PROVIDERS__PAYPAL__BASE_URL": "https://sandbox.test",
        }
        return wiring.build(
            load(None, environ),
            clock=self.clock,
            entropy=self.entropy,
            keys=self.keys,
            make_wire=self.wire,
            migrating=True,
            fast=True,
        )

    def minted(self) -> int:
        return self.asked["/v1/oauth2/token"]


@pytest.fixture
def merchant(
    tmp_path: Path, empty_database: Path, clock: FrozenClock, entropy: SeededEntropy
) -> Iterator[Merchant]:
    shutil.copy(empty_database, tmp_path / "wispbill.db")
    made = Merchant(tmp_path, clock, entropy)
    yield made
    made.house.close()


def test_one_token_serves_many_calls_and_the_next_process(merchant: Merchant) -> None:
    for _call in range(5):
        merchant.house.providers(merchant.row).check()
    assert merchant.minted() == 1

    merchant.house.close()
    merchant.house = merchant.a_house()
    merchant.house.providers(merchant.row).check()
    assert merchant.minted() == 1


def test_a_token_that_paypal_no_longer_takes_is_minted_anew(merchant: Merchant) -> None:
    merchant.house.providers(merchant.row).check()
    merchant.double._access.__init__(merchant.clock, merchant.entropy)  # type: ignore[misc]
    merchant.double.add_account(CLIENT_ID, SECRET)

    merchant.house.providers(merchant.row).check()

    assert merchant.minted() == 2


def test_a_busy_day_asks_for_a_token_a_handful_of_times(merchant: Merchant) -> None:
    """PayPal gives the same token again while it lives, with what is left of its nine hours."""
    for _five_minutes in range(24 * 12):
        merchant.clock.move(minutes=5)
        merchant.house.providers(merchant.row).check()

    assert merchant.minted() <= 15
