"""Switching, in whatever order of pushes, losses, payments, undoings and late webhooks: no invoice is at two
providers, and none is lost."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import providers
from daemon.connect import switching
from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.tidy import destroy_secrets
from daemon.jobs.visit import visit
from daemon.model import RUNNING, Hint, PaymentStatus
from daemon.settings import Settings
from daemon.store import database, hints, integrations, invariants, invoices, links, records, tenants
from daemon.store.secrets import Safe
from daemon.vault import MasterKeys, Vault
from tests.builders import Builders
from tests.fakes import FrozenClock, PacedAccount, SeededEntropy, Shop
from tests.jobs.running import push_all_due
from tests.jobs.test_switching import stand_by

ACTS = (
    *("enter", "enter", "push", "push", "pull", "pay", "pay"),
    *("switch", "switch", "undo", "loses", "drops", "dies", "heals", "late", "night", "hours"),
)


class Town:
    """Two accounts, and what happened to every invoice."""

    def __init__(self, house: House) -> None:
        assert isinstance(house.providers, Shop)
        self.house, self.shop = house, house.providers
        self.make = Builders(house.store, self.shop)
        one = self.make.an_integration(self.make.a_tenant())
        self.ids = (one.id, stand_by(house, self.make, one).id)
        self.person = self.make.a_customer(tenants.get(one.tenant_id))
        self.entered: list[str] = []
        self.paid: set[str] = set()

    @property
    def accounts(self) -> list[PacedAccount]:
        return [self.shop.accounts[name] for name in self.ids]

    def row(self, which: int) -> records.Integration:
        return integrations.get(None, self.ids[which])

    def act(self, name: str, which: int) -> None:
        getattr(self, f"_{name}")(which)
        self.check()

    def _enter(self, _which: int) -> None:
        self.entered.append(self.make.an_invoice(self.person).id)

    def _push(self, _which: int) -> None:
        self.house.store.write("test", lambda: links.assign(self.house.clock.now()))
        push_all_due(self.house)

    def _pull(self, which: int) -> None:
        if self.row(which).state in RUNNING:
            visit(self.house, self.ids[which], "pull", pull)

    def _pay(self, which: int) -> None:
        account = self.accounts[which]
        for paper in account.papers.values():
            if paper.sent and paper.number not in self.paid:
                account.pays(paper.ref)
                self.paid.add(paper.number)
                return

    def _switch(self, which: int) -> None:
        old, new = self.row(which), self.row(1 - which)
        try:
            switching.switch(self.house, old, new, actor="test")
        except InvalidInput as error:
            assert error.code == "WB-SWITCH"

    def _undo(self, which: int) -> None:
        before = len(self.accounts[1 - which].papers)
        try:
            switching.undo(self.house, self.row(which), actor="test")
        except InvalidInput as error:
            assert error.code == "WB-SWITCH"
        else:
            assert before == 0

    def _loses(self, which: int) -> None:
        self.accounts[which].lands_but_times_out(after=1)

    def _drops(self, which: int) -> None:
        self.accounts[which].times_out()

    def _dies(self, which: int) -> None:
        self.accounts[which].revokes_access()

    def _heals(self, which: int) -> None:
        self.accounts[which].recovers()
        row = self.row(which)
        if row.state == "needs_reconnect":
            account = self.shop(row).check()
            self.house.store.write(
                "test", lambda: integrations.tested(row, account, now=self.house.clock.now(), actor="test")
            )

    def _late(self, which: int) -> None:
        """A webhook of this account about whatever the other one has."""
        now = self.house.clock.now()
        papers = [ref for account in self.accounts for ref in account.papers]
        found = [Hint(f"evt_{ref}_{now.timestamp()}", ref, now) for ref in papers]
        tenant, name = self.row(which).tenant_id, self.ids[which]
        self.house.store.write("test", lambda: hints.note(tenant, name, found, source="webhook", now=now))

    def _night(self, _which: int) -> None:
        destroy_secrets(self.house, self.house.clock.now())

    def _hours(self, _which: int) -> None:
        self.shop.clock.move(hours=3)

    # --- what must hold -------------------------------------------------------------------------------

    def copies(self) -> dict[str, list[str]]:
        """By number: the integrations whose account has such an invoice."""
        found: dict[str, list[str]] = {}
        for name in self.ids:
            for paper in self.shop.accounts[name].papers.values():
                found.setdefault(paper.number, []).append(name)
        return found

    def check(self) -> None:
        rows = invoices.by_ids(self.entered)
        at = links.of_invoices(self.entered)
        copies = self.copies()
        for row in rows.values():
            there = copies.get(row.number, [])
            assert len(there) <= 1, f"{row.number} is at two providers"
            assert not there or at[row.id].integration_id == there[0], f"{row.number} is looked for elsewhere"
        assert sum(self.row(n).duty == "serves" for n in (0, 1)) == 1

    def settle(self) -> None:
        """All is well again, and everybody has time."""
        for which in (0, 1):
            if self.row(which).state != "removed":
                self._heals(which)
        for _ in range(6):
            self.shop.clock.move(hours=25)
            self._push(0)
            self._pull(0)
            self._pull(1)
            self.check()
        rows, copies = invoices.by_ids(self.entered), self.copies()
        assert sorted(copies) == sorted(row.number for row in rows.values())
        for row in rows.values():
            expected = PaymentStatus.PAID if row.number in self.paid else PaymentStatus.OPEN
            assert row.payment_status == expected, row.number
        assert invariants.check() == []


@contextmanager
def a_house(template: Path) -> Iterator[House]:
    clock, entropy, stop = FrozenClock(), SeededEntropy(), threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(template, f"{folder}/wispbill.db"))
        store = database.connect(f"sqlite://{path}", clock=clock, entropy=entropy)
        yield House(
            settings=Settings(daemon={"state_dir": folder}),
            store=store,
            safe=Safe(store, Vault(MasterKeys.generate(entropy), entropy)),
            providers=Shop(clock, stop),
            clock=clock,
            entropy=entropy,
            name="test:1",
            stop=stop,
        )
        store.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from((0, 1))), max_size=25))
def test_no_invoice_is_at_two_providers_and_none_is_lost(
    empty_database: Path, monkeypatch: pytest.MonkeyPatch, acts: list[tuple[str, int]]
) -> None:
    monkeypatch.setitem(providers._BUILT_IN, "memory", ("daemon.providers.memory", "Memory"))
    providers.provider_class.cache_clear()
    with a_house(empty_database) as house:
        town = Town(house)
        for name, which in acts:
            town.act(name, which)
        town.settle()
