"""The link that the account's owner opens: its state is used once, for ten minutes, and only its hash is
kept; the PKCE verifier is sealed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from daemon.errors import InvalidInput, Unsupported
from daemon.house import House
from daemon.model import Document
from daemon.store import consents, integrations, records
from daemon.tokens import TokenDesk

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Link:
    """`url` is for the owner's browser; `state` names the consent in `finish`."""

    url: str
    state: str
    expires_at: datetime


def begin(
    house: House,
    app: records.App,
    *,
    tenant_id: str,
    customer_id: str | None,
    label: str,
    settings: Document,
    actor: str,
    beside: records.Integration | None = None,
) -> Link:
    """A link for this place (the customer's own integration, or the tenant's default); `beside` the one that
    serves there it makes one that stands by. Raises InvalidInput where another provider is connected there,
    Unsupported or VaultError where the app cannot ask."""
    there = in_place(tenant_id, customer_id, beside.id if beside else None)
    if there is not None and there.provider != app.provider:
        way = (
            f"wispbill integrations remove {there.id} makes room"
            if beside
            else f"wispbill integrations authorize {app.provider} --beside {there.id} lets it stand by"
        )
        raise InvalidInput("WB-INPUT", f"{there.provider} is connected there: {way}")
    if there is not None and there.mode != app.mode:
        raise InvalidInput("WB-CREDENTIALS-MODE", f"{there.id} is {there.mode}, the app {app.id} {app.mode}")
    oauth = desk_of(house).oauth(app)
    state, verifier = _random(house), _random(house) if oauth.pkce else None
    url = oauth.authorize_url(state, _challenge(verifier) if verifier else None)
    now = house.clock.now()
    consent = house.store.write(
        "grant.asked",
        lambda: consents.start(
            house.safe,
            app,
            state,
            verifier,
            tenant_id=tenant_id,
            customer_id=customer_id,
            label=label,
            settings=settings,
            actor=actor,
            now=now,
            entropy=house.entropy,
            beside_id=beside.id if beside else None,
        ),
    )
    return Link(url, state, consent.expires_at)


def in_place(tenant_id: str, customer_id: str | None, beside_id: str | None) -> records.Integration | None:
    """What a consent connects anew: the integration that serves there, or that stands by."""
    if beside_id is None:
        return integrations.at_place(tenant_id, customer_id)
    return integrations.standing_by(integrations.get(tenant_id, beside_id))


def desk_of(house: House) -> TokenDesk:
    if house.tokens is None:
        raise Unsupported("nothing is connected by consent here")
    return house.tokens


def _random(house: House) -> str:
    """43 characters that nobody guesses: what PKCE asks of a verifier (RFC 7636, 4.1)."""
    return base64.urlsafe_b64encode(house.entropy.bytes(SECRET_BYTES)).decode().rstrip("=")


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
