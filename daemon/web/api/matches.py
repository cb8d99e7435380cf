"""Who of an account's customers is proposed for whom of the tenant's, and what the office decides.

The list is made by `wispbill customers match`, which asks the provider; here it is read, and decided.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from daemon.errors import InvalidInput
from daemon.jobs.intake import PRINTABLE
from daemon.jobs.matching.deciding import Wish, checked, settle, shared
from daemon.model import Document
from daemon.store import customers, matches, records
from daemon.web.api import roles
from daemon.web.api.given import Given, PageQuery
from daemon.web.api.integrations import ONE, there
from daemon.web.api.routing import Answer, Request, Route
from daemon.web.api.shown import Page, Shown

MOST = 500
Kind = Literal["certain", "likely", "unsure", "gone"]


class DecisionGiven(Given):
    """`decision`: `match` (the proposed one), `match:ID` (another of those that are shown), `create` (made
    anew there), or `skip`. With `proof` only what was seen is decided."""

    customer: Annotated[str, Field(min_length=1, max_length=80, pattern=PRINTABLE)]
    decision: Annotated[str, Field(max_length=300, pattern=PRINTABLE)]
    proof: Annotated[str, Field(max_length=40, pattern=PRINTABLE)] | None = None


class DecisionsGiven(Given):
    """All of them are done, or none."""

    decisions: Annotated[list[DecisionGiven], Field(min_length=1, max_length=MOST)]


class MatchQuery(PageQuery):
    """`decided`: those that are settled already."""

    decided: bool = False


class CandidateShown(Shown):
    """One of the provider's customers, and what it says of itself."""

    payer: str
    score: int
    reasons: list[str]
    name: str | None
    email: str | None
    phone: str | None
    address: str | None


class MatchShown(Shown):
    """`proposed` is null where nobody is, or where one is proposed for somebody else; `others` come next."""

    customer_id: str
    customer_reference: str
    customer_name: str
    kind: Kind
    proposed: CandidateShown | None
    others: list[CandidateShown]
    proof: str
    found_at: datetime
    decision: Literal["match", "create"] | None
    decided_payer: str | None
    decided_by: str | None
    decided_at: datetime | None


class MatchPage(Page):
    """`payers` is how many customers the provider listed at `listedAt`; null: they never were."""

    payers: int | None
    listed_at: datetime | None
    matches: list[MatchShown]


class DecisionsShown(Shown):
    """`households` are payers that are now billed for several customers, with their references."""

    decided: int
    already: int
    skipped: int
    households: dict[str, list[str]]


def listed(request: Request) -> Answer:
    row, asked = there(request), request.asked(MatchQuery)
    found = matches.listing(row.id, limit=asked.limit + 1, after=asked.after, decided=asked.decided)
    more = found[asked.limit - 1].id if len(found) > asked.limit else None
    rows = found[: asked.limit]
    about = customers.by_ids({one.customer_id for one in rows})
    begun = matches.begun(row.id)
    return Answer(
        MatchPage(
            next=more,
            payers=begun.payers if begun else None,
            listed_at=begun.listed_at if begun else None,
            matches=[_shown(one, about[one.customer_id]) for one in rows],
        )
    )


def decide(request: Request) -> Answer:
    row, wanted = there(request), request.given(DecisionsGiven).decisions
    wishes = [Wish(one.customer, one.decision, one.proof, n) for n, one in enumerate(wanted)]
    given = checked(row, wishes)
    for problem in given.problems[:1]:
        field = f"decisions[{problem.wish.line}]"
        raise InvalidInput(problem.code, f"{field}: {problem.message}", field=field)
    households = shared(row, given.decided)
    settle(request.house, row, given.decided, actor=request.actor)
    request.house.wake("push")
    return Answer(
        DecisionsShown(
            decided=len(given.decided),
            already=given.already,
            skipped=given.skipped,
            households=households,
        )
    )


def _shown(one: matches.Proposal, customer: records.Customer) -> MatchShown:
    first: Document = {
        "payer": one.external_id,
        "score": one.score,
        "reasons": one.reasons,
        "shown": one.shown,
    }
    same: dict[str, Any] = {
        name: getattr(one, name)
        for name in ("kind", "proof", "found_at", "decision", "decided_payer", "decided_by", "decided_at")
    }
    return MatchShown(
        customer_id=customer.id,
        customer_reference=customer.reference,
        customer_name=customer.name,
        proposed=_candidate(first) if one.external_id else None,
        others=[_candidate(other) for other in one.others],
        **same,
    )


def _candidate(one: Document) -> CandidateShown:
    told = {name: one["shown"].get(name) for name in ("name", "email", "phone", "address")}
    return CandidateShown(payer=one["payer"], score=one["score"], reasons=list(one["reasons"]), **told)


ROUTES = (
    Route(
        "GET",
        f"{ONE}/matches",
        listed,
        roles.ONLY_READERS,
        "List who may be at the provider already",
        asked=MatchQuery,
        shown=MatchPage,
    ),
    Route(
        "POST",
        f"{ONE}/matches",
        decide,
        roles.ONLY_OFFICE,
        "Decide who customers are at the provider; the same again is harmless",
        given=DecisionsGiven,
        shown=DecisionsShown,
    ),
)
