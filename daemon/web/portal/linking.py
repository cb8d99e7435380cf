"""A link into the portal, made for whoever may let a customer in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from daemon.house import House
from daemon.store import portal_links, records
from daemon.web.portal import addresses


@dataclass(frozen=True, slots=True)
class Made:
    """`url` opens the customer's pages once, until `expires_at`; nobody can show it again."""

    url: str = field(repr=False)
    expires_at: datetime


def make(house: House, person: records.Customer, page: str, *, actor: str) -> Made:
    """A fresh link that leads to this page, one of `portal_links.PAGES`."""
    row, token = house.store.write(
        "portal.link",
        lambda: portal_links.add(
            person,
            page=page,
            life_s=house.settings.portal.link_life,
            actor=actor,
            now=house.clock.now(),
            entropy=house.entropy,
        ),
    )
    return Made(addresses.link(house, token), row.expires_at)
