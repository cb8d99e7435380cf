"""Our webhook at a provider, from the command line (`connect.hooks`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.cli.context import Desk
    from daemon.store import records


def set_up(desk: Desk, row: records.Integration) -> records.Integration:
    """As `connect.hooks.set_up`."""
    from daemon.connect import hooks

    return hooks.set_up(desk.house, row, actor=desk.actor)


def take_away(desk: Desk, row: records.Integration) -> records.Integration:
    """As `connect.hooks.take_away`."""
    from daemon.connect import hooks

    return hooks.take_away(desk.house, row, actor=desk.actor)
