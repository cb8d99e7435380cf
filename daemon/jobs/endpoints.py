"""Endpoints as people handle them: added, paused, given other secrets, told again. For every face."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from daemon.errors import AddressRefused, InvalidInput
from daemon.house import House
from daemon.store import deliveries, endpoints, events
from daemon.store.endpoints import Endpoint, EndpointState
from daemon.wire.public import judge
from daemon.wire.signing import new_secret

TYPE = re.compile(r"\*|[a-z]+(?:\.[a-z_]+)*(?:\.\*)?", re.ASCII)
LONGEST_TYPE, MOST_TYPES = 60, 50
MOST = 20
"""Endpoints of one tenant: each event is told to each of them."""


def add(
    house: House,
    *,
    tenant_id: str,
    url: str,
    types: Sequence[str] = (),
    label: str = "",
    after: int | None = None,
    actor: str,
) -> tuple[Endpoint, str]:
    """A new one and its signing secret, which nobody can show again. Raises InvalidInput where nothing would
    be sent to that address, or there are too many."""
    wanted = read_types(types)
    insist_on_address(house, url)
    secret = new_secret(house.entropy)

    def work() -> Endpoint:
        if len([row for row in endpoints.listing(tenant_id) if row.tenant_id == tenant_id]) >= MOST:
            raise InvalidInput("WB-INPUT", f"there are {MOST} endpoints already; remove one first")
        return endpoints.add(
            house.safe,
            tenant_id=tenant_id,
            label=label,
            url=url,
            types=wanted,
            secret=secret,
            after=after,
            actor=actor,
            now=house.clock.now(),
            entropy=house.entropy,
        )

    row = house.store.write("endpoints.add", work)
    house.wake("notify")
    return row, secret


def named(name: str, *, tenant_id: str | None = None) -> Endpoint:
    """Of the tenant (None: any). Raises NotFound, or InvalidInput where it is removed."""
    row = endpoints.get(name, tenant_id=tenant_id)
    if row.removed_at is not None:
        raise InvalidInput("WB-INPUT", "this endpoint is removed")
    return row


def pause(house: House, row: Endpoint, *, actor: str) -> Endpoint:
    text = "Somebody paused it; its events wait."
    now = house.clock.now()
    house.store.write(
        "endpoints.pause", lambda: endpoints.stop(row, EndpointState.PAUSED, text, actor=actor, now=now)
    )
    return endpoints.get(row.id)


def resume(house: House, row: Endpoint, *, actor: str) -> Endpoint:
    now = house.clock.now()
    house.store.write("endpoints.resume", lambda: endpoints.resume(row, actor=actor, now=now))
    house.wake("notify")
    return endpoints.get(row.id)


def remove(house: House, row: Endpoint, *, actor: str) -> Endpoint:
    now = house.clock.now()
    house.store.write("endpoints.remove", lambda: endpoints.remove(house.safe, row, actor=actor, now=now))
    return endpoints.get(row.id)


def rotate(house: House, row: Endpoint, *, actor: str) -> str:
    """The new secret; the one before signs as well for a while."""
    secret, now = new_secret(house.entropy), house.clock.now()
    house.store.write(
        "endpoints.rotate", lambda: endpoints.rotate(house.safe, row, secret, actor=actor, now=now)
    )
    return secret


def settle(house: House, row: Endpoint, *, actor: str) -> None:
    """The platform has the new secret: it alone signs from now on."""
    now = house.clock.now()
    house.store.write("endpoints.settle", lambda: endpoints.settle(house.safe, row, actor=actor, now=now))


def resend(
    house: House,
    row: Endpoint,
    *,
    first: int | None,
    last: int | None = None,
    failed: bool = False,
    actor: str,
) -> int:
    """Tell the events from place `first` to `last` of the feed (None: the end) again, under the same ids;
    `failed`: only those that were given up. Returns how many. Raises InvalidInput where nothing is named."""
    if first is None and failed:
        first = 1
    if first is None or (last is not None and last < first):
        raise InvalidInput("WB-INPUT", "say which: one, from a place on, or all that were given up")
    to, now = events.last_seq() if last is None else last, house.clock.now()

    def work() -> int:
        endpoints.note(row, "endpoint.resent", actor=actor, now=now)
        return deliveries.resend(row, now, from_seq=first, to_seq=to, only_failed=failed)

    count = house.store.write("endpoints.resend", work)
    house.wake("notify")
    return count


def shown_url(row: Endpoint) -> str:
    """The query may hold a token."""
    parts = urlsplit(row.url)
    return urlunsplit(parts._replace(query="…" if parts.query else ""))


def read_types(given: Sequence[str]) -> list[str]:
    """Raises InvalidInput."""
    wanted = list(dict.fromkeys(given or ["*"]))
    fits = all(len(one) <= LONGEST_TYPE and TYPE.fullmatch(one) for one in wanted)
    if not fits or len(wanted) > MOST_TYPES:
        raise InvalidInput("WB-INPUT", "type: like invoice.paid, integration.* or *", field="type")
    return wanted


def insist_on_address(house: House, url: str) -> None:
    """Raises InvalidInput where nothing would be sent there."""
    allow = [(pair.host.lower(), pair.port) for pair in house.settings.network.allow]
    try:
        judge(url, allow)
    except AddressRefused:
        text = "url: an https address that is public, or a host:port of [network] allow"
        raise InvalidInput("WB-INPUT", text, field="url") from None
