"""The connection test of what a form holds: it stores nothing, and tells what is wrong at its field."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daemon import app
from daemon.connect import accounts
from daemon.errors import InvalidInput, WispbillError
from daemon.model import Document, Mode
from daemon.model.payers import PayerState
from daemon.providers.base import Provider
from daemon.store import records
from daemon.web.api.connecting import one_of_few, tested
from daemon.web.pages import Visit, fields
from daemon.web.pages.fields import Field
from daemon.web.portal.setup.drafts import Draft

MOST_REF = 255


def settings_of(kind: type[Provider]) -> list[Field]:
    return fields.fields_of(kind.settings, "settings")


def credentials_of(kind: type[Provider]) -> list[Field]:
    return fields.fields_of(kind.credentials, "credentials")


def draft(visit: Visit, kind: type[Provider], row: records.Integration | None, held: Draft | None) -> Draft:
    """A secret that is left empty is the one of the test before (`held`). Raises InvalidInput, whose field
    is as the form has it, or RemoteError."""
    document = _secrets(kind, held) | fields.read(credentials_of(kind), visit.form)
    settings = fields.read(settings_of(kind), visit.form)
    with named("credentials"):
        read = app.read_credentials(kind.name, document)
    with named("settings"):
        app.read_settings(kind.name, settings)
    wanted = Mode(row.mode) if row else _wanted(visit)
    mode = accounts.mode_of(read, wanted)
    adapter = visit.house.providers.build(
        kind.name, document, settings=settings, mode=mode, base_url=row.base_url if row else None
    )
    try:
        account = tested(adapter, close=False)
        payer = checked_payer(adapter, visit.form.get("payer")) if row is None else None
    finally:
        adapter.close()
    replaces = row.id if row else None
    return Draft(kind.name, document, settings, account, visit.now, replaces, payer)


def _secrets(kind: type[Provider], held: Draft | None) -> Document:
    if held is None:
        return {}
    hidden = [one.name.partition(".")[2] for one in credentials_of(kind) if one.kind == "secret"]
    return {name: held.credentials[name] for name in hidden if name in held.credentials}


def _wanted(visit: Visit) -> Mode | None:
    text = visit.form.get("mode")
    return Mode(text) if text in (Mode.LIVE, Mode.SANDBOX) else None


@contextmanager
def named(prefix: str) -> Iterator[None]:
    """Around a model's own check: its field stands under this prefix in the form."""
    try:
        yield
    except InvalidInput as error:
        if error.field in (None, prefix):
            raise
        text = error.message.partition(": ")[2] or error.message
        raise InvalidInput(error.code, text, field=f"{prefix}.{error.field}") from None


def checked_payer(adapter: Provider, ref: str) -> tuple[str, str] | None:
    """The customer there that is to stand for this one: asked for by its id. Raises InvalidInput where there
    is none that can be billed, RemoteError."""
    if not ref:
        return None
    if len(ref) > MOST_REF or not ref.isprintable():
        raise InvalidInput("WB-INPUT", "that is no customer id", field="payer")
    with one_of_few():
        seen = adapter.payer(ref)
    if seen.state is PayerState.MERGED:
        into = f"it was merged into {seen.merged_into}; give that id"
        raise InvalidInput("WB-INPUT", into, field="payer")
    if seen.state is not PayerState.ACTIVE:
        text = "there is no such customer" if seen.state is PayerState.GONE else "that customer is archived"
        raise InvalidInput("WB-INPUT", f"{text} in this account", field="payer")
    return seen.ref, seen.name


def wrong_in(error: WispbillError) -> dict[str, str]:
    """What is wrong, at its field; "" is for the whole form."""
    field = getattr(error, "field", None)
    return {field or "": f"{error.message} ({error.code})" if not field else error.message}
