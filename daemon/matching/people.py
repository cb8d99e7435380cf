"""People as they are compared: names without accents, order or legal forms, addresses without abbreviations,
telephone numbers as E.164."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import phonenumbers

_TAIL = re.compile(r"\s*\([^()]*\)\s*$")
"""A mark behind a name: our reference, the customer's number, `(deleted)`."""
_LEGAL = frozenset(
    [
        *("ag", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "kg", "limited", "llc", "llp"),
        *("ltd", "plc", "pty", "sa", "sarl", "srl"),
    ]
)
_TITLES = frozenset(["dr", "mr", "mrs", "ms"])
_WITHIN = frozenset(["'", "\N{RIGHT SINGLE QUOTATION MARK}", "."])
"""Left out of words without parting them."""
_STREETS = {
    "avenue": "ave",
    "boulevard": "blvd",
    "court": "ct",
    "drive": "dr",
    "east": "e",
    "highway": "hwy",
    "lane": "ln",
    "north": "n",
    "place": "pl",
    "road": "rd",
    "south": "s",
    "strasse": "str",
    "street": "st",
    "west": "w",
    "apartment": "apt",
    "suite": "ste",
}
_FEWEST_DIGITS = 6
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Person:
    """One of ours, or one of theirs, as it is compared. `own` is our reference (`WB-…`) of one of ours."""

    id: str
    name: str = ""
    email: str | None = None
    phone: str | None = None
    street: str = ""
    postal: str = ""
    references: frozenset[str] = frozenset()
    own: str | None = None


def person(
    id_: str,
    *,
    name: str = "",
    email: str | None = None,
    phone: str | None = None,
    address: Mapping[str, str] | None = None,
    references: Iterable[str] = (),
    own: str | None = None,
    country: str | None = None,
) -> Person:
    """`country` (ISO 3166, two letters) says how to read a telephone number without a country code, where the
    address names none."""
    there = address or {}
    region = there.get("country", "").strip().upper()
    lines = " ".join(there.get(key, "") for key in ("line1", "line2"))
    return Person(
        id=id_,
        name=plain_name(name),
        email=plain_email(email),
        phone=plain_phone(phone, region if len(region) == 2 else country),
        street=plain_street(lines),
        postal="".join(words(there.get("postal_code", ""))),
        references=frozenset(text for one in references if (text := one.strip().casefold())),
        own=own.casefold() if own else None,
    )


def words(text: str) -> list[str]:
    """In lower case, without accents and whatever is no letter or digit."""
    apart = unicodedata.normalize("NFKD", text[:_LONGEST]).casefold().replace("ß", "ss")
    kept = (c if c.isalnum() else "" if unicodedata.combining(c) or c in _WITHIN else " " for c in apart)
    return "".join(kept).split()


def plain_name(text: str) -> str:
    """Its words in the order of the alphabet: who writes the family name first means the same person."""
    found = words(_TAIL.sub("", text)) or words(text)
    telling = [word for word in found if word not in _LEGAL | _TITLES]
    return " ".join(sorted(telling or found))


def plain_email(text: str | None) -> str | None:
    found = unicodedata.normalize("NFKC", text or "").strip().casefold()
    return found if "@" in found[1:-1] else None


def plain_phone(text: str | None, country: str | None) -> str | None:
    """E.164; else its digits, where nobody can say which country it is of."""
    if not text:
        return None
    try:
        parsed = phonenumbers.parse(text[:40], country)
        if phonenumbers.is_possible_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        pass
    digits = "".join(c for c in text[:40] if c in "0123456789")
    return digits if len(digits) >= _FEWEST_DIGITS else None


def plain_street(text: str) -> str:
    return " ".join(_STREETS.get(word, word) for word in words(text))
