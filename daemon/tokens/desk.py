"""What all keepers of one process share: the store, the vault, the apps' OAuth, one lock for each grant."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from daemon.clock import Clock
from daemon.providers.oauth import OAuth, TokenKeeper, TokenSet
from daemon.store import records
from daemon.store.database import Store
from daemon.store.grants import Life, Tokens
from daemon.store.secrets import Safe

MakeOAuth = Callable[[records.App], OAuth]


@dataclass(slots=True)
class TokenDesk:
    """`oauth` gives the flow of an app (with its secret, over its own wire); `name` is the process's."""

    store: Store
    safe: Safe
    clock: Clock
    name: str
    stop: threading.Event
    oauth: MakeOAuth
    unsaved: dict[str, tuple[int, Tokens, Life]] = field(default_factory=dict)
    """New tokens that the database could not take, by grant, with the fence they were got under: they are
    written before anything else is tried, since the provider may know no others any more."""
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _door: threading.Lock = field(default_factory=threading.Lock)

    def lock(self, name: str) -> threading.Lock:
        """One for each grant, or each integration that mints, in this process."""
        with self._door:
            return self._locks.setdefault(name, threading.Lock())

    def keeper(self, grant_id: str) -> TokenKeeper:
        from daemon.tokens.keeper import GrantKeeper

        return GrantKeeper(self, grant_id)

    def minting(self, owner: records.Integration | None, mint: Callable[[], TokenSet]) -> TokenKeeper:
        """A keeper for credentials that mint their own token; without an `owner` nothing is stored."""
        from daemon.tokens.minting import MintKeeper

        return MintKeeper(self, owner, mint)
