"""`wispbill tokens`: who may use the API."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from daemon.store.tokens import ApiToken

group = typer.Typer(help="Tokens of the API, and what they may do.", no_args_is_help=True)

COLUMNS = {
    "id": "TOKEN",
    "role": "ROLE",
    "label": "LABEL",
    "tenant_id": "TENANT",
    "expires_at": "EXPIRES",
    "used_at": "LAST USED",
    "revoked_at": "REVOKED",
}
ROLES = "platform_admin, tenant_admin, tenant_staff, customer_owner or read_only"
_LIFE = re.compile(r"(\d{1,4})d")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="tokens")


@group.command("add")
def add(
    ctx: typer.Context,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=ROLES)],
    *,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    customer: Annotated[
        str | None, typer.Option(help="For a customer_owner: reference or id of the customer.")
    ] = None,
    expires: Annotated[str | None, typer.Option(metavar="DAYS", help="Like 90d; else never.")] = None,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Add a token. It is printed this once, and nobody can show it again."""
    from daemon.cli.given import printable
    from daemon.store import customers, tokens

    wanted = _role(role)
    name = printable("label", label or role)
    life = _life(expires)
    desk = desk_of(ctx)
    desk.open()
    platform = wanted is tokens.Role.PLATFORM_ADMIN
    owner = None if platform else desk.tenant(tenant)

    def work() -> tuple[ApiToken, str]:
        return tokens.add(
            tenant_id=owner.id if owner else tokens.PLATFORM,
            role=wanted,
            label=name,
            customer_id=customers.get(owner.id, customer).id if owner and customer else None,
            expires_at=desk.now + life if life else None,
            actor=desk.actor,
            now=desk.now,
            entropy=desk.house.entropy,
        )

    row, token = desk.write("tokens.add", work)
    if as_json:
        output.document(_shape(row) | {"token": token})
    else:
        output.say(token)
        output.note(f"This is a {row.role}'s token; keep it, it is not shown again.")


@group.command("list")
def list_(
    ctx: typer.Context,
    *,
    tenant: output.Tenant = None,
    limit: output.Limit = 50,
    after: Annotated[str, typer.Option(help="Go on behind this id.")] = "",
    as_json: output.Json = False,
) -> None:
    """List the tokens, never they themselves."""
    from daemon.store import tokens

    desk = desk_of(ctx)
    desk.open()
    rows = tokens.listing(desk.tenant_id(tenant), limit=limit + 1, after=after)
    more = rows[limit - 1].id if len(rows) > limit else None
    shown = [_shape(row) for row in rows[:limit]]
    empty = "No tokens: wispbill tokens add tenant_admin"
    output.listing("tokens", shown, COLUMNS, as_json=as_json, empty=empty, more=more)


@group.command("revoke")
def revoke(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id: the 8 characters after wb_.")],
    *,
    as_json: output.Json = False,
) -> None:
    """Revoke a token. The next request with it is refused."""
    from daemon.store import tokens

    desk = desk_of(ctx)
    desk.open()
    row = tokens.get(None, name)
    row = desk.write("tokens.revoke", lambda: tokens.revoke(row, actor=desk.actor, now=desk.now))
    if as_json:
        output.document(_shape(row))
    else:
        output.say(f"Token {row.id} is revoked.")


def _role(text: str) -> Any:
    from daemon.store.tokens import Role

    try:
        return Role(text)
    except ValueError:
        raise InvalidInput("WB-INPUT", f"role: {ROLES}", field="role") from None


def _life(text: str | None) -> timedelta | None:
    if text is None:
        return None
    match = _LIFE.fullmatch(text)
    if match is None or not int(match[1]):
        raise InvalidInput("WB-INPUT", "expires: a number of days, like 90d", field="expires")
    return timedelta(days=int(match[1]))


def _shape(row: ApiToken) -> dict[str, Any]:
    names = ("id", "tenant_id", "customer_id", "role", "label", "created_by", "created_at")
    return {name: getattr(row, name) for name in (*names, "expires_at", "used_at", "revoked_at")}
