"""The other sides: one account at each provider's double, with everybody who acts on it without asking us."""

from __future__ import annotations

from tests.simulation.parties.party import Party
from tests.simulation.parties.seated import (
    CustomParty,
    PayPalParty,
    QuickBooksParty,
    SquareParty,
    XeroParty,
)
from tests.simulation.parties.stripe import StripeParty

PARTIES: tuple[type[Party], ...] = (
    StripeParty,
    PayPalParty,
    SquareParty,
    QuickBooksParty,
    XeroParty,
    CustomParty,
)
TURN = 10
"""So many seeds in a row are about one provider."""


def party_of(seed: int, among: tuple[type[Party], ...] = PARTIES) -> type[Party]:
    """The provider that this seed is about."""
    return among[seed // TURN % len(among)]


def named(name: str) -> type[Party]:
    """Raises KeyError."""
    return {party.provider: party for party in PARTIES}[name]
