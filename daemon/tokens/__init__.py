"""The keepers: who gives adapters their access tokens, refreshes or mints them, and writes them down before
they are used."""

from daemon.tokens.desk import TokenDesk
from daemon.tokens.flows import Flows
from daemon.tokens.keeper import GrantKeeper, life_of
from daemon.tokens.minting import MintKeeper

__all__ = ["Flows", "GrantKeeper", "MintKeeper", "TokenDesk", "life_of"]
