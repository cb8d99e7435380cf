"""`wispbill staff`: who may sign in at the dashboard. Passwords come by prompt or on standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import output
from daemon.cli.context import desk_of
from daemon.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import SecretStr

    from daemon.cli.context import Desk
    from daemon.store.staff import Staff

group = typer.Typer(help="Staff: who may sign in at the dashboard.", no_args_is_help=True)

COLUMNS = {
    "email": "E-MAIL",
    "name": "NAME",
    "role": "ROLE",
    "tenant_id": "TENANT",
    "signs_in": "SIGNS IN BY",
    "signed_in_at": "LAST SIGNED IN",
    "disabled_at": "DISABLED",
}
ROLES = "platform_admin, tenant_admin, tenant_staff or read_only"

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="Their e-mail address.")]
Stdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else a prompt.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="staff")


@group.command("add")
def add(
    ctx: typer.Context,
    email: Email,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=ROLES)],
    *,
    name: Annotated[str, typer.Option(help="What they are called.")] = "",
    stdin: Stdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="They sign in at the OIDC issuer alone.")
    ] = False,
    tenant: output.Tenant = None,
    as_json: output.Json = False,
) -> None:
    """Add a member of staff. They sign in at the dashboard with this password."""
    from daemon.cli import given
    from daemon.store import staff
    from daemon.store.tokens import Role
    from daemon.vault import passwords

    wanted, address = _role(role), given.email(email)
    if address is None:
        raise InvalidInput("WB-INPUT", "email: this is not an e-mail address", field="email")
    called = given.printable("name", name) if name else ""
    desk = desk_of(ctx)
    desk.open()
    owner = staff.PLATFORM if wanted is Role.PLATFORM_ADMIN else desk.tenant(tenant).id
    staff.check_fits(wanted, owner)
    secret = None if no_password else _password(address, stdin)
    phc = passwords.hashed(secret, desk.house.entropy) if secret else None
    row = desk.write(
        "staff.add",
        lambda: staff.add(
            tenant_id=owner,
            email=address,
            name=called,
            role=wanted,
            password=phc,
            actor=desk.actor,
            now=desk.now,
            entropy=desk.house.entropy,
        ),
    )
    _say(row, f"{row.email} may sign in as {row.role.replace('_', ' ')}.", as_json)


@group.command("list")
def list_(ctx: typer.Context, *, tenant: output.Tenant = None, as_json: output.Json = False) -> None:
    """List the staff."""
    from daemon.store import staff

    desk = desk_of(ctx)
    desk.open()
    shown = [_shape(row) for row in staff.listing(desk.tenant_id(tenant))]
    empty = "No staff: wispbill staff add you@example.com tenant_admin"
    output.listing("staff", shown, COLUMNS, as_json=as_json, empty=empty)


@group.command("passwd")
def passwd(ctx: typer.Context, email: Email, *, stdin: Stdin = False, as_json: output.Json = False) -> None:
    """Give them another password. Every session that they have ends."""
    from daemon.store import staff
    from daemon.vault import passwords

    desk, row = _named(ctx, email)
    phc = passwords.hashed(_password(row.email, stdin), desk.house.entropy)
    row = desk.write("staff.passwd", lambda: staff.set_password(row, phc, actor=desk.actor, now=desk.now))
    _say(row, f"{row.email} has another password; their sessions have ended.", as_json)


@group.command("disable")
def disable(ctx: typer.Context, email: Email, *, as_json: output.Json = False) -> None:
    """Let them sign in no more. Every session that they have ends at once."""
    from daemon.store import staff

    desk, row = _named(ctx, email)
    row = desk.write("staff.disable", lambda: staff.disable(row, actor=desk.actor, now=desk.now))
    _say(row, f"{row.email} cannot sign in any more; their sessions have ended.", as_json)


@group.command("enable")
def enable(ctx: typer.Context, email: Email, *, as_json: output.Json = False) -> None:
    """Let them sign in again."""
    from daemon.store import staff

    desk, row = _named(ctx, email)
    row = desk.write("staff.enable", lambda: staff.enable(row, actor=desk.actor, now=desk.now))
    _say(row, f"{row.email} may sign in again.", as_json)


@group.command("remove")
def remove(ctx: typer.Context, email: Email) -> None:
    """Remove them. What they did stays in the audit."""
    from daemon.store import staff

    desk, row = _named(ctx, email)
    desk.write("staff.remove", lambda: staff.remove(row, actor=desk.actor, now=desk.now))
    output.say(f"{row.email} is removed.")


def _named(ctx: typer.Context, email: str) -> tuple[Desk, Staff]:
    from daemon.store import staff

    desk = desk_of(ctx)
    desk.open()
    return desk, staff.get(None, email)


def _role(text: str) -> Any:
    from daemon.store.staff import ROLES as STAFF_ROLES
    from daemon.store.tokens import Role

    if text not in {one.value for one in STAFF_ROLES}:
        raise InvalidInput("WB-INPUT", f"role: {ROLES}", field="role")
    return Role(text)


def _password(beside: str, stdin: bool) -> SecretStr:
    """Raises InvalidInput where it will not do, or nobody can be asked."""
    from pydantic import SecretStr

    from daemon.vault import passwords

    if stdin:
        text = sys.stdin.readline(passwords.MOST + 2).rstrip("\r\n")
    elif sys.stdin.isatty():
        text = typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    else:
        raise InvalidInput("WB-INPUT", "nobody can be asked here: give --password-stdin")
    secret = SecretStr(text)
    passwords.check(secret, beside=beside)
    return secret


def _say(row: Staff, sentence: str, as_json: bool) -> None:
    if as_json:
        output.document(_shape(row))
    else:
        output.say(sentence)


def _shape(row: Staff) -> dict[str, Any]:
    names = ("id", "tenant_id", "email", "name", "role", "created_by", "created_at")
    ways = [*(["password"] if row.password else []), *(["OIDC"] if row.subject or not row.password else [])]
    return {name: getattr(row, name) for name in names} | {
        "signs_in": " and ".join(ways),
        "signed_in_at": row.signed_in_at,
        "disabled_at": row.disabled_at,
    }
