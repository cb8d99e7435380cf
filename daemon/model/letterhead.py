"""What stands at the head and foot of a tenant's invoices on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from babel import Locale, UnknownLocaleError

from daemon.errors import InvalidInput

MOST_LINES = 8
LONGEST = {"address": 80, "tax_number": 40, "how_to_pay": 600, "locale": 20}


@dataclass(frozen=True, slots=True)
class Letterhead:
    """`how_to_pay` is printed where something is owed; `locale` writes dates and money ("de", "en_GB")."""

    address: tuple[str, ...] = ()
    tax_number: str = ""
    how_to_pay: str = ""
    locale: str = "en"

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Letterhead:
        """From what `document` gave."""
        return cls(**{**document, "address": tuple(document.get("address", ()))})

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"address": list(self.address)}

    def checked(self) -> Letterhead:
        """Itself; raises InvalidInput with the field where a text is too long or the locale unknown."""
        if len(self.address) > MOST_LINES:
            raise _wrong("address", f"at most {MOST_LINES} lines fit")
        texts = [("address", line) for line in self.address]
        texts += [(name, getattr(self, name)) for name in ("tax_number", "how_to_pay", "locale")]
        for name, text in texts:
            if len(text) > LONGEST[name] or not text.replace("\n", " ").isprintable():
                raise _wrong(name, f"at most {LONGEST[name]} printable characters are needed")
        try:
            Locale.parse(self.locale)
        except (ValueError, UnknownLocaleError, TypeError):
            raise _wrong("locale", f"{self.locale[:20]!r} is no locale like en_GB or de") from None
        return self


def _wrong(field: str, why: str) -> InvalidInput:
    return InvalidInput("WB-INPUT", f"{field}: {why}", field=field)
