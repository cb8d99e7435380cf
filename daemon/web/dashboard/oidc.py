"""Signing in at an OpenID Connect issuer: to it with state, nonce and PKCE, and back with a code.

What a sign-in under way needs to know again travels in the state itself, sealed, and is good for this
browser and a few minutes alone; so it may come back to another daemon.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from pydantic import SecretStr, ValidationError, validate_email
from pydantic_core import PydanticCustomError

from daemon.clock import from_micros, to_micros
from daemon.errors import InvalidInput, NotFound, RemoteError, VaultError
from daemon.gate import IntegrationGate
from daemon.house import House
from daemon.settings import Settings
from daemon.store import sessions, staff, tenants
from daemon.store.staff import Staff
from daemon.store.tokens import Role
from daemon.vault import read_private
from daemon.web.dashboard.addresses import OIDC
from daemon.web.dashboard.issuer import PARTY, Issuer, refused
from daemon.web.pages import Go, Visit

LIFE = timedelta(minutes=10)
DEADLINE_S = 15.0
CREDENTIAL = "oidc.secret"
_PLACE = {"tenant": "*", "provider": "oidc", "account": "", "record": "state", "field": "sign-in"}

log = structlog.get_logger()


class Oidc:
    """The issuer that the settings name, if any; they may change while we run."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._issuer: Issuer | None = None

    def is_wanted(self, settings: Settings) -> bool:
        return bool(settings.oidc.issuer and settings.oidc.client_id)

    def begin(self, visit: Visit, following: str) -> Go:
        """To the issuer. Raises NotFound where there is none, RemoteError, InvalidInput."""
        verifier, nonce = (sessions.secret(self._house.entropy) for _ in range(2))
        said = {
            "verifier": verifier,
            "nonce": nonce,
            "next": following,
            "mark": _insisted(visit.mark),
            "until": to_micros(visit.now + LIFE),
        }
        blob = self._house.safe.vault.seal(json.dumps(said).encode(), **_PLACE)
        digest = hashlib.sha256(verifier.encode()).digest()
        return Go(
            self._there().consent(
                redirect_uri=self._redirect(),
                state=base64.urlsafe_b64encode(blob).decode().rstrip("="),
                nonce=nonce,
                challenge=base64.urlsafe_b64encode(digest).decode().rstrip("="),
            ),
            away=True,
        )

    def back(self, visit: Visit) -> tuple[Staff, str]:
        """Who came back, and where they wanted to go. Raises InvalidInput (WB-ACCESS-OIDC), RemoteError."""
        said = self._said(visit)
        if visit.query.get("error") or not visit.query.get("code"):
            raise refused("nobody signed in there")
        issuer = self._there()
        try:
            token = issuer.exchange(
                visit.query.get("code"),
                redirect_uri=self._redirect(),
                verifier=said["verifier"],
                secret=self._secret(),
            )
        except RemoteError as error:
            log.warning("dashboard.oidc_failed", code=error.code, text=error.message)
            raise refused("it did not take the code that it gave") from None
        claims = issuer.claims(token, nonce=said["nonce"])
        row = self._house.store.write("oidc.staff", lambda: self._staff(claims, visit))
        return row, str(said["next"])

    # --- there and back -------------------------------------------------------------------------------

    def _there(self) -> Issuer:
        settings = self._house.settings.oidc
        if not self.is_wanted(self._house.settings) or self._house.make_wire is None:
            raise NotFound("page", "")
        with self._lock:
            kept = self._issuer
            if kept is None or (kept.address, kept.client_id) != (settings.issuer, settings.client_id):
                clock, stop = self._house.clock, self._house.stop
                gate = IntegrationGate(party=PARTY, limits=(), clock=clock, stop=stop)
                wire = self._house.make_wire(PARTY, gate, DEADLINE_S)
                kept = self._issuer = Issuer(settings.issuer, settings.client_id, wire, clock)
            return kept

    def _redirect(self) -> str:
        receiver = self._house.settings.receiver
        listen = receiver.listen
        return f"{receiver.public_url or f'http://{listen.host}:{listen.port}'}{OIDC}"

    def _secret(self) -> SecretStr | None:
        """From the file, or the systemd credential; None: the client is a public one."""
        path = self._house.settings.oidc.secret_file
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if path is None and folder and (Path(folder) / CREDENTIAL).exists():
            path = Path(folder) / CREDENTIAL
        return read_private(path) if path is not None else None

    def _said(self, visit: Visit) -> Mapping[str, Any]:
        """What `begin` put into the state; raises InvalidInput where it is not of this browser, or old."""
        text = visit.query.get("state")
        try:
            blob = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            said: dict[str, Any] = json.loads(self._house.safe.vault.open(blob, **_PLACE))
        except (ValueError, VaultError):
            raise refused("it was not asked for here") from None
        if not hmac.compare_digest(said["mark"], _insisted(visit.mark)):
            raise refused("it was asked for in another browser")
        if visit.now >= from_micros(said["until"]):
            raise refused("it took too long")
        return said

    # --- who it is ------------------------------------------------------------------------------------

    def _staff(self, claims: Mapping[str, Any], visit: Visit) -> Staff:
        """Inside a transaction: by the issuer's own name for them; the first time by their e-mail address;
        or by a claim that makes them staff. Raises InvalidInput."""
        subject = f"{self._house.settings.oidc.issuer} {claims['sub']}"
        email = self._email(claims)
        row = staff.by_subject(subject) or (staff.find(email) if email else None)
        role = self._claimed(claims)
        if row is None:
            row = self._added(email, claims, role, subject, visit)
        elif row.by_claim:
            row = self._as_claimed(row, role, visit)
        if row.subject is None:
            staff.bind(row, subject, now=visit.now)
        elif row.subject != subject:
            raise refused("somebody else there signed in under this e-mail address")
        if row.disabled_at is not None:
            raise refused("they may not sign in any more")
        return staff.get(None, row.id)

    def _email(self, claims: Mapping[str, Any]) -> str | None:
        """Verified, and of a domain that is allowed; None where there is none. Raises InvalidInput."""
        text, domains = claims.get("email"), self._house.settings.oidc.domains
        known = isinstance(text, str) and claims.get("email_verified") is True and len(text) <= 254
        try:
            email = validate_email(str(text))[1].lower() if known else None
        except (PydanticCustomError, ValidationError, ValueError):
            email = None
        if domains and (email is None or email.rpartition("@")[2] not in domains):
            raise refused("their e-mail address is not of a domain that is allowed")
        return email

    def _claimed(self, claims: Mapping[str, Any]) -> Role | None:
        """The role that the claim gives."""
        settings = self._house.settings.oidc
        value = claims.get(settings.claim)
        values = value if isinstance(value, list) else [value]
        return next((Role(one.role) for one in settings.roles if one.value in values), None)

    def _added(
        self,
        email: str | None,
        claims: Mapping[str, Any],
        role: Role | None,
        subject: str,
        visit: Visit,
    ) -> Staff:
        if email is None or role is None:
            raise refused("nobody of the staff has this e-mail address")
        name = claims.get("name")
        return staff.add(
            tenant_id=self._tenant_id(role),
            email=email,
            name=name[:80] if isinstance(name, str) and name.isprintable() else "",
            role=role,
            subject=subject,
            by_claim=True,
            actor="oidc",
            now=visit.now,
            entropy=self._house.entropy,
        )

    def _as_claimed(self, row: Staff, role: Role | None, visit: Visit) -> Staff:
        """The claim may have changed since the last time; who has none is staff no more."""
        if role is None:
            raise refused("they are not among the staff any more")
        tenant_id = self._tenant_id(role)
        if (row.role, row.tenant_id) == (role.value, tenant_id):
            return row
        values = {"role": role.value, "tenant_id": tenant_id}
        return staff.change(row, values, "staff.role_claimed", actor="oidc", now=visit.now)

    def _tenant_id(self, role: Role) -> str:
        if role is Role.PLATFORM_ADMIN:
            return staff.PLATFORM
        try:
            return tenants.get(self._house.settings.oidc.tenant).id
        except NotFound:
            raise refused("the configuration does not say of which tenant they are (oidc.tenant)") from None


def _insisted(mark: str) -> str:
    if not mark:
        raise InvalidInput("WB-ACCESS-OIDC", "this browser keeps no cookies, or it came back to another one")
    return mark
