"""Tokens: added, listed, revoked. Who gives one can give no more than their own."""

from __future__ import annotations

from datetime import datetime

from daemon.errors import InvalidInput, NotFound
from daemon.store import customers, tokens
from daemon.store.tokens import PLATFORM, ApiToken, Role
from daemon.web.api import given, roles, shown
from daemon.web.api.routing import Answer, Request, Route

ROOT = "/api/tokens"


def add(request: Request) -> Answer:
    body = request.given(given.TokenGiven)
    role = body.wanted_role
    if role is Role.PLATFORM_ADMIN and request.role is not Role.PLATFORM_ADMIN:
        raise InvalidInput("WB-ACCESS-ROLE", "role: more than this token itself may do", field="role")
    tenant_id = PLATFORM if role is Role.PLATFORM_ADMIN else request.tenant.id
    customer_id = None
    if body.customer is not None and role is not Role.PLATFORM_ADMIN:
        customer_id = customers.get(request.tenant.id, body.customer).id

    def work() -> tuple[ApiToken, str]:
        return tokens.add(
            tenant_id=tenant_id,
            role=role,
            label=body.label,
            customer_id=customer_id,
            expires_at=_life(request, body.expires_at),
            actor=request.actor,
            now=request.now,
            entropy=request.house.entropy,
        )

    row, token = request.write("tokens.add", work)
    return Answer(shown.NewToken(**shown.token(row).model_dump(by_alias=False), token=token), 201, kept=False)


def listed(request: Request) -> Answer:
    asked = request.asked(given.PageQuery)
    rows = tokens.listing(_tenant_id(request), limit=asked.limit + 1, after=asked.after)
    more = rows[asked.limit - 1].id if len(rows) > asked.limit else None
    return Answer(shown.TokenPage(tokens=[shown.token(row) for row in rows[: asked.limit]], next=more))


def revoke(request: Request) -> Answer:
    row = tokens.get(_tenant_id(request), request.path["tokenId"])
    if row.role == Role.PLATFORM_ADMIN and request.role is not Role.PLATFORM_ADMIN:
        raise NotFound("token", row.id)
    row = request.write("tokens.revoke", lambda: tokens.revoke(row, actor=request.actor, now=request.now))
    return Answer(shown.token(row))


def _life(request: Request, wanted: datetime | None) -> datetime | None:
    """No longer than that of the token that gives it. Raises InvalidInput."""
    most = request.token.expires_at
    if most is not None and wanted is not None and wanted > most:
        raise InvalidInput("WB-ACCESS-ROLE", "expiresAt: later than this token's own", field="expires_at")
    return wanted or most


def _tenant_id(request: Request) -> str | None:
    """None: a platform admin asks about all of them."""
    return request.tenant_row.id if request.tenant_row else None


ROUTES = (
    Route(
        "POST",
        ROOT,
        add,
        roles.ONLY_ADMINS,
        "Add a token; it is shown this once",
        given=given.TokenGiven,
        shown=shown.NewToken,
        status=201,
        scope="either",
    ),
    Route(
        "GET",
        ROOT,
        listed,
        roles.ONLY_ADMINS,
        "List the tokens",
        asked=given.PageQuery,
        shown=shown.TokenPage,
        scope="either",
    ),
    Route(
        "DELETE",
        f"{ROOT}/{{tokenId}}",
        revoke,
        roles.ONLY_ADMINS,
        "Revoke a token at once",
        shown=shown.TokenShown,
        scope="either",
    ),
)
