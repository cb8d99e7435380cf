"""A house connected to the double of any provider, to compare the books of the two."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from daemon import app as wiring
from daemon.jobs.push import push
from daemon.jobs.sweep import sweep
from daemon.jobs.visit import Tally, visit
from daemon.model import AccountInfo, Document, Mode
from daemon.sandbox.faults import Faults
from daemon.sandbox.seats import Ground, seat
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.settings import load
from daemon.store import apps, differences, events, grants, integrations, invoices, links, records, sweeps
from daemon.store.secrets import CLIENT_SECRET, CREDENTIALS
from daemon.vault import MasterKeys
from daemon.wire import Gate, HttpWire, Wire
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy

BASE = "https://sandbox.test"


class Office:
    """A house and the account that it is connected to."""

    def __init__(self, provider: str, folder: Path, template: Path, zone: str = "UTC") -> None:
        shutil.copy(template, folder / "wispbill.db")
        self.clock, self.entropy = FrozenClock(), SeededEntropy()
        self.seat = seat(provider, Ground(self.clock, SeededEntropy(), Faults(), BASE, "USD", rates=False))
        self.hands: Any = self.seat.hands
        self.transport = SpoilingTransport(SandboxTransport(self.seat.double))
        environ = {"WISPBILL_DAEMON__STATE_DIR": str(folder)}
        self.house = wiring.build(
            load(None, environ),
            clock=self.clock,
            entropy=self.entropy,
            keys=MasterKeys.generate(self.entropy),
            make_wire=self._wire,
            migrating=True,
            fast=True,
        )
        self.make = Builders(self.house.store)
        self.tenant = self.make.a_tenant(currency="USD", zone=zone)
        self.id = self.house.store.write("test", self._connect)

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=self.clock, deadline_s=deadline_s, transport=self.transport)

    def _connect(self) -> str:
        provider, now = self.seat.provider, self.clock.now()
        row = integrations.add(
            tenant_id=self.tenant.id,
            customer_id=None,
            provider=provider,
            mode=self.seat.mode,
            label=provider,
            settings=self.seat.settings,
            account=AccountInfo(self.seat.account_id, "WISP 1", Mode(self.seat.mode)),
            base_url=BASE,
            pace="realtime",
            actor="test",
            now=now,
            entropy=self.entropy,
        )
        self.house.safe.put(row, CREDENTIALS, self.seat.credentials)
        if self.seat.app is not None:
            integrations.update(row.id, grant_id=self._consent().id)
        return row.id

    def _consent(self) -> records.Grant:
        registered, now = self.seat.app, self.clock.now()
        assert registered is not None
        app = apps.add(
            provider=self.seat.provider,
            mode=self.seat.mode,
            client_id=registered.client_id,
            redirect_uri=registered.redirect_uri,
            label="",
            actor="test",
            now=now,
            entropy=self.entropy,
        )
        self.house.safe.put(app, CLIENT_SECRET, {"client_secret": registered.client_secret})
        told: Document = registered.tokens
        ends = now + timedelta(seconds=float(told["expires_in"]))
        tokens = grants.Tokens(SecretStr(told["access_token"]), SecretStr(told["refresh_token"]))
        life = grants.Life(now, ends, now + timedelta(days=60), None)
        return grants.add(
            self.house.safe, app, self.tenant.id, tokens, life, actor="test", entropy=self.entropy
        )

    @property
    def row(self) -> records.Integration:
        return integrations.get(None, self.id)

    # --- what is done ---------------------------------------------------------------------------------

    def pushed(self, count: int, due_on: date | None = None) -> list[records.Link]:
        made = [self.make.a_link(self.row, total="45.00 USD", due_on=due_on) for _ in range(count)]
        for _ in range(30):
            visit(self.house, self.id, "push", push)
            self.clock.move(minutes=2)
            if not links.due_for_push(self.id, self.clock.now(), limit=1):
                break
        found = [links.get(link.id) for link in made]
        assert all(link.external_id for link in found), [link.fault_text for link in found]
        return found

    def sweep(self) -> Tally:
        """Another pass, later."""
        self.clock.move(hours=1)
        self.house.store.write("test", lambda: sweeps.ask(self.row, self.clock.now()))
        return self.go_on()

    def go_on(self) -> Tally:
        tally = visit(self.house, self.id, "sweep", sweep)
        assert tally is not None, "nobody worked: the integration is leased, or does not run"
        return tally

    # --- what is known --------------------------------------------------------------------------------

    def told(self, link: records.Link) -> set[tuple[str, bool]]:
        return {
            (row.data["difference"], row.data["repaired"])
            for row in events.of_invoice(link.invoice_id)
            if row.type == "invoice.difference"
        }

    def status(self, link: records.Link) -> str:
        return invoices.get(None, link.invoice_id).payment_status

    def waiting(self) -> list[tuple[str, str]]:
        return [(row.kind, row.ref) for row in differences.waiting()]

    def proven(self) -> bool:
        """Whether the last pass found both sides equal."""
        state = sweeps.of(self.id)
        return state is not None and state.started_at is not None and state.proven_at == state.started_at


def ref(link: records.Link) -> str:
    assert link.external_id is not None
    return link.external_id
