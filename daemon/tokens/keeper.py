"""The keeper of one grant: gives out its access token, and refreshes it so that no rotation is lost.

1. One refresher at a time: a lock among threads, the row's lease among processes. Who waits re-reads.
2. The mark is committed before each call. The new access and refresh token are stored in one commit
   before either is used; the refresh token that got them stays beside them until the new one has worked.
3. A lost answer: the old refresh token again, at once and once (Xero takes it for 30 minutes more,
   QuickBooks for about a day); then the error is as passing as any other.
4. `invalid_grant`: the row is read again, what stands there is tried once, and the one before it; then
   the grant is dead, and every integration under it waits for a new consent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from daemon.errors import (
    AppRefused,
    Garbled,
    GrantDead,
    LeaseLost,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Stopping,
    StoreError,
    Throttled,
    Unauthorised,
    Unreachable,
)
from daemon.providers.oauth import OAuth, TokenSet
from daemon.store import apps, grants, records
from daemon.store.grants import Life, Tokens, Turn
from daemon.tokens.desk import TokenDesk
from daemon.wire.departure import aside

PATIENCE_S = 20.0
"""How long a caller waits for another's refresh before it comes again later: less than a worker has promised
to the watchdog."""

REST = timedelta(minutes=1)
"""After a refresh that came to nothing, as long as the token at hand still lives."""

PASSING = (Unreachable, OutcomeUnknown, Garbled, Throttled)

LOOK_EVERY_S = 0.1
TRIES = 3

log = structlog.get_logger()


class GrantKeeper:
    """A TokenKeeper over the row of a grant; safe for threads, keeps nothing itself."""

    def __init__(self, desk: TokenDesk, grant_id: str) -> None:
        self._desk = desk
        self.grant_id = grant_id

    def access(self) -> SecretStr:
        now = self._desk.clock.now()
        grant, held = self._look()
        if now < grants.stale_at(grant) or self._rests(grant):
            return held.access
        try:
            return self._renew(
                lambda grant, _held: self._desk.clock.now() < grants.stale_at(grant), usable=True
            )
        except PASSING:
            if self._desk.clock.now() < grant.access_expires_at:
                return held.access
            raise

    def _rests(self, grant: records.Grant) -> bool:
        """Whether the token at hand lives and a refresh has just failed."""
        now = self._desk.clock.now()
        failed = grant.fault_at is not None and now - REST < grant.fault_at <= now
        return failed and now < grant.access_expires_at

    def renewed(self, refused: SecretStr) -> SecretStr:
        def is_other(grant: records.Grant, held: Tokens) -> bool:
            return held.access != refused and self._desk.clock.now() < grant.access_expires_at

        grant, held = self._look()
        return held.access if is_other(grant, held) else self._renew(is_other, usable=False)

    def refresh(self, seen: records.Grant) -> None:
        """Refresh, whatever the age of the access token, unless it was done since the row was `seen`."""
        self._renew(lambda grant, _held: grant.refreshed_at != seen.refreshed_at, usable=False)

    def _look(self) -> tuple[records.Grant, Tokens]:
        """The row and its tokens. Raises GrantDead, VaultError; Throttled where another grant has taken its
        place meanwhile: the next run works under that."""
        grant = grants.get(self.grant_id)
        if grant.state == grants.ENDED:
            raise Throttled("the account was connected anew", party=grant.provider, retry_after=1.0)
        if grant.state != grants.ACTIVE:
            raise GrantDead(grant.fault_text, party=grant.provider)
        return grant, grants.tokens(self._desk.safe, grant)

    # --- one at a time --------------------------------------------------------------------------------

    def _renew(self, good: Callable[[records.Grant, Tokens], bool], *, usable: bool) -> SecretStr:
        """The token as soon as it is `good`, by whoever's refresh. `usable`: the one at hand still is, as
        long as it lives, where another process is at it."""
        clock, lock = self._desk.clock, self._desk.lock(self.grant_id)
        ends_at = clock.monotonic() + PATIENCE_S
        if not lock.acquire(timeout=PATIENCE_S):
            raise self._later("another thread refreshes the tokens of this grant")
        try:
            while True:
                grant, held = self._look()
                if good(grant, held):
                    return held.access
                turn = grants.claim(self._desk.store, self.grant_id, self._desk.name)
                if turn is not None and self._save_unsaved(turn):
                    continue
                if turn is not None:
                    return self._take_turn(turn, good)
                if usable and clock.now() < grant.access_expires_at:
                    return held.access
                self._wait(ends_at)
        finally:
            lock.release()

    def _wait(self, ends_at: float) -> None:
        clock = self._desk.clock
        if clock.monotonic() >= ends_at:
            raise self._later("another process refreshes the tokens of this grant")
        if clock.wait(LOOK_EVERY_S, self._desk.stop):
            raise Stopping

    def _later(self, why: str) -> Throttled:
        return Throttled(why, party=grants.get(self.grant_id).provider, retry_after=5.0)

    def _take_turn(self, turn: Turn, good: Callable[[records.Grant, Tokens], bool]) -> SecretStr:
        desk = self._desk
        try:
            grant, held = self._look()
            if good(grant, held):
                return held.access
            return self._refreshed(turn, grant, held)
        except GrantDead as error:
            dead = error
            desk.store.write("grant.dead", lambda: grants.bury(turn, dead, desk.clock.now()))
            log.error("grant.dead", grant=self.grant_id, text=error.message)
            raise
        except RemoteError as error:
            fault = error
            desk.store.write("grant.fault", lambda: grants.note_fault(turn, fault, desk.clock.now()))
            raise
        finally:
            turn.release()

    # --- the refresh ----------------------------------------------------------------------------------

    def _refreshed(self, turn: Turn, grant: records.Grant, held: Tokens) -> SecretStr:
        oauth = self._desk.oauth(apps.get(grant.app_id))
        asked_at = self._desk.clock.now()
        used, answer = self._asked(oauth, turn, held)
        fresh = Tokens(answer.access, answer.refresh or used, _previous(used, answer, held))
        self._save(turn, fresh, life_of(answer, asked_at, oauth))
        log.info("grant.refreshed", grant=self.grant_id, provider=grant.provider)
        return fresh.access

    def _asked(self, oauth: OAuth, turn: Turn, held: Tokens) -> tuple[SecretStr, TokenSet]:
        """The refresh token that worked, and what it got."""
        if held.refresh is None:
            raise GrantDead("this grant has no refresh token")
        try:
            return held.refresh, self._call(oauth, turn, held.refresh)
        except GrantDead as error:
            dead = error
        _grant, there = self._look()
        for token in (there.refresh, there.previous):
            if token is not None:
                try:
                    return token, self._call(oauth, turn, token)
                except GrantDead as error:
                    dead = error
        raise dead

    def _call(self, oauth: OAuth, turn: Turn, token: SecretStr) -> TokenSet:
        """One refresh, its lost answer asked for once more. A refusal of anything else than the token or the
        app is no refusal of what is to be done with the token: of that nothing was sent."""
        try:
            turn.mark()
            try:
                with aside():
                    return oauth.refresh(token)
            except (OutcomeUnknown, Garbled) as error:
                log.warning("grant.answer_lost", grant=turn.grant_id, code=error.code)
                turn.mark()
                with aside():
                    return oauth.refresh(token)
        except Unauthorised as error:
            if isinstance(error, GrantDead):
                raise
            raise AppRefused(error.message, party=error.party, status_code=error.status_code) from error
        except Rejected as error:
            raise Unreachable(
                f"no token was given out: {error.message}", party=error.party, status_code=error.status_code
            ) from error

    def _save(self, turn: Turn, fresh: Tokens, life: Life) -> None:
        """Store the new tokens, or remember that they must be. Raises StoreError, LeaseLost: then nobody
        may use them yet."""
        desk = self._desk
        desk.unsaved[turn.grant_id] = (turn.fence, fresh, life)
        for left in reversed(range(TRIES)):
            try:
                desk.store.write("grant.store", lambda: grants.keep(desk.safe, turn, fresh, life))
                break
            except LeaseLost:
                desk.unsaved.pop(turn.grant_id, None)
                raise
            except StoreError:
                if not left:
                    raise
        desk.unsaved.pop(turn.grant_id, None)

    def _save_unsaved(self, turn: Turn) -> bool:
        """Store what the database could not take, which gives the turn back; False where there is nothing.
        Only where nobody else had a turn meanwhile: theirs are newer."""
        fence, fresh, life = self._desk.unsaved.pop(turn.grant_id, (0, None, None))
        if fresh is None or life is None or turn.fence != fence + 1:
            return False
        try:
            self._save(turn, fresh, life)
        finally:
            turn.release()
        return True


def _previous(used: SecretStr, answer: TokenSet, held: Tokens) -> SecretStr | None:
    """QuickBooks gives the same refresh token for a day: the one before it then stays."""
    return held.previous if answer.refresh in (None, used) else used


def life_of(answer: TokenSet, asked_at: datetime, oauth: OAuth) -> Life:
    """When what was answered ends, counted from the moment before it was asked for; where it does not tell
    how long the refresh token lives idle, as documented."""

    def after(seconds: float | None) -> datetime | None:
        return None if seconds is None else asked_at + timedelta(seconds=seconds)

    return Life(
        asked_at,
        asked_at + timedelta(seconds=answer.expires_in_s),
        after(answer.refresh_expires_in_s or oauth.refresh_life_s),
        after(answer.hard_expires_in_s),
        answer.scopes,
    )
