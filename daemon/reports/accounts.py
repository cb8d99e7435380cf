"""How reports call an account: also one whose provider is not installed any more."""

from __future__ import annotations

from daemon.store import records


def name_of(row: records.Integration) -> str:
    """`stripe Bench`"""
    return f"{row.provider} {row.account_name or row.label or row.id}"
