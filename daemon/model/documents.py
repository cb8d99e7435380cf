"""What goes out to a provider, and what comes back: plain values, the same for all providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from daemon.model.states import DocStatus, FactKind, Mode
from daemon.money import Money

Document = dict[str, Any]
"""JSON as decoded: str keys, JSON values."""


@dataclass(frozen=True, slots=True)
class PayerDraft:
    """Who is billed. `reference` is ours (`WB-…`), to be kept where the provider can search it;
    `external_id` is set where the payer is known already (preset, found, or created before)."""

    reference: str
    platform_reference: str
    name: str
    email: str | None
    phone: str | None = None
    address: Mapping[str, str] = field(default_factory=dict)
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class LineDraft:
    """`net` and `tax` are totals of the line; `quantity` is text for people."""

    description: str
    net: Money
    tax: Money
    tax_rate: str | None = None
    quantity: str | None = None

    @property
    def gross(self) -> Money:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice on its way out. `due_on` never lies in the past as sent (the job moves it to today)."""

    reference: str
    platform_reference: str
    number: str
    payer: PayerDraft
    currency: str
    total: Money
    issued_on: date
    due_on: date
    lines: tuple[LineDraft, ...]
    memo: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where people look: the subscriber's pay page, the PDF, the owner's dashboard."""

    pay_url: str | None = None
    pdf_url: str | None = None
    view_url: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One money fact as the provider tells it now, or as somebody entered it here (`HERE`). `amount` is
    positive; `reverses` says what a reversal takes back. `external_id` is stable across reads; equal facts
    are the same fact. `beside`, of one that was entered here: what the provider counted as paid then."""

    kind: FactKind
    external_id: str
    amount: Money
    at: datetime | None = None
    method: str | None = None
    transaction_id: str | None = None
    reverses: FactKind | None = None
    beside: Money | None = None

    @property
    def is_from_here(self) -> bool:
        return self.external_id.startswith(HERE)


HERE = "here:"
"""How the external id of a payment begins that was entered here: no provider told of it."""

BALANCE = "balance"
"""External id of the balancing payment: what the provider's total says beyond the itemised payments."""

EVERY_KIND = frozenset(FactKind)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a provider said about one invoice at one moment.

    `paid_total` is what the provider counts as paid (before refunds); `facts` are itemised; `covers`
    names the kinds that this read would have shown, so that a known fact of such a kind that is absent
    now is gone. `as_of` and `version` order observations where the provider has them.
    """

    ref: str
    status: DocStatus
    total: Money | None = None
    paid_total: Money | None = None
    facts: tuple[Fact, ...] = ()
    covers: frozenset[FactKind] = EVERY_KIND
    as_of: datetime | None = None
    version: int | None = None
    number: str | None = None
    our_reference: str | None = None
    payer_ref: str | None = None
    due_on: date | None = None
    links: Links = Links()
    raw: Document = field(default_factory=dict)
    successor: str | None = None

    @classmethod
    def missing(cls, ref: str) -> Observation:
        return cls(ref=ref, status=DocStatus.MISSING)


@dataclass(frozen=True, slots=True)
class Carried:
    """A document that the provider lists: what a comparison of both books needs of it. `reference` is ours,
    where the list shows one."""

    ref: str
    status: DocStatus
    number: str | None = None
    reference: str | None = None
    total: Money | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One ref to read. `pushed_at` bounds listings by creation time, where the provider has only those."""

    ref: str
    pushed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at `ref` sooner; None: at everything that changed. `event_id` makes a repeat harmless.
    `account` is the provider's id of the account that it is about, where one address serves many."""

    event_id: str
    ref: str | None
    at: datetime | None = None
    kind: str = ""
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of the provider's change feed: truths, refs still to read, where to go on.

    `payments` are external ids of payments that changed or are gone, where the feed does not say (any more)
    which invoices they settled: every invoice on which we know such a payment is read. A fact belongs to
    payment "180" when its external id is "180" or begins with "180:".
    """

    cursor: Document
    observations: tuple[Observation, ...] = ()
    hints: tuple[Hint, ...] = ()
    payments: tuple[str, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class PayerCreated:
    """What became of a payer during a push: its external id and whether it was preset, found or created."""

    external_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """A finished push: the document is live and was sent."""

    ref: str
    payer: PayerCreated
    observation: Observation


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it came: raw bytes, lower-case header names, the stored registered URL, the secrets
    now valid (two during a rotation) and our time of receipt. `certificates` are those fetched so far, PEM
    by address, where the provider signs with one."""

    body: bytes
    headers: Mapping[str, str]
    url: str
    secrets: tuple[str, ...] = field(repr=False)
    received_at: datetime
    certificates: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered webhook: the provider's id for it and the secret, shown once."""

    external_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """What a connection test found. `missing` names each missing permission in the provider's words."""

    account_id: str
    name: str
    mode: Mode
    country: str | None = None
    currencies: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limit:
    """`calls` in any `per_s` seconds, for calls whose `scope` it is ("" is the whole account).

    `reserve` is the share that calls of the scopes in `spares` leave to the others: bulk reads must not use
    up what pushes and urgent reads need. `name` is what the provider's headers call it, for `Wire.told`.
    """

    scope: str
    calls: int
    per_s: float
    reserve: float = 0.0
    spares: tuple[str, ...] = ("read",)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, machine-readable: the docs' table and `wispbill providers` are made of it.

    `key_window_s`: how long a repeat under the same key is surely recognised (0: no keys).
    `lookup_lag_s`: how long a committed document may stay invisible to a look-up by our reference.
    `settle_s`: after that an unanswered call can no longer land. `deadline_s`: bound of one call.
    `concurrency`: calls in flight at once at one account (0: as many as there are workers).
    `limits` bind each account, `app_limits` all accounts under one app of ours together.
    `feed_tells_all`: whether the change feed leaves out nothing that a poll of the open invoices would show;
    where it does, open ones are read at the integration's pace beside it.
    `webhook_bytes`: the largest delivery that the provider is known to send.
    """

    key_window_s: float = 0
    lookup_lag_s: float = 0
    settle_s: float = 60
    deadline_s: float = 45
    push_batch: int = 1
    push_concurrency: int = 4
    pull_batch: int = 100
    concurrency: int = 0
    min_poll_s: float = 60
    max_number_length: int = 50
    max_lines: int = 100
    limits: tuple[Limit, ...] = ()
    app_limits: tuple[Limit, ...] = ()
    webhook_bytes: int = 256 * 1024
    change_feed: bool = False
    feed_tells_all: bool = True
    feed_reach_days: int | None = None
    partial_payments: bool = False
    refunds: bool = False
    credits: bool = False
    disputes: bool = False
    void: bool = False
    record_payment: bool = False
    pdf: bool = False
    pay_page: bool = False
    webhooks: bool = False
    registers_webhook: bool = False
    lists_payers: bool = False
    oauth: bool = False
    needs_email: bool = True
    sends_email: bool = True
