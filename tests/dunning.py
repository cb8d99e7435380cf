"""A tenant whose subscribers are dunned, for tests: pushed invoices, days that pass, provider and people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from daemon.house import House
from daemon.jobs.enforce import enforce
from daemon.model import PaymentStatus
from daemon.model.dunning import StandingKind
from daemon.settings import Settings
from daemon.store import customers, events, integrations, invoices, links, records, service, standings
from daemon.store.tables import Event
from tests.builders import ACTOR, Builders
from tests.fakes import PacedAccount, Shop
from tests.jobs.running import run_pull, run_push

START = date(2026, 3, 2)
"""A Monday; the clock of the tests stands at 10:00 in Berlin."""


class Wisp:
    """One tenant with its default integration. Wakes are written down, and `goes_on` follows them as the
    scheduler does."""

    def __init__(self, house: House, make: Builders, shop: Shop, *, zone: str = "Europe/Berlin") -> None:
        self.house, self.make, self.shop = house, make, shop
        self.tenant = make.a_tenant(zone=zone)
        self.integration = make.an_integration(self.tenant)
        self.woken: list[str] = []
        house.wake = self.woken.append

    @property
    def account(self) -> PacedAccount:
        return self.shop.accounts[self.integration.id]

    def configure(self, **sections: Any) -> None:
        known = {"daemon": {"state_dir": str(self.house.settings.daemon.state_dir)}}
        self.house.settings = Settings(**(known | sections))

    def an_invoice(
        self, customer: records.Customer | None = None, *, due: str = "2026-03-09", total: str = "45.00 EUR"
    ) -> records.Link:
        """Sent, and read once."""
        who = customer or self.make.a_customer(self.tenant)
        made = self.make.a_link(self.integration, who, due_on=date.fromisoformat(due), total=total)
        return self.sent(made)

    def sent(self, link: records.Link) -> records.Link:
        run_push(self.house, self.integration)
        self.reads()
        return links.get(link.id)

    def reads(self) -> None:
        run_pull(self.house, integrations.get(None, self.integration.id))

    def at(self, when: str) -> None:
        """The clock moves forward to this moment, in UTC."""
        moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
        ahead = (moment - self.house.clock.now()).total_seconds()
        assert ahead >= 0, f"it is later than {when} already"
        self.house.clock.wait(ahead)

    def run(self) -> None:
        enforce(self.house)

    def goes_on(self, most: int = 10) -> list[str]:
        """What the scheduler does: the woken verbs are run until nobody is woken any more."""
        done: list[str] = []
        self.run()
        while self.woken and len(done) < most:
            verb = self.woken.pop(0)
            if verb == "pull":
                self.reads()
            elif verb == "enforce":
                self.run()
            done.append(verb)
        return done

    def days(self, first: str, last: str, hour: int = 10) -> None:
        """Each day of these at this hour (UTC) all goes its way."""
        day, end = date.fromisoformat(first), date.fromisoformat(last)
        while day <= end:
            self.at(f"{day} {hour:02}:00")
            self.goes_on()
            day += timedelta(days=1)

    def says(self, customer_id: str, kind: str, until: str | None = None) -> None:
        row = customers.get(self.tenant.id, customer_id)
        until_on = date.fromisoformat(until) if until else None
        self.house.store.write(
            "test",
            lambda: standings.say(
                row,
                StandingKind(kind),
                "as agreed",
                until_on=until_on,
                actor=ACTOR,
                now=self.house.clock.now(),
            ),
        )

    def releases(self, customer_id: str) -> None:
        row = customers.get(self.tenant.id, customer_id)
        now = self.house.clock.now()
        self.house.store.write("test", lambda: standings.release(row, actor=ACTOR, now=now))

    def status(self, link: records.Link) -> str:
        return customers.get(self.tenant.id, link.customer_id).service_status

    def write(self, work: Callable[[], object]) -> None:
        self.house.store.write("test", work)

    def customer_of(self, link: records.Link) -> records.Customer:
        return customers.get(self.tenant.id, link.customer_id)

    def held(self) -> list[str]:
        return [row.code for row in service.held(self.tenant.id)]

    def types(self, link: records.Link) -> list[str]:
        rows = Event.select().where(Event.customer_id == link.customer_id).order_by(Event.id)
        return [row.type for row in rows]

    def count(self, link: records.Link, type_: str) -> int:
        return self.types(link).count(type_)


def is_paid(link: records.Link) -> bool:
    return invoices.get(link.tenant_id, link.invoice_id).payment_status == PaymentStatus.PAID


def sentences(link: records.Link) -> list[str]:
    return [str(event.data.get("sentence")) for event in events.of_invoice(link.invoice_id)]
