"""What was tested and not saved yet: sealed like every credential, for one session and a quarter of an
hour."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from daemon.errors import InvalidInput, VaultError
from daemon.house import House
from daemon.model import AccountInfo, Document, Mode
from daemon.store.secrets import DRAFT
from daemon.store.sessions import WebSession

LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Draft:
    """An account that answered. `replaces`: the integration whose keys these are to be; `payer`: the
    customer there that stands for this one, by id and name."""

    provider: str
    credentials: Document = field(repr=False)
    settings: Document
    account: AccountInfo
    at: datetime
    replaces: str | None = None
    payer: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose the sealed draft is."""

    id: str
    tenant_id: str
    provider: str = "draft"


def keep(house: House, session: WebSession, draft: Draft) -> None:
    account = asdict(draft.account) | {"mode": draft.account.mode.value}
    document: Document = {
        "provider": draft.provider,
        "credentials": draft.credentials,
        "settings": draft.settings,
        "account": account,
        "at": draft.at.isoformat(),
        "replaces": draft.replaces,
        "payer": list(draft.payer) if draft.payer else None,
    }
    holder = Holder(session.id, session.tenant_id)
    house.store.write("portal.draft", lambda: house.safe.put(holder, DRAFT, document))


def kept(house: House, session: WebSession) -> Draft:
    """Raises InvalidInput where there is none any more, VaultError."""
    document = house.safe.open(Holder(session.id, session.tenant_id), DRAFT)
    at = datetime.fromisoformat(document["at"]) if document else None
    if document is None or at is None or house.clock.now() - at > LIFE:
        raise InvalidInput("WB-INPUT", "what was tested is too old; give the keys again")
    account = document["account"]
    listed = {name: tuple(account[name]) for name in ("currencies", "missing", "notes")}
    return Draft(
        provider=document["provider"],
        credentials=document["credentials"],
        settings=document["settings"],
        account=AccountInfo(**account | listed | {"mode": Mode(account["mode"])}),
        at=at,
        replaces=document["replaces"],
        payer=tuple(document["payer"]) if document["payer"] else None,
    )


def at_hand(house: House, session: WebSession, provider: str, replaces: str | None) -> Draft | None:
    """The one that was tested a moment ago for this very purpose."""
    try:
        found = kept(house, session)
    except (InvalidInput, VaultError):
        return None
    return found if (found.provider, found.replaces) == (provider, replaces) else None


def forget(house: House, session: WebSession) -> None:
    house.store.write("portal.draft_forgotten", lambda: house.safe.destroy(session.id))
