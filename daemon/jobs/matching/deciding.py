"""What people decide: each customer is this payer, or is made anew, or waits.

All rows are checked before anything is written; then they are written some at a time, each with its payer,
its audit row and the invoices that go on, so that a file that was cut short is simply given again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from daemon.errors import InvalidInput
from daemon.house import House
from daemon.jobs.matching.proofs import proof_of
from daemon.store import customers, matches, payers, records
from daemon.store.matches import CREATE, MATCH, Proposal

AT_ONCE = 50
SKIP = "skip"
VERBS = f"{MATCH}, {MATCH}:ID, {CREATE} or {SKIP}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants for one customer, as it was given: `line` of a file, `proof` of what they saw."""

    customer: str
    decision: str
    proof: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a wish cannot be done."""

    wish: Wish
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A wish that can: `payer` is None where the customer is to be made anew."""

    row: Proposal
    customer: records.Customer
    payer: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be done, what cannot be, what was left open, and what was done before."""

    decided: tuple[Decided, ...]
    problems: tuple[Problem, ...]
    skipped: int = 0
    already: int = 0


def checked(
    integration: records.Integration, wishes: Sequence[Wish], *, there: Collection[str] | None = None
) -> Checked:
    """Every wish against the proposals as they are now. `there` are the payers that the provider listed just
    now; without it only those that were proposed can be named."""
    found = {
        name: row
        for start in range(0, len(wishes), 500)
        for row in customers.named(
            integration.tenant_id, {one.customer for one in wishes[start : start + 500]}
        )
        for name in (row.id, row.reference, f"ref:{row.reference}")
    }
    rows = matches.of_customers(integration.id, {row.id for row in found.values()})
    decided: list[Decided] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    skipped = already = 0
    for wish in wishes:
        customer = found.get(wish.customer)
        row = rows.get(customer.id) if customer else None
        try:
            verb, payer = _read(wish.decision)
            if verb == SKIP:
                skipped += 1
                continue
            if customer is None or row is None:
                raise InvalidInput(
                    "WB-NOT-FOUND", f"nobody is proposed for a customer {wish.customer[:80]!r}"
                )
            if customer.id in seen:
                raise InvalidInput("WB-INPUT", f"{customer.reference} is decided twice")
            seen.add(customer.id)
            one = Decided(row, customer, _payer(row, verb, payer, there))
            if _is_done(one, verb):
                already += 1
                continue
            _insist_on_proof(one, wish)
        except InvalidInput as error:
            problems.append(Problem(wish, error.code, error.message))
        else:
            decided.append(one)
    return Checked(tuple(decided), tuple(problems), skipped, already)


def settle(house: House, integration: records.Integration, decided: Sequence[Decided], *, actor: str) -> int:
    """Write the decisions. Raises InvalidInput (WB-MATCH-CHANGED) where one of them is not what it was any
    more; those before it stay."""
    for start in range(0, len(decided), AT_ONCE):
        some = decided[start : start + AT_ONCE]
        house.store.write("match.settle", lambda some=some: _write(house, integration, some, actor))  # type: ignore[misc]
    return len(decided)


def shared(integration: records.Integration, decided: Iterable[Decided]) -> dict[str, list[str]]:
    """Payers who would be billed for several customers, with their references: one household?"""
    by_payer: dict[str, set[str]] = defaultdict(set)
    for name, payer in payers.at(integration.id).items():
        by_payer[payer].add(name)
    chosen = set()
    for one in decided:
        if one.payer is not None:
            by_payer[one.payer].add(one.customer.id)
            chosen.add(one.payer)
    several = {payer: names for payer, names in by_payer.items() if payer in chosen and len(names) > 1}
    about = customers.by_ids({name for names in several.values() for name in names})
    return {
        payer: sorted(about[name].reference for name in names) for payer, names in sorted(several.items())
    }


# --- one wish -----------------------------------------------------------------------------------------


def _read(text: str) -> tuple[str, str | None]:
    """`match:ID` names another payer than the proposed one. Nothing, too, leaves it open."""
    verb, _, payer = text.strip().partition(":")
    verb = verb.strip().casefold() or SKIP
    if verb not in (MATCH, CREATE, SKIP) or (payer.strip() and verb != MATCH):
        raise InvalidInput("WB-INPUT", f"a decision is {VERBS}, not {text.strip()[:40]!r}")
    return verb, payer.strip() or None


def _payer(row: Proposal, verb: str, named: str | None, there: Collection[str] | None) -> str | None:
    if verb == CREATE:
        return None
    payer = named or row.external_id or row.decided_payer
    if payer is None:
        raise InvalidInput("WB-INPUT", f"nobody is proposed: say who it is, {MATCH}:ID, or {CREATE}")
    if payer in row.candidates or payer == row.decided_payer or payer in (there or ()):
        return payer
    raise InvalidInput("WB-INPUT", f"{payer[:80]} is not among the customers that were listed there")


def _is_done(one: Decided, verb: str) -> bool:
    """Whether it was decided so before. Raises InvalidInput where it was decided otherwise."""
    row = one.row
    if row.decided_at is None:
        return False
    if row.decision == verb and row.decided_payer == one.payer:
        return True
    was = f"to be {row.decided_payer}" if row.decided_payer else "to be made anew"
    raise InvalidInput("WB-MATCH-CHANGED", f"{one.customer.reference} was decided {was} by {row.decided_by}")


def _insist_on_proof(one: Decided, wish: Wish) -> None:
    """What was seen must be what is so, on our side and on theirs."""
    now = proof_of(one.customer, one.row)
    if now != one.row.proof or (wish.proof and wish.proof.strip() != now):
        raise InvalidInput(
            "WB-MATCH-CHANGED",
            f"{one.customer.reference}, or who is proposed, is not what it was when it was listed",
        )


def _write(house: House, integration: records.Integration, some: Sequence[Decided], actor: str) -> None:
    for one in some:
        row = matches.hold(integration.id, one.customer.id)
        if row.decided_at is not None or row.proof != one.row.proof:
            raise InvalidInput("WB-MATCH-CHANGED", f"{one.customer.reference} was decided meanwhile")
        matches.decide(
            integration,
            row,
            MATCH if one.payer else CREATE,
            one.payer,
            actor=actor,
            now=house.clock.now(),
            entropy=house.entropy,
        )
