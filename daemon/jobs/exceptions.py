"""Exceptions: everything that needs a person, from everywhere, with the one command that settles it.

Read from the rows as they are; nothing is kept beside them, so that what was put right is gone by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from daemon.dunning import QUIET
from daemon.errors import CATALOGUE
from daemon.jobs.remedies import giving_again, settling
from daemon.model import RUNNING, DocStatus, IntegrationState, StepState
from daemon.model.states import Duty
from daemon.money import Money, exponent
from daemon.store import (
    attention,
    customers,
    differences,
    integrations,
    invoices,
    links,
    receipts,
    records,
    service,
)
from daemon.store.matches import WAITS
from daemon.store.matches import counts as undecided
from daemon.store.recurring import Subscription


class Group(StrEnum):
    """Where an exception comes from."""

    REFUSED = "refused"
    STUCK = "stuck"
    DIFFERENCE = "difference"
    DISPUTE = "dispute"
    BRAKE = "brake"
    INTEGRATION = "integration"
    CUTOFF = "cutoff"
    UNASSIGNED = "unassigned"
    BILLING = "billing"
    MATCHING = "matching"
    LOST = "lost_secret"
    PAYMENT = "payment"


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing for a person. `amount` is what hangs on it, `deadline` the day until which it matters most,
    `actor` who must act, `settles` whether `exceptions settle` can acknowledge it."""

    id: str
    group: Group
    tenant_id: str
    sentence: str
    command: str
    actor: str = "operator"
    since: datetime | None = None
    invoice_id: str | None = None
    number: str | None = None
    customer_id: str | None = None
    integration_id: str | None = None
    amount: Money | None = None
    deadline: date | None = None
    count: int = 1
    settles: bool = False


def gather(tenant_id: str | None) -> list[Matter]:
    """All of them: the most money first, then the nearest deadline, then the oldest."""
    rows = integrations.listing(tenant_id)
    found = [
        *_of_invoices(tenant_id),
        *_differing(tenant_id, {row.id for row in rows}),
        *_paid_here(tenant_id),
        *_of_integrations(rows),
        *_held(tenant_id),
        *_unbilled(tenant_id),
        *_unmatched(tenant_id, rows),
        *_secrets(tenant_id),
    ]
    return sorted(found, key=_order)


def _order(one: Matter) -> tuple[float, date, datetime, str]:
    """Amounts of several currencies are set side by side as they stand."""
    worth = one.amount.minor / 10 ** exponent(one.amount.currency) if one.amount else 0.0
    since = one.since or datetime.max.replace(tzinfo=UTC)
    return -worth, one.deadline or date.max, since, one.id


# --- invoices -----------------------------------------------------------------------------------------


def _of_invoices(tenant_id: str | None) -> Iterator[Matter]:
    for link, invoice in attention.refused(tenant_id):
        entry = CATALOGUE.get(link.fault_code or "")
        yield _about(
            invoice,
            Group.REFUSED,
            f"{link.fault_code}: {link.fault_text}",
            f"wispbill invoices sync {invoice.id}",
            actor=entry.actor if entry else "operator",
            since=link.first_tried_at or invoice.created_at,
            integration_id=link.integration_id,
        )
    for link, invoice in attention.not_voided(tenant_id):
        yield _about(
            invoice,
            Group.STUCK,
            f"It could not be voided: {link.fault_code}: {link.fault_text}",
            f"wispbill explain {invoice.id}",
            since=invoice.status_at,
            integration_id=link.integration_id,
        )
    for invoice in attention.disputed(tenant_id):
        yield _about(
            invoice,
            Group.DISPUTE,
            "The payment is disputed: answer at the provider, before its deadline there.",
            f"wispbill explain {invoice.id}",
            actor="account owner",
            since=invoice.status_at,
            amount=Money(invoice.paid_minor, invoice.currency),
        )
    for integration_id, subject, code, text, owner in attention.stuck_steps(tenant_id, StepState.STUCK):
        yield Matter(
            id=f"step:{integration_id}:{subject}",
            group=Group.STUCK,
            tenant_id=owner,
            sentence=f"A step about {subject.partition(':')[2]} is stuck: {code}: {text}",
            command=f"wispbill find {subject.partition(':')[2]}",
            integration_id=integration_id,
        )


def _about(
    invoice: records.Invoice,
    group: Group,
    sentence: str,
    command: str,
    *,
    actor: str = "operator",
    since: datetime | None = None,
    integration_id: str | None = None,
    amount: Money | None = None,
) -> Matter:
    return Matter(
        id=f"{group.value}:{invoice.id}",
        group=group,
        tenant_id=invoice.tenant_id,
        sentence=sentence,
        command=command,
        actor=actor,
        since=since,
        invoice_id=invoice.id,
        number=invoice.number,
        customer_id=invoice.customer_id,
        integration_id=integration_id,
        amount=amount or Money(invoice.due_minor, invoice.currency),
        deadline=invoice.due_on,
    )


def _differing(tenant_id: str | None, there: Collection[str]) -> Iterator[Matter]:
    """Nobody looks at a removed integration again."""
    rows = [row for row in differences.waiting(tenant_id) if row.integration_id in there]
    about = invoices.by_ids(list({row.invoice_id for row in rows if row.invoice_id}))
    for row in rows:
        invoice = about.get(row.invoice_id or "")
        yield Matter(
            id=row.id,
            group=Group.DIFFERENCE,
            tenant_id=row.tenant_id,
            sentence=row.sentence,
            command=row.command.replace("{id}", row.id),
            since=row.found_at,
            invoice_id=row.invoice_id,
            number=invoice.number if invoice else None,
            customer_id=invoice.customer_id if invoice else None,
            integration_id=row.integration_id,
            amount=row.amount,
            deadline=invoice.due_on if invoice else None,
            settles=True,
        )


def _paid_here(tenant_id: str | None) -> Iterator[Matter]:
    """Payments that were entered here and that the provider cannot record: gone once the invoice is void
    there, or somebody says that it is settled."""
    rows = receipts.for_a_person(tenant_id)
    about = invoices.by_ids(list({row.invoice_id for row in rows}))
    at = links.of_invoices(list(about))
    for row in rows:
        invoice, link = about[row.invoice_id], at[row.invoice_id]
        if link.doc_status == DocStatus.VOID:
            continue
        provider = integrations.get(None, str(link.integration_id)).provider
        what = f"{row.amount}, paid by {row.method.replace('_', ' ')} on {row.paid_on}, was entered here"
        why = f" ({row.fault_text.rstrip('.')})" if row.fault_text else ""
        todo = f"is not in the books of {provider}{why}: record it, or close the invoice, there"
        if link.doc_status == DocStatus.PAID:
            todo = f"{provider} shows the invoice as paid: if both were paid, refund one of them"
        yield Matter(
            id=row.id,
            group=Group.PAYMENT,
            tenant_id=row.tenant_id,
            sentence=f"{what}, and {todo}.",
            command=f'wispbill exceptions settle {row.id} --note "…"',
            since=row.entered_at,
            invoice_id=invoice.id,
            number=invoice.number,
            customer_id=invoice.customer_id,
            integration_id=link.integration_id,
            amount=row.amount,
            deadline=invoice.due_on,
            settles=True,
        )


# --- integrations -------------------------------------------------------------------------------------

_STANDS = {
    IntegrationState.TESTING: "waits for its connection test",
    IntegrationState.PAUSED: "is paused",
    IntegrationState.NEEDS_RECONNECT: "needs new credentials",
    IntegrationState.ERROR: "has stopped",
}


def _of_integrations(rows: Iterable[records.Integration]) -> Iterator[Matter]:
    for row in rows:
        waiting = attention.waiting_at(row.id)
        name = f"{row.provider} {row.account_name or row.id}"
        if row.brake and not row.brake.get("released"):
            sentence = f"The brake holds {row.brake.get('count')} changes of {name}: look there first."
            at = datetime.fromisoformat(row.brake["at"])
            yield _at(row, Group.BRAKE, sentence, since=at, waiting=attention.Waiting())
        if row.state not in RUNNING and row.duty != Duty.STANDS_BY:
            why = f" ({row.fault_code}: {(row.fault_text or '').rstrip('.')})" if row.fault_code else ""
            queue = f"; {waiting.count} invoices wait for it" if waiting.count else ""
            sentence = f"{name} {_STANDS.get(IntegrationState(row.state), row.state)}{why}{queue}."
            yield _at(row, Group.INTEGRATION, sentence, since=row.fault_at, waiting=waiting)


def _at(
    row: records.Integration,
    group: Group,
    sentence: str,
    *,
    since: datetime | None,
    waiting: attention.Waiting,
) -> Matter:
    entry = CATALOGUE.get(row.fault_code or "")
    return Matter(
        id=f"{group.value}:{row.id}",
        group=group,
        tenant_id=row.tenant_id,
        sentence=sentence,
        command=settling(row) or f"wispbill integrations show {row.id}",
        actor=entry.actor if entry else "operator",
        since=since,
        customer_id=row.customer_id,
        integration_id=row.id,
        amount=Money(waiting.minor, waiting.currency) if waiting.currency else None,
        deadline=waiting.first_due,
        count=max(1, waiting.count),
    )


# --- the rest -----------------------------------------------------------------------------------------


def _held(tenant_id: str | None) -> Iterator[Matter]:
    """Cut-offs that are not made, but for those that merely wait to be read; and invoices that no integration
    takes."""
    held = [row for row in service.held(tenant_id) if row.code not in QUIET]
    about = invoices.by_ids([row.invoice_id for row in held])
    for row in held:
        if row.invoice_id in about:
            made = _about(
                about[row.invoice_id],
                Group.CUTOFF,
                f"Its cut-off is held: {row.reason}.",
                f"wispbill explain {row.invoice_id}",
                since=row.since,
            )
            yield made
    for brake in service.brakes(tenant_id):
        if brake.released_at is None:
            yield Matter(
                id=f"{Group.CUTOFF.value}:{brake.tenant_id}",
                group=Group.CUTOFF,
                tenant_id=brake.tenant_id,
                sentence=f"The brake holds {brake.count} cut-offs of {brake.customers} customers in a day.",
                command=f"wispbill enforce --release-brake --tenant {brake.tenant_id}",
                since=brake.at,
                count=brake.count,
            )
    for owner, waiting in attention.stranded(tenant_id):
        yield Matter(
            id=f"{Group.UNASSIGNED.value}:{owner}",
            group=Group.UNASSIGNED,
            tenant_id=owner,
            sentence=f"{waiting.count} invoices have no integration that takes them.",
            command=f"wispbill integrations add stripe --tenant {owner}",
            amount=Money(waiting.minor, waiting.currency) if waiting.currency else None,
            deadline=waiting.first_due,
            count=waiting.count,
        )


def _unbilled(tenant_id: str | None) -> Iterator[Matter]:
    for row in attention.unbilled(tenant_id):
        yield Matter(
            id=f"{Group.BILLING.value}:{row.id}",
            group=Group.BILLING,
            tenant_id=row.tenant_id,
            sentence=f"Subscription {row.reference} is not billed: {row.fault_code}: {row.fault_text}",
            command=f"wispbill plans subscriptions --held --tenant {row.tenant_id}",
            since=row.fault_at,
            customer_id=row.customer_id,
            amount=_price(row),
            deadline=row.next_on,
        )


def _unmatched(tenant_id: str | None, rows: Iterable[records.Integration]) -> Iterator[Matter]:
    """Customers who may be at a provider already, or whose payer is gone there: nothing of theirs is sent."""
    waiting = undecided(tenant_id)
    for row in rows:
        if row.id not in waiting:
            continue
        parked = attention.parked_for(row.id, WAITS)
        who = "1 customer waits" if waiting[row.id] == 1 else f"{waiting[row.id]} customers wait"
        queue = f"; invoices of theirs that are not sent: {parked.count}" if parked.count else ""
        yield Matter(
            id=f"{Group.MATCHING.value}:{row.id}",
            group=Group.MATCHING,
            tenant_id=row.tenant_id,
            sentence=f"{who} for you to say who they are at {row.provider}{queue}.",
            command=f"wispbill customers match {row.id}",
            integration_id=row.id,
            customer_id=row.customer_id,
            amount=Money(parked.minor, parked.currency) if parked.currency else None,
            deadline=parked.first_due,
            count=max(1, parked.count),
        )


def _price(row: Subscription) -> Money | None:
    """Where it has a price of its own."""
    if row.net_minor is None:
        return None
    currency = attention.currency_of(row.plan_id)
    return Money(row.net_minor + (row.tax_minor or 0), currency) if currency else None


def _secrets(tenant_id: str | None) -> Iterator[Matter]:
    for owner_id, owner_tenant in attention.quarantined():
        if tenant_id in (None, owner_tenant):
            yield Matter(
                id=f"{Group.LOST.value}:{owner_id}",
                group=Group.LOST,
                tenant_id=owner_tenant,
                sentence=f"A sealed secret of {owner_id} does not open; it must be given again.",
                command=giving_again(owner_id),
            )


def names(found: Iterable[Matter]) -> dict[str, records.Customer]:
    """The customers concerned, by id."""
    return customers.by_ids({one.customer_id for one in found if one.customer_id})
