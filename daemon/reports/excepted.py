"""Exceptions: what needs a person, as `wispbill exceptions` has it."""

from __future__ import annotations

from daemon.jobs.exceptions import Matter, gather, names
from daemon.reports.asking import Asked
from daemon.reports.shape import Column, Kind, Report, Row
from daemon.store import records

TITLE = "What needs a person"

COLUMNS = (
    Column("group", "Group"),
    Column("number", "Invoice"),
    Column("customer", "Customer"),
    Column("currency", "Currency"),
    Column("amount", "Amount", Kind.MONEY),
    Column("deadline", "Matters until", Kind.DAY),
    Column("since", "Since", Kind.MOMENT),
    Column("actor", "Who acts"),
    Column("sentence", "What"),
    Column("command", "Command"),
)


def report(asked: Asked) -> Report:
    asked.takes()
    found = gather(asked.tenant.id)
    people = names(found)
    return Report(
        name="exceptions",
        title=TITLE,
        tenant=asked.tenant,
        as_of=asked.now,
        columns=COLUMNS,
        rows=tuple(_row(one, people.get(one.customer_id or "")) for one in found),
        verdict="Nothing needs a person." if not found else None,
        well=not found,
    )


def _row(one: Matter, person: records.Customer | None) -> Row:
    return {
        "id": one.id,
        "group": one.group.value,
        "number": one.number,
        "customer": person.reference if person else None,
        "currency": one.amount.currency if one.amount else None,
        "amount": one.amount,
        "deadline": one.deadline,
        "since": one.since,
        "actor": one.actor,
        "sentence": one.sentence,
        "command": one.command,
    }
