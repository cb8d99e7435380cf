"""Payers as a provider tells of them: who an account bills already, and what became of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class PayerState(StrEnum):
    """`merged`: into another, which `PayerSeen.merged_into` names; `inactive`: archived, and cannot be
    billed; `gone`: deleted, or never there."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    MERGED = "merged"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class PayerSeen:
    """A customer of the account, in the provider's words. `references` are what stands in the fields that
    other systems write their own names into: ours (`WB-…`), the platform's, or anybody's. `address` has the
    keys of `PayerDraft.address`."""

    ref: str
    state: PayerState = PayerState.ACTIVE
    name: str = ""
    email: str | None = None
    phone: str | None = None
    address: Mapping[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    merged_into: str | None = None

    @classmethod
    def gone(cls, ref: str) -> PayerSeen:
        return cls(ref, PayerState.GONE)


@dataclass(frozen=True, slots=True)
class PayerPage:
    """A page of the account's customers; `cursor` leads to the next one, None ends the list."""

    payers: tuple[PayerSeen, ...]
    cursor: str | None = None
