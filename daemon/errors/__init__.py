"""What can go wrong, said so that the caller knows what to do next.

A RemoteError says what became of a call to a provider; an InvalidInput what is wrong with what
somebody gave us. Each carries a `code` of the catalogue below, which says in one plain sentence what
happened, who must act, and when it is tried again: `wispbill explain WB-…` prints it, docs/errors.md
is made from it.
"""

from daemon.errors.catalogue import CATALOGUE, Actor, Entry
from daemon.errors.kinds import (
    AddressRefused,
    AppRefused,
    BrakeApplied,
    ConfigError,
    CursorLost,
    Garbled,
    GrantDead,
    HintNotReady,
    HintRejected,
    InvalidInput,
    KeyAbsent,
    LeaseLost,
    Missing,
    NotFound,
    NotYet,
    OutcomeUnknown,
    Rationed,
    Rejected,
    RemoteError,
    StepStuck,
    Stopping,
    StoreError,
    Throttled,
    Unauthorised,
    Unreachable,
    Unsupported,
    VaultError,
    WispbillError,
)

__all__ = [
    "CATALOGUE",
    "Actor",
    "AddressRefused",
    "AppRefused",
    "BrakeApplied",
    "ConfigError",
    "CursorLost",
    "Entry",
    "Garbled",
    "GrantDead",
    "HintNotReady",
    "HintRejected",
    "InvalidInput",
    "KeyAbsent",
    "LeaseLost",
    "Missing",
    "NotFound",
    "NotYet",
    "OutcomeUnknown",
    "Rationed",
    "Rejected",
    "RemoteError",
    "StepStuck",
    "Stopping",
    "StoreError",
    "Throttled",
    "Unauthorised",
    "Unreachable",
    "Unsupported",
    "VaultError",
    "WispbillError",
]
