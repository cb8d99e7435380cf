"""When consents end, and what they lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from daemon.jobs.remedies import consent_again
from daemon.model import RUNNING
from daemon.store import grants, records

Shape = dict[str, Any]


def of_integrations(rows: Sequence[records.Integration], now: datetime) -> dict[str, Shape]:
    """Per integration: when the consent ends that it works under, unless its tokens are refreshed before;
    nothing for those that need none."""
    kept = grants.by_ids({row.grant_id for row in rows if row.grant_id})
    return {row.id: _shape(kept.get(row.grant_id or ""), now) for row in rows}


def _shape(grant: records.Grant | None, now: datetime) -> Shape:
    ends = grants.ends_at(grant) if grant is not None else None
    return {
        "consent_ends_at": ends,
        "consent_ends": _ahead(ends, now) if ends is not None else None,
        "tokens_refreshed_at": grant.refreshed_at if grant is not None else None,
    }


def problems(rows: Sequence[records.Integration], now: datetime) -> Iterator[Shape]:
    """Consents that end soon and whose end no refresh moves; permissions that were taken away."""
    kept = grants.by_ids({row.grant_id for row in rows if row.grant_id})
    for row in rows:
        if row.state not in RUNNING:
            continue
        name = f"{row.provider} {row.account_name or row.id}"
        grant = kept.get(row.grant_id or "")
        if grant is not None and grants.threatens(grant, now):
            yield {
                "sentence": f"The consent of {name} ends{_when(grant, now)}.",
                "command": consent_again(row),
            }
        if row.test_missing:
            sentence = f"{name} lacks: {', '.join(row.test_missing)}."
            yield {"sentence": sentence, "command": f"wispbill integrations test {row.id}"}


def _when(grant: records.Grant, now: datetime) -> str:
    ends = grants.ends_at(grant)
    return f" {_ahead(ends, now)}, on {ends:%Y-%m-%d}" if ends is not None else ""


def _ahead(at: datetime, now: datetime) -> str:
    days, seconds = divmod(max(0, int((at - now).total_seconds())), 86_400)
    return f"in {days} d" if days else f"in {seconds // 3600} h"
