"""Plan files: what a run would bill, as JSON lines to be read, kept and applied later, unless the world has
changed since.

The first line says for which day and tenants; then a line for each invoice; the last has counts, sums and a
digest of all lines before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TextIO

from daemon.errors import InvalidInput
from daemon.jobs.bill.items import Item
from daemon.model import Document
from daemon.money import Money
from daemon.store.fields import canonical

KIND, VERSION = "wispbill bill", 1
MAX_LINE = 1 << 20


@dataclass(slots=True)
class PlanFile:
    """`days`: by tenant (reference), the day that it is billed as of. `invoices`: the document of each, by
    key."""

    days: dict[str, date]
    long_past: bool
    invoices: dict[str, Document] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        return {key: _digest(canonical(shape)) for key, shape in self.invoices.items()}


@dataclass(frozen=True, slots=True)
class Difference:
    """What would be otherwise: `key` names tenant, subscription and period."""

    key: str
    what: str


def shape_of(item: Item) -> Document:
    """An invoice as the file has it; all that will be written of it, and whose it is."""
    new = item.invoice
    assert new is not None  # noqa: S101 - what costs nothing stands in no file
    return {
        "tenant": item.tenant.reference,
        "subscription": item.subscription.reference,
        "plan": item.plan.reference,
        "customer": item.customer.reference,
        "periodStart": item.period.start.isoformat(),
        "periodLast": item.period.last.isoformat(),
        "number": new.number,
        "reference": new.reference,
        "issuedOn": new.issued_on.isoformat(),
        "dueOn": new.due_on.isoformat(),
        "currency": new.currency,
        "total": new.total.text,
        "memo": new.memo,
        "lines": [
            {
                "description": x.description,
                "amount": x.net.text,
                "tax": x.tax.text,
                "taxRate": x.tax_rate,
                "quantity": x.quantity,
            }
            for x in new.lines
        ],
    }


def digest_of(item: Item) -> str:
    return _digest(canonical(shape_of(item)))


def write_plan_file(
    file: TextIO, days: Mapping[str, date], *, long_past: bool, items: Iterable[Item]
) -> tuple[int, dict[str, Money]]:
    """Write as it is drawn; returns how many invoices there are and their sums by currency."""
    whole = hashlib.sha256()
    count, sums = 0, dict[str, Money]()

    def line(document: Document) -> None:
        text = canonical(document) + "\n"
        whole.update(text.encode())
        file.write(text)

    told = {name: day.isoformat() for name, day in sorted(days.items())}
    line({"kind": KIND, "version": VERSION, "days": told, "longPast": long_past})
    for item in items:
        if item.invoice is None:
            continue
        line(shape_of(item))
        total = item.invoice.total
        count, sums[total.currency] = count + 1, sums.get(total.currency, Money(0, total.currency)) + total
    end = {"invoices": count, "sums": {name: money.text for name, money in sums.items()}}
    file.write(canonical(end | {"digest": whole.hexdigest()}) + "\n")
    return count, sums


def read_plan_file(path: Path) -> PlanFile:
    """Raises InvalidInput where it is no such file, or was changed or cut off."""
    whole = hashlib.sha256()
    found: PlanFile | None = None
    end: Document = {}
    try:
        for text, document in _lines(path):
            if end:
                raise ValueError("there is something behind its last line")
            if "digest" in document:
                end = document
                continue
            whole.update(text.encode())
            if found is None:
                found = _head(document)
            else:
                found.invoices[_key(document)] = document
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unusable(path, f"it is not a plan of {KIND} ({str(error)[:80]})") from None
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from None
    if found is None or end.get("digest") != whole.hexdigest() or end.get("invoices") != len(found.invoices):
        raise _unusable(path, "it was changed, or its end is missing; make it anew")
    return found


def differences(planned: PlanFile, now: Mapping[str, Document]) -> Iterator[Difference]:
    """What would be billed otherwise than the file says."""
    for key, shape in planned.invoices.items():
        if key not in now:
            yield Difference(key, f"invoice {shape['number']} over {_sum(shape)} would not be billed now")
        elif now[key] != shape:
            yield Difference(key, _changed(shape, now[key]))
    for key, shape in now.items():
        if key not in planned.invoices:
            yield Difference(key, f"invoice {shape['number']} over {_sum(shape)} would be billed as well")


def _changed(was: Document, now: Document) -> str:
    names = [name for name in now if was.get(name) != now[name]]
    told = [f"{name} {was.get(name)} is now {now[name]}" for name in names if name != "lines"]
    return "; ".join(told or ["its lines are others now"])


def _sum(shape: Document) -> str:
    return f"{shape['total']} {shape['currency']}"


def _key(document: Document) -> str:
    return " ".join(document[name] for name in ("tenant", "subscription", "periodStart"))


def _head(document: Document) -> PlanFile:
    if (document.get("kind"), document.get("version")) != (KIND, VERSION):
        raise ValueError("its first line says something else")
    days = {str(name): date.fromisoformat(day) for name, day in document["days"].items()}
    return PlanFile(days, bool(document["longPast"]))


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        while text := file.readline(MAX_LINE):
            document = json.loads(text)
            if not isinstance(document, dict):
                raise ValueError("a line is no object")
            yield text, document


def _unusable(path: Path, why: str) -> InvalidInput:
    return InvalidInput("WB-INPUT", f"{path.name} cannot be used: {why}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
