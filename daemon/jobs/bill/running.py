"""Running: the hourly look at every tenant, one tenant's billing, and the same as a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import structlog

from daemon.errors import InvalidInput, Stopping, WispbillError
from daemon.house import House
from daemon.jobs.bill.batches import Batch, Drawer, Held, Imagined, Stored, rounds, write
from daemon.jobs.bill.items import Item, Terms
from daemon.jobs.bill.planfile import digest_of
from daemon.jobs.intake import today_of
from daemon.model import Document
from daemon.store import billing, events, meta, plans, records, runs, tenants
from daemon.store.billing import Numbers

DAEMON = "daemon"
LEFT_BEHIND = timedelta(minutes=15)
"""A run without an end for so long was cut off by a crash; one that merely is slow is harmless to meet."""

SKIPPED: Document = {"skipped": "recovery mode"}
"""After a restore the numbers must come out as they were: a person bills, once all is entered again."""

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """What became of one tenant's billing; `sums` are minor units by currency, `nothing` the periods that
    cost nothing, `held` the subscriptions that were not billed, with the reason."""

    tenant: str
    on: date
    invoices: int = 0
    nothing: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    held: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        for item in batch.items:
            self.count(item)
        for held in batch.held:
            self.hold(held)

    def count(self, item: Item) -> None:
        if item.invoice is None:
            self.nothing += 1
            return
        total = item.invoice.total
        self.invoices += 1
        self.sums[total.currency] = self.sums.get(total.currency, 0) + total.minor

    def hold(self, held: Held) -> None:
        self.held += 1
        self.reasons[held.code] = self.reasons.get(held.code, 0) + 1


# --- every hour ---------------------------------------------------------------------------------------


def bill(house: House) -> None:
    """Called every minute: the first to note the run of this hour bills every tenant. Nothing is billed
    while pushes are paused (a clock that jumped ahead would bill what is not due). Raises StoreError where
    not even the run can be written down."""
    if house.pushes_paused:
        return
    now = house.clock.now()
    hour = f"{now:%Y-%m-%dT%H}"
    if runs.is_done("bill", hour):
        return
    run_id = billing.write_once(house.store, "bill.start", lambda: _claim(hour, now))
    if run_id is None:
        return
    counts, fault = _everyone(house) if not meta.get(meta.RECOVERY) else (dict(SKIPPED), None)
    if house.stop.is_set():
        return
    code, text = (_code(fault), str(fault)[:500]) if fault else (None, None)

    def finish() -> None:
        runs.finish(run_id, house.clock.now(), counts, fault_code=code, fault_text=text)

    house.store.write("bill.finish", finish)
    log.info("bill.finished", period=hour, fault=code, **counts)
    if counts.get("invoices"):
        house.wake("push")


def _claim(hour: str, now: datetime) -> int | None:
    begun = runs.start("bill", now, period=hour)
    return begun or runs.take_over("bill", hour, now, older_than=now - LEFT_BEHIND)


def _everyone(house: House) -> tuple[Document, Exception | None]:
    """One tenant's trouble keeps nobody else's invoices back; returned is the last."""
    counts: Document = {"tenants": 0, "invoices": 0, "held": 0}
    fault: Exception | None = None
    for tenant in tenants.everyone():
        if house.stop.is_set():
            break
        try:
            tally = bill_tenant(house, tenant)
        except Stopping:
            break
        except WispbillError as error:
            log.error("bill.failed", tenant=tenant.reference, code=_code(error), text=error.message)
            fault = error
            _note_failure(house, tenant, error)
            continue
        except Exception as error:
            log.exception("bill.failed", tenant=tenant.reference)
            fault = error
            _note_failure(house, tenant, error)
            continue
        counts["tenants"] += 1
        counts["invoices"] += tally.invoices
        counts["held"] += tally.held
        if tally.invoices:
            log.info("bill.tenant", tenant=tenant.reference, on=str(tally.on), invoices=tally.invoices)
    return counts, fault


def _note_failure(house: House, tenant: records.Tenant, error: Exception) -> None:
    data = {"code": _code(error), "sentence": f"Billing failed: {error}"}
    house.store.write(
        "bill.failed", lambda: events.append(tenant.id, "bill.failed", now=house.clock.now(), data=data)
    )


def _code(error: Exception) -> str:
    return str(getattr(error, "code", "WB-INTERNAL"))


# --- one tenant ---------------------------------------------------------------------------------------


def terms_of(house: House, tenant: records.Tenant, on: date | None, *, long_past: bool) -> Terms:
    """The tenant's today, unless another day is named; what is long past is billed only when asked for."""
    day = on or today_of(tenant, house.clock.now())
    return Terms(day, None if long_past else timedelta(seconds=house.settings.bill.catch_up))


def bill_tenant(
    house: House,
    tenant: records.Tenant,
    *,
    on: date | None = None,
    actor: str = DAEMON,
    long_past: bool = False,
    expected: Mapping[str, str] | None = None,
    told: Callable[[int], None] = lambda _invoices: None,
) -> Tally:
    """Bill all that is due; `told` hears how many invoices each batch made. With `expected` (digests by
    key, from a plan file) nothing else is billed. Raises StoreError, or InvalidInput (WB-BILL-CHANGED)."""
    terms = terms_of(house, tenant, on, long_past=long_past)
    tally = Tally(tenant.reference, terms.on)
    for plan, start in rounds(Stored(), tenant, terms.on):
        after: str | None = ""
        while after is not None and not house.stop.is_set():
            batch = _bill_batch(house, tenant, plan.id, terms, (start, after), actor, expected)
            tally.add(batch)
            told(len(batch.items))
            after = batch.after
    return tally


def _bill_batch(
    house: House,
    tenant: records.Tenant,
    plan_id: str,
    terms: Terms,
    place: tuple[date, str],
    actor: str,
    expected: Mapping[str, str] | None,
) -> Batch:
    """In one transaction, over what is there at its beginning. `place`: the first day of the periods, and
    the reference behind which to go on."""

    def work() -> Batch:
        billing.take_turns(tenant.id)
        numbers = Numbers(tenant.id)
        batch = Drawer(Stored(), tenant, plans.get(tenant.id, plan_id), terms, numbers).draw(*place)
        if expected is not None:
            _hold_against(batch, expected)
        write(batch, numbers, actor=actor, now=house.clock.now(), entropy=house.entropy)
        return batch

    return billing.write_once(house.store, "bill.batch", work)


def _hold_against(batch: Batch, expected: Mapping[str, str]) -> None:
    for item in batch.items:
        if item.invoice is not None and expected.get(item.key) != digest_of(item):
            raise InvalidInput("WB-BILL-CHANGED", f"{item.key} changed since the plan was made")


def plan_tenant(
    house: House, tenant: records.Tenant, *, on: date | None = None, long_past: bool = False
) -> Iterator[Item | Held]:
    """What `bill_tenant` would do now, in its order and with its numbers; nothing is written."""
    terms = terms_of(house, tenant, on, long_past=long_past)
    numbers, backlog = Numbers(tenant.id), Imagined()
    for plan, start in rounds(backlog, tenant, terms.on):
        drawer = Drawer(backlog, tenant, plan, terms, numbers)
        after: str | None = ""
        while after is not None:
            batch = drawer.draw(start, after)
            for item in batch.items:
                backlog.move(item)
            yield from batch.items
            yield from batch.held
            after = batch.after
        backlog.forget(plan, start)
