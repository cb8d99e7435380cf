"""What is left of providers' quotas, and whether it lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from daemon.gate import month_of
from daemon.gate.app import MONTH_S
from daemon.house import limits_of
from daemon.model import Mode
from daemon.policy import restored, share_of
from daemon.policy.forecast import Quota, month_ends_at, quota_of, reads_allowed_per_day, reads_per_day
from daemon.providers import provider_class
from daemon.settings import Settings
from daemon.store import apps, links, records, usage

Shape = dict[str, Any]

HOUR_S = 3600.0
MONTH_WARNING = 0.7
"""Of an app's month: what is used from here on is told (QuickBooks blocks all reads at its end)."""


SLOWER = {"realtime": "hourly", "hourly": "daily"}


def of_integrations(
    settings: Settings, rows: Sequence[records.Integration], now: datetime
) -> dict[str, Shape]:
    """Per integration: each named limit, and what the present pace will read in a day of what it may."""
    followed = links.count_followed([row.id for row in rows])
    found: dict[str, Shape] = {}
    for row in rows:
        limits = limits_of(settings, row.provider, Mode(row.mode))
        meters = {key: restored(kept) for key, kept in row.budget.items()}
        may = [reads_allowed_per_day(x) for x in limits if x.per_s > HOUR_S and x.scope in ("", "read")]
        can, reread_s = provider_class(row.provider).can, settings.pull.reread_open
        found[row.id] = {
            "quotas": [_shown(quota_of(x, meters, now)) for x in limits if x.name],
            "followed": followed[row.id],
            "reads_per_day": reads_per_day(can, row.pace, followed[row.id], reread_s),
            "reads_allowed_per_day": int(min(may)) if may else None,
        }
    return found


def _shown(quota: Quota) -> Shape:
    return {
        "name": quota.name,
        "calls": quota.calls,
        "left": quota.left,
        "window_s": quota.per_s,
        "ends_at": quota.ends_at,
        "back_at": quota.back_at,
    }


def of_apps(settings: Settings, now: datetime) -> list[Shape]:
    """Per app and monthly limit: what all accounts under it called in this month."""
    month = month_of(now)
    found = []
    for app in apps.listing():
        used = usage.of(app.id, month)
        share = settings.provider(app.provider).rate_share
        for limit in share_of(provider_class(app.provider).can.app_limits, share):
            if limit.per_s < MONTH_S:
                continue
            calls = used.get((limit.name, month), 0)
            found.append(
                {
                    "app_id": app.id,
                    "provider": app.provider,
                    "name": limit.name,
                    "month": month,
                    "calls": limit.calls,
                    "used": calls,
                    "ends_at": month_ends_at(calls, limit.calls, now),
                }
            )
    return found


def problems(shape: Mapping[str, Any]) -> Iterator[Shape]:
    """What the quotas will not bear, and the one command that settles it."""
    for row in shape["integrations"]:
        name = f"{row['provider']} {row['account_name'] or row['id']}"
        allowed = row["reads_allowed_per_day"]
        runs = row["state"] in ("active", "draining") and row["pull_status"]
        slower = SLOWER.get(row["pace"])
        if runs and slower and allowed is not None and row["reads_per_day"] > allowed:
            yield {
                "sentence": f"{name} will be read {row['reads_per_day']} times a day at its pace, and may be "
                f"{allowed} times.",
                "command": f"wispbill integrations set {row['id']} --pace {slower}",
            }
    for app in shape["apps"]:
        if app["used"] >= MONTH_WARNING * app["calls"]:
            name, share = app["app_id"], f"{round(100 * app['used'] / app['calls'])} %"
            yield {
                "sentence": f"The app {name} has used {share} of its calls in {app['month']}{end_of(app)}.",
                "command": "wispbill integrations list",
            }


def end_of(quota: Shape) -> str:
    if quota.get("back_at"):
        return f"; the next at {moment(quota['back_at'])}"
    return f"; at this pace they end at {moment(quota['ends_at'])}" if quota["ends_at"] else ""


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
