"""States in the words of the office, each with how much it matters: `(word, kind)` for a chip."""

from __future__ import annotations

from daemon.model import DueState, IntegrationState, PaymentStatus, SyncState

Chip = tuple[str, str]

PAYMENT: dict[PaymentStatus, Chip] = {
    PaymentStatus.OPEN: ("open", ""),
    PaymentStatus.IN_FLIGHT: ("on its way", "note"),
    PaymentStatus.PARTIALLY_PAID: ("part paid", "warn"),
    PaymentStatus.PAID: ("paid", "good"),
    PaymentStatus.OVERPAID: ("overpaid", "good"),
    PaymentStatus.REFUNDED: ("refunded", ""),
    PaymentStatus.DISPUTED: ("disputed", "bad"),
    PaymentStatus.VOID: ("void", ""),
    PaymentStatus.UNCOLLECTIBLE: ("written off", ""),
    PaymentStatus.DRAFT: ("draft", ""),
    PaymentStatus.UNKNOWN: ("not known", "warn"),
}
SYNC: dict[SyncState, Chip] = {
    SyncState.PENDING: ("to be sent", "note"),
    SyncState.SENDING: ("being sent", "note"),
    SyncState.UNCONFIRMED: ("being looked for", "warn"),
    SyncState.SYNCED: ("there", "good"),
    SyncState.FAILED: ("refused", "bad"),
    SyncState.PARKED: ("waits", "warn"),
}
SERVICE: dict[str, Chip] = {
    "active": ("full service", "good"),
    "warned": ("warned", "warn"),
    "throttled": ("throttled", "warn"),
    "suspended": ("suspended", "bad"),
    "closed": ("closed", ""),
}
TICKETS: dict[str, Chip] = {
    "open": ("waits for you", "warn"),
    "answered": ("answered", "good"),
    "closed": ("closed", ""),
}
METHODS = {"cash": "in cash", "check": "by cheque", "bank_transfer": "by bank transfer", "other": "otherwise"}
RECEIPTS: dict[str, Chip] = {
    "waiting": ("to be recorded there", "note"),
    "recorded": ("recorded there", "good"),
    "here": ("here alone", "warn"),
    "taken_back": ("taken back", ""),
}
ROLES = {
    "platform_admin": "platform admin",
    "tenant_admin": "administrator",
    "tenant_staff": "staff",
    "read_only": "read only",
    "customer_owner": "customer",
}
ACTORS = {
    "operator": "you",
    "account owner": "whoever owns the account there",
    "caller": "whoever entered it",
    "provider": "the provider",
    "nobody": "nobody",
}
SETTLED = (
    PaymentStatus.PAID,
    PaymentStatus.OVERPAID,
    PaymentStatus.REFUNDED,
    PaymentStatus.VOID,
    PaymentStatus.UNCOLLECTIBLE,
)


def payment(status: PaymentStatus, due: DueState, overdue_days: int) -> Chip:
    """What is owed and late is late before all else."""
    if due is DueState.OVERDUE and status in (PaymentStatus.OPEN, PaymentStatus.PARTIALLY_PAID):
        days = f"{overdue_days} day{'' if overdue_days == 1 else 's'}"
        word = "part paid, overdue" if status is PaymentStatus.PARTIALLY_PAID else "overdue"
        return f"{word} {days}", "bad"
    return PAYMENT[status]


def state(value: str) -> str:
    """Of an integration."""
    return IntegrationState(value).value.replace("_", " ")
