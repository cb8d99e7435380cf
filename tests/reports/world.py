"""Books full of random facts, and the same sums reckoned one invoice at a time, by `reconcile`'s own fold."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from daemon.model import DocStatus, Fact, FactKind, PaymentStatus, SyncState
from daemon.model.days import bare, day_of
from daemon.model.documents import HERE
from daemon.money import Money
from daemon.reconcile import KnownFact, Standing, effective, fold, gone_id
from daemon.store import events, records
from daemon.store import tables as t
from daemon.store.invoices import NewInvoice, NewLine
from tests.builders import Builders

CURRENCIES = ("EUR", "USD", "JPY")
METHODS = ("card", "bank", None)
FIRST = date(2025, 10, 20)
TODAY = date(2026, 3, 10)
"""The tests' clock stands at 2026-03-02 or later; the books go a little further than any month end."""

ids = count(1)


@dataclass
class Told:
    """A fact as it is stored: with its revision, and when it was first seen."""

    known: KnownFact
    seen_at: datetime

    @property
    def name(self) -> tuple[FactKind, str]:
        return self.known.fact.kind, self.known.fact.external_id


@dataclass
class Paper:
    """An invoice and what is known about it."""

    invoice: records.Invoice
    integration: records.Integration | None
    facts: list[Told] = field(default_factory=list)
    closed_at: datetime | None = None
    status: PaymentStatus = PaymentStatus.OPEN
    sent: bool = False
    ledger: int | None = None
    """What the provider's document comes to; None: never read."""

    @property
    def total(self) -> Money:
        return Money(self.invoice.total_minor, self.invoice.currency)


class Books:
    """A tenant's invoices; `chance` decides what happened to them."""

    def __init__(self, make: Builders, chance: random.Random, *, zone: str, invoices: int) -> None:
        self.make, self.chance = make, chance
        self.tenant = make.a_tenant(zone=zone)
        self.zone = ZoneInfo(zone)
        self.customers = [make.a_customer(self.tenant) for _ in range(3)]
        self.integrations = [
            make.an_integration(self.tenant),
            make.an_integration(customer=self.customers[0]),
        ]
        self.papers = [self._paper() for _ in range(invoices)]

    # --- what happened --------------------------------------------------------------------------------

    def _paper(self) -> Paper:
        paper = Paper(self._invoice(), self.chance.choice([*self.integrations, None]))
        if paper.integration is not None:
            for _ in range(self.chance.choice((0, 0, 1, 1, 2, 3))):
                self._fact(paper)
            for _ in range(self.chance.choice((0, 0, 0, 1, 2))):
                self._entered_here(paper)
        if self.chance.random() < 0.15:
            paper.closed_at = self._moment(paper.invoice.issued_on)
        if paper.integration is not None and (paper.facts or self.chance.random() < 0.8):
            paper.sent = True
            off = self.chance.choice((0, 0, 0, 0, 0, 1, -1))
            paper.ledger = paper.total.minor + off if self.chance.random() < 0.95 else None
        self._write(paper)
        return paper

    def _invoice(self) -> records.Invoice:
        currency = self.chance.choice(CURRENCIES)
        issued = FIRST + timedelta(days=self.chance.randrange((TODAY - FIRST).days + 3))
        name = f"R-{next(ids):06}"
        total = Money(self.chance.randint(1, 20_000), currency)
        new = NewInvoice(
            tenant_id=self.tenant.id,
            customer_id=self.chance.choice(self.customers).id,
            number=name,
            reference=name,
            currency=currency,
            issued_on=issued,
            due_on=issued + timedelta(days=self.chance.randint(0, 45)),
            lines=(NewLine("Internet access", total, Money(0, currency)),),
        )
        return self.make.add(new)[0]

    def _moment(self, after: date) -> datetime:
        """Often close to where a month ends."""
        begins = datetime.combine(after, datetime.min.time(), UTC)
        if self.chance.random() < 0.4:
            edge = datetime(2026, self.chance.choice((1, 2, 3)), 1, tzinfo=UTC)
            return max(begins, edge + timedelta(minutes=self.chance.randint(-900, 900)))
        return begins + timedelta(minutes=self.chance.randrange(60 * 24 * 100))

    def _fact(self, paper: Paper) -> None:
        kind = self.chance.choice(
            (FactKind.PAYMENT, FactKind.PAYMENT, FactKind.PAYMENT, *FactKind, FactKind.REVERSAL)
        )
        at: datetime | None = self._moment(paper.invoice.issued_on)
        shape = self.chance.random()
        seen = (at or datetime(2026, 1, 1, tzinfo=UTC)) + timedelta(hours=self.chance.randint(0, 72))
        if shape < 0.2:
            at = None
        elif shape < 0.4 and at is not None:
            at = bare(at.date())
        minor = self.chance.choice((paper.total.minor, self.chance.randint(1, 30_000)))
        amount = Money(minor, paper.total.currency)
        reverses = self.chance.choice((FactKind.PAYMENT, FactKind.REFUND, FactKind.CREDIT))
        fact = Fact(
            kind,
            f"f{next(ids)}",
            amount,
            at,
            self.chance.choice(METHODS),
            reverses=reverses if kind is FactKind.REVERSAL else None,
        )
        paper.facts.append(Told(KnownFact(fact, 0), seen))
        if self.chance.random() < 0.2:  # edited there
            half = Money(max(1, amount.minor // 2), amount.currency)
            again = replace(fact, amount=half)
            paper.facts.append(Told(KnownFact(again, 1), seen + timedelta(days=self.chance.randint(1, 40))))
        if self.chance.random() < 0.15:  # gone there, and sometimes back
            revision = paper.facts[-1].known.revision
            gone = Fact(FactKind.REVERSAL, gone_id(kind, fact.external_id), amount, None, reverses=kind)
            paper.facts.append(Told(KnownFact(gone, revision), seen + timedelta(days=41)))
            if self.chance.random() < 0.3:
                back = KnownFact(fact, revision + 1)
                paper.facts.append(Told(back, seen + timedelta(days=42)))

    def _entered_here(self, paper: Paper) -> None:
        """A payment that somebody entered, beside what the provider counted then."""
        at = self._moment(paper.invoice.issued_on)
        beside = Money(self.chance.choice((0, 0, self.chance.randint(1, 20_000))), paper.total.currency)
        amount = Money(self.chance.randint(1, 20_000), paper.total.currency)
        fact = Fact(FactKind.PAYMENT, f"{HERE}{next(ids)}", amount, bare(at.date()), "cash", beside=beside)
        paper.facts.append(Told(KnownFact(fact, 0), at))
        if self.chance.random() < 0.2:
            gone = gone_id(fact.kind, fact.external_id)
            taken = KnownFact(Fact(FactKind.REVERSAL, gone, amount, at, reverses=fact.kind), 0)
            paper.facts.append(Told(taken, at + timedelta(days=3)))

    def _write(self, paper: Paper) -> None:
        doc = DocStatus.VOID if paper.closed_at else None
        stands = fold(paper.total, [told.known for told in paper.facts], doc)
        paper.status = stands.status
        if stands.status is not PaymentStatus.VOID:
            paper.closed_at = None
        self.make.store.write("test", lambda: self._rows(paper, stands))

    def _rows(self, paper: Paper, stands: Standing) -> None:
        invoice, at = paper.invoice, paper.integration
        t.Invoice.update(
            payment_status=stands.status.value,
            paid_minor=stands.paid.minor,
            due_minor=stands.due.minor,
            refunded_minor=stands.refunded.minor,
            paid_at=stands.paid_at,
        ).where(t.Invoice.id == invoice.id).execute()
        if at is not None:
            t.Link.update(
                integration_id=at.id,
                state=(SyncState.SYNCED if paper.sent else SyncState.PENDING).value,
                external_id=f"x{invoice.id}" if paper.sent else None,
                provider_total_minor=paper.ledger,
                last_pulled_at=invoice.created_at if paper.ledger is not None else None,
            ).where(t.Link.invoice_id == invoice.id).execute()
        if paper.closed_at is not None:
            events.append(
                invoice.tenant_id,
                "invoice.void",
                now=paper.closed_at,
                data={"to": "void"},
                invoice_id=invoice.id,
            )
        for told in paper.facts:
            fact = told.known.fact
            t.Payment.insert(
                tenant_id=invoice.tenant_id,
                integration_id=at.id if at else "",
                invoice_id=invoice.id,
                external_id=fact.external_id,
                kind=fact.kind.value,
                revision=told.known.revision,
                amount_minor=fact.amount.minor,
                currency=fact.amount.currency,
                at=fact.at,
                method=fact.method,
                reverses=fact.reverses.value if fact.reverses else None,
                beside_minor=fact.beside.minor if fact.beside else None,
                seen_at=told.seen_at,
            ).execute()

    # --- the same sums, one by one --------------------------------------------------------------------

    def counted(self, paper: Paper) -> Iterator[tuple[date, Fact]]:
        """The facts that count, with their days; of what was entered here as much as it adds."""
        live = effective([told.known for told in paper.facts])
        adds = self._entered(paper, live)
        for fact in live:
            seen = min(told.seen_at for told in paper.facts if told.name == (fact.kind, fact.external_id))
            on = day_of(fact.at, self.zone) if fact.at else seen.astimezone(self.zone).date()
            minor = adds.get(fact.external_id, fact.amount.minor)
            if minor:
                yield on, replace(fact, amount=Money(minor, fact.amount.currency))

    def _entered(self, paper: Paper, live: list[Fact]) -> dict[str, int]:
        """What each fact that was entered here adds, one after the other."""
        zero = Money(0, paper.total.currency)
        here = [fact for fact in live if fact.is_from_here]
        here.sort(key=lambda fact: (fact.beside or zero, fact.external_id))
        theirs = [fact for fact in live if not fact.is_from_here]
        paid = [
            fold(paper.total, [KnownFact(fact, 0) for fact in (*theirs, *here[:n])], None).paid.minor
            for n in range(len(here) + 1)
        ]
        return {fact.external_id: paid[n + 1] - paid[n] for n, fact in enumerate(here)}

    def due(self, paper: Paper, day: date) -> int:
        """What was owed of it at the end of a day."""
        if paper.invoice.issued_on > day:
            return 0
        if paper.closed_at is not None and paper.closed_at.astimezone(self.zone).date() <= day:
            return 0
        live = [fact for on, fact in self.counted(paper) if on <= day]
        there = fold(paper.total, [KnownFact(fact, 0) for fact in live if not fact.is_from_here], None)
        return max(there.due.minor - sum(fact.amount.minor for fact in live if fact.is_from_here), 0)

    def ageing(self, day: date) -> Counter[tuple[str, str, int]]:
        """(customer, currency, bucket): minor units."""
        owed: Counter[tuple[str, str, int]] = Counter()
        for paper in self.papers:
            due = self.due(paper, day)
            late = (day - paper.invoice.due_on).days
            bucket = next(n for n, most in enumerate((0, 30, 60, 90, 10**6)) if late <= most)
            if due:
                owed[paper.invoice.customer_id, paper.invoice.currency, bucket] += due
        return owed

    def collected(self, month: str) -> Counter[tuple[str, str | None, str]]:
        """(currency, method, what): minor units."""
        sums: Counter[tuple[str, str | None, str]] = Counter()
        for paper in self.papers:
            for on, fact in self.counted(paper):
                if f"{on:%Y-%m}" != month:
                    continue
                name = (fact.amount.currency, fact.method)
                match fact.kind, fact.reverses:
                    case FactKind.PAYMENT, _:
                        sums[*name, "paid"] += fact.amount.minor
                    case FactKind.REFUND, _:
                        sums[*name, "refunded"] += fact.amount.minor
                    case FactKind.REVERSAL, FactKind.PAYMENT:
                        sums[*name, "reversed"] += fact.amount.minor
                    case FactKind.REVERSAL, FactKind.REFUND:
                        sums[*name, "refunded"] -= fact.amount.minor
        return Counter({name: minor for name, minor in sums.items() if minor})

    def close(self, month: str) -> dict[tuple[str | None, str], Counter[str]]:
        """(integration, currency): the figures of the month."""
        first = date.fromisoformat(f"{month}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        found: dict[tuple[str | None, str], Counter[str]] = {}
        for paper in self.papers:
            at = paper.integration.id if paper.integration else None
            sums = found.setdefault((at, paper.total.currency), Counter())
            sums["opening"] += self.due(paper, first - timedelta(days=1))
            sums["closing"] += self.due(paper, last)
            if first <= paper.invoice.issued_on <= last:
                total = paper.total.minor
                sums["invoices"] += 1
                sums["billed"] += total
                sums["pushed"] += total if paper.sent else 0
                sums["withdrawn"] += total if not paper.sent and paper.status is PaymentStatus.VOID else 0
                sums["ledger"] += (paper.ledger or 0) if paper.sent else 0
            for on, fact in self.counted(paper):
                if not first <= on <= last:
                    continue
                if fact.kind is FactKind.PAYMENT:
                    sums["payments"] += fact.amount.minor
                elif fact.reverses is FactKind.PAYMENT:
                    sums["taken_back"] += fact.amount.minor
                elif fact.kind is FactKind.REFUND:
                    sums["refunded"] += fact.amount.minor
                elif fact.reverses is FactKind.REFUND:
                    sums["refunded"] -= fact.amount.minor
        return found
