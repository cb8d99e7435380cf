"""Tokens, as an adapter sees them, and the dance in which a tenant consents to our app.

An adapter asks its keeper for an access token before each call and never stores one. Who refreshes, when,
and what is written before a new token is used, is the keeper's matter (`store` and `house`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import SecretStr

from daemon.errors import Unsupported
from daemon.model import Document, Mode
from daemon.wire import Wire


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What a token endpoint answered. `expires_in_s` and its like count from the answer; `hard_expires_in_s`
    is the end that no refresh moves."""

    access: SecretStr
    expires_in_s: float
    refresh: SecretStr | None = None
    refresh_expires_in_s: float | None = None
    hard_expires_in_s: float | None = None
    scopes: tuple[str, ...] = ()


class TokenKeeper(Protocol):
    """Gives out the access token of one grant, or of credentials that mint their own."""

    def access(self) -> SecretStr:
        """A token that is valid now, refreshed where it must be. Raises Unauthorised where the grant is
        dead, and what the wire raised where the token endpoint could not be reached."""
        ...

    def renewed(self, refused: SecretStr) -> SecretStr:
        """The provider answered 401 to `refused`: the token that others have fetched meanwhile, or a fresh
        one. Raises as `access`."""
        ...


@dataclass(frozen=True, slots=True)
class AppRegistration:
    """Our own registration at the provider. `redirect_uri` as it was registered there."""

    client_id: str
    client_secret: SecretStr
    redirect_uri: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Consented:
    """An account that a consent covers: the provider's id (realm, tenant) and its name for people."""

    account_id: str
    name: str


class OAuth(ABC):
    """The authorization-code flow of one provider: what to open in the browser, and three calls."""

    scopes: ClassVar[tuple[str, ...]]
    pkce: ClassVar[bool] = False
    access_life_s: ClassVar[float]
    refresh_life_s: ClassVar[float]
    """Idle: each refresh starts it anew."""

    def __init__(self, app: AppRegistration, wire: Wire, base_url: str | None = None) -> None:
        self.app = app
        self.wire = wire
        self.base_url = base_url

    @abstractmethod
    def authorize_url(self, state: str, challenge: str | None = None) -> str:
        """Where the tenant's browser goes; `challenge` is PKCE's S256."""

    @abstractmethod
    def exchange(self, code: str, verifier: str | None = None) -> TokenSet:
        """The first tokens of a consent. Raises Rejected (the code was used, or is too old), Unauthorised
        (the app's own secret is refused) or what the wire raised; a code is never sent twice."""

    @abstractmethod
    def refresh(self, refresh: SecretStr) -> TokenSet:
        """New tokens. Raises GrantDead where the provider says that this one is worth nothing (any more;
        `invalid_grant`), Unauthorised where it refuses the app itself (`invalid_client`), Garbled where a
        2xx cannot be read (the tokens may have rotated), and what the wire raised."""

    def revoke(self, refresh: SecretStr) -> None:
        """Give the consent back."""
        raise Unsupported

    @abstractmethod
    def accounts(self, access: SecretStr, callback: Mapping[str, str]) -> Sequence[Consented]:
        """Which accounts the consent covers: from the callback's query, or asked for."""

    def credentials(self, account: Consented) -> Document:
        """The adapter's credentials for this account: which one it is; the tokens come from the keeper."""
        return {"account_id": account.account_id}
