"""A month's quota of our app: spent by every account under it, remembered over restarts and processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from daemon import app as house_builder
from daemon import providers
from daemon.house import House
from daemon.jobs.visit import Visit, visit
from daemon.sandbox.transport import SandboxTransport
from daemon.settings import load
from daemon.store import usage
from daemon.store.secrets import CREDENTIALS
from daemon.vault import MasterKeys
from daemon.wire import Gate, HttpWire, Wire
from tests.fakes import FrozenClock
from tests.web.building import ENTROPY
from tests.web.signer import KEY, OWN, CertificateServer
from tests.web.test_apps import an_account, an_app

KEYS = MasterKeys.generate(ENTROPY)


def build(folder: Path, clock: FrozenClock) -> House:
    def wire(party: str, gate: Gate, _deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=clock, transport=SandboxTransport(CertificateServer(one=KEY)))

    environ = {"WISPBILL_DAEMON__STATE_DIR": str(folder)}
    return house_builder.build(load(None, environ), clock=clock, keys=KEYS, make_wire=wire, migrating=True)


def reads(count: int, codes: list[str]) -> Callable[[Visit], None]:
    def work(there: Visit) -> None:
        for _ in range(count):
            there.provider.certificate(OWN + "one")
            codes.append("read")

    return work


def test_accounts_of_one_app_spend_one_month_s_quota_in_any_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(providers._BUILT_IN, "signer", ("tests.web.signer", "Signer"))
    providers.provider_class.cache_clear()
    clock, done = FrozenClock(), []
    house = build(tmp_path, clock)
    app = an_app(house)
    rows = [an_account(house, app, f"realm-{n}") for n in range(2)]
    for row in rows:
        house.store.write("test", lambda row=row: house.safe.put(row, CREDENTIALS, {"token": "t"}))

    for row in rows:
        visit(house, row.id, "pull", reads(3, done))
    assert usage.of(app.id, "2026-03") == {("month", "2026-03"): 6}
    house.close()

    house = build(tmp_path, clock)
    tally = visit(house, rows[0].id, "pull", reads(5, done))

    assert len(done) == 8  # of ten that are published, our share
    assert tally is not None
    assert getattr(tally.fault, "code", None) == "WB-BUDGET-RATIONED"
    house.close()
