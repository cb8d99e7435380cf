"""What the provider lists of ours, held against what we know: documents that are unknown here, and doubles.

A list may lag behind; it is only ever a reason to ask a person, never to change anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from daemon.errors import Unsupported
from daemon.jobs.sweep.classes import LISTED, SETTLE
from daemon.jobs.visit import Visit
from daemon.model import Carried, DocStatus, SyncState
from daemon.model.differences import Kind
from daemon.model.ids import is_our_reference, our_reference
from daemon.store import differences, links, records, sweeps, tenants
from daemon.store.differences import Found

PAGE = 500

GONE = (DocStatus.VOID, DocStatus.MISSING)

Unsent = dict[str, tuple[records.Link, records.Invoice]]
"""Links of which we know no document there, by the reference that theirs would carry."""


def compare_listing(visit: Visit, since: datetime) -> None:
    """Write down what is found, a page at a time; then settle what is no longer there."""
    begun = visit.now
    for found in found_in_listing(visit, since):
        visit.house.store.write("sweep.listed_page", lambda found=found: _note(visit, found))  # type: ignore[misc]

    def work() -> int:
        visit.lease.guard()
        sweeps.update(visit.integration.id, listed_at=visit.now)
        return differences.settle_unlisted(
            visit.integration.id, [kind.value for kind in LISTED], since=begun, now=visit.now
        )

    gone = visit.house.store.write("sweep.listed", work)
    if gone:
        visit.tally.add("settled", gone)


def _note(visit: Visit, found: Sequence[Found]) -> None:
    visit.lease.guard()
    fresh = differences.note(visit.integration, found, now=visit.now, entropy=visit.house.entropy)
    if fresh:
        visit.tally.add("to_settle", len(fresh))


def found_in_listing(visit: Visit, since: datetime) -> Iterator[list[Found]]:
    """What differs, a page at a time; nothing where the provider does not list."""
    unsent: Unsent | None = None
    try:
        for page in _pages(visit, since):
            if unsent is None:
                unsent = _unsent(visit)
            found = list(_strangers(visit, page, unsent))
            visit.tally.add("listed", len(page))
            if found:
                yield found
    except Unsupported:
        return


def _pages(visit: Visit, since: datetime) -> Iterator[list[Carried]]:
    page: list[Carried] = []
    for one in visit.provider.listed(since):
        visit.house.beat(visit.provider.can.deadline_s + 30)
        page.append(one)
        if len(page) >= PAGE:
            yield page
            page = []
    if page:
        yield page


def _unsent(visit: Visit) -> Unsent:
    tenant = tenants.get(visit.integration.tenant_id)
    account = visit.integration.account_id or visit.integration.id
    return {
        our_reference(
            tenant=tenant.reference, reference=invoice.reference, account=account, operation="create"
        ): (link, invoice)
        for link, invoice in sweeps.unsent(visit.integration.id)
    }


def _strangers(visit: Visit, page: Sequence[Carried], unsent: Unsent) -> Iterator[Found]:
    """Those that are not the document of a link of ours, and carry a name of ours."""
    integration_id = visit.integration.id
    ours: set[str] = set()
    for start in range(0, len(page), 200):
        ours |= links.by_refs(integration_id, [one.ref for one in page[start : start + 200]]).keys()
    left = [one for one in page if one.ref not in ours and one.status not in GONE]
    marked = [one for one in left if is_our_reference(one.reference)]
    numbered = [one for one in left if one.number and one.status is not DocStatus.DRAFT]
    by_reference = sweeps.by_references(integration_id, [str(one.reference) for one in marked])
    by_number = sweeps.by_numbers(integration_id, [str(one.number) for one in numbered])
    for one in left:
        twin = by_reference.get(one.reference or "") or (
            by_number.get(one.number or "") if one in numbered else None
        )
        if twin is not None:
            yield _double(visit, one, twin)
        elif is_our_reference(one.reference):
            yield from _unknown(visit, one, unsent)


def _double(visit: Visit, one: Carried, twin: records.Link) -> Found:
    same = "reference" if one.reference == twin.reference else "number"
    return Found(
        kind=Kind.DUPLICATE.value,
        ref=one.ref,
        sentence=f"{visit.provider.label} has two invoices of one {same}: {twin.external_id}, which is ours, "
        f"and {one.ref}{_named(one)}. Void the second one there; it is the customer's twice.",
        fingerprint=f"{same}:{one.total}",
        command=SETTLE,
        link_id=twin.id,
        invoice_id=twin.invoice_id,
        customer_id=twin.customer_id,
        amount=one.total,
    )


def _unknown(visit: Visit, one: Carried, unsent: Unsent) -> Iterator[Found]:
    """One that a push still works on is no difference: the push finds it."""
    label = visit.provider.label
    link, invoice = unsent.get(one.reference or "", (None, None))
    if link is None or invoice is None:
        yield Found(
            kind=Kind.UNKNOWN_HERE.value,
            ref=one.ref,
            sentence=f"{label} has the invoice {one.ref}{_named(one)}, which carries a reference of ours "
            "that nothing here has. Void it there, or say whose it is.",
            fingerprint=str(one.reference),
            command=SETTLE,
            amount=one.total,
        )
        return
    if link.next_push_at is not None and link.state != SyncState.FAILED:
        return
    yield Found(
        kind=Kind.UNKNOWN_HERE.value,
        ref=one.ref,
        sentence=f"{label} has our invoice {invoice.number} as {one.ref}; here it is {link.state}. A push "
        "looks for it and takes it over.",
        fingerprint=f"{one.reference}:{link.state}",
        command=f"wispbill invoices sync {invoice.id}",
        link_id=link.id,
        invoice_id=invoice.id,
        customer_id=link.customer_id,
        amount=one.total,
    )


def _named(one: Carried) -> str:
    parts = [part for part in (one.number, str(one.total) if one.total else None) if part]
    return f" ({', '.join(parts)})" if parts else ""
