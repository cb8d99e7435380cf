"""Dunning: what becomes of a customer's service, when, and why not: pure functions over facts.

Facts are gathered by `jobs/enforce`, which alone acts on the verdicts.
"""

from daemon.dunning.calendar import may_act, next_step
from daemon.dunning.deciding import decide, evolve
from daemon.dunning.facts import Debt, Done, Held, Moment, Opened, Person, Said, Taken, Verdict, View
from daemon.dunning.guard import QUIET, obstacle
from daemon.dunning.outlook import Outlook, forecast, what_next

__all__ = [
    "QUIET",
    "Debt",
    "Done",
    "Held",
    "Moment",
    "Opened",
    "Outlook",
    "Person",
    "Said",
    "Taken",
    "Verdict",
    "View",
    "decide",
    "evolve",
    "forecast",
    "may_act",
    "next_step",
    "obstacle",
    "what_next",
]
