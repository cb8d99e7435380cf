"""What is left of providers' quotas, and whether it lasts, for `wispbill status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.cli.context import Desk
    from daemon.cli.shapes import Shape
    from daemon.policy.forecast import Quota
    from daemon.store import records

HOUR_S = 3600.0
MONTH_WARNING = 0.7
"""Of an app's month: what is used from here on is told (QuickBooks blocks all reads at its end)."""


SLOWER = {"realtime": "hourly", "hourly": "daily"}


def of_integrations(desk: Desk, rows: Sequence[records.Integration]) -> dict[str, Shape]:
    """Per integration: each named limit, and what the present pace will read in a day of what it may."""
    from daemon.app import limits_of
    from daemon.model import Mode
    from daemon.policy import restored
    from daemon.policy.forecast import quota_of, reads_allowed_per_day, reads_per_day
    from daemon.providers import provider_class
    from daemon.store import links

    followed = links.count_followed([row.id for row in rows])
    found: dict[str, Shape] = {}
    for row in rows:
        limits = limits_of(desk.settings, row.provider, Mode(row.mode))
        meters = {key: restored(kept) for key, kept in row.budget.items()}
        may = [reads_allowed_per_day(x) for x in limits if x.per_s > HOUR_S and x.scope in ("", "read")]
        can, reread_s = provider_class(row.provider).can, desk.settings.pull.reread_open
        found[row.id] = {
            "quotas": [_shown(quota_of(x, meters, desk.now)) for x in limits if x.name],
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


def of_apps(desk: Desk) -> list[Shape]:
    """Per app and monthly limit: what all accounts under it called in this month."""
    from daemon.gate import month_of
    from daemon.gate.app import MONTH_S
    from daemon.policy import share_of
    from daemon.policy.forecast import month_ends_at
    from daemon.providers import provider_class
    from daemon.store import apps, usage

    month = month_of(desk.now)
    found = []
    for app in apps.listing():
        used = usage.of(app.id, month)
        share = desk.settings.provider(app.provider).rate_share
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
                    "ends_at": month_ends_at(calls, limit.calls, desk.now),
                }
            )
    return found


def problems(shape: Shape) -> Iterator[Shape]:
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
                "sentence": f"The app {name} has used {share} of its calls in {app['month']}{_end(app)}.",
                "command": "wispbill integrations list",
            }


def lines(shape: Shape) -> Iterator[str]:
    """A line for each named limit, and one for each app and month; an empty one after them."""
    told = False
    for row in shape["integrations"]:
        for quota in row["quotas"]:
            name = f"{row['provider']} {row['account_name'] or row['id']}"
            yield f"{name}: {quota['left']} of {quota['calls']} calls left ({quota['name']}){_end(quota)}"
            told = True
    for app in shape["apps"]:
        name = f"{app['provider']} app {app['app_id']}"
        yield f"{name}: {app['used']} of {app['calls']} calls used in {app['month']}{_end(app)}"
        told = True
    if told:
        yield ""


def _end(quota: Shape) -> str:
    if quota.get("back_at"):
        return f"; the next at {output.text(quota['back_at'])}"
    return f"; at this pace they end at {output.text(quota['ends_at'])}" if quota["ends_at"] else ""
