"""Alerts: one for each cause, told once, and once more when it is over; and a word every day.

1. What is wrong now is held against the open alerts, in one transaction.
2. What was not told yet, and what has been over for a while, goes out in one message, however much it is.
3. Only then is it written down as told: a crash in between tells it twice, never not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from daemon.errors import StoreError
from daemon.house import House
from daemon.jobs.notify.causes import LASTING_NOT, STARTING_S, causes
from daemon.store import alerts, links, meta, runs, tenants
from daemon.store.alerts import Alert
from daemon.store.database import said_plainly

SETTLED = timedelta(minutes=5)
"""A cause is over when it has been gone for so long."""

AGAIN = timedelta(hours=1)
PATIENCE = timedelta(minutes=15)
"""What was told and closed within `AGAIN` and is back is told once it has lasted so long: it flaps."""

TURN = timedelta(minutes=3)
"""One daemon of several sends; after this long of silence another does."""

DIGEST = "alerts.digest"
LEFT_BEHIND = timedelta(minutes=30)
NAMED = 20
ALIKE = 5
"""So many alerts of one cause are named; the rest is a number."""

log = structlog.get_logger()


class Alarm:
    """The alerts of one daemon. What it keeps in memory serves only while the database cannot be written."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._cried_at: datetime | None = None

    def run(self) -> None:
        """One look. Raises nothing but Stopping."""
        now = self._house.clock.now()
        try:
            with said_plainly():
                if self._is_mine(now):
                    self._look(now)
                    self._say_daily(now)
            self._cried_at = None
        except StoreError as error:
            self._cry(error, now)

    def _is_mine(self, now: datetime) -> bool:
        """Whether this daemon is the one that tells."""
        name = self._house.name

        def work() -> bool:
            held = meta.get(meta.ALARM)
            other = isinstance(held, dict) and held.get("owner") != name
            if other and datetime.fromisoformat(held["until"]) > now >= datetime.fromisoformat(held["since"]):
                return False
            meta.put(meta.ALARM, {"owner": name, "since": now.isoformat(), "until": (now + TURN).isoformat()})
            return True

        return self._house.store.write("alerts.turn", work)

    def _look(self, now: datetime) -> None:
        house = self._house
        found = causes(house, now)
        house.store.write("alerts.note", lambda: alerts.note(found, now))
        standing = alerts.open_()
        again = alerts.closed_since(now - AGAIN)
        graces = {cause.key: cause.grace_s for cause in found}
        fresh = [row for row in standing if _is_due(row, now, again, graces.get(row.key, STARTING_S))]
        over = [row for row in standing if row.gone_at is not None and now - row.gone_at >= SETTLED]
        recovered = [row for row in over if row.told_at is not None and row.cause not in LASTING_NOT]
        news = bool(fresh or recovered)
        if news and not _tell(house, _title(fresh, recovered), _message(fresh, recovered)):
            fresh, over = [], [row for row in over if row not in recovered]
        self._record(fresh, over, now)

    def _record(self, fresh: Sequence[Alert], over: Sequence[Alert], now: datetime) -> None:
        if not fresh and not over:
            return

        def work() -> None:
            alerts.told([row.id for row in fresh], now)
            alerts.close([row.id for row in over], now)

        self._house.store.write("alerts.told", work)

    def _cry(self, error: StoreError, now: datetime) -> None:
        """The table of alerts cannot be written: said once an hour, from memory."""
        log.error("alerts.not_stored", code=error.code, text=error.message)
        if self._cried_at is None or now - self._cried_at >= AGAIN:
            title = "wispbill: the database cannot be written"
            if _tell(self._house, title, f"{error.code}: {error.message}\nSee: wispbill doctor"):
                self._cried_at = now

    # --- daily ----------------------------------------------------------------------------------------

    def _say_daily(self, now: datetime) -> None:
        house, wanted = self._house, self._house.settings.alerts
        period = _day(now, wanted.digest_zone, wanted.digest_at)
        if not wanted.digest or not house.alerts.channels or runs.is_done(DIGEST, period):
            return
        run_id = house.store.write("alerts.digest", partial(_claim, period, now))
        if run_id is None:
            return
        sent = _tell(house, *digest(now))
        if sent:
            finish = partial(runs.finish, run_id, house.clock.now(), {})
            house.store.write("alerts.digest_told", finish)


def _claim(period: str, now: datetime) -> int | None:
    """Inside a transaction."""
    begun = runs.start(DIGEST, now, period=period)
    return begun or runs.take_over(DIGEST, period, now, older_than=now - LEFT_BEHIND)


def _day(now: datetime, zone: str, at: object) -> str:
    """The date, there, of the last time of day `at` that has passed."""
    local = now.astimezone(ZoneInfo(zone))
    passed = local.time().replace(tzinfo=None) >= at  # type: ignore[operator]
    return (local.date() if passed else local.date() - timedelta(days=1)).isoformat()


def _is_due(row: Alert, now: datetime, again: set[str], grace_s: float) -> bool:
    """Whether it is to be told now: it is there, was not told, and lasts."""
    if row.told_at is not None or row.gone_at is not None:
        return False
    wait = max(PATIENCE if row.key in again else timedelta(), timedelta(seconds=grace_s))
    return now - row.first_at >= wait


def _tell(house: House, title: str, body: str) -> bool:
    """Whether anybody took it; where there is no channel, the log is who is told."""
    sender = house.alerts
    if sender.fault:
        log.error("alerts.no_channels", text=sender.fault)
    if not sender.channels:
        log.warning("alerts.told_here", title=title)
        return True
    took = sender.send(title, body)
    if not all(took):
        refused = [name for name, well in zip(sender.names, took, strict=True) if not well]
        log.error("alerts.not_sent", channels=refused)
    if any(took):
        log.info("alerts.sent", title=title)
    return any(took)


# --- words --------------------------------------------------------------------------------------------


def _title(fresh: Sequence[Alert], over: Sequence[Alert]) -> str:
    if len(fresh) == 1:
        return f"wispbill: {fresh[0].title}"
    if fresh:
        return f"wispbill: {len(fresh)} problems"
    return f"wispbill: recovered: {over[0].title}" if len(over) == 1 else f"wispbill: {len(over)} recovered"


def _message(fresh: Sequence[Alert], over: Sequence[Alert]) -> str:
    parts = [*_lines(fresh, _told), *_lines(over, _ended)]
    return "\n\n".join(parts)


def _lines(rows: Sequence[Alert], words: Callable[[Alert], str]) -> list[str]:
    """Each alert, but of many that are alike only a few."""
    shown: list[str] = []
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.cause] = counts.get(row.cause, 0) + 1
        if counts[row.cause] <= ALIKE and len(shown) < NAMED:
            shown.append(words(row))
    left = len(rows) - len(shown)
    return [*shown, f"… and {left} more; see: wispbill alerts list"] if left else shown


def _told(row: Alert) -> str:
    return f"{row.title}{_extent(row)}\n{row.text}\nsince {row.first_at:%Y-%m-%d %H:%M} UTC"


def _ended(row: Alert) -> str:
    return (
        f"Recovered: {row.title}{_extent(row)}\n"
        f"from {row.first_at:%Y-%m-%d %H:%M} to {row.last_at:%Y-%m-%d %H:%M} UTC"
    )


def _extent(row: Alert) -> str:
    """`(12 times; 3 customers; 45.00 EUR open)`"""
    words = [f"{row.count} times"] if row.count > 1 else []
    words += [f"{row.customers} customer{'s' if row.customers > 1 else ''}"] if row.customers else []
    words += [f"{amount} {currency} open" for currency, amount in sorted(row.money.items())]
    return f" ({'; '.join(words)})" if words else ""


def digest(now: datetime) -> tuple[str, str]:
    """Title and text of the daily word."""
    standing = [row for row in alerts.open_() if row.gone_at is None]
    queue = links.count_by_state()
    waiting = sum(count for state, count in queue.items() if state not in ("synced", "failed"))
    facts = [
        f"{len(tenants.everyone())} tenants; {queue.get('synced', 0)} invoices synced, "
        f"{waiting} on their way, {queue.get('failed', 0)} refused.",
        f"{alerts.paid_since(now - timedelta(days=1))} invoices were paid within a day.",
    ]
    if not standing:
        return "wispbill: all is well", "\n".join(["All is well.", *facts])
    title = f"wispbill: {len(standing)} open problem{'s' if len(standing) > 1 else ''}"
    return title, "\n\n".join([*_lines(standing, _told), "\n".join(facts)])
