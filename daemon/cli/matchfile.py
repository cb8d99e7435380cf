"""The file of proposals: written for a spreadsheet, filled in by a person, read again."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.jobs.matching.deciding import Wish

COLUMNS = (
    *("customer", "name", "email", "phone", "payer", "payer_name", "payer_email", "payer_phone"),
    *("payer_address", "kind", "score", "reasons", "others", "decision", "proof"),
)
NEEDED = ("customer", "decision")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula."""


def write(path: Path, shown: Iterable[dict[str, Any]]) -> None:
    """Never over one that is there: it may be half filled in."""
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for one in shown:
                writer.writerow([_cell(_flat(one, name)) for name in COLUMNS])
    except FileExistsError:
        raise InvalidInput("WB-INPUT", f"{path} is there already; name another file") from None
    except OSError as error:
        raise InvalidInput("WB-INPUT", f"{path} cannot be written: {error.strerror}") from None


def _flat(one: dict[str, Any], name: str) -> str:
    if name == "decision":
        return "match" if one["kind"] == "certain" else ""
    if name == "reasons":
        return "; ".join(one["reasons"])
    if name == "others":
        return "; ".join(f"{x['payer']} {x['payer_name'] or ''} ({x['score']})" for x in one["others"])
    return str(one[name] if one[name] is not None else "")


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def read(path: Path) -> Iterator[Wish]:
    from daemon.jobs.importing.files import read_rows
    from daemon.jobs.matching.deciding import Wish

    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput("WB-INPUT", f"{path} cannot be read: {error.strerror}") from None
    with file:
        for item in read_rows(file, COLUMNS, NEEDED):
            if item.problem is not None:
                raise InvalidInput("WB-INPUT", f"line {item.problem.line}: {item.problem.message}")
            cells = {name: _plain(str(value)) for name, value in item.raw.items()}
            proof = cells.get("proof", "")
            yield Wish(cells.get("customer", ""), cells.get("decision", ""), proof or None, item.line)
