"""What a push asks of matching: who must wait for a decision, and what became of a payer that is refused.

A payer that was merged is followed: the provider says into which (Xero), or bills an earlier invoice of the
same customer to the other one now (Square, QuickBooks). One that is simply gone waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from daemon.errors import PayerUndecided, Rejected, RemoteError, StepStuck, Unsupported, WispbillError
from daemon.jobs.matching.proofs import proof_of
from daemon.jobs.visit import Visit
from daemon.model import Asked, InvoiceDraft, Observation, PayerSeen, PayerState, SyncState
from daemon.store import customers, links, matches, payers, records, steps, sweeps
from daemon.store.journal import StoredJournal
from daemon.store.matches import Drawn

NOT_THE_PAYERS = ("WB-PUSH-TOTAL", "WB-PUSH-NUMBER-TAKEN")
"""Refusals that say nothing about whom the invoice is for."""
IN_DOUBT = (SyncState.SENDING, SyncState.UNCONFIRMED)
HOPS = 5
"""From one that was merged to one that was merged, at most."""
EARLIER = 3
"""Earlier invoices that are asked whom they bill now."""


def waiting_for(
    visit: Visit, drafts: Iterable[tuple[records.Link, InvoiceDraft]]
) -> dict[str, PayerUndecided]:
    """By customer: why nothing of theirs is sent. What may be under way already is brought to its end."""
    unknown = {
        link.customer_id
        for link, draft in drafts
        if draft.payer.external_id is None and SyncState(link.state) not in IN_DOUBT
    }
    if not unknown:
        return {}
    rows = matches.of_customers(visit.integration.id, unknown)
    return {name: _undecided(visit, row) for name, row in rows.items() if row.decided_at is None}


def decided_meanwhile(visit: Visit, link: records.Link) -> bool:
    """Inside a transaction: whether what the link was to wait for was decided since it was read."""
    row = matches.of_customer(visit.integration.id, link.customer_id)
    return row is None or matches.hold(visit.integration.id, link.customer_id).decided_at is not None


def met(
    visit: Visit,
    link: records.Link,
    invoice: records.Invoice,
    draft: InvoiceDraft,
    journal: StoredJournal,
    error: WispbillError,
) -> WispbillError | None:
    """What a refusal becomes, once it is known what became of the payer: None where it was followed and the
    invoice goes out anew."""
    old = draft.payer.external_id
    if old is None or not isinstance(error, Rejected | StepStuck) or error.code in NOT_THE_PAYERS:
        return error
    if not visit.provider.can.lists_payers:
        return error
    try:
        seen = visit.provider.payer(old)
        if seen.state is PayerState.ACTIVE:
            return error
        heir = _heir(visit, link, seen)
    except (RemoteError, Unsupported):
        return error  # as refused: the next try asks again
    if heir is None:
        return _lost(visit, link, invoice, journal, seen)
    _move(visit, link, invoice, journal, old, heir)
    return None


def follow_moves(visit: Visit, by_ref: Mapping[str, records.Link], page: Sequence[Observation]) -> None:
    """Where a read tells that an invoice bills another payer than the one it was sent to, and that one is no
    more, the provider merged them: the customer is followed. Somebody who moved one invoice by hand moved no
    customer."""
    if not visit.provider.can.lists_payers:
        return
    told = {by_ref[seen.ref].id: seen.payer_ref for seen in page if seen.payer_ref and seen.ref in by_ref}
    about = [link for link in by_ref.values() if link.id in told]
    known = payers.known(visit.integration.id, {link.customer_id for link in about})
    looked: set[str] = set()
    for link in about:
        old, new = known.get(link.customer_id), told[link.id]
        if old is None or old == new or old in looked or sweeps.synced_payer(link.invoice_id) != old:
            continue
        looked.add(old)
        heir = _heir_by_now(visit, old, new)
        if heir is not None:
            _note_move(visit, link.customer_id, old, heir)


def _heir_by_now(visit: Visit, old: str, billed: str | None) -> str | None:
    """None also where the provider cannot be asked now: the next read asks again."""
    try:
        seen = visit.provider.payer(old)
        if seen.state is PayerState.ACTIVE:
            return None
        return _last(visit, seen.merged_into or billed)
    except (RemoteError, Unsupported):
        return None


def _note_move(visit: Visit, customer_id: str, old: str, heir: str) -> None:
    def work() -> None:
        visit.lease.guard()
        matches.moved(visit.integration, customer_id, old, heir, label=visit.provider.label, now=visit.now)

    visit.house.store.write("match.followed", work)
    visit.tally.add("followed")


def _heir(visit: Visit, link: records.Link, seen: PayerSeen) -> str | None:
    return _last(visit, seen.merged_into or _billed_now(visit, link, seen.ref))


def _last(visit: Visit, into: str | None) -> str | None:
    """Where a chain of merges ends; None where it ends with nobody who can be billed."""
    for _ in range(HOPS):
        if into is None:
            return None
        other = visit.provider.payer(into)
        if other.state is PayerState.ACTIVE:
            return other.ref
        into = other.merged_into
    return None


def _billed_now(visit: Visit, link: records.Link, old: str) -> str | None:
    """Whom earlier invoices of this customer bill now that were sent to the one who is no more: a merge moves
    them. Where they disagree, nobody."""
    earlier = [
        one
        for one in links.latest_of_customer(visit.integration.id, link.customer_id, limit=EARLIER)
        if sweeps.synced_payer(one.invoice_id) == old
    ]
    asked = [Asked(one.external_id or "", one.pushed_at) for one in earlier]
    told = {seen.payer_ref for seen in visit.provider.pull(asked) if seen.payer_ref} if asked else set()
    return next(iter(told - {old})) if len(told) == 1 and old not in told else None


# --- what is written ----------------------------------------------------------------------------------


def _move(
    visit: Visit,
    link: records.Link,
    invoice: records.Invoice,
    journal: StoredJournal,
    old: str,
    heir: str,
) -> None:
    def work() -> None:
        journal.write_results()
        matches.moved(
            visit.integration, link.customer_id, old, heir, label=visit.provider.label, now=visit.now
        )
        links.refused_for_its_payer(link, invoice.reference, now=visit.now)

    visit.house.store.write("push.followed", work)


def _lost(
    visit: Visit, link: records.Link, invoice: records.Invoice, journal: StoredJournal, seen: PayerSeen
) -> PayerUndecided | None:
    """None where that was noted already, or a person said meanwhile who it is: the invoice goes out anew."""
    customer = customers.by_ids({link.customer_id})[link.customer_id]
    became = "is archived" if seen.state is PayerState.INACTIVE else "is no more"
    why = f"The customer {seen.ref} {became} at {visit.provider.label}"
    drawn = Drawn(customer.id, matches.GONE, "", reasons=[why])
    proof = proof_of(customer, drawn)

    def work() -> bool:
        journal.write_results()
        was_known = matches.lost(
            visit.integration,
            customer,
            seen.ref,
            proof=proof,
            why=why,
            now=visit.now,
            entropy=visit.house.entropy,
        )
        if was_known:
            steps.reopen(visit.integration.id, invoice.reference, customer.reference)
            steps.make_payer_anew(visit.integration.id, customer.reference)
        else:
            links.refused_for_its_payer(link, invoice.reference, now=visit.now)
        return was_known

    if visit.house.store.write("push.payer_lost", work):
        return PayerUndecided("WB-PAYER-GONE", f"{why}: {_command(visit)}")
    return None


def _undecided(visit: Visit, row: matches.Proposal) -> PayerUndecided:
    if row.kind == matches.GONE:
        why = next(iter(row.reasons), "The payer is no more")
        return PayerUndecided("WB-PAYER-GONE", f"{why}: {_command(visit)}")
    return PayerUndecided(
        "WB-PAYER-UNDECIDED",
        f"{visit.provider.label} may have this customer already: {_command(visit)}",
    )


def _command(visit: Visit) -> str:
    return f"decide with wispbill customers match {visit.integration.id}"
