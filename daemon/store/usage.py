"""The calls of a month under an app of ours: added up over all processes, never taken back."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.store.tables import AppUsage


def add(app_id: str, spent: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Inside a transaction: add these calls, by name of the limit and month; returns the totals of them."""
    for (name, month), calls in spent.items():
        row = {"app_id": app_id, "name": name, "month": month, "calls": calls}
        AppUsage.insert(row).on_conflict(
            conflict_target=[AppUsage.app_id, AppUsage.name, AppUsage.month],
            update={AppUsage.calls: AppUsage.calls + calls},
        ).execute()
    months = {month for _name, month in spent}
    return {key: calls for month in months for key, calls in of(app_id, month).items()}


def of(app_id: str, month: str) -> dict[tuple[str, str], int]:
    """What was called in a month, by name of the limit and month."""
    rows = AppUsage.select().where((AppUsage.app_id == app_id) & (AppUsage.month == month))
    return {(row.name, row.month): row.calls for row in rows}
