"""The keeper of credentials that make their own access token (client credentials): sealed beside them, so
that all processes share one; fetched by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from daemon.clock import from_micros, to_micros
from daemon.errors import Rejected, StoreError, Unreachable, VaultError
from daemon.providers.oauth import TokenSet
from daemon.store import records
from daemon.store.grants import USED_SHARE
from daemon.store.secrets import CREDENTIALS, TOKENS
from daemon.tokens.desk import TokenDesk
from daemon.wire.departure import aside

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Minted:
    """A token, and until when it is used."""

    access: SecretStr
    until: datetime


class MintKeeper:
    """A TokenKeeper; safe for threads. Minting twice costs a call and harms nothing, so that processes need
    no lease: who comes second uses what the first one stored."""

    def __init__(
        self, desk: TokenDesk, owner: records.Integration | None, mint: Callable[[], TokenSet]
    ) -> None:
        self._desk, self._owner, self._mint = desk, owner, mint
        self._lock = desk.lock(f"mint:{owner.id if owner else id(self)}")
        self._held: Minted | None = None

    def access(self) -> SecretStr:
        with self._lock:
            if not self._is_good(self._held):
                stored = self._stored()
                self._held = stored if self._is_good(stored) else self._minted()
            return self._given()

    def renewed(self, refused: SecretStr) -> SecretStr:
        with self._lock:
            if self._held is None or self._held.access == refused:
                stored = self._stored()
                other = self._is_good(stored) and stored is not None and stored.access != refused
                self._held = stored if other else self._minted()
            return self._given()

    def _given(self) -> SecretStr:
        if self._held is None:
            raise VaultError("no token was minted")
        return self._held.access

    def _is_good(self, minted: Minted | None) -> bool:
        return minted is not None and self._desk.clock.now() < minted.until

    def _minted(self) -> Minted:
        asked_at = self._desk.clock.now()
        try:
            with aside():
                answer = self._mint()
        except Rejected as error:  # of the token, not of what is to be done with it
            raise Unreachable(
                f"no token was given out: {error.message}", party=error.party, status_code=error.status_code
            ) from error
        fresh = Minted(answer.access, asked_at + timedelta(seconds=answer.expires_in_s * USED_SHARE))
        self._store(fresh)
        return fresh

    # --- shared with other processes ------------------------------------------------------------------

    def _stored(self) -> Minted | None:
        """What was stored for these very credentials; None where there is nothing that can be used."""
        if self._owner is None:
            return None
        try:
            document = self._desk.safe.open(self._owner, TOKENS)
        except VaultError as error:
            log.warning("tokens.not_opened", integration=self._owner.id, code=error.code)
            return None
        if document is None or document.get("of") != self._credentials():
            return None
        return Minted(SecretStr(str(document["access"])), from_micros(int(document["until"])))

    def _store(self, fresh: Minted) -> None:
        owner = self._owner
        if owner is None:
            return
        document = {
            "access": fresh.access.get_secret_value(),
            "until": to_micros(fresh.until),
            "of": self._credentials(),
        }
        try:
            self._desk.store.write("grant.mint", lambda: self._desk.safe.put(owner, TOKENS, document))
        except StoreError as error:
            log.warning("tokens.not_stored", integration=owner.id, code=error.code)

    def _credentials(self) -> int:
        """When the credentials were written that it was minted from."""
        at = self._desk.safe.stamp(self._owner.id, CREDENTIALS) if self._owner else None
        return to_micros(at) if at else 0
