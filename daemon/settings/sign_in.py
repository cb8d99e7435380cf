"""How the dashboard's `[oidc]` section is written: issuer, e-mail domains, and what a claim's value means."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from daemon.settings.units import as_written

MOST = 50
ROLES = ("platform_admin", "tenant_admin", "tenant_staff", "read_only")
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+", re.ASCII)


class ClaimRole(NamedTuple):
    """Who has this value in the claim signs in with this role."""

    value: str
    role: str


def issuer(value: object) -> str:
    """An https address (http on this very machine), as the issuer writes it, or ""; raises ValueError."""
    right = 'must be the https address of the issuer, like "https://login.example.com", or ""'
    if value == "":
        return ""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise ValueError(right)
    parts = urlsplit(value)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.query or "@" in parts.netloc:
        raise ValueError(right)
    return value


def domains(value: object) -> tuple[str, ...]:
    """E-mail domains; raises ValueError."""
    found = _texts(value, 'must be a list of e-mail domains, like ["example.com"]')
    if not all(_DOMAIN.fullmatch(one.lower()) for one in found):
        raise ValueError('must be a list of e-mail domains, like ["example.com"]')
    return tuple(one.lower() for one in found)


def claim_roles(value: object) -> tuple[ClaimRole, ...]:
    """`["net-office = tenant_staff"]`; raises ValueError."""
    right = f'must be a list like ["net-office = tenant_staff"], with roles of {", ".join(ROLES)}'
    found = []
    for text in _texts(value, right):
        name, equals, role = (part.strip() for part in text.rpartition("="))
        if not (name and equals and role in ROLES):
            raise ValueError(right)
        found.append(ClaimRole(name, role))
    return tuple(found)


def _texts(value: object, right: str) -> list[str]:
    value = as_written(value)
    if not isinstance(value, list | tuple) or len(value) > MOST:
        raise ValueError(right)
    if not all(isinstance(one, str) and 0 < len(one) <= 200 and one.isprintable() for one in value):
        raise ValueError(right)
    return [str(one) for one in value]


Issuer = Annotated[str, BeforeValidator(issuer)]
Domains = Annotated[tuple[str, ...], BeforeValidator(domains)]
ClaimRoles = Annotated[tuple[ClaimRole, ...], BeforeValidator(claim_roles)]
