"""Whatever happens to the money of an invoice, walked through to the end: its status, what is due and since
when, the customer's service, and who is told. One fold over the facts decides all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from daemon.house import House
from daemon.jobs import receipts as entering
from daemon.jobs.notify.causes import causes
from daemon.jobs.receipts import Given
from daemon.model import Fact, FactKind, PaymentStatus, api_status, due_state
from daemon.store import events, invariants, invoices, links, receipts, records
from tests.builders import Builders, eur
from tests.dunning import Wisp
from tests.fakes import Shop

K = FactKind


@dataclass
class Case:
    """A customer with one invoice over 45.00, due on 9 March."""

    wisp: Wisp
    link: records.Link

    @property
    def ref(self) -> str:
        return links.get(self.link.id).external_id or ""

    def pays(self, amount: str = "45.00") -> None:
        self.wisp.account.pays(self.ref, eur(amount))

    def debits(self) -> None:
        self.wisp.account.pays(self.ref, kind=K.IN_FLIGHT)

    def credits(self, amount: str) -> None:
        self._adds(K.CREDIT, amount)

    def refunds(self, amount: str = "45.00") -> None:
        self.wisp.account.refunds(self.ref, eur(amount))

    def disputes(self) -> None:
        self.wisp.account.disputes(self.ref, eur("45.00"))

    def bounces(self) -> None:
        self.wisp.account.takes_back(self.ref)

    def gives_up(self) -> None:
        self.wisp.account.writes_off(self.ref)

    def voids(self) -> None:
        self.wisp.account.voids(self.ref)

    def cash(self, amount: str = "45.00") -> None:
        row = invoices.get(None, self.link.invoice_id)
        entering.enter(self.wisp.house, row, Given(amount), actor="test")

    def no_cash(self) -> None:
        for made in receipts.of_invoice(self.link.invoice_id):
            entering.take_back(self.wisp.house, made, actor="test")

    def _adds(self, kind: FactKind, amount: str) -> None:
        name = f"{kind.value}_{len(self.wisp.account.log)}"
        self.wisp.account._add(self.ref, Fact(kind, name, eur(amount), self.wisp.house.clock.now()))

    def reads(self) -> None:
        """A minute passes, and everything that is woken runs."""
        self.wisp.shop.clock.move(minutes=1)
        self.wisp.reads()
        self.wisp.goes_on()

    def stands(self) -> tuple[str, str, str, str]:
        """Status, amount due, the API's one word, service."""
        row = invoices.get(None, self.link.invoice_id)
        word = api_status(
            PaymentStatus(row.payment_status), due_state(row.due_on, self.wisp.house.clock.now().date())
        )
        return row.payment_status, eur_text(row.due_minor), word, self.wisp.status(self.link)

    def alerts(self) -> bool:
        """Whether somebody is told that a payment was taken back."""
        found = causes(self.wisp.house, self.wisp.house.clock.now())
        told = any("taken back" in cause.title for cause in found)
        assert told == ("payment.reversed" in {row.type for row in events.of_invoice(self.link.invoice_id)})
        return told


def eur_text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


@pytest.fixture
def case(house: House, make: Builders, shop: Shop) -> Case:
    wisp = Wisp(house, make, shop)
    return Case(wisp, wisp.an_invoice())


Deed = Callable[[Case], object]
Stand = tuple[str, str, str, str]

OF_ONE_WHO_IS_CUT_OFF: dict[str, tuple[tuple[Deed, ...], Stand]] = {
    "nothing": ((), ("open", "45.00", "overdue", "suspended")),
    "paid": ((Case.pays,), ("paid", "0.00", "paid", "active")),
    "paid in part": ((lambda c: c.pays("20.00"),), ("partially_paid", "25.00", "pending", "suspended")),
    "paid in two parts": (
        (lambda c: c.pays("20.00"), lambda c: c.pays("25.00")),
        ("paid", "0.00", "paid", "active"),
    ),
    "paid too much": ((lambda c: c.pays("50.00"),), ("overpaid", "0.00", "paid", "active")),
    "a debit on its way": ((Case.debits,), ("in_flight", "45.00", "pending", "active")),
    "credited": ((lambda c: c.credits("45.00"),), ("paid", "0.00", "paid", "active")),
    "credited in part": ((lambda c: c.credits("5.00"),), ("open", "40.00", "overdue", "suspended")),
    "credited in part, the rest paid": (
        (lambda c: c.credits("5.00"), lambda c: c.pays("40.00")),
        ("paid", "0.00", "paid", "active"),
    ),
    "paid and refunded": ((Case.pays, Case.refunds), ("refunded", "0.00", "cancelled", "active")),
    "paid and disputed": ((Case.pays, Case.disputes), ("disputed", "0.00", "paid", "active")),
    "given up": ((Case.gives_up,), ("uncollectible", "0.00", "cancelled", "active")),
    "given up, and paid after all": ((Case.gives_up, Case.pays), ("paid", "0.00", "paid", "active")),
    "void": ((Case.voids,), ("void", "0.00", "cancelled", "active")),
    "in cash": ((Case.cash,), ("paid", "0.00", "paid", "active")),
    "in cash, a part": ((lambda c: c.cash("20.00"),), ("partially_paid", "25.00", "pending", "suspended")),
    "in cash, and the rest by card": (
        (lambda c: c.pays("25.00"), lambda c: c.cash("20.00")),
        ("paid", "0.00", "paid", "active"),
    ),
}


@pytest.mark.parametrize("name", OF_ONE_WHO_IS_CUT_OFF)
def test_one_who_is_cut_off_is_restored_when_nothing_is_owed_and_not_before(case: Case, name: str) -> None:
    case.wisp.days("2026-03-10", "2026-03-30")
    assert case.stands()[3] == "suspended"
    deeds, expected = OF_ONE_WHO_IS_CUT_OFF[name]

    for deed in deeds:
        deed(case)
        case.reads()

    assert case.stands() == expected
    assert not case.alerts()
    assert invariants.check() == []


OF_ONE_WHO_PAID: dict[str, tuple[tuple[Deed, ...], Stand, bool, Stand]] = {
    "nothing more": ((), ("paid", "0.00", "paid", "active"), False, ("paid", "0.00", "paid", "active")),
    "a goodwill refund": (
        (Case.refunds,),
        ("refunded", "0.00", "cancelled", "active"),
        False,
        ("refunded", "0.00", "cancelled", "active"),
    ),
    "a refund of a part": (
        (lambda c: c.refunds("10.00"),),
        ("paid", "0.00", "paid", "active"),
        False,
        ("paid", "0.00", "paid", "active"),
    ),
    "a bounced payment": (
        (Case.bounces,),
        ("open", "45.00", "overdue", "active"),
        True,
        ("open", "45.00", "overdue", "suspended"),
    ),
    "a bounced payment, paid again": (
        (Case.bounces, Case.pays),
        ("paid", "0.00", "paid", "active"),
        True,
        ("paid", "0.00", "paid", "active"),
    ),
    "a dispute": (
        (Case.disputes,),
        ("disputed", "0.00", "paid", "active"),
        False,
        ("disputed", "0.00", "paid", "active"),
    ),
    "a dispute that is lost": (
        (Case.disputes, Case.bounces),
        ("open", "45.00", "overdue", "active"),
        True,
        ("open", "45.00", "overdue", "suspended"),
    ),
}


@pytest.mark.parametrize("name", OF_ONE_WHO_PAID)
def test_of_one_who_paid_only_money_that_is_taken_back_is_owed_again(case: Case, name: str) -> None:
    """With an alert, and cutting nobody off by itself: dunning begins anew, from its first step."""
    case.pays()
    case.reads()
    case.wisp.at("2026-03-20 10:00")
    deeds, at_once, alerted, weeks_later = OF_ONE_WHO_PAID[name]

    for deed in deeds:
        deed(case)
        case.reads()

    assert (case.stands(), case.alerts()) == (at_once, alerted)
    case.wisp.days("2026-03-23", "2026-05-15")
    assert case.stands() == weeks_later
    assert invariants.check() == []


def test_cash_that_was_a_mistake_is_owed_again_with_an_alert_and_cuts_nobody_off_by_itself(
    case: Case,
) -> None:
    case.cash()
    case.wisp.at("2026-03-20 10:00")
    case.wisp.goes_on()
    assert case.stands() == ("paid", "0.00", "paid", "active")

    case.no_cash()
    case.reads()

    assert (case.stands(), case.alerts()) == (("open", "45.00", "overdue", "active"), True)
