"""What every adapter is: it knows its provider and nothing else.

No database, no tenant, no clock of its own. It is built per integration from validated credentials,
settings and a wire, and keeps no state beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from daemon.clock import Clock, SystemClock
from daemon.errors import OutcomeUnknown, Rejected, Throttled, Unauthorised, Unreachable, Unsupported
from daemon.model import (
    AccountInfo,
    Asked,
    Capabilities,
    Carried,
    Changes,
    Delivery,
    Document,
    Hint,
    InvoiceDraft,
    Journal,
    Journals,
    Limit,
    Mode,
    Observation,
    PayerPage,
    PayerSeen,
    Pushed,
    Webhook,
)
from daemon.money import Money
from daemon.providers.oauth import OAuth, TokenKeeper, TokenSet
from daemon.wire import Wire


class Credentials(BaseModel):
    """The base of each adapter's credential model: types, SecretStr, format checks, labels (`title`)
    and help texts (`description`). Forms, prompts and API schemas are made from it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @property
    def mode(self) -> Mode | None:
        """Live or sandbox, where the credentials themselves tell; None: they look the same."""
        return None


class ProviderSettings(BaseModel):
    """The base of each adapter's settings model: account or item to book on, tax codes, and so on."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Context:
    """What an adapter is built from. `base_url` is the operator's override, or the provider's own;
    `tokens` is there where the adapter mints tokens or works under a grant, `clock` for signatures that
    carry a time."""

    credentials: Credentials
    settings: ProviderSettings
    wire: Wire
    mode: Mode
    base_url: str | None = None
    tokens: TokenKeeper | None = None
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True)
class PushResult:
    """What became of one draft: `pushed`, or the `error` that stopped it."""

    draft: InvoiceDraft
    pushed: Pushed | None = None
    error: Exception | None = None


@contextmanager
def sent_already(party: str) -> Iterator[None]:
    """Around what a step's `send` still asks after its write: whatever goes wrong with that, the write may
    have landed. Raises OutcomeUnknown in place of errors that say that nothing was done."""
    try:
        yield
    except (Unreachable, Throttled, Unauthorised, Rejected) as error:
        raise OutcomeUnknown(
            f"{party} took the request, and what became of it could not be read: {error.message}", party=party
        ) from error


class Provider:
    """A provider, seen from the house. A verb that an adapter leaves out raises Unsupported."""

    name: ClassVar[str]
    label: ClassVar[str]
    live_url: ClassVar[str]
    sandbox_url: ClassVar[str]
    can: ClassVar[Capabilities]
    credentials: ClassVar[type[Credentials]]
    settings: ClassVar[type[ProviderSettings]] = ProviderSettings
    oauth: ClassVar[type[OAuth] | None] = None
    """How a tenant consents to our app, where the provider works under a grant."""
    mints: ClassVar[bool] = False
    """Whether `mint` makes an access token out of the credentials themselves."""
    public: ClassVar[bool] = False
    """Whether its addresses are a customer's own, to be judged at every send (`wire.public`)."""
    docs: ClassVar[str] = ""
    by_settings: ClassVar[Mapping[str, str]] = {}
    """Capabilities that the settings of an integration decide, each with the setting that does: of these the
    `can` of an adapter counts, not that of the class."""

    def __init__(self, context: Context) -> None:
        self.wire = context.wire
        self.mode = context.mode
        self.base_url = context.base_url or (self.live_url if context.mode is Mode.LIVE else self.sandbox_url)

    @classmethod
    def limits_in(cls, mode: Mode) -> tuple[Limit, ...]:
        """The provider's rate limits, where they differ between live and sandbox."""
        return cls.can.limits

    def check(self) -> AccountInfo:
        """The connection test; changes nothing at the provider."""
        raise self._unsupported("test a connection")

    def accepts(self, draft: InvoiceDraft) -> None:
        """Raise Rejected where the provider would refuse this draft whatever it says today."""

    def preview(self, draft: InvoiceDraft | None) -> Document:
        """What `push` would send for this draft, or for a sample, without sending it. Raises Rejected as
        `accepts` does."""
        raise self._unsupported("show what it would send")

    @classmethod
    def mint(cls, context: Context) -> TokenSet:
        """An access token for these credentials (`mints`); the keeper caches it. Raises Unauthorised."""
        raise Unsupported(f"{cls.label} cannot mint a token")

    def push(self, drafts: Sequence[InvoiceDraft], journals: Journals) -> Iterator[PushResult]:
        """Create, verify, finalise and send each draft; at most `can.push_batch` of them. Errors are
        answers here, one for each draft, so that one refused invoice stops no other."""
        for draft in drafts:
            try:
                yield PushResult(draft, pushed=self.push_one(draft, journals(draft)))
            except Exception as error:  # noqa: BLE001 - errors are answers here
                yield PushResult(draft, error=error)

    def push_one(self, draft: InvoiceDraft, journal: Journal) -> Pushed:
        raise self._unsupported("create invoices")

    def changed(self, cursor: Document | None) -> Changes:
        """A page of what changed since `cursor` (None: from now on). Raises CursorLost."""
        raise self._unsupported("tell what changed")

    def pull(self, asked: Sequence[Asked]) -> Iterator[Observation]:
        """The truth about each ref, once; a ref that is gone is answered as MISSING."""
        raise self._unsupported("tell the status of an invoice")

    def listed(self, since: datetime) -> Iterator[Carried]:
        """Every invoice that the account holds and that was created since then, in the provider's largest
        pages: what carries our reference, or one of our numbers, without our knowing it is found so."""
        raise self._unsupported("list its invoices")

    def payers(self, cursor: str | None) -> PayerPage:
        """A page of the account's customers, in the provider's largest pages, from the first one (None) on:
        who is there already, whoever made them."""
        raise self._unsupported("list its customers")

    def payer(self, ref: str) -> PayerSeen:
        """One of them as it stands now; of one that is gone, its state says what became of it."""
        raise self._unsupported("tell of a customer")

    def void(self, ref: str, journal: Journal) -> Observation:
        """Withdraw an invoice that nobody has paid; a draft is deleted."""
        raise self._unsupported("void an invoice")

    def record_payment(self, ref: str, amount: Money, note: str, journal: Journal) -> Observation:
        """Record a payment that was made elsewhere."""
        raise self._unsupported("record a payment")

    def document(self, ref: str) -> bytes:
        """The invoice as PDF."""
        raise self._unsupported("give out a PDF")

    def read_hints(self, delivery: Delivery) -> list[Hint]:
        """The hints in a webhook, after its signature was verified on the raw bytes. Raises
        HintRejected or HintNotReady; never calls out."""
        raise self._unsupported("send webhooks")

    @classmethod
    def read_app_hints(cls, delivery: Delivery) -> list[Hint]:
        """As `read_hints`, at the one address that serves every account of our app: each hint names its
        account. Raises HintRejected or HintNotReady."""
        raise Unsupported(f"{cls.label} has no webhook for a whole app")

    def certificate(self, url: str) -> bytes:
        """The certificate that `HintNotReady.wants`, PEM. Raises RemoteError, or HintRejected where the
        address is not one of the provider's own."""
        raise self._unsupported("sign with a certificate")

    def test_webhook(self, external_id: str) -> None:
        """Ask the provider to send a test delivery."""
        raise self._unsupported("send a test delivery")

    def register_webhook(self, url: str) -> Webhook:
        raise self._unsupported("register a webhook")

    def remove_webhook(self, external_id: str) -> None:
        raise self._unsupported("remove a webhook")

    def close(self) -> None:
        self.wire.close()

    def _unsupported(self, verb: str) -> Unsupported:
        return Unsupported(f"{self.label} cannot {verb} through its API")
