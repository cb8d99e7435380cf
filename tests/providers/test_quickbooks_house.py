"""QuickBooks in the house: pushed, read and followed by the jobs themselves, over the real journal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from daemon import app as wiring
from daemon import connect
from daemon.connect import Choice, Connected
from daemon.house import House
from daemon.jobs.pull import pull
from daemon.jobs.push import push
from daemon.jobs.visit import visit
from daemon.model import DocStatus
from daemon.sandbox.quickbooks import QuickBooksDouble
from daemon.sandbox.transport import SandboxTransport, SpoilingTransport
from daemon.settings import load
from daemon.store import apps, integrations, invoices, links, records
from daemon.vault import MasterKeys
from daemon.wire import Gate, HttpWire, Wire
from tests.builders import Builders
from tests.fakes import FrozenClock, SeededEntropy

BASE = "https://sandbox.test"
FAULTS = ("refused", "lost_request", "lost_answer", "error_after", "throttled", "html", "truncated", "empty")


class Office:
    """A house that is connected to one company."""

    def __init__(self, folder: Path, clock: FrozenClock, entropy: SeededEntropy) -> None:
        self.clock = clock
        self.double = QuickBooksDouble(clock, SeededEntropy(), rates=False)
        self.account = self.double.add_account()
        self.transport = SpoilingTransport(SandboxTransport(self.double))
        environ = {
            "WISPBILL_DAEMON__STATE_DIR": str(folder),
            "WISPBILL_PROVIDERS__QUICKBOOKS__BASE_URL": BASE,
        }
        self.house: House = wiring.build(
            load(None, environ),
            clock=clock,
            entropy=entropy,
            keys=MasterKeys.generate(entropy),
            make_wire=self._wire,
            migrating=True,
            fast=True,
        )
        self.builders = Builders(self.house.store)
        self.tenant = self.builders.a_tenant(currency="USD")
        self.row = self._connected()

    def _wire(self, party: str, gate: Gate, deadline_s: float) -> Wire:
        return HttpWire(party, gate=gate, clock=self.clock, deadline_s=deadline_s, transport=self.transport)

    def _connected(self) -> records.Integration:
        theirs = self.double.add_app("https://billing.example.com/oauth/callback/quickbooks")
        now = self.clock.now()

        def work() -> records.App:
            row = apps.add(
                provider="quickbooks",
                mode="live",
                client_id=theirs.client_id,
                redirect_uri=theirs.redirect_uri,
                label="",
                actor="test",
                now=now,
                entropy=self.house.entropy,
            )
            secret = SecretStr(theirs.client_secret)
            apps.replace_secret(self.house.safe, row, secret, now=now, actor="test")
            return row

        link = connect.begin(
            self.house,
            self.house.store.write("test", work),
            tenant_id=self.tenant.id,
            customer_id=None,
            label="",
            settings={"item": self.account.item},
            actor="cli:operator",
        )
        answer = httpx.Client(transport=self.transport).get(link.url)
        query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        outcome = connect.answer(self.house, "quickbooks", query)
        assert isinstance(outcome, Connected) and not isinstance(outcome, Choice)
        return outcome.integration

    def bill(self, count: int, customers: int = 0) -> list[str]:
        """Invoices, each of a customer of its own unless there are fewer; ids of their links."""
        payers = [self.builders.a_customer(self.tenant) for _ in range(customers or count)]
        return [
            self.builders.a_link(self.row, customer=payers[n % len(payers)], total="45.00 USD").id
            for n in range(count)
        ]

    def run(self, job: Any) -> None:
        visit(self.house, self.row.id, job.__name__, job)

    def settle(self, job: Any, *, tries: int = 12) -> None:
        """Runs with time in between, until nothing is left in doubt."""
        for _ in range(tries):
            self.run(job)
            self.clock.move(minutes=20)

    def links(self, ids: list[str]) -> list[records.Link]:
        return [links.get(name) for name in ids]


@pytest.fixture
def office(
    tmp_path: Path, empty_database: Path, clock: FrozenClock, entropy: SeededEntropy
) -> Iterator[Office]:
    shutil.copy(empty_database, tmp_path / "wispbill.db")
    made = Office(tmp_path, clock, entropy)
    yield made
    made.house.close()


def landed_once(office: Office, ids: list[str]) -> None:
    standing = office.account.standing()
    assert len(standing) == len(ids) and {one.status for one in standing} == {DocStatus.OPEN}
    assert [one.sent for one in standing] == [1] * len(ids)
    assert {link.external_id for link in office.links(ids)} == {one.ref for one in standing}
    assert {link.state for link in office.links(ids)} == {"synced"}


def test_seventy_invoices_land_in_three_batches(office: Office) -> None:
    ids = office.bill(70)
    before = office.double.stats.copy()

    office.settle(push, tries=2)

    landed_once(office, ids)
    assert office.account.payers() == 70
    batches = (office.double.stats - before)["POST /v3/company/{realm}/batch"]
    assert batches == 6


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_befalls_a_batch_each_invoice_lands_once(office: Office, fault: str, after: int) -> None:
    ids = office.bill(4, customers=3)
    office.transport.spoil(fault, after=after)

    office.settle(push)

    assert not office.transport.pending
    landed_once(office, ids)
    assert office.account.payers() == 3


def test_at_quickbooks_own_limits_nothing_is_refused(office: Office) -> None:
    office.double.rates = True
    ids = office.bill(70, customers=5)

    office.settle(push, tries=2)
    office.settle(pull, tries=2)

    landed_once(office, ids)
    assert office.double.statuses[429] == 0


def status(link: records.Link) -> str:
    return invoices.get(link.tenant_id, link.invoice_id).payment_status


def test_what_people_do_at_quickbooks_is_followed(office: Office) -> None:
    ids = office.bill(6)
    office.settle(push, tries=2)
    office.settle(pull, tries=2)
    refs = [str(link.external_id) for link in office.links(ids)]

    office.account.pay(refs[0])
    office.account.pay(refs[1], 1500)
    office.account.credit(refs[2], 4500)
    office.account.void(refs[3])
    office.account.overpay(refs[4], 500)
    office.settle(pull, tries=3)
    assert [status(link) for link in office.links(ids)] == [
        "paid",
        "partially_paid",
        "paid",
        "void",
        "overpaid",
        "open",
    ]

    office.account.reverse(refs[0])
    office.account.unapply(refs[1])
    office.settle(pull, tries=3)
    assert [status(link) for link in office.links(ids)][:2] == ["open", "open"]


def test_a_deleted_payment_that_leaves_the_invoice_untouched_is_followed(office: Office) -> None:
    office.account.company.bumps_paid = False
    ids = office.bill(2, customers=1)
    office.settle(push, tries=2)
    refs = [str(link.external_id) for link in office.links(ids)]
    office.account.pay_several(dict.fromkeys(refs, 4500))
    office.settle(pull, tries=3)
    assert [status(link) for link in office.links(ids)] == ["paid", "paid"]

    office.account.reverse(refs[0])
    office.settle(pull, tries=3)

    assert [status(link) for link in office.links(ids)] == ["open", "open"]


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_befalls_a_read_the_payment_is_seen(office: Office, fault: str, after: int) -> None:
    (name,) = office.bill(1)
    office.settle(push, tries=2)
    office.run(pull)
    office.account.pay(str(links.get(name).external_id))
    office.transport.spoil(fault, after=after)

    office.settle(pull, tries=6)

    assert status(links.get(name)) == "paid"


def test_a_consent_withdrawn_in_the_middle_parks_what_is_left(office: Office) -> None:
    ids = office.bill(2)
    office.double.grants.revoke_realm(office.account.id)

    office.run(push)

    assert integrations.get(None, office.row.id).state == "needs_reconnect"
    assert {link.state for link in office.links(ids)} == {"parked"}
    assert office.account.standing() == []
