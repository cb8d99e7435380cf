"""Sessions of browsers: a random token in a cookie, its SHA-256 here; they end by idleness, age or a word.

A session is new at each sign-in (a token from before is worth nothing then), is listed, and can be ended by
its holder and by who may. The use is written down once a minute at most.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from daemon.clock import Entropy
from daemon.errors import NotFound
from daemon.model import ids
from daemon.store import audit, plain, records
from daemon.store.tables import WebSession as Table

PORTAL, DASHBOARD = "portal", "dashboard"
SECRET_BYTES = 32
SEEN_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=30)
"""How long an ended session stays listed."""

MOST_SAID = 4


@dataclass(frozen=True, slots=True)
class WebSession(records.Record):
    table = Table
    id: str
    hash: str
    face: str
    tenant_id: str
    customer_id: str | None
    user_id: str | None
    role: str
    epoch: int
    client: str
    said: list[list[str]]
    created_at: datetime
    seen_at: datetime
    idle_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.idle_at and now < self.expires_at

    @property
    def actor(self) -> str:
        """Who it is in the audit: the customer, or the member of staff."""
        return f"user:{self.user_id}" if self.user_id else f"customer:{self.customer_id}"


def secret(entropy: Entropy) -> str:
    """43 characters that nobody guesses."""
    return base64.urlsafe_b64encode(entropy.bytes(SECRET_BYTES)).decode().rstrip("=")


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def begin(
    *,
    face: str,
    tenant_id: str,
    role: str,
    customer_id: str | None = None,
    user_id: str | None = None,
    epoch: int = 0,
    client: str = "",
    idle_s: float,
    life_s: float,
    now: datetime,
    entropy: Entropy,
) -> tuple[WebSession, str]:
    """Inside a transaction: a new session and its token, which stands in the cookie alone. `client` is what
    the holder knows the browser by, in a list."""
    token = secret(entropy)
    until = now + timedelta(seconds=life_s)
    row: dict[str, Any] = {
        "id": ids.new_id(ids.WEB_SESSION, now, entropy),
        "hash": hashed(token),
        "face": face,
        "tenant_id": tenant_id,
        "customer_id": customer_id,
        "user_id": user_id,
        "role": role,
        "epoch": epoch,
        "client": client[:120],
        "said": [],
        "created_at": now,
        "seen_at": now,
        "idle_at": min(until, now + timedelta(seconds=idle_s)),
        "expires_at": until,
    }
    plain.insert(Table, row)
    session = get(row["id"])
    data = {"face": face, "role": role, "customer": customer_id}
    audit.append(
        tenant_id, actor=session.actor, action="session.begun", subject=session.id, data=data, now=now
    )
    return session, token


def find(face: str, token: str) -> WebSession | None:
    """The session of a cookie as it was presented, valid or not."""
    if not 40 <= len(token) <= 50 or not token.isascii():
        return None
    return WebSession.first((Table.hash == hashed(token)) & (Table.face == face))


def get(session_id: str) -> WebSession:
    """Raises NotFound."""
    row = WebSession.first(Table.id == session_id)
    if row is None:
        raise NotFound("session", session_id)
    return row


def listing(
    tenant_id: str, face: str, *, customer_id: str | None = None, user_id: str | None = None, now: datetime
) -> list[WebSession]:
    """Those that are valid now, newest first; of one customer or one member of staff where that is named."""
    where = [Table.tenant_id == tenant_id, Table.face == face, Table.ended_at.is_null()]
    if customer_id is not None:
        where.append(Table.customer_id == customer_id)
    if user_id is not None:
        where.append(Table.user_id == user_id)
    rows = WebSession.select(*where, order=Table.id.desc(), limit=200)
    return [row for row in rows if row.is_valid(now)]


def note_use(row: WebSession, *, idle_s: float, now: datetime) -> None:
    """Inside a transaction."""
    idle_at = min(row.expires_at, now + timedelta(seconds=idle_s))
    plain.update(Table, "id", row.id, {"seen_at": now, "idle_at": idle_at})


def is_worth_noting(row: WebSession, now: datetime) -> bool:
    return now - row.seen_at >= SEEN_EVERY


def end(row: WebSession, *, actor: str, now: datetime) -> None:
    """Inside a transaction; again is harmless."""
    ended = Table.update(ended_at=now).where((Table.id == row.id) & Table.ended_at.is_null()).execute()
    if ended:
        audit.append(row.tenant_id, actor=actor, action="session.ended", subject=row.id, data={}, now=now)


def end_all(rows: Sequence[WebSession], *, actor: str, now: datetime) -> int:
    """Inside a transaction."""
    for row in rows:
        end(row, actor=actor, now=now)
    return len(rows)


def say(row: WebSession, kind: str, sentence: str) -> None:
    """Inside a transaction: to be shown once, on the next page. `kind`: good, bad or note."""
    said = [*get(row.id).said, [kind, sentence]][-MOST_SAID:]
    plain.update(Table, "id", row.id, {"said": said})


def take_said(row: WebSession) -> None:
    """Inside a transaction: it has been shown."""
    plain.update(Table, "id", row.id, {"said": []})


def forget_old(now: datetime) -> int:
    """Inside a transaction."""
    return int(Table.delete().where(Table.expires_at <= now - KEPT).execute())
