"""Who of the staff may see or do what, as the tokens of the API have it."""

from __future__ import annotations

from daemon.web.api import roles
from daemon.web.pages import Rule

PLATFORM = Rule(roles.PLATFORM)
ADMINS = Rule(roles.ADMINS)
OFFICE = Rule(roles.OFFICE)
READERS = Rule(roles.READERS)
