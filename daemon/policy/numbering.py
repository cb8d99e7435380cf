"""Numbers of generated invoices: a format with a counter, counted anew each year where it has one."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT = "{year}-{counter:05d}"
LONGEST = 40

_COUNTER = re.compile(r"\{counter(?::0(\d{1,2})d)?\}", re.ASCII)
_PLAIN = re.compile(r"[^{}\x00-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """`{year}-{counter:05d}` makes 2026-00042; `{year}` is the year of issue, the width may be left out."""

    text: str

    @classmethod
    def parse(cls, text: str) -> NumberFormat:
        """Raises ValueError with what would be right."""
        rest, counters = _COUNTER.subn("", text)
        years = rest.count("{year}")
        if counters != 1 or years > 1 or not _PLAIN.fullmatch(rest.replace("{year}", "")):
            raise ValueError(
                "a format has {counter} once, {year} at most once, and plain text, like {year}-{counter:05d}"
            )
        if text != text.strip():
            raise ValueError("a format neither begins nor ends with a blank")
        made = cls(text)
        if len(made.number(9999, 1)) > LONGEST - 4:
            raise ValueError(f"the numbers would be longer than {LONGEST - 4} characters")
        return made

    @property
    def has_year(self) -> bool:
        return "{year}" in self.text

    def year(self, year: int) -> int:
        """Which counter counts: that of the year, or 0 for the one of all years."""
        return year if self.has_year else 0

    def number(self, year: int, counter: int) -> str:
        width = _COUNTER.search(self.text)
        digits = int(width[1] or 0) if width else 0
        counted = _COUNTER.sub(str(counter).zfill(digits), self.text)
        return counted.replace("{year}", f"{year:04}")
