"""One accepted request on its way through a handler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.sandbox.stripe.errors import no_such
from daemon.sandbox.stripe.ledger import Ledger
from daemon.sandbox.stripe.tables import R, Table


@dataclass(frozen=True, slots=True)
class Call:
    """`args` are the ids in the path, `params` the checked values; a list answers as of `stale_s` ago, a
    search as of `search_lag_s` ago."""

    ledger: Ledger
    args: tuple[str, ...]
    params: Mapping[str, Any]
    stale_s: float = 0
    search_lag_s: float = 0

    def found(self, table: Table[R], param: str = "id") -> R:
        """The record that the path names; raises StripeError 404."""
        record = table.get(self.args[0])
        if record is None:
            raise no_such(table.name, self.args[0], param=param)
        return record


def named(table: Table[R], record_id: str, param: str) -> R:
    """The record that a parameter names; raises StripeError 400."""
    record = table.get(record_id)
    if record is None:
        raise no_such(table.name, record_id, param=param, status=400)
    return record
