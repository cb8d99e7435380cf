"""Listing the account's customers, and writing down who is proposed for whom.

1. Every page of the provider's list: who is there, whoever made them.
2. Whom we bill there already is left out, and who was decided before; the rest is compared.
3. Who carries our reference is taken; whoever else is alike is proposed, and waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from babel.core import get_global

from daemon.errors import Garbled, Stopping
from daemon.jobs.drafts import payer_reference
from daemon.jobs.matching.following import HOPS
from daemon.jobs.matching.proofs import proof_of
from daemon.jobs.visit import Visit
from daemon.matching import Candidate, Kind, Person, pair, person
from daemon.matching import Proposal as Pairing
from daemon.model import Document, PayerSeen, PayerState
from daemon.model.states import Duty
from daemon.store import customers, integrations, matches, payers, records, tenants
from daemon.store.matches import Drawn

PAGE = 1000
"""Of our own customers."""
AT_ONCE = 50
"""Proposals in one transaction."""
MOST_PAYERS = 500_000
_SHOWN = 200
"""Characters of each thing that a payer says of itself."""

T = TypeVar("T")
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a comparison found. `payers` are those there by id, `none` the customers who are like nobody there
    (they are made), `known` counts those who needed no comparing."""

    drawn: tuple[Drawn, ...]
    customers: Mapping[str, records.Customer]
    payers: Mapping[str, PayerSeen]
    none: tuple[str, ...] = ()
    known: int = 0

    def of(self, kind: Kind) -> list[Drawn]:
        return [one for one in self.drawn if one.kind == kind.value]


def match(visit: Visit, *, actor: str, country: str | None = None, told: Told = lambda _: None) -> Survey:
    """Compare, take who is certain, write down the proposals. Raises Unsupported, and the RemoteErrors."""
    found = survey(visit, country=country, told=told)
    integration, now, entropy = visit.integration, visit.now, visit.house.entropy
    store = visit.house.store

    def begin() -> None:
        visit.lease.guard()
        matches.listed(integration, payers=len(found.payers), actor=actor, now=now)

    store.write("match.begin", begin)
    for some in _chunks(found.drawn):

        def work(some: Sequence[Drawn] = some) -> None:
            visit.lease.guard()
            certain = [one for one in some if one.kind == Kind.CERTAIN.value]
            for one in certain:
                matches.decide(
                    integration, one, matches.MATCH, one.external_id, actor=actor, now=now, entropy=entropy
                )
            left = [one for one in some if one.kind != Kind.CERTAIN.value]
            matches.propose(integration, left, now=now, entropy=entropy)

        store.write("match.propose", work)
    for names in _chunks(_stale(integration, found)):
        store.write("match.none", lambda names=names: matches.withdraw(integration, names, now=now))  # type: ignore[misc]
    visit.tally.add("listed", len(found.payers))
    visit.tally.add("certain", len(found.of(Kind.CERTAIN)))
    visit.tally.add("to_decide", len(found.drawn) - len(found.of(Kind.CERTAIN)))
    return found


def survey(visit: Visit, *, country: str | None = None, told: Told = lambda _: None) -> Survey:
    """Compare; write nothing."""
    tenant = tenants.get(visit.integration.tenant_id)
    there = _there(visit, told)
    known = payers.at(visit.integration.id)
    done = matches.settled(visit.integration.id)
    ours = {row.reference: row for row in _served(visit.integration) if row.id not in done}
    home = country or country_of(tenant)
    mine = [_ours(tenant, visit.integration, row, home) for row in ours.values()]
    theirs = list(_theirs(there, set(known.values()), home))
    drawn = [_drawn(one, ours[one.customer], there) for one in pair(mine, theirs)]
    gone = _lost(visit.integration, [one.customer_id for one in drawn])
    nobody = [one for one in drawn if one.kind == Kind.NONE.value]
    return Survey(
        drawn=tuple(one for one in drawn if one.kind != Kind.NONE.value),
        customers={row.id: row for row in ours.values()},
        payers=there,
        none=tuple(one.customer_id for one in nobody if one.customer_id not in gone),
        known=len(done),
    )


def country_of(tenant: records.Tenant) -> str | None:
    """ISO 3166, two letters, by the time zone; None where that says none, as UTC does not."""
    found = get_global("zone_territories").get(tenant.zone)
    return found if isinstance(found, str) and len(found) == 2 and found.isalpha() else None


def shown(seen: PayerSeen) -> Document:
    """What a person needs to see of a payer."""
    parts = (seen.address.get(key, "") for key in ("line1", "line2", "postal_code", "city", "state"))
    told = {
        "name": seen.name,
        "email": seen.email,
        "phone": seen.phone,
        "address": ", ".join(part for part in parts if part),
    }
    return {name: text[:_SHOWN] for name, text in told.items() if text}


# --- who is there -------------------------------------------------------------------------------------


def _there(visit: Visit, told: Told) -> dict[str, PayerSeen]:
    found: dict[str, PayerSeen] = {}
    cursor: str | None = None
    with visit.gate.urgent():  # a person waits
        while len(found) < MOST_PAYERS:
            if visit.house.stop.is_set():
                raise Stopping
            visit.house.beat(visit.provider.can.deadline_s + 30)
            page = visit.provider.payers(cursor)
            found |= {seen.ref: seen for seen in page.payers}
            visit.house.store.write("match.lease", visit.lease.guard)
            told(len(page.payers))
            if page.cursor is None:
                return found
            if page.cursor == cursor:
                break
            cursor = page.cursor
    raise Garbled(f"{visit.provider.label}'s list of customers has no end", party=visit.provider.label)


def _served(integration: records.Integration) -> Iterator[records.Customer]:
    """Whom the integration bills: its own customer, or the tenant's that have no integration of their own."""
    if integration.customer_id is not None:
        yield from customers.by_ids({integration.customer_id}).values()
        return
    running = [row for row in integrations.listing(integration.tenant_id) if row.duty == Duty.SERVES]
    elsewhere = {row.customer_id for row in running if row.customer_id}
    after = ""
    while rows := customers.listing(integration.tenant_id, limit=PAGE, after=after):
        yield from (row for row in rows if row.id not in elsewhere)
        after = rows[-1].reference


def _ours(
    tenant: records.Tenant, integration: records.Integration, row: records.Customer, country: str | None
) -> Person:
    return person(
        row.reference,
        name=row.name,
        email=row.email,
        phone=row.phone,
        address=row.address,
        references=(row.reference,),
        own=payer_reference(tenant, integration, row),
        country=country,
    )


def _theirs(there: Mapping[str, PayerSeen], taken: set[str], country: str | None) -> Iterator[Person]:
    """Those who can be billed and are nobody's yet. Our reference on one that was merged means the other."""
    inherited: dict[str, tuple[str, ...]] = {}
    for seen in there.values():
        heir = heir_of(seen, there)
        if heir is not None:
            inherited[heir] = (*inherited.get(heir, ()), *seen.references)
    for seen in there.values():
        if seen.state is PayerState.ACTIVE and seen.ref not in taken:
            yield person(
                seen.ref,
                name=seen.name,
                email=seen.email,
                phone=seen.phone,
                address=seen.address,
                references=(*seen.references, *inherited.get(seen.ref, ())),
                country=country,
            )


def heir_of(seen: PayerSeen, there: Mapping[str, PayerSeen]) -> str | None:
    """Into whom it was merged at last, where the provider tells it."""
    for _ in range(HOPS):
        if seen.merged_into is None:
            return None
        heir = there.get(seen.merged_into)
        if heir is None or heir.state is PayerState.ACTIVE:
            return heir.ref if heir else None
        seen = heir
    return None


def _drawn(one: Pairing, customer: records.Customer, there: Mapping[str, PayerSeen]) -> Drawn:
    drawn = Drawn(
        customer.id,
        one.kind.value,
        proof="",
        external_id=one.payer,
        score=one.score,
        reasons=list(one.reasons),
        shown=shown(there[one.payer]) if one.payer else {},
        others=[_other(each, there) for each in one.others],
    )
    return replace(drawn, proof=proof_of(customer, drawn))


def _other(one: Candidate, there: Mapping[str, PayerSeen]) -> Document:
    return {
        "payer": one.payer,
        "score": one.score,
        "reasons": list(one.reasons),
        "shown": shown(there[one.payer]),
    }


def _stale(integration: records.Integration, found: Survey) -> list[str]:
    """Customers for whom somebody was proposed, and nobody is any more: nobody there is like them, they are
    known by now, or they are billed elsewhere."""
    drawn = {one.customer_id for one in found.drawn}
    rows = matches.waiting(integration.id)
    return [row.customer_id for row in rows if row.kind != matches.GONE and row.customer_id not in drawn]


def _lost(integration: records.Integration, names: Iterable[str]) -> set[str]:
    """Customers whose payer went away: a person says who they are, also where nobody is like them."""
    found = matches.of_customers(integration.id, names)
    return {name for name, row in found.items() if row.kind == matches.GONE and row.decided_at is None}


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
