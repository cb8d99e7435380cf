"""The cut-off guard: why nobody is throttled or suspended over an invoice now."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.dunning.facts import Debt, Moment, View
from daemon.model import RUNNING, DocStatus, PaymentStatus


@dataclass(frozen=True, slots=True)
class Obstacle:
    code: str
    reason: str
    ask: bool = False


READ, HINT = "read", "hint"
QUIET = (READ, HINT)
"""Only a read is wanting, which the daemon sees to: no news, and nothing for a person."""

_UNSURE = {
    PaymentStatus.IN_FLIGHT: ("in_flight", "money for it is on its way from the bank"),
    PaymentStatus.DISPUTED: ("disputed", "its payment is disputed"),
    PaymentStatus.UNKNOWN: ("unknown", "the provider said something about it that is not understood"),
}


def obstacle(debt: Debt, moment: Moment) -> Obstacle | None:
    """None where a fresh read of this invoice says that the money is still owed, and nothing hints at the
    contrary."""
    if debt.status in _UNSURE:
        return Obstacle(*_UNSURE[debt.status])
    if debt.covered:
        return Obstacle("credit", debt.covered)
    if moment.paused is not None:
        return Obstacle(*moment.paused)
    if moment.trusting:
        return None
    return _unreachable(debt.view) or _unclear(debt.view) or _unread(debt.view, moment)


def _unreachable(view: View) -> Obstacle | None:
    if view.state not in RUNNING:
        return Obstacle("integration", f"its integration is {view.state.value.replace('_', ' ')}")
    if view.braked:
        return Obstacle("pull_brake", "the brake holds changes of its integration")
    if view.trouble:
        return Obstacle("provider", f"its provider cannot be read: {view.trouble}", ask=True)
    return None


def _unclear(view: View) -> Obstacle | None:
    if view.void_asked:
        return Obstacle("void", "it is being voided")
    if view.unsettled:
        return Obstacle("payment", "a payment that was entered here is not settled with the provider")
    if view.doc_status not in (DocStatus.OPEN, DocStatus.UNKNOWN, None):
        return Obstacle("document", f"the provider's document is {view.doc_status.value}")
    if view.hinted:
        return Obstacle(HINT, "something points at it that was not looked at yet", ask=True)
    return None


def _unread(view: View, moment: Moment) -> Obstacle | None:
    """A clock that was set back makes a read of the future, which proves nothing."""
    told = view.told_at
    if told is None or not moment.at - moment.read_within <= told <= moment.at:
        return Obstacle(READ, "the provider is asked whether it is still owed", ask=True)
    if view.moved_at > told:
        return Obstacle(READ, "something came in since it was last read", ask=True)
    return None
